/**
 * Back pressure from receivers to publishers: who publishes into a connection that has much to
 * send already is not read from for a moment. Only for a moment, so that a receiver that has
 * stopped reading slows nobody down for long: it is cut off at its limit.
 */

/** Longest pause after one read. */
export const STALL_MS_MAX = 10;

/** Who is not read from for a moment. */
export interface Stalled {
  /** Reading may go on; it may be so already. */
  goOn(): void;
}

/** Shared by all connections of the gateway. */
export class Congestion {
  /** Something was written in this turn to a connection above its high watermark. */
  noted = false;
  readonly #waiting = new Set<Stalled>();

  /** Says, once, whether it was noted since it was last asked. */
  take(): boolean {
    const { noted } = this;
    this.noted = false;
    return noted;
  }

  /** To be told when a connection has sent what was too much. */
  wait(stalled: Stalled): void {
    this.#waiting.add(stalled);
  }

  /** A connection is no longer above its mark, or is gone. */
  relieve(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const stalled of waiting) stalled.goOn();
  }
}
