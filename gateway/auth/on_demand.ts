/**
 * Connections to backends: made when they are first needed, and again after a failure.
 */

/** Something that is opened with the first use. */
export class OnDemand<T> {
  #opened: Promise<T> | undefined;
  constructor(readonly open: () => Promise<T>) {}

  /** The thing itself. Rejects when it cannot be opened; the next call tries again. */
  get(): Promise<T> {
    return this.#opened ??= this.open().catch((error) => {
      this.#opened = undefined;
      throw error;
    });
  }

  /** Gives it away, if it is there, to be closed; the next `get` opens another. */
  async take(): Promise<T | undefined> {
    const opened = this.#opened;
    this.#opened = undefined;
    return await opened?.catch(() => undefined);
  }
}
