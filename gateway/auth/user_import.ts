/**
 * Users out of CSV and JSON files: bootstrap at start, import by the API.
 */
import { asObject, asText, parseJson } from "./json.ts";
import type { Hasher } from "./hasher.ts";
import { equalText, type HashAlgorithm } from "./password.ts";
import type { UserRecord, UserTable } from "./users.ts";

/** `plain`: rows hold passwords. `hash`: they hold what `password_hash_algorithm` makes of them. */
export type ImportType = "plain" | "hash";

/** One row of a file. */
export interface ImportedUser {
  readonly user_id: string;
  /** The password or its hash, as the type says. */
  readonly secret: string;
  readonly salt: string;
  readonly is_superuser: boolean;
}

/** A file that cannot be used; nothing of it was written. The message names the row. */
export class ImportProblem extends Error {
  override readonly name = "ImportProblem";
}

/** What came of an import. */
export interface ImportResult {
  readonly total: number;
  /** Users that were not there before. */
  readonly success: number;
  /** Users that were there and are different now. */
  readonly override: number;
  /** Users that were there just like that, or that must not be changed. */
  readonly skipped: number;
  readonly failed: number;
}

/** Reads a file. Throws `ImportProblem`. */
export function readUsers(text: string, format: "csv" | "json", type: ImportType): ImportedUser[] {
  const rows = format === "csv" ? readCsvRows(text) : readJsonRows(text);
  if (rows.length === 0) throw new ImportProblem("empty_users: the file holds no users");
  return rows.map((row, i) => {
    const user_id = asText(row.user_id);
    const name = type === "plain" ? "password" : "password_hash";
    const secret = asText(row[name]);
    if (user_id === undefined || secret === undefined) {
      throw new ImportProblem(`row ${i + 1} has no ${user_id === undefined ? "user_id" : name}`);
    }
    const superuser = row.is_superuser === true || row.is_superuser === "true";
    const salt = typeof row.salt === "string" ? row.salt : "";
    return { user_id, secret, salt, is_superuser: superuser };
  });
}

/** Rows after which everything else gets a turn, and whoever watches is told. */
const ROWS_AT_ONCE = 50;

/**
 * Writes users, all at the end.
 * @param keepExisting users that are there stay as they are (bootstrap)
 * @param progress is told now and then how many rows are done
 */
export async function importUsers(
  users: readonly ImportedUser[],
  type: ImportType,
  table: UserTable,
  algorithm: HashAlgorithm,
  hasher: Hasher,
  keepExisting: boolean,
  progress?: (done: number) => void,
): Promise<ImportResult> {
  const changed = new Map<string, UserRecord>();
  let override = 0, skipped = 0;
  for (const [row, user] of users.entries()) {
    if (row > 0 && row % ROWS_AT_ONCE === 0) {
      progress?.(row);
      await new Promise((turn) => setTimeout(turn));
    }
    const existing = changed.get(user.user_id) ?? table.record(user.user_id);
    if (existing !== undefined && (keepExisting || await isSame(user, type, existing, hasher))) {
      skipped++;
      continue;
    }
    if (existing !== undefined) override++;
    changed.set(user.user_id, await toRecord(user, type, algorithm, hasher));
  }
  table.putAll(changed);
  const success = users.length - override - skipped;
  return { total: users.length, success, override, skipped, failed: 0 };
}

async function toRecord(
  user: ImportedUser,
  type: ImportType,
  algorithm: HashAlgorithm,
  hasher: Hasher,
): Promise<UserRecord> {
  const { is_superuser } = user;
  if (type === "hash") {
    const salt = algorithm.name === "bcrypt" ? "" : user.salt;
    return { password_hash: user.secret, salt, is_superuser, algorithm };
  }
  const { hash, salt } = await hasher.hash(algorithm, new TextEncoder().encode(user.secret));
  return { password_hash: hash, salt, is_superuser, algorithm };
}

async function isSame(
  user: ImportedUser,
  type: ImportType,
  existing: UserRecord,
  hasher: Hasher,
): Promise<boolean> {
  if (existing.is_superuser !== user.is_superuser) return false;
  if (type === "plain") {
    const stored = { hash: existing.password_hash, salt: existing.salt };
    const password = new TextEncoder().encode(user.secret);
    return await hasher.verify(existing.algorithm, password, stored) === true;
  }
  const salt = existing.algorithm.name === "bcrypt" ? "" : user.salt;
  return equalText(existing.password_hash, user.secret) && existing.salt === salt;
}

function readJsonRows(text: string): Record<string, unknown>[] {
  const rows = parseJson(text);
  if (!Array.isArray(rows)) throw new ImportProblem("expected a JSON array of users");
  return rows.map((row, i) => {
    const object = asObject(row);
    if (object === undefined) throw new ImportProblem(`row ${i + 1} is not an object`);
    return object;
  });
}

function readCsvRows(text: string): Record<string, unknown>[] {
  const [header, ...rows] = readCsv(text);
  if (header === undefined) return [];
  const names = header.map((name) => name.trim());
  return rows.map((row, i) => {
    if (row.length > names.length) {
      throw new ImportProblem(`row ${i + 1} has ${row.length} fields, the header ${names.length}`);
    }
    return Object.fromEntries(names.map((name, column) => [name, row[column]]));
  });
}

/** Comma separated values as in RFC 4180; empty lines are left out. */
function readCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^,\r\n"]*))(,|\r?\n|$)/y;
  const source = text.replace(/^\ufeff/, "");
  while (field.lastIndex < source.length) {
    const match = field.exec(source);
    if (match === null) throw new ImportProblem(`row ${rows.length}: a quote is not closed`);
    row.push(match[1] === undefined ? match[2]! : match[1].replaceAll('""', '"'));
    if (match[3] === ",") {
      // A comma at the very end is followed by an empty field.
      if (field.lastIndex === source.length) row.push("");
      else continue;
    }
    if (row.length > 1 || row[0] !== "") rows.push(row);
    row = [];
  }
  if (row.length > 0) rows.push(row);
  return rows;
}
