/** Looks things up in the schema by path: known names, defaults, what a value would become. */
import * as v from "valibot";
import type { Path } from "./path.ts";

/** Any schema of this package. */
export type Schema = v.GenericSchema;

/** A schema with the parts that those of its type have. */
export interface SchemaNode extends Schema {
  /** Of "optional". */
  readonly wrapped?: SchemaNode;
  readonly default?: unknown;
  /** Of "variant" and "union". */
  readonly options?: readonly SchemaNode[];
  /** Of tables. */
  readonly entries?: Readonly<Record<string, SchemaNode>>;
  /** Of "array". */
  readonly item?: SchemaNode;
  /** Of "record". */
  readonly value?: SchemaNode;
}

/** What the schema allows at the path; several where a kind decides. Empty: nothing. */
export function schemasAt(root: Schema, path: Path): SchemaNode[] {
  let nodes = alternatives(root);
  let found: SchemaNode[] = [root];
  for (const part of path) {
    found = nodes.flatMap((node) => child(node, part) ?? []);
    nodes = found.flatMap(alternatives);
  }
  return found;
}

/** Names that may stand in the table at the path. */
export function namesAt(root: Schema, path: Path): string[] {
  const nodes = schemasAt(root, path).flatMap(alternatives);
  return [...new Set(nodes.flatMap((node) => Object.keys(node.entries ?? {})))];
}

/** True when the schema has an array at the path. */
export function isArrayAt(root: Schema, path: Path): boolean {
  return schemasAt(root, path).flatMap(alternatives).some((node) => node.type === "array");
}

/** True when the value, written at the path, means what leaving it out means. */
export function isDefault(root: Schema, path: Path, value: unknown): boolean {
  return schemasAt(root, path).some((schema) => {
    if (schema.type !== "optional") return false;
    const standard = v.safeParse(schema, undefined);
    const written = v.safeParse(schema, value);
    return standard.success && written.success &&
      JSON.stringify(standard.output) === JSON.stringify(written.output) &&
      // JSON has no Infinity.
      String(standard.output) === String(written.output);
  });
}

/**
 * Every path of the schema: `*` stands for the names of a map and the elements of an array. Each
 * alternative of a variant counts.
 */
export function* schemaPaths(root: Schema): Generator<string[]> {
  yield* nodePaths(root, []);
}

function* nodePaths(node: SchemaNode, path: string[]): Generator<string[]> {
  for (const one of alternatives(node)) {
    if (one.entries !== undefined) {
      for (const [key, entry] of Object.entries(one.entries)) {
        yield* nodePaths(entry, [...path, key]);
      }
    } else if (one.type === "record" && hasChildren(one.value!)) {
      yield* nodePaths(one.value!, [...path, "*"]);
    } else if (one.type === "array" && hasChildren(one.item!)) {
      yield* nodePaths(one.item!, [...path, "*"]);
    } else {
      yield path;
    }
  }
}

function hasChildren(node: SchemaNode): boolean {
  return alternatives(node).some((one) => one.entries !== undefined);
}

/** The node without optional, variant and union around it. */
function alternatives(node: SchemaNode): SchemaNode[] {
  if (node.type === "optional") return alternatives(node.wrapped!);
  if (node.type === "variant" || node.type === "union") {
    return node.options!.flatMap(alternatives);
  }
  return [node];
}

function child(node: SchemaNode, part: string | number): SchemaNode | undefined {
  if (typeof part === "number") return node.type === "array" ? node.item : undefined;
  if (node.type === "record") return node.value;
  const entries = node.entries;
  return entries !== undefined && Object.hasOwn(entries, part) ? entries[part] : undefined;
}
