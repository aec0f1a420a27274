/**
 * The configuration before it is read: nested tables and arrays as TOML has them. Operations that
 * put layers on top of each other.
 */
import type { Path } from "./path.ts";

/** A table of the file. */
export type Table = { [key: string]: unknown };

/** True for a table, false for arrays, dates and plain values. */
export function isTable(value: unknown): value is Table {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** A deep copy of tables and arrays; everything else is shared. */
export function copy<T>(value: T): T {
  if (Array.isArray(value)) return value.map(copy) as T;
  if (!isTable(value)) return value;
  const table: Table = {};
  for (const [key, part] of Object.entries(value)) put(table, key, copy(part));
  return table as T;
}

/** Puts `above` over `below`, which it changes: tables are joined, everything else replaced. */
export function merge(below: Table, above: Table): void {
  for (const [key, value] of Object.entries(above)) {
    const old = own(below, key);
    if (isTable(old) && isTable(value)) merge(old, value);
    else put(below, key, copy(value));
  }
}

/** What stands at the path; undefined when nothing does. */
export function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const part of path) {
    if (Array.isArray(value)) value = typeof part === "number" ? value[part] : undefined;
    else if (isTable(value)) value = own(value, String(part));
    else return undefined;
  }
  return value;
}

/** Puts a value at a path of names; tables on the way are made. */
export function putAt(root: Table, path: readonly string[], value: unknown): void {
  let table = root;
  for (const key of path.slice(0, -1)) {
    const next = own(table, key);
    if (isTable(next)) table = next;
    else {
      const made: Table = {};
      put(table, key, made);
      table = made;
    }
  }
  put(table, path.at(-1)!, value);
}

/** Takes out what stands at a path of names, and tables that are empty then. */
export function removeAt(root: Table, path: readonly string[]): void {
  const [key, ...rest] = path;
  if (key === undefined || !Object.hasOwn(root, key)) return;
  const below = root[key];
  if (rest.length > 0) {
    if (!isTable(below)) return;
    removeAt(below, rest);
    if (Object.keys(below).length > 0) return;
  }
  delete root[key];
}

/** Every plain value below `value` with its path: what was written, key by key. */
export function* leaves(value: unknown, path: Path = []): Generator<[Path, unknown]> {
  if (Array.isArray(value) && value.length > 0) {
    for (const [i, part] of value.entries()) yield* leaves(part, [...path, i]);
  } else if (isTable(value) && (Object.keys(value).length > 0 || path.length === 0)) {
    for (const [key, part] of Object.entries(value)) yield* leaves(part, [...path, key]);
  } else {
    yield [path, value];
  }
}

/** Replaces every text below `value` by what `change` makes of it. Gives a copy. */
export function mapTexts(
  value: unknown,
  change: (text: string, path: Path) => unknown,
  path: Path = [],
): unknown {
  if (typeof value === "string") return change(value, path);
  if (Array.isArray(value)) return value.map((part, i) => mapTexts(part, change, [...path, i]));
  if (!isTable(value)) return value;
  const table: Table = {};
  for (const [key, part] of Object.entries(value)) {
    put(table, key, mapTexts(part, change, [...path, key]));
  }
  return table;
}

/** Freezes tables and arrays all the way down. */
export function freeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) freeze(part);
  return Object.freeze(value);
}

/** Sets a key, `__proto__` included, without reaching the prototype. */
export function put(table: Table, key: string, value: unknown): void {
  Object.defineProperty(table, key, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

function own(table: Table, key: string): unknown {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
