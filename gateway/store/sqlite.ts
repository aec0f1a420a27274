/**
 * The durable store: an SQLite file. Changes of sessions and retained messages wait in memory,
 * where later ones replace or cancel earlier ones, until `commit` writes the difference in one
 * transaction. What waits is always the difference between the working copy and the disk, so a
 * commit that fails is simply tried again: nothing has to be put in step.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { calendarAhead, type Clock, type Timer } from "../clock.ts";
import { ByteSink } from "./bytes.ts";
import { DurableRetained } from "./durable_retained.ts";
import { DurableSessions, type SessionKept } from "./durable_sessions.ts";
import type { SegmentWriter } from "./ledger.ts";
import { Loader, type RecordRow, type SegmentRow } from "./loader.ts";
import { writeMessage, writeRecord, writeSession, writeSubscription } from "./record.ts";
import { SqliteDocuments } from "./sqlite_documents.ts";
import type { FileEvent } from "./sqlite_damage.ts";
import { isMachine, remedyFor } from "./sqlite_error.ts";
import {
  pragma,
  probe,
  READ_RETAINED,
  READ_SEGMENTS,
  READ_SESSIONS,
  READ_SUBSCRIPTIONS,
  rowsOf,
  unusable,
} from "./sqlite_file.ts";
import { type DatabaseFile, openDatabase, type Sync } from "./sqlite_open.ts";
import { Transaction } from "./sqlite_transaction.ts";
import type { Store, StoreReader } from "./types.ts";

/** Where and how to store. */
export interface SqliteOptions {
  /** File name; its directory is made if needed. `-wal`, `-shm` and `.lock` files stand beside. */
  readonly path: string;
  /** `store.sync`: with `full` all survives a power cut, with `normal` the file, with `off` none. */
  readonly sync: Sync;
  readonly clock: Clock;
  /** `store.max_size`: the file grows no larger; then it counts as full. */
  readonly database_bytes_max?: number;
  /** Hears what the operator should know. */
  readonly report?: (event: StoreEvent) => void;
}

/** Something the operator should know, in words. */
export interface StoreEvent {
  /**
   * `skipped`: records could not be read. `unwritable`: the disk is full or broken. `writable`: it
   * works again. `lost`: it did not before the stop.
   */
  readonly kind: FileEvent["kind"] | "skipped" | "unwritable" | "writable" | "lost";
  readonly message: string;
}

/** Figures for metrics. */
export interface StoreStats {
  readonly sessions: number;
  readonly commits: number;
  readonly commitsFailed: number;
  /** Size of the database file in bytes, free pages included, the write-ahead log not. */
  readonly databaseBytes: number;
}

/** Default of `database_bytes_max`: 8 GiB. */
const DATABASE_BYTES_MAX = 8 * 2 ** 30;

/** Opens the store; see `openDatabase` for what it throws. Call `load` before any change. */
export function openSqliteStore(options: SqliteOptions): SqliteStore {
  const { path, sync, clock, database_bytes_max = DATABASE_BYTES_MAX } = options;
  const report = options.report ?? (() => {});
  const file = openDatabase(path, clock.now(), { sync, database_bytes_max });
  for (const event of file.events) report(event);
  return new SqliteStore(path, file, clock, report);
}

/** A store in an SQLite file. */
export class SqliteStore implements Store {
  readonly sessions: DurableSessions;
  readonly retained: DurableRetained;
  readonly documents: SqliteDocuments;
  readonly #file: DatabaseFile;
  readonly #clock: Clock;
  readonly #report: (event: StoreEvent) => void;
  readonly #transaction: Transaction;
  readonly #statements: Statements;
  readonly #sink = new ByteSink();
  #owed = false;
  #writable = true;
  /** Not before this time is a broken disk tried again, in ms since the epoch. */
  #retryAt = 0;
  /** Not before this time is looked whether the file is still there. */
  #lookAt = 0;
  /** Runs the commit that no turn asks for. */
  #timer: Timer | undefined = undefined;
  #commits = 0;
  #commitsFailed = 0;

