/** From what the schema found wrong to a sentence for the operator. */
import type * as v from "valibot";
import type { Path } from "./path.ts";
import { isSecretPath } from "./secrets.ts";
import { closest } from "./suggest.ts";
import { namesAt, type Schema } from "./walk.ts";

/** One thing that is wrong, before its place in the file is known. */
export interface Finding {
  readonly path: Path;
  readonly severity: "error" | "warning";
  readonly message: string;
  readonly hint?: string | undefined;
  /**
   * What to take out so that the rest can be looked at: the value (or key) itself, or the
   * table that lacks something.
   */
  readonly remove: "value" | "parent";
}

/** Reads one issue of valibot. `path`: where it is, indexes of the file. */
export function describe(issue: v.BaseIssue<unknown>, path: Path, schema: Schema): Finding {
  const last = issue.path?.at(-1);
  if (issue.type === "strict_object" && last?.origin === "key") {
    if (issue.expected === "never") return unknownKey(path, last.input, schema);
    return error(path, "is required", undefined, "parent");
  }
  if (issue.type === "variant") return wrongVariant(issue, path);
  if (issue.type === "strict_object" || issue.type === "record" && isPlainMessage(issue)) {
    return error(path, `expected a table${got(issue.input, path)}`);
  }
  const message = isPlainMessage(issue) ? "has a value of the wrong type" : issue.message;
  if (!message.startsWith("expected")) return error(path, message);
  const words = [...message.matchAll(/"([^"]*)"/g)].map((match) => match[1]!);
  const near = issue.type === "picklist" && typeof issue.input === "string"
    ? closest(issue.input, words)
    : undefined;
  return error(path, message + got(issue.input, path), didYouMean(near));
}

function unknownKey(path: Path, table: unknown, schema: Schema): Finding {
  if (Array.isArray(table)) {
    return error(path.slice(0, -1), "expected a table, got an array");
  }
  const name = String(path.at(-1));
  const near = closest(name, namesAt(schema, path.slice(0, -1)));
  return error(path, "unknown setting", didYouMean(near));
}

function wrongVariant(issue: v.BaseIssue<unknown>, path: Path): Finding {
  const last = issue.path?.at(-1);
  if (last === undefined || last.origin === "value" && !isDiscriminator(issue)) {
    return error(path, `expected a table${got(issue.input, path)}`);
  }
  const words = [...new Set((issue.expected ?? "").match(/[a-z_0-9-]+/g) ?? [])];
  const shown = words.map((word) => /^(true|false)$/.test(word) ? word : `"${word}"`).join(" or ");
  if (issue.input === undefined) return error(path, `is required: ${shown}`, undefined, "parent");
  if (issue.input === "scram") {
    const why = "needs an exchange that NATS clients do not have; it is not usable here";
    return error(path, `"scram" ${why}; expected ${shown}`, undefined, "parent");
  }
  const near = typeof issue.input === "string" ? closest(issue.input, words) : undefined;
  return error(
    path,
    `expected ${shown}${got(issue.input, path)}`,
    didYouMean(near),
    "parent",
  );
}

/** A variant complains about its discriminator, or about not being a table at all. */
function isDiscriminator(issue: v.BaseIssue<unknown>): boolean {
  return issue.expected !== "Object";
}

/** True when the schema gave no words of its own. */
function isPlainMessage(issue: v.BaseIssue<unknown>): boolean {
  return issue.message.startsWith("Invalid ");
}

function error(
  path: Path,
  message: string,
  hint?: string,
  remove: "value" | "parent" = "value",
): Finding {
  return { path, severity: "error", message, hint, remove };
}

function didYouMean(name: string | undefined): string | undefined {
  return name === undefined ? undefined : `did you mean "${name}"?`;
}

/** `, got ...`, unless it is secret. */
function got(value: unknown, path: Path): string {
  if (Array.isArray(value)) return ", got an array";
  if (value instanceof Date) return ", got a date";
  if (typeof value === "object" && value !== null) return ", got a table";
  if (isSecretPath(path)) return "";
  const shown = JSON.stringify(value) ?? String(value);
  return `, got ${shown.length > 60 ? shown.slice(0, 57) + '..."' : shown}`;
}
