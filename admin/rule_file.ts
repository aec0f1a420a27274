/**
 * The rules of a `file` source as text: the API shows what is in the file and takes a text in its
 * place, which gets a file of its own in the data directory. Files that people write are never
 * written to.
 */
import type { GatewayControl } from "../gateway/control.ts";
import { EXIT, OperationalError } from "../gateway/errors.ts";
import type { Element } from "./ordered.ts";
import { Problem } from "./problem.ts";

/** Directory of these files, in the data directory. */
const DIRECTORY = "authz";

/**
 * A source as it is shown: with `rules` when it has a file. A file that holds anything but rules
 * is not shown.
 */
export function withRules({ access }: GatewayControl, source: Element): Element {
  if (source.type !== "file" || typeof source.path !== "string") return source;
  const rules = textOf(source.path);
  if (rules === undefined || access.ruleFileProblems(rules).length > 0) return source;
  return { ...source, rules };
}

/** What belongs into the configuration for a source that somebody wrote. */
export interface WrittenSource {
  readonly value: Element;
  /** A file that was made for it. */
  readonly made?: string;
}

/**
 * Takes `rules` out of a source and puts them into a file of their own, unless that is what the
 * file of the source holds already.
 * @param before the source as it is; undefined: it is new
 * @throws {Problem} 400 the rules cannot be used, or it is not clear what is meant
 * @throws {OperationalError} the file cannot be written
 */
export function takeRules(
  control: GatewayControl,
  source: Element,
  before: Element | undefined,
): WrittenSource {
  if (source.type !== "file") return { value: source };
  const { rules, ...rest } = source;
  if (rules === undefined) {
    const says = rest.path !== undefined || rest.rules_list !== undefined;
    const { path, rules_list } = before ?? {};
    return { value: says ? rest : { ...rest, path, rules_list } };
  }
  if (typeof rules !== "string") throw new Problem(400, "BAD_REQUEST", "rules: expected text");
  if (rest.path !== undefined && rest.path !== before?.path) {
    throw new Problem(400, "BAD_REQUEST", "give either rules or another path, not both");
  }
  const problem = control.access.ruleFileProblems(rules)[0];
  if (problem !== undefined) {
    const { line, column, message } = problem;
    throw new Problem(400, "BAD_REQUEST", `rules:${line}:${column}: ${message}`);
  }
  const path = before?.path;
  if (typeof path === "string" && textOf(path) === rules) return { value: { ...rest, path } };
  const made = writeRules(directoryOf(control), rules);
  return { value: { ...rest, path: made }, made };
}

/** Deletes the file of a source, if it is one that was made here. */
export function forgetRules(control: GatewayControl, path: unknown): void {
  if (typeof path !== "string" || !path.startsWith(`${directoryOf(control)}/`)) return;
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    control.log.warn("a file of rules that is no longer used could not be deleted", {
      path,
      error: String(error),
    });
  }
}

function directoryOf({ config }: GatewayControl): string {
  return `${config.current.node.data_dir}/${DIRECTORY}`;
}

function textOf(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}

/** On disk before the configuration names it. */
function writeRules(directory: string, rules: string): string {
  const path = `${directory}/rules-${crypto.randomUUID()}.conf`;
  try {
    Deno.mkdirSync(directory, { recursive: true, mode: 0o700 });
    using file = Deno.openSync(path, { write: true, createNew: true, mode: 0o600 });
    const bytes = new TextEncoder().encode(rules);
    for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
    file.syncSync();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new OperationalError(`Cannot write the rules to ${path}: ${reason}`, EXIT.notKept, {
      cause: error,
    });
  }
  return path;
}
