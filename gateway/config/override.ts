/** Single settings from outside the file: the environment and `--set`. */
import { parse } from "smol-toml";
import * as v from "valibot";
import { parsePath, type Path } from "./path.ts";
import { closest } from "./suggest.ts";
import { isTable, put, type Table } from "./tree.ts";
import { isArrayAt, namesAt, type Schema, schemasAt } from "./walk.ts";

/** Variables that begin like this are settings: `NATSGATE_GATEWAY__NATS__SERVER_NAME`. */
const ENV_PREFIX = "NATSGATE_";

/** One setting from outside. */
export interface Override {
  /** `environment NATSGATE_X`, `--set a.b`. */
  readonly source: string;
  /** Names as they were written; digits may be indexes from 1. */
  readonly names: readonly (string | number)[];
  readonly text: string;
  /** True: names match whatever their case. */
  readonly anyCase: boolean;
}

/** A complaint about an override as a whole. */
export interface OverrideProblem {
  readonly severity: "error" | "warning";
  readonly source: string;
  readonly message: string;
  readonly hint?: string;
}

/** The settings in the environment, in the order of their names. */
export function environmentOverrides(
  env: Readonly<Record<string, string>>,
  schema: Schema,
  problems: OverrideProblem[],
): Override[] {
  const overrides: Override[] = [];
  const topLevel = namesAt(schema, []);
  for (const variable of Object.keys(env).filter((name) => name.startsWith(ENV_PREFIX)).sort()) {
    const names = variable.slice(ENV_PREFIX.length).split("__");
    const source = `environment ${variable}`;
    const first = names[0]!.toLowerCase();
    // A single word may be meant for the command line, and no section fits into one variable.
    if (names.length === 1 && first !== "security_profile") {
      if (OTHER_VARIABLES.has(first)) continue;
      const near = closest(first, topLevel);
      problems.push({
        severity: "warning",
        source,
        message: `${variable} is no setting and was ignored`,
        ...(near === undefined ? {} : { hint: `did you mean ${ENV_PREFIX}${near.toUpperCase()}?` }),
      });
      continue;
    }
    overrides.push({ source, names, text: env[variable]!, anyCase: true });
  }
  return overrides;
}

/** Variables with our prefix that the command line reads. */
const OTHER_VARIABLES: ReadonlySet<string> = new Set([
  "config",
  "data_dir",
  "url",
  "api_key",
  "api_secret",
  "api_url",
]);

/** The settings of `--set a.b=v`, in their order. */
export function setOverrides(sets: readonly string[], problems: OverrideProblem[]): Override[] {
  const overrides: Override[] = [];
  for (const set of sets) {
    const equals = set.indexOf("=");
    const path = equals < 0 ? undefined : parsePath(set.slice(0, equals).trim());
    if (path === undefined) {
      const shown = equals < 0 ? set : set.slice(0, equals);
      problems.push({
        severity: "error",
        source: "--set",
        message: `expected --set a.b=value, got ${JSON.stringify(shown)}`,
      });
      continue;
    }
    overrides.push({
      source: `--set ${set.slice(0, equals).trim()}`,
      names: path,
      text: set.slice(equals + 1),
      anyCase: false,
    });
  }
  return overrides;
}

/**
 * Writes the override into the tree and answers where, or says why it cannot. The value is read
 * as TOML where that fits the setting, else it is the text as it stands.
 */
export function applyOverride(
  root: Table,
  override: Override,
  schema: Schema,
): { readonly path: Path } | { readonly path: Path; readonly message: string } {
  const path: (string | number)[] = [];
  let container: Table | unknown[] = root;
  for (const [i, name] of override.names.entries()) {
    const last = i === override.names.length - 1;
    let key: string | number;
    if (Array.isArray(container)) {
      const index = typeof name === "number" ? name : /^\d+$/.test(name) ? Number(name) - 1 : -1;
      if (index < 0 || index > container.length) {
        const message = `${name} is no element: there are ${container.length}, counted from 1`;
        return { path, message };
      }
      key = index;
    } else {
      key = keyFor(container, name, override.anyCase);
    }
    path.push(key);
    if (last) {
      write(container, key, readValue(override.text, schemasAt(schema, path)));
      return { path };
    }
    let next: unknown = read(container, key);
    if (!isTable(next) && !Array.isArray(next)) {
      next = isArrayAt(schema, path) ? [] : {};
      write(container, key, next);
    }
    container = next as Table | unknown[];
  }
  return { path };
}

function keyFor(table: Table, name: string | number, anyCase: boolean): string {
  const text = typeof name === "number" ? String(name + 1) : name;
  if (!anyCase) return text;
  const lower = text.toLowerCase();
  return Object.keys(table).find((key) => key.toLowerCase() === lower) ?? lower;
}

function read(container: Table | unknown[], key: string | number): unknown {
  if (Array.isArray(container)) return container[key as number];
  return Object.hasOwn(container, key) ? container[key] : undefined;
}

function write(container: Table | unknown[], key: string | number, value: unknown): void {
  if (Array.isArray(container)) container[key as number] = value;
  else put(container, String(key), value);
}

/** The text as a TOML value when the schema takes it so, else as text. */
function readValue(text: string, schemas: readonly Schema[]): unknown {
  const value = tomlValue(text);
  if (value === undefined) return text;
  const takes = (candidate: unknown) =>
    schemas.some((schema) => v.safeParse(schema, candidate).success);
  return takes(value) || !takes(text) ? value : text;
}

function tomlValue(text: string): unknown {
  try {
    const table = parse(`value = ${text}\n`);
    const isOne = Object.keys(table).length === 1;
    return isOne && !(table.value instanceof Date) ? table.value : undefined;
  } catch {
    return undefined;
  }
}
