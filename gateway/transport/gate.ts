/**
 * Lets few through at a time: for work that blocks the event loop in small pieces.
 */
import type { Clock } from "../clock.ts";

/** A gate that those inside leave by themselves, or are thought to have left after a while. */
export class Gate {
  #inside = 0;
  readonly #waiting: (() => void)[] = [];

  /**
   * @param max How many at a time.
   * @param hold_ms Milliseconds after which one counts as gone: a peer that stands still must not
   * keep the others out.
   */
  constructor(readonly max: number, readonly hold_ms: number, readonly clock: Clock) {}

  /** Waits for a place. Call what it gives when the work is done. */
  async enter(): Promise<() => void> {
    if (this.#inside >= this.max) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#inside++;
    let gone = false;
    const leave = () => {
      if (gone) return;
      gone = true;
      timer.cancel();
      const next = this.#waiting.shift();
      if (next === undefined) this.#inside--;
      else next();
    };
    const timer = this.clock.at(this.clock.now() + this.hold_ms, leave);
    return leave;
  }
}
