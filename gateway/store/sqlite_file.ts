/**
 * Opening of a database file: one process at a time, private to the user, checked before use,
 * brought to the schema of this program.
 */
import { DatabaseSync } from "node:sqlite";
import { EXIT, OperationalError } from "../errors.ts";

/** How hard `commit` presses data onto the disk. */
export type Sync = "full" | "normal" | "off";

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
];

/** Rows for `Loader.retained`. */
export const READ_RETAINED = "SELECT id, record FROM retained";
/** Rows for `Loader.segments`. */
export const READ_SEGMENTS =
  "SELECT id, items, bits FROM segment LEFT JOIN dead USING (id) ORDER BY id";
/** Rows for `Loader.subscriptions`. */
export const READ_SUBSCRIPTIONS =
  "SELECT session AS id, record FROM subscription ORDER BY subscription.id";
/** Rows for `Loader.records`. */
export const READ_SESSIONS = "SELECT id, record FROM session ORDER BY id";

/** Every table; each has an `id` that is its row id. */
export const TABLES = ["session", "subscription", "segment", "dead", "retained", "document"];

/** An open database and what keeps others out of it. */
export interface DatabaseFile {
  readonly db: DatabaseSync;
  /** What happened on the way that the operator should know. */
  readonly events: readonly FileEvent[];
  close(): void;
}

/** Something that happened to the file, in words. */
export interface FileEvent {
  /** `damaged`: set aside, an empty one begun. `restored`: a backup took its place. */
  readonly kind: "damaged" | "restored";
  readonly message: string;
}

/**
 * Opens or creates the database at `path`. If a backup waits at `<path>.restore`, it takes the
 * place of the file. A damaged file is renamed to `<path>.damaged-<now as text>`, and an empty one
 * begun. Throws `OperationalError` when the file cannot be had: in use, not ours, made by a newer
 * version, no permission.
 */
export function openDatabase(path: string, now: number): DatabaseFile {
  const lock = takeLock(path);
  let db: DatabaseSync | undefined;
  const close = () => {
    db?.close();
    lock.close();
  };
  try {
    const events = [...takeRestored(path, now), ...replaceDamaged(path, now)];
    db = new DatabaseSync(path);
    prepareSchema(db, path);
    return { db, events, close };
  } catch (error) {
    close();
    if (error instanceof OperationalError) throw error;
    throw unusable(path, error);
  }
}

