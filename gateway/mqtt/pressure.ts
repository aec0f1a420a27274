/**
 * Back pressure: publishers wait a little for a subscriber whose queue fills faster than it
 * empties, instead of having messages thrown away. A subscriber that does not catch up in time
 * holds nobody back again until its queue is low: a dead reader must not slow others down.
 */

/** A publisher that can be held. */
export interface Held {
  /** Goes on reading. */
  letGo(): void;
}

/** Longest wait of one publisher for one subscriber, ms. */
export const HOLD_MS_MAX = 50;

/** Who waits for one subscriber. */
export class Pressure {
  #held: Set<Held> | undefined = undefined;
  #patience = true;

  /** True when publishers should wait for this subscriber. */
  get patient(): boolean {
    return this.#patience;
  }

  /** Holds a publisher until `relieve`, `giveUp` or `forget`. */
  hold(publisher: Held): void {
    (this.#held ??= new Set()).add(publisher);
  }

  /** The publisher is gone, or goes on for another reason. */
  forget(publisher: Held): void {
    this.#held?.delete(publisher);
  }

  /** The publisher has waited long enough, and nobody else shall wait. */
  giveUp(publisher: Held): void {
    this.#held?.delete(publisher);
    this.#patience = false;
  }

  /** The queue is low again. */
  relieve(): void {
    this.#patience = true;
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) { for (const publisher of held) publisher.letGo(); }
  }
}
