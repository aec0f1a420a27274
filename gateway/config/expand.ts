/**
 * Fills in what the file only refers to: secrets in files of their own, and environment variables
 * in path-like settings.
 */
import type { Path } from "./path.ts";
import { isSecretPath } from "./secrets.ts";
import { mapTexts, type Table } from "./tree.ts";

/** What expanding may ask of the world. */
export interface ExpandInput {
  /** The environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Gives a file's text; throws when it cannot. Left out: references stay as they are. */
  readonly readFile?: ((path: string) => string) | undefined;
  /** Called for each reference that leads nowhere. */
  readonly problem: (path: Path, message: string) => void;
}

/**
 * A copy in which `"file:///run/secrets/x"` under a secret's name is the file's text (without the
 * line end), and `${env:NAME}` in a path is the variable's value.
 */
export function expand(root: Table, input: ExpandInput): Table {
  return mapTexts(root, (text, path) => {
    if (isSecretPath(path) && text.startsWith("file://")) return secretOf(text, path, input);
    return isPathLike(path) ? withVariables(text, path, input) : text;
  }) as Table;
}

function secretOf(text: string, path: Path, input: ExpandInput): string {
  if (input.readFile === undefined) return text;
  if (!text.startsWith("file:///")) {
    input.problem(path, `"${text}" must name an absolute path: file:///...`);
    return text;
  }
  try {
    const secret = input.readFile(decodeURIComponent(text.slice("file://".length)));
    const trimmed = secret.replace(/\r?\n$/, "");
    if (trimmed === "") input.problem(path, `the file ${text} is empty`);
    return trimmed;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    input.problem(path, `cannot read ${text}: ${reason}`);
    return text;
  }
}

function withVariables(text: string, path: Path, input: ExpandInput): string {
  return text.replace(/\$\{env:([^{}]*)\}/g, (whole, name: string) => {
    const value = Object.hasOwn(input.env, name) ? input.env[name] : undefined;
    if (value !== undefined) return value;
    input.problem(path, `the environment variable ${name} is not set`);
    return whole;
  });
}

/** Settings that hold a path of the file system. */
function isPathLike(path: Path): boolean {
  const name = path.findLast((part) => typeof part === "string");
  return typeof name === "string" && /(^path|^data_dir|^public_key|file|^bind)$/.test(name);
}