/** Applies limits and durability. `database_bytes_max`: the file grows no larger. */
export function configure(db: DatabaseSync, sync: Sync, database_bytes_max: number): void {
  const pages_max = Math.max(1, Math.floor(Math.min(database_bytes_max / PAGE_BYTES, PAGES_MAX)));
  db.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = ${sync};
    PRAGMA wal_autocheckpoint = ${WAL_PAGES};
    PRAGMA journal_size_limit = ${WAL_BYTES_KEPT};
    PRAGMA max_page_count = ${pages_max};
    PRAGMA cache_size = -${CACHE_KIB};
    PRAGMA temp_store = MEMORY;
  `);
}

/**
 * Why a file cannot be used as a database of ours; undefined when it can. Reads all of it. Throws
 * `OperationalError` when the file is sound but not ours.
 */
export function findDamage(path: string, readOnly = false): string | undefined {
  const db = new DatabaseSync(path, { readOnly });
  try {
    const [first] = db.prepare("PRAGMA quick_check(1)").all();
    const verdict = String(Object.values(first ?? {})[0]);
    if (verdict !== "ok") return verdict.replace("*** in database main ***\n", "");
    checkOwner(db, path);
    return undefined;
  } catch (error) {
    if (error instanceof OperationalError) throw error;
    if (!DAMAGE_CODES.has(sqliteCode(error))) throw unusable(path, error);
    return messageOf(error);
  } finally {
    db.close();
  }
}

/** Runs the migrations that the file has not had, each in a transaction of its own. */
export function migrate(db: DatabaseSync, migrations: readonly string[]): void {
  for (let version = pragma(db, "user_version"); version < migrations.length; version++) {
    db.exec(`BEGIN IMMEDIATE;
      ${migrations[version]};
      PRAGMA user_version = ${version + 1};
      COMMIT;`);
  }
}

/** Where a backup waits to take the place of the database at the next start. */
export function restorePath(path: string): string {
  return `${path}.restore`;
}

/** SQLite's primary result code of a thrown error; 0 when it has none. */
export function sqliteCode(error: unknown): number {
  // node:sqlite puts the extended code here; its low byte is the primary one.
  const code = (error as { errcode?: unknown } | undefined)?.errcode;
  return typeof code === "number" ? code & 0xff : 0;
}

/** The text of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The number that a pragma answers with. */
export function pragma(db: DatabaseSync, name: string): number {
  return Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
}

/**
 * A database beside the file, held locked, because the lock of the file itself must let the backup
 * read. The system takes the lock away when the process dies, however it dies.
 */
function takeLock(path: string): DatabaseSync {
  const name = `${path}.lock`;
  let lock: DatabaseSync | undefined;
  try {
    createPrivate(name);
    lock = new DatabaseSync(name);
    lock.prepare("BEGIN EXCLUSIVE").run();
    return lock;
  } catch (error) {
    lock?.close();
    if (sqliteCode(error) !== SQLITE_BUSY) throw unusable(path, error);
    throw new OperationalError(
      `Cannot open the store ${path}: another process is using it (stop that one, or set ` +
        `node.data_dir to another directory)`,
      EXIT.unavailable,
      { cause: error },
    );
  }
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

function* takeRestored(path: string, now: number): Iterable<FileEvent> {
  if (!exists(restorePath(path))) return;
  const old = putAside(path, "before-restore", now);
  Deno.renameSync(restorePath(path), path);
  yield {
    kind: "restored",
    message: `The store ${path} was restored from a backup. What was there before is in ${old}`,
  };
}

function* replaceDamaged(path: string, now: number): Iterable<FileEvent> {
  createPrivate(path);
  const damage = findDamage(path);
  if (damage === undefined) return;
  const old = putAside(path, "damaged", now);
  createPrivate(path);
  yield {
    kind: "damaged",
    message: `The store ${path} is damaged (${damage}). It was renamed to ${old} and an empty ` +
      `one begun: stored sessions, messages and users are gone. Restore a backup ` +
      `(natsgate restore), or save what the sqlite3 command ".recover" finds in the old file`,
  };
}

/** Renames the database with its log; returns the new name. */
function putAside(path: string, why: string, now: number): string {
  const name = `${path}.${why}-${new Date(now).toISOString().replaceAll(":", "-")}`;
  for (const part of ["", "-wal", "-shm"]) {
    if (exists(path + part)) Deno.renameSync(path + part, name + part);
  }
  return name;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Makes a new file ours, and brings an old one up to date. */
export function prepareSchema(db: DatabaseSync, path: string): void {
  const isNew = pragma(db, "user_version") === 0;
  if (isNew) db.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA application_id = ${APPLICATION_ID}`);
  checkOwner(db, path);
  migrate(db, MIGRATIONS);
}

/** Throws unless the file is new, or ours and no newer than this program. */
function checkOwner(db: DatabaseSync, path: string): void {
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

function unusable(path: string, error: unknown): OperationalError {
  return new OperationalError(
    `Cannot open the store ${path}: ${messageOf(error)} (make the directory writable, set ` +
      `node.data_dir to another one, or set store.type = "memory")`,
    EXIT.unavailable,
    { cause: error },
  );
}

/** "ngat": tells our files from other SQLite databases. */
const APPLICATION_ID = 0x6e676174;
const PAGE_BYTES = 4096;
/** The most that SQLite takes. */
const PAGES_MAX = 0xfffffffe;
/** The write-ahead log goes into the database at this size: 8 MiB. */
const WAL_PAGES = 2048;
/** A log that a large commit or a backup has made longer is cut back to this. */
const WAL_BYTES_KEPT = 16 << 20;
const CACHE_KIB = 8192;

const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;
const DAMAGE_CODES: ReadonlySet<number> = new Set([SQLITE_CORRUPT, SQLITE_NOTADB]);
