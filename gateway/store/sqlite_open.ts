/**
 * Opening of a database file: one process at a time, checked before use, set up as the
 * configuration says.
 */
import { DatabaseSync } from "node:sqlite";
import { EXIT, OperationalError } from "../errors.ts";
import { type FileEvent, makeSound } from "./sqlite_damage.ts";
import { isBusy, isDamage } from "./sqlite_error.ts";
import {
  createPrivate,
  execute,
  PAGE_BYTES,
  prepareSchema,
  probe,
  unusable,
} from "./sqlite_file.ts";

/** How hard `commit` presses data onto the disk. */
export type Sync = "full" | "normal" | "off";

/** An open database and what keeps others out of it. */
export interface DatabaseFile {
  readonly db: DatabaseSync;
  /** What happened on the way that the operator should know. */
  readonly events: readonly FileEvent[];
  /** False when the file was removed or another put in its place: what is written is lost then. */
  isInPlace(): boolean;
  close(): void;
}

/** What a file is opened for. */
export interface FileOptions {
  readonly sync: Sync;
  /** The file grows no larger. */
  readonly database_bytes_max: number;
}

/**
 * Opens or creates the database at `path`. If a backup waits at `<path>.restore`, it takes the
 * place of the file. A damaged file is renamed to `<path>.damaged-<now as text>`, and one begun with
 * what could be read. Throws `OperationalError` when the file cannot be had: in use, not ours, made
 * by a newer version, no permission, no room.
 */
export function openDatabase(path: string, now: number, options: FileOptions): DatabaseFile {
  const lock = takeLock(path);
  let db: DatabaseSync | undefined;
  const close = () => {
    db?.close();
    lock.close();
  };
  try {
    const events = [...makeSound(path, now)];
    db = new DatabaseSync(path);
    prepareSchema(db, path);
    configure(db, options);
    // SQLite opens a file that it may not write, and says so at the first change.
    probe(db).run();
    return { db, events, isInPlace: placeOf(path), close };
  } catch (error) {
    close();
    if (error instanceof OperationalError) throw error;
    throw unusable(path, error);
  }
}

/** Remembers which file is at `path`, and tells whether it is still the same. */
function placeOf(path: string): () => boolean {
  const opened = Deno.statSync(path);
  return () => {
    try {
      const { ino, dev } = Deno.statSync(path);
      return ino === opened.ino && dev === opened.dev;
    } catch (error) {
      return !(error instanceof Deno.errors.NotFound);
    }
  };
}

/** Applies limits and durability. */
function configure(db: DatabaseSync, { sync, database_bytes_max }: FileOptions): void {
  const pages_max = Math.max(1, Math.floor(Math.min(database_bytes_max / PAGE_BYTES, PAGES_MAX)));
  execute(
    db,
    `PRAGMA busy_timeout = ${BUSY_MS};
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = ${sync};
    PRAGMA wal_autocheckpoint = ${WAL_PAGES};
    PRAGMA journal_size_limit = ${WAL_BYTES_KEPT};
    PRAGMA max_page_count = ${pages_max};
    PRAGMA cache_size = -${CACHE_KIB};
    PRAGMA temp_store = MEMORY`,
  );
}

/**
 * A database beside the file, held locked, because the lock of the file itself must let the backup
 * read. The system takes the lock away when the process dies, however it dies.
 */
function takeLock(path: string): DatabaseSync {
  const name = `${path}.lock`;
  try {
    createPrivate(name);
    return lockOf(name);
  } catch (error) {
    if (isDamage(error)) return emptiedLock(path, name);
    throw cannotLock(path, error);
  }
}

function lockOf(name: string): DatabaseSync {
  const lock = new DatabaseSync(name);
  try {
    lock.prepare("BEGIN EXCLUSIVE").run();
    return lock;
  } catch (error) {
    lock.close();
    throw error;
  }
}

/** Nothing is ever written into the lock: whatever is in there goes. It stays the same file. */
function emptiedLock(path: string, name: string): DatabaseSync {
  try {
    Deno.truncateSync(name, 0);
    return lockOf(name);
  } catch (error) {
    throw cannotLock(path, error);
  }
}

function cannotLock(path: string, error: unknown): OperationalError {
  if (!isBusy(error)) return unusable(path, error);
  return new OperationalError(
    `Cannot open the store ${path}: another process is using it (stop that one, or set ` +
      `node.data_dir to another directory)`,
    EXIT.unavailable,
    { cause: error },
  );
}

/** The most that SQLite takes. */
const PAGES_MAX = 0xfffffffe;
/** The write-ahead log goes into the database at this size: 8 MiB. */
const WAL_PAGES = 2048;
/** A log that a large commit or a backup has made longer is cut back to this. */
const WAL_BYTES_KEPT = 16 << 20;
const CACHE_KIB = 8192;
/** Another program that has the file for a moment is waited for; nobody is served meanwhile. */
const BUSY_MS = 50;
