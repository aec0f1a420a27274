/**
 * Puts the layers of the configuration on top of each other and remembers which one each setting
 * came from: file, overlay, environment, `--set`.
 */
import { parse, TomlError } from "smol-toml";
import type { ConfigIssue } from "../errors.ts";
import {
  applyOverride,
  environmentOverrides,
  type Override,
  type OverrideProblem,
  setOverrides,
} from "./override.ts";
import { formatPath, parsePath, type Path } from "./path.ts";
import { findPositions, type Position, type Positions } from "./positions.ts";
import { leaves, merge, removeAt, type Table, valueAt } from "./tree.ts";
import type { Schema } from "./walk.ts";

/** Where an explicitly given setting was given. */
export interface Origin {
  readonly layer: "file" | "overlay" | "environment" | "set";
  /** Name of the file, the variable, or the path after `--set`. */
  readonly name: string;
  readonly line?: number;
  readonly column?: number;
}

/** Origins by path as `formatPath` spells it; settings that are not in it have their default. */
export type Origins = ReadonlyMap<string, Origin>;

/**
 * A list of paths in the overlay that are taken out of the file below it: a layer can only add and
 * replace by itself.
 */
export const REMOVES = "overlay_removes";

/** The paths of that list, which is taken out of the overlay. */
export function takeRemoves(overlay: Table): string[][] {
  const names = overlay[REMOVES];
  delete overlay[REMOVES];
  if (!Array.isArray(names)) return [];
  return names.flatMap((name) => {
    const path = typeof name === "string" ? parsePath(name) : undefined;
    return path === undefined ? [] : [path.map(String)];
  });
}

/** The layers so far. */
export class Layers {
  /** What they come to, as it was written. */
  readonly tree: Table = {};
  /** What was wrong with the layers as such. */
  readonly issues: ConfigIssue[] = [];
  /** What the overlay takes out of the layers below it, built-in listeners included. */
  readonly removed: string[][] = [];
  readonly #origins = new Map<string, Origin>();
  /** Positions of tables, which have no origin of their own. */
  readonly #positions: { readonly origin: Origin; readonly positions: Positions }[] = [];

  get origins(): Origins {
    return this.#origins;
  }

  /** Adds a TOML text. False when it is not valid: then nothing more can be said about it. */
  addText(text: string, layer: "file" | "overlay", name: string): boolean {
    let table: Table;
    try {
      table = parse(text) as Table;
    } catch (error) {
      if (!(error instanceof TomlError)) throw error;
      const reason = error.message.replace(/^Invalid TOML document: /, "").split("\n")[0];
      this.issues.push({
        severity: "error",
        path: "",
        message: `is not valid TOML: ${reason}`,
        ...place({ layer, name, line: error.line, column: error.column }),
      });
      return false;
    }
    if (layer === "overlay") this.#remove(table);
    merge(this.tree, table);
    const positions = findPositions(text);
    this.#positions.unshift({ origin: { layer, name }, positions });
    const written = [...leaves(table)].map(([path]) => path);
    // A layer replaces an array as a whole, whatever the one below it held.
    for (const path of written) this.#forget(path.slice(0, firstIndex(path)));
    for (const path of written) {
      const name_ = formatPath(path);
      this.#origins.set(name_, { layer, name, ...positions.get(name_) });
    }
    return true;
  }

  /** Takes out what the overlay names in its list. */
  #remove(overlay: Table): void {
    for (const path of takeRemoves(overlay)) {
      removeAt(this.tree, path);
      this.#forget(path);
      this.removed.push(path);
    }
  }

  /** Adds the settings of the environment, then those of `--set`. */
  addOverrides(
    env: Readonly<Record<string, string>>,
    sets: readonly string[],
    schema: Schema,
  ): void {
    const problems: OverrideProblem[] = [];
    const fromEnvironment = environmentOverrides(env, schema, problems);
    const fromSets = setOverrides(sets, problems);
    for (const problem of problems) this.issues.push({ path: "", ...problem });
    for (const override of fromEnvironment) this.#override(override, "environment", schema);
    for (const override of fromSets) this.#override(override, "set", schema);
  }

  /** Where to look for the cause of a problem at the path: line and column, or the source. */
  locate(path: Path): Pick<ConfigIssue, "line" | "column" | "source"> {
    for (let length = path.length; length > 0; length--) {
      const name = formatPath(path.slice(0, length));
      const origin = this.#origins.get(name);
      if (origin !== undefined) return place(origin);
      for (const { origin, positions } of this.#positions) {
        const position = positions.get(name);
        if (position !== undefined) return place({ ...origin, ...position });
      }
      const below = this.#firstBelow(name);
      if (below !== undefined) return place(below);
    }
    return {};
  }

  #override(override: Override, layer: "environment" | "set", schema: Schema): void {
    const applied = applyOverride(this.tree, override, schema);
    if ("message" in applied) {
      const { source } = override;
      const path = formatPath(applied.path);
      this.issues.push({ severity: "error", path, source, message: applied.message });
      return;
    }
    this.#forget(applied.path);
    const name = override.source.slice(override.source.indexOf(" ") + 1);
    for (const [path] of leaves(valueAt(this.tree, applied.path), applied.path)) {
      this.#origins.set(formatPath(path), { layer, name });
    }
  }

  /** Drops the origins of the path and of everything below it. */
  #forget(path: Path): void {
    const name = formatPath(path);
    for (const known of this.#origins.keys()) if (isBelow(known, name)) this.#origins.delete(known);
  }

  #firstBelow(name: string): Origin | undefined {
    for (const [known, origin] of this.#origins) if (isBelow(known, name)) return origin;
    return undefined;
  }
}

/** True when the path `known` is `name` or below it. */
function isBelow(known: string, name: string): boolean {
  return known.startsWith(name) &&
    (known.length === name.length || known[name.length] === "." || known[name.length] === "[");
}

function firstIndex(path: Path): number {
  const index = path.findIndex((part) => typeof part === "number");
  return index < 0 ? path.length : index;
}

/** Line and column only make sense in the file itself; everything else is named. */
function place(origin: Origin): Pick<ConfigIssue, "line" | "column" | "source"> {
  const position: Partial<Position> = origin.line === undefined || origin.column === undefined
    ? {}
    : { line: origin.line, column: origin.column };
  switch (origin.layer) {
    case "file":
      return position;
    case "overlay":
      return { ...position, source: origin.name };
    case "environment":
      return { source: `environment ${origin.name}` };
    case "set":
      return { source: `--set ${origin.name}` };
  }
}
