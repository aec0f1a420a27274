/**
 * Is the gateway fit for work, and if not, why. `live` needs no code: whoever can answer, lives.
 */

/** Collects what keeps the gateway from being ready. */
export class Health {
  readonly #reasons = new Map<string, string>();

  /** Starts unready: the part `gateway` is starting until it says otherwise. */
  constructor() {
    this.unready("gateway", "starting");
  }

  /** A part cannot do its work; the reason is for people. */
  unready(part: string, reason: string): void {
    this.#reasons.set(part, reason);
  }

  /** The part works (again). */
  ready(part: string): void {
    this.#reasons.delete(part);
  }

  /** True when nothing stands in the way. */
  get isReady(): boolean {
    return this.#reasons.size === 0;
  }

  /** What stands in the way, by part. */
  reasons(): readonly { readonly part: string; readonly reason: string }[] {
    return [...this.#reasons].map(([part, reason]) => ({ part, reason }));
  }
}
