/**
 * The overlay: what the admin API has changed, kept beside the file that people write. Pure.
 */
import { parse, stringify } from "smol-toml";
import { REMOVES, takeRemoves } from "./layers.ts";
import { formatPath, isWithin } from "./path.ts";
import { redact } from "./redact.ts";
import { isTable, merge, put, putAt, removeAt, type Table } from "./tree.ts";

/** One change: what stands at the path from now on. */
export interface OverlayEdit {
  /** Names of tables; arrays are changed as a whole. */
  readonly path: readonly string[];
  /** Undefined: nothing. Null within it means the same. */
  readonly value: unknown;
}

const HEADER = `# Changes made through the admin API. They come on top of the configuration file.
# Written by natsgate; edit the configuration file instead, or delete what you do not want.

`;

/**
 * The overlay after some changes.
 * @param text what it was before
 * @param isBelow whether something stands at a path in the layers under the overlay
 */
export function editOverlay(
  text: string,
  edits: readonly OverlayEdit[],
  isBelow: (path: readonly string[]) => boolean,
): string {
  const table = parse(text) as Table;
  let removed = takeRemoves(table);
  for (const { path, value } of edits) {
    removeAt(table, path);
    // Under a table that is replaced nothing of the file may shine through.
    removed = removed.filter((other) => !isWithin(other, path));
    if (value === undefined || isTable(value)) removed.push([...path]);
    if (value !== undefined) putAt(table, path, withoutNull(value));
  }
  return overlayText(table, removed.filter(isBelow));
}

/** The overlay with the settings of a TOML text put over it. */
export function mergeOverlay(text: string, toml: string): string {
  const table = parse(text) as Table;
  const removed = takeRemoves(table);
  const above = parse(toml) as Table;
  delete above[REMOVES];
  merge(table, above);
  return overlayText(table, removed);
}

/** The overlay as it may be shown. */
export function redactedOverlay(text: string): string {
  return `${HEADER}${stringify(redact(parse(text)))}\n`;
}

function overlayText(table: Table, removed: readonly (readonly string[])[]): string {
  const names = removed.map((path) => formatPath(path)).sort();
  const all: Table = names.length === 0 ? {} : { [REMOVES]: names };
  for (const [key, value] of Object.entries(table)) put(all, key, value);
  return Object.keys(all).length === 0 ? HEADER : `${HEADER}${stringify(all)}\n`;
}

/** TOML has no null: JSON says it for what is left out. */
function withoutNull(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((part) => part !== null).map(withoutNull);
  if (!isTable(value)) return value;
  const table: Table = {};
  for (const [key, part] of Object.entries(value)) {
    if (part !== null && part !== undefined) put(table, key, withoutNull(part));
  }
  return table;
}
