/**
 * Why clients were last closed: a short memory for whoever has to explain it.
 */
import type { ClosureView } from "../control.ts";
import { type CloseCause, closeReason, type Session } from "../protocol/session.ts";

/** Closures that are remembered; the oldest are forgotten first. */
const CLOSURES_MAX = 1000;

/** A ring of the last closures. Noting one allocates one object. */
export class Closures {
  readonly #ring: ClosureView[] = [];
  #next = 0;

  note(session: Session, address: string, cause: CloseCause, at: number): void {
    const { clientId } = session.info;
    this.#ring[this.#next] = {
      clientId,
      protocol: session.protocol,
      address,
      reason: closeReason(cause),
      at,
    };
    this.#next = (this.#next + 1) % CLOSURES_MAX;
  }

  /** Newest first. */
  list(): ClosureView[] {
    return [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)].reverse();
  }
}
