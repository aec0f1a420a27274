import type { Clock } from "../../gateway/clock.ts";

/** A clock whose hands a test moves. */
export class StillClock implements Clock {
  readonly #timers = new Set<{ deadline: number; run: () => void }>();
  /** How far the calendar was set ahead. */
  ahead_ms = 0;
  constructor(public time = 1_750_000_000_000) {}
  now(): number {
    return this.time;
  }
  calendar(): number {
    return this.time + this.ahead_ms;
  }
  at(deadline: number, run: () => void) {
    const timer = { deadline, run };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }
  /** Timers that have not run yet. */
  get pending(): number {
    return this.#timers.size;
  }
  /** Moves on and runs what has become due. */
  advance(ms: number): void {
    this.time += ms;
    for (const timer of [...this.#timers]) {
      if (timer.deadline > this.time) continue;
      this.#timers.delete(timer);
      timer.run();
    }
  }
}
