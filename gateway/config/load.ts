/**
 * From the texts of the configuration to one frozen value, with every problem found on the way.
 * Pure: files and the environment come in as values.
 */
import * as v from "valibot";
import type { ConfigIssue } from "../errors.ts";
import { checkEffect } from "./effect.ts";
import { complete } from "./complete.ts";
import { expand } from "./expand.ts";
import { describe, type Finding } from "./issue.ts";
import { Layers, type Origins } from "./layers.ts";
import { formatPath, isWithin, type Path } from "./path.ts";
import { checkRules } from "./rules.ts";
import { reservedNames } from "./reserved.ts";
import { BUILT_IN_LISTENERS } from "./schema/listeners.ts";
import { SECURITY_PROFILES } from "./schema/profile.ts";
import { type ConfigSchema, configSchema } from "./schema/root.ts";
import { copy, freeze, isTable, merge, removeAt, type Table, valueAt } from "./tree.ts";
import type { Config } from "./types.ts";

/** Where the configuration comes from; each layer overrides those before it. */
export interface LoadInput {
  /** Text of the file. Left out: defaults only. */
  readonly text?: string | undefined;
  /** Its name, for origins; `config.toml` when left out. */
  readonly fileName?: string | undefined;
  /** Text of the overlay that the admin API writes. */
  readonly overlayText?: string | undefined;
  /** The environment; variables that begin with `NATSGATE_` are settings. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Arguments of `--set`, such as `gateway.nats.mountpoint="nats/"`. */
  readonly sets?: readonly string[] | undefined;
  /**
   * Reads a file that holds one secret; throws when it cannot. Left out: `file:///` references
   * stay as they are.
   */
  readonly readFile?: ((path: string) => string) | undefined;
}

/** What loading gives. */
export interface LoadResult {
  /** Undefined when there is an error among the issues. */
  readonly config: Config | undefined;
  /** Everything that was found, in the order of the file. */
  readonly issues: readonly ConfigIssue[];
  /** Where each explicitly given setting was given. */
  readonly origins: Origins;
  /** The layers put together as they were written: no defaults, references not followed. */
  readonly raw: Readonly<Table>;
  /**
   * The same with the built-in listeners that are in force, and every default filled in. Made
   * when first asked for: a start does not need it.
   */
  readonly complete: () => Readonly<Table>;
}

/** Loads the configuration. Never throws for what is in it. */
export function loadConfig(input: LoadInput): LoadResult {
  const layers = new Layers();
  const readable = [
    input.text === undefined || layers.addText(input.text, "file", input.fileName ?? "config.toml"),
    input.overlayText === undefined || layers.addText(input.overlayText, "overlay", "overlay.toml"),
  ].every((added) => added);
  layers.addOverrides(input.env ?? {}, input.sets ?? [], schemaFor(layers.tree));

  const findings: Finding[] = [];
  const tree = copy(BUILT_IN_LISTENERS) as Table;
  for (const path of layers.removed) removeAt(tree, path);
  merge(tree, layers.tree);
  const expanded = expand(tree, {
    env: input.env ?? {},
    readFile: input.readFile,
    problem: (path, message) =>
      findings.push({ path, severity: "error", message, remove: "value" }),
  });
  const removed: Finding[] = [];
  const schema = schemaFor(expanded);
  const config = readAll(expanded, schema, removed);
  // After the schema's own findings, which have been taken out of the tree by now.
  findings.push(...removed, ...reservedNames(expanded));
  if (config !== undefined && readable) {
    const further = [
      ...checkRules(config),
      ...checkEffect(layers.tree, layers.origins, schema),
    ];
    // What was taken out may be what the rest is missing.
    findings.push(...further.filter(({ path }) => !removed.some((one) => isBeside(path, one))));
  }
  const issues = [
    ...layers.issues,
    ...findings.map(({ path, severity, message, hint }): ConfigIssue => ({
      severity,
      path: formatPath(path),
      ...layers.locate(path),
      message,
      ...(hint === undefined ? {} : { hint }),
    })),
  ].sort(byPlace);
  let completed: Readonly<Table> | undefined;
  return {
    config: issues.some(({ severity }) => severity === "error") ? undefined : freeze(config),
    issues,
    origins: layers.origins,
    raw: freeze(layers.tree),
    complete: () => completed ??= freeze(complete(schemaFor(tree), tree) as Table),
  };
}

