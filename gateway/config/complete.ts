/**
 * Fills in defaults without reading the values: the configuration as a file would say it.
 */
import * as v from "valibot";
import { isTable, put, type Table } from "./tree.ts";
import type { Schema, SchemaNode } from "./walk.ts";

/** A copy of `value` with every default of the schema; what does not fit is left as it is. */
export function complete(schema: Schema, value: unknown): unknown {
  return fill(schema, value);
}

function fill(node: SchemaNode, value: unknown): unknown {
  if (node.type === "optional") {
    return fill(node.wrapped!, value === undefined ? node.default : value);
  }
  if (value === undefined) return undefined;
  if (node.type === "variant" || node.type === "union") {
    const fits = node.options!.find((option) => v.safeParse(option, value).success);
    return fits === undefined ? value : fill(fits, value);
  }
  if (node.item !== undefined && Array.isArray(value)) {
    return value.map((part) => fill(node.item!, part));
  }
  if (!isTable(value)) return value;
  const filled: Table = {};
  const keys = new Set([...Object.keys(node.entries ?? {}), ...Object.keys(value)]);
  for (const key of keys) {
    const written = Object.hasOwn(value, key) ? value[key] : undefined;
    const child = node.entries?.[key] ?? node.value;
    const part = child === undefined ? written : fill(child, written);
    if (part !== undefined) put(filled, key, part);
  }
  return filled;
}
