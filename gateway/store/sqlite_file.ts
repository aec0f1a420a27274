/**
 * Our database files: private to the user, marked as ours, brought to the schema of this program,
 * and how their tables are read.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { EXIT, OperationalError } from "../errors.ts";
import { messageOf, remedyFor } from "./sqlite_error.ts";

/**
 * Schema changes, oldest first. `PRAGMA user_version` says how many a file has had. Never edit one
 * that was released: append. A new record format (`RECORD_VERSION`) needs an entry too, if only
 * a comment, so that older programs keep their hands off.
 */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE session (
     id INTEGER PRIMARY KEY,
     client_id TEXT NOT NULL UNIQUE,
     record BLOB NOT NULL
   ) STRICT;
   CREATE TABLE subscription (
     id INTEGER PRIMARY KEY,
     session INTEGER NOT NULL,
     name TEXT NOT NULL,
     record BLOB NOT NULL,
     UNIQUE (session, name)
   ) STRICT;
   CREATE TABLE segment (id INTEGER PRIMARY KEY, items BLOB NOT NULL) STRICT;
   CREATE TABLE dead (id INTEGER PRIMARY KEY, bits BLOB NOT NULL) STRICT;
   CREATE TABLE retained (
     id INTEGER PRIMARY KEY,
     topic TEXT NOT NULL UNIQUE,
     record BLOB NOT NULL
   ) STRICT;
   CREATE TABLE document (
     id INTEGER PRIMARY KEY,
     kind TEXT NOT NULL,
     key TEXT NOT NULL,
     value TEXT NOT NULL,
     UNIQUE (kind, key)
   ) STRICT`,
  "/* records of version 2 */",
  "/* records of version 3 */",
];

/** Rows for `Loader.retained`; see `rowsOf`. */
export const READ_RETAINED =
  "SELECT id AS at, id, record FROM retained WHERE retained.id > ? ORDER BY at LIMIT ?";
/** Rows for `Loader.segments`. */
export const READ_SEGMENTS = `SELECT segment.id AS at, id, items, bits
   FROM segment LEFT JOIN dead USING (id) WHERE segment.id > ? ORDER BY at LIMIT ?`;
/** Rows for `Loader.subscriptions`. */
export const READ_SUBSCRIPTIONS = `SELECT id AS at, session AS id, record
   FROM subscription WHERE subscription.id > ? ORDER BY at LIMIT ?`;
/** Rows for `Loader.records`. */
export const READ_SESSIONS =
  "SELECT id AS at, id, record FROM session WHERE session.id > ? ORDER BY at LIMIT ?";

/**
 * All rows of one of the above, a few at a time. Throws where a row cannot be read: the iterator of
 * `node:sqlite` ends there as if it were the last.
 */
export function* rowsOf<Row>(statement: StatementSync): Iterable<Row> {
  for (let last = 0;;) {
    const rows = statement.all(last, ROWS_AT_ONCE);
    yield* rows as Row[];
    if (rows.length < ROWS_AT_ONCE) return;
    last = rows[ROWS_AT_ONCE - 1]!["at"] as number;
  }
}

/** Page size of new files. */
export const PAGE_BYTES = 4096;

/** Every table; each has an `id` that is its row id. */
export const TABLES = ["session", "subscription", "segment", "dead", "retained", "document"];

/** A change that changes nothing, to ask the disk whether it takes one. */
export function probe(db: DatabaseSync): StatementSync {
  return db.prepare(`PRAGMA user_version = ${pragma(db, "user_version")}`);
}

/** Runs the migrations that the file has not had, each in a transaction of its own. */
export function migrate(db: DatabaseSync, migrations: readonly string[]): void {
  for (let version = pragma(db, "user_version"); version < migrations.length; version++) {
    execute(
      db,
      `BEGIN IMMEDIATE;
      ${migrations[version]};
      PRAGMA user_version = ${version + 1};
      COMMIT`,
    );
  }
}

/** Runs statements one by one: errors of `DatabaseSync.exec` do not say what kind they are. */
export function execute(db: DatabaseSync, statements: string): void {
  for (const statement of statements.replaceAll(COMMENT, "").split(";")) {
    if (statement.trim() !== "") db.prepare(statement).all();
  }
}

/** The number that a pragma answers with. */
export function pragma(db: DatabaseSync, name: string): number {
  return Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
}

/**
 * Makes the file if it is not there. Password hashes and messages are in it: nobody else reads. A
 * file that is there is not opened: closing it would end this process's locks on it.
 */
export function createPrivate(path: string): void {
  const directory = path.slice(0, path.lastIndexOf("/") + 1);
  if (directory !== "") Deno.mkdirSync(directory, { recursive: true, mode: 0o700 });
  try {
    Deno.openSync(path, { createNew: true, write: true, mode: 0o600 }).close();
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
}

/** Deletes a file, if there is one. */
export function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Makes a new file ours, and brings an old one up to date. */
export function prepareSchema(db: DatabaseSync, path: string): void {
  const isNew = pragma(db, "user_version") === 0;
  if (isNew) {
    execute(db, `PRAGMA page_size = ${PAGE_BYTES}; PRAGMA application_id = ${APPLICATION_ID}`);
  }
  checkOwner(db, path);
  migrate(db, MIGRATIONS);
}

/** Throws unless the file is new, or ours and no newer than this program. */
export function checkOwner(db: DatabaseSync, path: string): void {
  const version = pragma(db, "user_version");
  const owner = pragma(db, "application_id");
  const isNew = version === 0 && pragma(db, "page_count") <= 1;
  if (!isNew && owner !== APPLICATION_ID) {
    throw new OperationalError(
      `Cannot use ${path} as the store: it belongs to another program (set node.data_dir to ` +
        `another directory, or move the file away)`,
    );
  }
  if (version > MIGRATIONS.length) {
    throw new OperationalError(
      `Cannot use the store ${path}: a newer version of natsgate wrote it (schema ${version}, ` +
        `this program knows ${MIGRATIONS.length}). Install that version, or restore a backup`,
    );
  }
}

/** The error for a store that cannot be opened. */
export function unusable(path: string, error: unknown): OperationalError {
  return new OperationalError(
    `Cannot open the store ${path}: ${messageOf(error)} (` +
      `${remedyFor(error, "make the directory writable")}, set node.data_dir to another one, or ` +
      `set store.type = "memory")`,
    EXIT.unavailable,
    { cause: error },
  );
}

/** "ngat": tells our files from other SQLite databases. */
const APPLICATION_ID = 0x6e676174;
/** A few megabytes of queued messages, unless they are very large. */
const ROWS_AT_ONCE = 64;
const COMMENT = /\/\*.*?\*\//gs;
