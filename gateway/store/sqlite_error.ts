/**
 * What SQLite's errors mean for us: whose fault one is, and what the operator can do about it.
 */

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

/** True when somebody else has the file. */
export function isBusy(error: unknown): boolean {
  return sqliteCode(error) === BUSY;
}

/** True when what is in the file cannot be right. */
export function isDamage(error: unknown): boolean {
  const code = sqliteCode(error);
  return code === CORRUPT || code === NOTADB;
}

/** True for what the machine does to us: all else would be a bug of ours. */
export function isMachine(error: unknown): boolean {
  return MACHINE_CODES.has(sqliteCode(error));
}

/** True when there is no room left, whoever says so: SQLite or the system. */
export function isFull(error: unknown): boolean {
  return sqliteCode(error) === FULL || (error as { code?: unknown } | undefined)?.code === "ENOSPC";
}

/** What to do about it, in words for a message; `fallback` when the code says nothing special. */
export function remedyFor(error: unknown, fallback: string): string {
  return REMEDIES.get(isFull(error) ? FULL : sqliteCode(error)) ?? fallback;
}

const BUSY = 5;
const NOMEM = 7;
const READONLY = 8;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;

const MACHINE_CODES: ReadonlySet<number> = new Set([
  BUSY,
  NOMEM,
  READONLY,
  IOERR,
  CORRUPT,
  FULL,
  CANTOPEN,
  NOTADB,
]);

const DAMAGED = "restart natsgate, which takes over what can be read, or restore a backup";
const REMEDIES: ReadonlyMap<number, string> = new Map([
  [BUSY, "end the other program that has the file open"],
  [READONLY, "make the file, its directory and their file system writable"],
  [IOERR, "look into the system's log for errors of the disk"],
  [CORRUPT, DAMAGED],
  [FULL, "make room on the disk, or raise store.max_size"],
  [NOTADB, DAMAGED],
]);
