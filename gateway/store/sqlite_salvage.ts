/**
 * Out of a damaged database into a new one: every row that can still be read.
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { isDamage, sqliteCode } from "./sqlite_error.ts";
import { createPrivate, PAGE_BYTES, prepareSchema, removeIfThere, TABLES } from "./sqlite_file.ts";

/** What was found. */
export interface Salvaged {
  /** Rows taken over, by table. */
  readonly rows: ReadonlyMap<string, number>;
  /** Places where nothing could be read; each may have held several rows. */
  readonly gaps: number;
}

/**
 * Copies what can be read of the database at `path` to the new file `target`, and presses it to
 * disk. The damaged file is not changed. Throws when `target` cannot be written.
 */
export function salvage(path: string, target: string): Salvaged {
  const found = copyTables(path, target);
  if (found.rows.values().some((count) => count > 0)) return found;
  const copy = `${target}.source`;
  try {
    Deno.copyFileSync(path, copy);
    const isLonger = replaceFirstPage(copy, target);
    return isLonger ? copyTables(copy, target) : found;
  } finally {
    for (const part of ["", "-wal", "-shm"]) removeIfThere(copy + part);
  }
}

/**
 * Without its first page nothing of a file can be read, and that page is the same in all of our
 * files but for some counters: tables are made in one order. Takes it from the database `fresh`.
 * False when the file has no other page.
 */
function replaceFirstPage(path: string, fresh: string): boolean {
  const page = new Uint8Array(PAGE_BYTES);
  using source = Deno.openSync(fresh);
  if (source.readSync(page) !== PAGE_BYTES) return false;
  using file = Deno.openSync(path, { write: true });
  const pages = Math.floor(file.statSync().size / PAGE_BYTES);
  new DataView(page.buffer).setUint32(PAGE_COUNT_AT, pages);
  file.writeSync(page);
  return pages > 1;
}

function copyTables(path: string, target: string): Salvaged {
  removeIfThere(target);
  createPrivate(target);
  const into = new DatabaseSync(target);
  const from = new DatabaseSync(path, UNDEFENDED);
  try {
    prepareSchema(into, target);
    // With this and without defence, a file can be read that is shorter than its header says.
    from.exec("PRAGMA writable_schema = ON");
    into.prepare("BEGIN").run();
    const rows = new Map<string, number>();
    let gaps = 0;
    for (const table of TABLES) {
      const copy = new TableCopy(into, table);
      copy.run(from);
      rows.set(table, copy.rows);
      gaps += copy.gaps;
    }
    into.prepare("COMMIT").run();
    return { rows, gaps };
  } finally {
    from.close();
    into.close();
  }
}

/** One table, in the order of its ids. */
class TableCopy {
  rows = 0;
  gaps = 0;
  /** The last id that was copied, or given up. */
  #done = 0;
  #insert: StatementSync | undefined;

  constructor(readonly into: DatabaseSync, readonly table: string) {}

  run(from: DatabaseSync): void {
    let next: StatementSync;
    try {
      next = from.prepare(`SELECT * FROM ${this.table} WHERE id > ? ORDER BY id LIMIT 1`);
    } catch {
      this.gaps++;
      return;
    }
    while (this.gaps < GAPS_MAX) {
      const row = read(next, this.#done);
      if (row === undefined) return;
      if (row !== UNREADABLE) {
        this.#done = row["id"] as number;
        this.#take(row);
        continue;
      }
      this.gaps++;
      const behind = behindGap(next, this.#done);
      if (behind === undefined) return;
      this.#done = behind;
    }
  }

  #take(row: Row): void {
    this.#insert ??= this.into.prepare(
      `INSERT INTO ${this.table} (${Object.keys(row).join()})
       VALUES (${Object.keys(row).map(() => "?").join()})`,
    );
    try {
      this.#insert.run(...Object.values(row));
      this.rows++;
    } catch (error) {
      // A value that the column cannot hold, or a name that is there already.
      if (sqliteCode(error) !== SQLITE_CONSTRAINT) throw error;
      this.gaps++;
    }
  }
}

type Row = Record<string, SQLInputValue>;
const UNREADABLE = Symbol("unreadable");

/** The first row behind an id; undefined when there is none. */
function read(next: StatementSync, after: number): Row | typeof UNREADABLE | undefined {
  try {
    const row = next.get(after) as Row | undefined;
    // A page in a wrong place may lead back, in a circle.
    return row === undefined || (row["id"] as number) > after ? row : UNREADABLE;
  } catch (error) {
    if (!isDamage(error)) throw error;
    return UNREADABLE;
  }
}

/** The lowest id found from which reading works again; undefined when none was. */
function behindGap(next: StatementSync, done: number): number | undefined {
  let step = 1;
  while (read(next, done + step) === UNREADABLE) {
    step *= 2;
    if (done + step > ID_MAX) return undefined;
  }
  let low = done + Math.floor(step / 2);
  let high = done + step;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (read(next, middle) === UNREADABLE) low = middle;
    else high = middle;
  }
  return high;
}

/** Where the first page says how many there are. */
const PAGE_COUNT_AT = 28;
/** An option of `node:sqlite` that Deno's types lack. */
const UNDEFENDED = { readOnly: true, defensive: false };
/** A table with more of them is given up: to find them takes time, and little is left of it. */
const GAPS_MAX = 10_000;
/** No id is larger: they count up from 1. */
const ID_MAX = 2 ** 48;
const SQLITE_CONSTRAINT = 19;
