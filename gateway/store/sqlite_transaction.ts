/**
 * One transaction at a time on one connection: begun by its first change, and spoilt as a whole by
 * a change that fails.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { isMachine } from "./sqlite_error.ts";

/** The transaction of the current turn. */
export class Transaction {
  readonly #db: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollback: StatementSync;
  #open = false;
  /** Why the disk did not take a change; nothing more is tried before the transaction ends. */
  #failure: Error | undefined = undefined;

  constructor(db: DatabaseSync) {
    this.#db = db;
    // Prepared, because only errors of prepared statements carry a result code.
    this.#begin = db.prepare("BEGIN IMMEDIATE");
    this.#commit = db.prepare("COMMIT");
    this.#rollback = db.prepare("ROLLBACK");
  }

  /** True when there is something to commit, or a failure to report. */
  get open(): boolean {
    return this.#open || this.#failure !== undefined;
  }

  /**
   * Carries out changes. A full or broken disk is remembered for `end`; any other error is a bug
   * and thrown.
   */
  run(change: () => void): void {
    if (this.#failure !== undefined) return;
    try {
      if (!this.#open) this.#begin.run();
      this.#open = true;
      change();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Commits. Returns why it could not be done; everything is undone then. */
  end(): Error | undefined {
    if (this.#open && this.#failure === undefined) {
      try {
        this.#commit.run();
        this.#open = false;
      } catch (error) {
        this.#fail(error);
      }
    }
    const failure = this.#failure;
    this.undo();
    return failure;
  }

  /** Ends the transaction without its changes. */
  undo(): void {
    // SQLite ends the transaction by itself after some errors.
    if (this.#db.isTransaction) this.#rollback.run();
    this.#open = false;
    this.#failure = undefined;
  }

  #fail(error: unknown): void {
    if (!isMachine(error)) {
      this.undo();
      throw error;
    }
    this.#failure = error as Error;
  }
}
