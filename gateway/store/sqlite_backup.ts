/**
 * Backups: copied while the store is in use, checked before they are used, put in place at the next
 * start.
 */
import { DatabaseSync } from "node:sqlite";
import { EXIT, OperationalError } from "../errors.ts";
import { DurableSessions } from "./durable_sessions.ts";
import { Loader, type RecordRow, type SegmentRow } from "./loader.ts";
import { findDamage, restorePath } from "./sqlite_damage.ts";
import { isFull, messageOf, remedyFor } from "./sqlite_error.ts";
import {
  createPrivate,
  pragma,
  prepareSchema,
  READ_RETAINED,
  READ_SEGMENTS,
  READ_SESSIONS,
  READ_SUBSCRIPTIONS,
  removeIfThere,
  rowsOf,
  TABLES,
} from "./sqlite_file.ts";

/** What a backup holds. */
export interface BackupContents {
  readonly sessions: number;
  /** Queue entries of all sessions. */
  readonly messages: number;
  readonly retained: number;
  readonly documents: number;
}

/**
 * Copies the database at `path` to the new file `target`, as it is at the moment of the call, while
 * its store goes on. Works in steps of a few milliseconds with pauses between, so that clients do
 * not notice; the write-ahead log cannot be emptied meanwhile and grows with what is written.
 * Throws `OperationalError`; `target` is then not there.
 */
export async function backupDatabase(path: string, target: string): Promise<void> {
  const partial = `${target}.partial`;
  try {
    Deno.openSync(target, { createNew: true, write: true, mode: 0o600 }).close();
  } catch (error) {
    throw cannotBackUp(target, error);
  }
  try {
    // One that was cut short may have left it.
    removeIfThere(partial);
    createPrivate(partial);
    const db = new DatabaseSync(partial);
    try {
      await copyTables(db, path);
    } finally {
      db.close();
    }
    await pressToDisk(partial);
    await Deno.rename(partial, target);
  } catch (error) {
    for (const file of [partial, target]) await Deno.remove(file).catch(() => {});
    throw cannotBackUp(target, error);
  }
}

/**
 * Reads all of a backup and counts what is in it. Throws `OperationalError` when it is damaged, not
 * a backup, or made by a newer version.
 */
export async function checkBackup(path: string): Promise<BackupContents> {
  let damage: string | undefined;
  try {
    damage = findDamage(path, true);
  } catch (error) {
    throw cannotRestore(path, error);
  }
  if (damage !== undefined) throw cannotRestore(path, `it is damaged (${damage})`);
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    if (pragma(db, "user_version") === 0) throw cannotRestore(path, "it is empty");
    return await count(db, path);
  } finally {
    db.close();
  }
}

/**
 * Checks a backup and lays a copy of it beside the database at `path`, which it replaces when the
 * store is opened next: a store that is in use is not touched. Throws `OperationalError`.
 */
export async function stageRestore(backup: string, path: string): Promise<BackupContents> {
  const contents = await checkBackup(backup);
  const staged = restorePath(path);
  const partial = `${staged}.partial`;
  try {
    createPrivate(partial);
    await Deno.copyFile(backup, partial);
    // The copy has taken over the other file's mode; Windows has none.
    if (Deno.build.os !== "windows") await Deno.chmod(partial, 0o600);
    await pressToDisk(partial);
    await Deno.rename(partial, staged);
  } catch (error) {
    await Deno.remove(partial).catch(() => {});
    throw cannotRestore(backup, error);
  }
  return contents;
}

async function copyTables(db: DatabaseSync, path: string): Promise<void> {
  prepareSchema(db, path);
  // A copy that is not finished is thrown away: no journal is needed.
  db.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF");
  db.prepare("ATTACH ? AS source").run(path);
  // One transaction sees one state of the source, however long it takes.
  db.prepare("BEGIN").run();
  const pace = new Pace();
  for (const table of TABLES) {
    const copy = db.prepare(
      `INSERT INTO main.${table} SELECT * FROM source.${table} WHERE id > ? ORDER BY id LIMIT ?`,
    );
    const last = db.prepare(`SELECT max(id) AS id FROM main.${table}`);
    let done = 0;
    while (copy.run(done, STEP_ROWS).changes > 0) {
      done = last.get()!["id"] as number;
      await pace.rest();
    }
  }
  db.prepare("COMMIT").run();
  db.exec("DETACH source");
}

async function count(db: DatabaseSync, path: string): Promise<BackupContents> {
  let sessions = 0;
  let messages = 0;
  let retained = 0;
  const loader = new Loader(new DurableSessions(() => {}), {
    retained: () => void retained++,
    session: () => void sessions++,
    subscription: () => {},
    queued: () => void messages++,
    incoming: () => {},
  });
  const pace = new Pace();
  const feed = async <Row>(sql: string, take: (rows: Row[]) => void) => {
    for (const row of rowsOf<Row>(db.prepare(sql))) {
      take([row]);
      await pace.rest();
    }
  };
  await feed<RecordRow>(READ_RETAINED, (rows) => loader.retained(rows));
  await feed<SegmentRow>(READ_SEGMENTS, (rows) => loader.segments(rows));
  await feed<RecordRow>(READ_SUBSCRIPTIONS, (rows) => loader.subscriptions(rows));
  await feed<RecordRow>(READ_SESSIONS, (rows) => loader.records(rows));
  loader.finish();
  if (loader.skipped > 0) throw cannotRestore(path, `${loader.skipped} records are damaged`);
  const documents = db.prepare("SELECT count(*) AS count FROM document").get()!["count"] as number;
  return { sessions, messages, retained, documents };
}

/** Long work in short steps, so that clients do not notice. */
class Pace {
  #rest_at = performance.now() + STEP_MS;

  /** Call often: returns when it is time for the next piece of work. */
  async rest(): Promise<void> {
    if (performance.now() < this.#rest_at) return;
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
    this.#rest_at = performance.now() + STEP_MS;
  }
}

async function pressToDisk(path: string): Promise<void> {
  using file = await Deno.open(path, { write: true });
  await file.sync();
}

function cannotBackUp(target: string, error: unknown): OperationalError {
  if (error instanceof OperationalError) return error;
  if (isFull(error)) return noRoom(`Cannot back up to ${target}`, error);
  const problem = error instanceof Deno.errors.AlreadyExists
    ? "there is a file of that name already"
    : messageOf(error);
  return new OperationalError(
    `Cannot back up to ${target}: ${problem} (` +
      `${remedyFor(error, "choose another name or directory")})`,
    EXIT.unavailable,
    { cause: error },
  );
}

function cannotRestore(path: string, problem: unknown): OperationalError {
  if (isFull(problem)) return noRoom(`Cannot restore ${path}`, problem);
  return new OperationalError(
    `Cannot restore ${path}: ${messageOf(problem)} (choose another backup)`,
    EXIT.unavailable,
    { cause: problem },
  );
}

function noRoom(what: string, error: unknown): OperationalError {
  return new OperationalError(
    `${what}: ${messageOf(error)} (make room on the disk of node.data_dir: for a moment it holds ` +
      `the store twice)`,
    EXIT.notKept,
    { cause: error },
  );
}

/** Rows that one statement copies: a few megabytes at most, unless messages are very large. */
const STEP_ROWS = 32;
/** Work this long, then rest as long, in ms. */
const STEP_MS = 5;
