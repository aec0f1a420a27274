/**
 * Files that are not what they should be: a damaged database gives way to what can be read of it,
 * and a backup that waits takes the place of the database. Nothing is deleted: what gives way is
 * renamed.
 */
import { DatabaseSync } from "node:sqlite";
import { OperationalError } from "../errors.ts";
import { isDamage, messageOf } from "./sqlite_error.ts";
import { checkOwner, createPrivate, removeIfThere, unusable } from "./sqlite_file.ts";
import { lostCommits } from "./sqlite_log.ts";
import { salvage, type Salvaged } from "./sqlite_salvage.ts";

/** Something that happened to the file, in words. */
export interface FileEvent {
  /** `damaged`: something is lost or was set aside. `restored`: a backup took its place. */
  readonly kind: "damaged" | "restored";
  readonly message: string;
}

/** Where a backup waits to take the place of the database at the next start. */
export function restorePath(path: string): string {
  return `${path}.restore`;
}

/**
 * Makes the database at `path` fit to be opened, and tells what had to be done. `now` gives names
 * to the files that are set aside. Throws when the directory cannot be written, and
 * `OperationalError` when a file is sound but not ours.
 */
export function* makeSound(path: string, now: number): Iterable<FileEvent> {
  yield* takeRestored(path, now);
  finishSalvage(path);
  yield* keepDamagedLog(path, now);
  yield* replaceDamaged(path, now);
}

/**
 * Why a file cannot be used as a database of ours; undefined when it can. Reads all of it. Throws
 * `OperationalError` when the file is sound but not ours.
 */
export function findDamage(path: string, readOnly = false): string | undefined {
  const db = new DatabaseSync(path, { readOnly });
  try {
    // The quick check would not see an index that lacks a row.
    const [first] = db.prepare("PRAGMA integrity_check(1)").all();
    const verdict = String(Object.values(first ?? {})[0]);
    if (verdict !== "ok") return verdict.replace("*** in database main ***\n", "");
    checkOwner(db, path);
    return undefined;
  } catch (error) {
    if (error instanceof OperationalError) throw error;
    if (!isDamage(error)) throw unusable(path, error);
    return messageOf(error);
  } finally {
    db.close();
  }
}

function* takeRestored(path: string, now: number): Iterable<FileEvent> {
  const staged = restorePath(path);
  if (!exists(staged)) return;
  const damage = sizeOf(staged) === 0 ? "the file is empty" : findDamage(staged, true);
  if (damage !== undefined) {
    const bad = putAside(staged, "damaged", now);
    yield {
      kind: "damaged",
      message: `The backup ${staged} cannot be restored: it is damaged (${damage}). It was ` +
        `renamed to ${bad}, and the store is as it was before (choose another backup: natsgate ` +
        `restore)`,
    };
    return;
  }
  const old = exists(path) ? putAside(path, "before-restore", now) : undefined;
  Deno.renameSync(staged, path);
  yield {
    kind: "restored",
    message: `The store ${path} was restored from a backup.` +
      (old === undefined ? "" : ` What was there before is in ${old}`),
  };
}

/** A start was cut short after it had set the damaged file aside. */
function finishSalvage(path: string): void {
  const salvaged = salvagedPath(path);
  if (!exists(salvaged)) return;
  if (exists(path)) Deno.removeSync(salvaged);
  else Deno.renameSync(salvaged, path);
}

/** SQLite forgets what comes behind a damaged place of the log: a copy is kept. */
function* keepDamagedLog(path: string, now: number): Iterable<FileEvent> {
  const log = `${path}-wal`;
  const lost = lostCommits(log);
  // Without the database, the log is set aside with it.
  if (lost === 0 || sizeOf(path) === 0) return;
  const copy = asideName(log, "damaged", now);
  Deno.copyFileSync(log, copy);
  yield {
    kind: "damaged",
    message:
      `The write-ahead log of the store ${path} is damaged: the last ${lost} changes before ` +
      `the stop could not be read and are lost. A copy of the log is in ${copy} (restore a backup ` +
      `if something is missing: natsgate restore)`,
  };
}

function* replaceDamaged(path: string, now: number): Iterable<FileEvent> {
  const logBytes = sizeOf(`${path}-wal`);
  if (sizeOf(path) === 0 && (exists(path) || logBytes > 0)) {
    const found = exists(path) ? "is an empty file" : "is missing, though its log is there";
    const old = logBytes > 0 ? putAside(path, "damaged", now) : undefined;
    createPrivate(path);
    yield {
      kind: "damaged",
      message: `The store ${path} ${found}; an empty one is begun. If there were sessions, ` +
        `messages and users, they are gone (restore a backup: natsgate restore)` +
        (old === undefined ? "" : `. Its log is in ${old}-wal`),
    };
    return;
  }
  createPrivate(path);
  const damage = findDamage(path);
  if (damage === undefined) return;
  const salvaged = salvagedPath(path);
  let found: Salvaged;
  try {
    found = salvage(path, salvaged);
  } catch (error) {
    removeIfThere(salvaged);
    throw error;
  }
  // Left behind by the reading.
  removeIfThere(`${path}-shm`);
  if (sizeOf(`${path}-wal`) === 0) removeIfThere(`${path}-wal`);
  const old = putAside(path, "damaged", now);
  Deno.renameSync(salvaged, path);
  yield { kind: "damaged", message: salvageMessage(path, damage, old, found) };
}

function salvageMessage(path: string, damage: string, old: string, found: Salvaged): string {
  const { rows, gaps } = found;
  const count = (table: string) => rows.get(table) ?? 0;
  const isNothing = rows.values().every((rows) => rows === 0);
  return `The store ${path} is damaged (${damage}). It was renamed to ${old}, and ` +
    (isNothing
      ? "an empty one begun: stored sessions, messages and users are gone"
      : `what could be read was taken over: ${count("session")} sessions, ` +
        `${count("segment")} blocks of queued messages, ${count("retained")} retained messages, ` +
        `${count("document")} users, keys and the like; ${gaps} places could not be read`) +
    `. Restore a backup (natsgate restore), or see what the sqlite3 command ".recover" finds in ` +
    `the old file`;
}

/** Renames the database with its logs; returns the new name. */
function putAside(path: string, why: string, now: number): string {
  const name = asideName(path, why, now);
  for (const part of ["", "-wal", "-shm", "-journal"]) {
    if (exists(path + part)) Deno.renameSync(path + part, name + part);
  }
  return name;
}

/** A name that no file has: a clock that was set back gives the same time twice. */
function asideName(path: string, why: string, now: number): string {
  const name = `${path}.${why}-${new Date(now).toISOString().replaceAll(":", "-")}`;
  for (let i = 1;; i++) {
    const free = i === 1 ? name : `${name}-${i}`;
    if (!exists(free) && !exists(`${free}-wal`)) return free;
  }
}

function salvagedPath(path: string): string {
  return `${path}.salvaged`;
}

function exists(path: string): boolean {
  return fileInfo(path) !== undefined;
}

/** Bytes of a file; 0 when there is none. */
function sizeOf(path: string): number {
  return fileInfo(path)?.size ?? 0;
}

function fileInfo(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