  constructor(
    readonly path: string,
    file: DatabaseFile,
    clock: Clock,
    report: (event: StoreEvent) => void,
  ) {
    this.#file = file;
    this.#clock = clock;
    this.#report = report;
    this.#transaction = new Transaction(file.db);
    this.#statements = prepare(file.db);
    const changed = (owed: boolean) => {
      // A full store must not keep out the clients that would empty it: what they change then is
      // in memory alone until it recovers, and messages to be stored are refused meanwhile.
      if (owed && this.#writable) this.#owed = true;
      else if (this.#timer === undefined) this.#commitLater(LAZY_COMMIT_MS);
    };
    this.sessions = new DurableSessions(changed);
    this.retained = new DurableRetained(changed);
    this.documents = new SqliteDocuments(file.db, this.#transaction);
  }

  /** See `Store.dirty`. */
  get dirty(): boolean {
    return this.#owed || this.#transaction.open;
  }

  /** See `Store.writable`. */
  get writable(): boolean {
    return this.#writable;
  }

  /** Figures for metrics. */
  get stats(): StoreStats {
    return {
      sessions: this.sessions.size,
      commits: this.#commits,
      commitsFailed: this.#commitsFailed,
      databaseBytes: pragma(this.#file.db, "page_count") * pragma(this.#file.db, "page_size"),
    };
  }

  /** See `Store.commit`. */
  commit(): boolean {
    this.#owed = false;
    this.sessions.forgetUnused();
    if (!this.#writable && this.#clock.now() < this.#retryAt) {
      this.#transaction.undo();
      return false;
    }
    if (this.#settled && this.#writable && !this.#transaction.open) return true;
    return this.#write();
  }

  /** See `Store.load`. Throws `OperationalError` when the disk gives an error. */
  load(into: StoreReader): void {
    const loader = new Loader(this.sessions, into);
    const { readRetained, readSegments, readSubscriptions, readSessions } = this.#statements;
    try {
      loader.retained(rowsOf<RecordRow>(readRetained));
      loader.segments(rowsOf<SegmentRow>(readSegments));
      loader.subscriptions(rowsOf<RecordRow>(readSubscriptions));
      loader.records(rowsOf<RecordRow>(readSessions));
    } catch (error) {
      throw isMachine(error) ? unusable(this.path, error) : error;
    }
    loader.finish();
    const skipped = loader.skipped + this.documents.unreadable;
    if (skipped === 0) return;
    this.#report({
      kind: "skipped",
      message: `${skipped} records of the store ${this.path} could not be read and were left out ` +
        `(restore a backup if something is missing: natsgate restore)`,
    });
  }

  /** Writes what waits and closes the file. */
  close(): void {
    this.#retryAt = 0;
    if (!this.commit()) this.#reportLoss();
    this.#timer?.cancel();
    this.#file.close();
  }

  get #settled(): boolean {
    return this.sessions.settled && this.retained.settled;
  }

  /** Looked at now and then, and whenever a broken store is tried again. */
  #isGone(): boolean {
    const now = this.#clock.now();
    if (this.#writable && now < this.#lookAt) return false;
    this.#lookAt = now + LOOK_MS;
    return !this.#file.isInPlace();
  }

  #write(): boolean {
    if (this.#isGone()) {
      this.#transaction.undo();
      this.#failed(new Error("its file was removed or replaced"), "restart natsgate");
      return false;
    }
    const ahead_ms = calendarAhead(this.#clock);
    this.#transaction.run(() => this.#writeChanges(ahead_ms));
    const failure = this.#transaction.end();
    if (failure !== undefined) {
      this.#failed(failure);
      return false;
    }
    this.sessions.settle();
    this.retained.settle();
    this.#commits++;
    if (!this.#writable) {
      this.#writable = true;
      this.#report({ kind: "writable", message: "The store can be written again" });
    }
    return true;
  }

  /** `ahead_ms`: see `ByteSink`. */
  #writeChanges(ahead_ms: number): void {
    this.#sink.ahead_ms = ahead_ms;
    const { probe, deleteSession, deleteSubscriptions, deleteRetained, putRetained, segments } =
      this.#statements;
    // With nothing to write, the disk would not be asked whether it works again.
    if (!this.#writable) probe.run();
    for (const id of this.sessions.deleted) {
      deleteSession.run(id);
      deleteSubscriptions.run(id);
    }
    for (const kept of this.sessions.changed) this.#writeSession(kept);
    this.sessions.ledger.write(segments, ahead_ms);
    for (const [topic, message] of this.retained.changed) {
      if (message === undefined) deleteRetained.run(topic);
      else putRetained.run(topic, this.#record((sink) => writeMessage(sink, topic, message)));
    }
  }

  #writeSession(kept: SessionKept): void {
    const { putSession, putSubscription, deleteSubscription } = this.#statements;
    const { id, session, subscriptions } = kept;
    if (session !== undefined) {
      putSession.run(id, session.clientId, this.#record((sink) => writeSession(sink, session)));
    }
    for (const [name, value] of subscriptions ?? []) {
      if (value === undefined) deleteSubscription.run(id, name);
      else putSubscription.run(id, name, this.#record((sink) => writeSubscription(sink, value)));
    }
  }

  #record(write: (sink: ByteSink) => void): Uint8Array {
    return writeRecord(this.#sink, write);
  }

  #failed(failure: Error, remedy = remedyFor(failure, "look into the disk")): void {
    this.#commitsFailed++;
    this.#retryAt = this.#clock.now() + RETRY_MS;
    this.#commitLater(RETRY_MS);
    if (!this.#writable) return;
    this.#writable = false;
    this.#report({
      kind: "unwritable",
      message: `The store cannot be written: ${failure.message}. Publishes that must be stored ` +
        `are refused until it works again (${remedy}); ` +
        `tried every ${RETRY_MS / 1000} s`,
    });
  }

  /** Messages that could not be kept were refused; other changes are in memory alone. */
  #reportLoss(): void {
    this.#report({
      kind: "lost",
      message: `The store ${this.path} could not be written at the stop either: what subscribers ` +
        `acknowledged and changed since it could not is lost, so that they get messages again`,
    });
  }

  #commitLater(delay_ms: number): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.at(this.#clock.now() + delay_ms, () => {
      this.#timer = undefined;
      // Timers may be early by a fraction of a millisecond.
      this.#retryAt = 0;
      this.commit();
    });
  }
}

