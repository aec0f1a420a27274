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

/** Longest wait of one publisher for one subscriber that does not catch up, ms. */
export const HOLD_MS_MAX = 50;
/** A subscriber that takes so many messages in that time does, however long its queue is. */
const HOLD_TAKEN_MIN = 250;

/** Who waits for one subscriber. */
export class Pressure {
  /** What the subscriber had taken when each publisher began to wait. */
  #held: Map<Held, number> | undefined = undefined;
  #patience = true;
  /** Messages that the subscriber has acknowledged. */
  taken = 0;

  /** True when publishers should wait for this subscriber. */
  get patient(): boolean {
    return this.#patience;
  }

  /** Holds a publisher until `relieve`, `giveUp` or `forget`. */
  hold(publisher: Held): void {
    (this.#held ??= new Map()).set(publisher, this.taken);
  }

  /** Whether the subscriber has taken enough since `hold` to wait for it once more. */
  isCatchingUp(publisher: Held): boolean {
    return this.taken - (this.#held?.get(publisher) ?? this.taken) >= HOLD_TAKEN_MIN;
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
    if (held !== undefined) { for (const publisher of held.keys()) publisher.letGo(); }
  }
}
