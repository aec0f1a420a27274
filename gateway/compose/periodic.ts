/**
 * Something that is done every so often.
 */
import type { Ticking } from "../transport/deadlines.ts";

/** Calls `job` at an interval that may change while it runs. */
export class Periodic implements Ticking {
  #last: number;

  /** `interval_ms`: asked each time; 0 for never. */
  constructor(
    readonly interval_ms: () => number,
    readonly job: (now: number) => void,
    startedAt: number,
  ) {
    this.#last = startedAt;
  }

  /** See `Ticking`. */
  get nextDeadline(): number {
    const interval_ms = this.interval_ms();
    return interval_ms === 0 ? Infinity : this.#last + interval_ms;
  }

  /** See `Ticking`. */
  tick(now: number): void {
    this.#last = now;
    this.job(now);
  }
}