/** Everything that is ever asked of the database, prepared once. */
interface Statements {
  readonly probe: StatementSync;
  readonly putSession: StatementSync;
  readonly deleteSession: StatementSync;
  readonly putSubscription: StatementSync;
  readonly deleteSubscription: StatementSync;
  readonly deleteSubscriptions: StatementSync;
  readonly putRetained: StatementSync;
  readonly deleteRetained: StatementSync;
  readonly readRetained: StatementSync;
  readonly readSegments: StatementSync;
  readonly readSubscriptions: StatementSync;
  readonly readSessions: StatementSync;
  readonly segments: SegmentWriter;
}

function prepare(db: DatabaseSync): Statements {
  return {
    probe: probe(db),
    putSession: db.prepare(
      `INSERT INTO session (id, client_id, record) VALUES (?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET record = excluded.record`,
    ),
    deleteSession: db.prepare("DELETE FROM session WHERE id = ?"),
    putSubscription: db.prepare(
      `INSERT INTO subscription (session, name, record) VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET record = excluded.record`,
    ),
    deleteSubscription: db.prepare("DELETE FROM subscription WHERE session = ? AND name = ?"),
    deleteSubscriptions: db.prepare("DELETE FROM subscription WHERE session = ?"),
    putRetained: db.prepare(
      `INSERT INTO retained (topic, record) VALUES (?, ?)
       ON CONFLICT DO UPDATE SET record = excluded.record`,
    ),
    deleteRetained: db.prepare("DELETE FROM retained WHERE topic = ?"),
    readRetained: db.prepare(READ_RETAINED),
    readSegments: db.prepare(READ_SEGMENTS),
    readSubscriptions: db.prepare(READ_SUBSCRIPTIONS),
    readSessions: db.prepare(READ_SESSIONS),
    segments: prepareSegments(db),
  };
}

function prepareSegments(db: DatabaseSync): SegmentWriter {
  const insert = db.prepare("INSERT INTO segment (id, items) VALUES (?, ?)");
  const read = db.prepare("SELECT items FROM segment WHERE id = ?");
  const replace = db.prepare("UPDATE segment SET items = ? WHERE id = ?");
  const remove = db.prepare("DELETE FROM segment WHERE id = ?");
  const bury = db.prepare(
    `INSERT INTO dead (id, bits) VALUES (?, ?)
     ON CONFLICT DO UPDATE SET bits = excluded.bits`,
  );
  const unbury = db.prepare("DELETE FROM dead WHERE id = ?");
  return {
    insert: (id, blob) => void insert.run(id, blob),
    read: (id) => read.get(id)!["items"] as Uint8Array,
    replace: (id, blob) => void replace.run(blob, id),
    bury: (id, dead) => void bury.run(id, dead),
    delete(id) {
      remove.run(id);
      unbury.run(id);
    },
  };
}

/** How long a change that nobody waits for may stay in memory, in ms. */
const LAZY_COMMIT_MS = 200;
/** How often it is made sure that the file is still there, in ms. */
const LOOK_MS = 1000;
/** How often a broken disk is tried, in ms. */
const RETRY_MS = 1000;
