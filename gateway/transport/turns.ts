/**
 * A turn is one piece of synchronous work: what one read brought, a timer, an answer from a
 * database. At its end durable changes are committed, then everything written is sent.
 */

/** What a turn ends with. A store, seen from here. */
export interface Committer {
  readonly dirty: boolean;
  /** False: nothing since the last commit may be acknowledged. */
  commit(): boolean;
}

/** A connection with bytes to send. */
export interface Flushable {
  flush(): void;
  /** Its unsent answers are about changes that could not be made durable. */
  abandon(): void;
}

/** Runs turns. One for the whole gateway. */
export class Turns {
  readonly #dirty: Flushable[] = [];
  #flushing = false;
  #depth = 0;
  #commitScheduled = false;

  constructor(
    readonly store: Committer | undefined,
    /** Calls `job` once the reads that are already there have been handled. */
    readonly defer: (job: () => void) => void,
  ) {}

  /** Notes that a connection has something to send when the turn is over. */
  add(connection: Flushable): void {
    this.#dirty.push(connection);
  }

  /** Lets a connection go on sending: at once, or after the commit that is due. */
  resume(connection: Flushable): void {
    if (this.#commitScheduled) this.#dirty.push(connection);
    else connection.flush();
  }

  /** Starts a turn; `end` must follow. A turn within a turn is part of it. */
  begin(): void {
    this.#depth++;
  }

  /**
   * Ends a turn. With durable changes, the commit waits for the other reads that are due and takes
   * them along: one transaction for all. No acknowledgement leaves before it.
   */
  end(): void {
    if (--this.#depth > 0) return;
    if (this.store !== undefined && this.store.dirty) {
      if (this.#commitScheduled) return;
      this.#commitScheduled = true;
      this.defer(() => this.#commit());
      return;
    }
    if (!this.#commitScheduled && !this.#flushing) this.#flush();
  }

  /** Runs a piece of work as a turn. */
  run(job: () => void): void {
    this.begin();
    try {
      job();
    } finally {
      this.end();
    }
  }

  #commit(): void {
    this.#commitScheduled = false;
    if (!this.store!.commit()) {
      // What waits may hold acknowledgements of lost changes: these connections end, and
      // their clients send again.
      for (const connection of this.#dirty.splice(0)) connection.abandon();
    }
    this.#flush();
  }

  /** Sends what is there; a connection that ends meanwhile may give others something to send. */
  #flush(): void {
    const dirty = this.#dirty;
    this.#flushing = true;
    for (let i = 0; i < dirty.length; i++) dirty[i]!.flush();
    dirty.length = 0;
    this.#flushing = false;
  }
}