/** The problems as lines of text, `config.toml:3:1: error: path: message`. */
export function formatIssues(issues: readonly ConfigIssue[], fileName: string): string[] {
  return issues.map(({ severity, path, line, column, source, message, hint }) => {
    const place = line === undefined
      ? source ?? fileName
      : `${source ?? fileName}:${line}:${column}`;
    const subject = path === "" ? "" : `${path}: `;
    const advice = hint === undefined ? "" : ` (${hint})`;
    return `${place}: ${severity}: ${subject}${message}${advice}`;
  });
}

function schemaFor(tree: Table): ConfigSchema {
  const profile = SECURITY_PROFILES.find((name) => name === tree.security_profile);
  return configSchema(profile ?? "legacy");
}

/** Problems that are looked for: each unknown key costs a reading of the whole. */
const FINDINGS_MAX = 100;

/**
 * Reads the tree by the schema. What is wrong is reported and taken out of the tree, and the
 * rest is read again: so the schema, which stops at the first unknown key of a table, finds them
 * all, and the checks that need a whole configuration have one. Undefined: nothing was left.
 */
function readAll(tree: Table, schema: ConfigSchema, findings: Finding[]): Config | undefined {
  // Elements are taken out of arrays; this remembers where they were.
  const indexes = new WeakMap<object, number>();
  noteIndexes(tree, indexes);
  for (;;) {
    const read = v.safeParse(schema, tree);
    if (read.success) return read.output as Config;
    const removals: { path: Path; remove: Finding["remove"] }[] = [];
    for (const issue of read.issues) {
      if (findings.length >= FINDINGS_MAX) {
        const message = `there are more than ${FINDINGS_MAX} problems; mend these first`;
        findings.push({ path: [], severity: "error", message, remove: "value" });
        return undefined;
      }
      const items = issue.path ?? [];
      const at = items.map(({ key }) => key) as (string | number)[];
      const path = items.map(({ key, value }) =>
        typeof key === "number" ? indexes.get(value as object) ?? key : key
      ) as (string | number)[];
      const finding = describe(issue, path, schema);
      removals.push({ path: at, remove: finding.remove });
      // What lacks something only because it was taken out above has been reported.
      const isKnown = findings.some((known) => isWithin(known.path, path));
      if (!isKnown) findings.push(finding);
    }
    if (!removeAll(tree, removals)) return undefined;
  }
}

/** Takes the paths out of the tree. False when one of them is the tree itself. */
function removeAll(
  tree: Table,
  removals: readonly { path: Path; remove: Finding["remove"] }[],
): boolean {
  const doomed = new Map<object, Set<string | number>>();
  for (const { path, remove } of removals) {
    let target = remove === "parent" ? path.slice(0, -1) : path;
    // A plain value in an array does not go alone: the array goes.
    const container = valueAt(tree, target.slice(0, -1));
    const isPlain = Array.isArray(container) && !isTable(valueAt(tree, target));
    if (isPlain) target = target.slice(0, -1);
    const holder = valueAt(tree, target.slice(0, -1));
    if (target.length === 0 || typeof holder !== "object" || holder === null) return false;
    const keys = doomed.get(holder) ?? new Set();
    doomed.set(holder, keys.add(target.at(-1)!));
  }
  for (const [holder, keys] of doomed) {
    if (Array.isArray(holder)) {
      for (const index of [...keys].sort((a, b) => Number(b) - Number(a))) {
        holder.splice(Number(index), 1);
      }
    } else {
      for (const key of keys) delete (holder as Table)[key];
    }
  }
  return true;
}

function noteIndexes(value: unknown, indexes: WeakMap<object, number>): void {
  if (typeof value !== "object" || value === null) return;
  for (const [key, part] of Object.entries(value)) {
    if (Array.isArray(value) && isTable(part)) indexes.set(part, Number(key));
    noteIndexes(part, indexes);
  }
}

/** True when the finding took something out of the table that the path belongs to. */
function isBeside(path: Path, removed: Finding): boolean {
  if (removed.message === "unknown setting") return false;
  return isWithin(path, removed.path.slice(0, -1)) || isWithin(removed.path, path);
}

/** The file's problems by line; those of other sources after them. */
function byPlace(a: ConfigIssue, b: ConfigIssue): number {
  const rank = (issue: ConfigIssue) =>
    issue.source === undefined ? issue.line ?? Infinity : Infinity;
  const [lineA, lineB] = [rank(a), rank(b)];
  if (lineA !== lineB) return lineA < lineB ? -1 : 1;
  return (a.column ?? 0) - (b.column ?? 0);
}
