/**
 * The source `file`: rules in the configuration itself, or in a file of the classic grammar.
 */
import { readFileSync } from "node:fs";
import { EXIT, OperationalError } from "../errors.ts";
import { parseAclFile } from "./acl_file.ts";
import type { SubjectReader } from "./nats_permissions.ts";
import type { Rule } from "./rule.ts";
import { readRules, RuleProblem } from "./rule_object.ts";
import type { RuleSource } from "./source.ts";

/** `[[authorization.sources]]` of type `file`; `rules_list` goes first. */
export interface FileSourceOptions {
  readonly path?: string | undefined;
  readonly rules_list?: readonly unknown[] | undefined;
}

/** Makes the source. Throws `OperationalError` when the rules cannot be read. */
export function fileSource(
  options: FileSourceOptions,
  subjects: SubjectReader,
  profile: "legacy" | "hardened",
): RuleSource {
  const inline = readInline(options.rules_list ?? [], subjects);
  const classic = options.path === undefined ? [] : readFile(options.path, subjects, profile);
  const rules = [...inline, ...classic];
  return { kind: "rules", type: "file", remote: false, rules: () => rules };
}

function readInline(values: readonly unknown[], subjects: SubjectReader): Rule[] {
  try {
    return readRules(values, { subjects, source: "rules_list", namesAreConditions: true });
  } catch (error) {
    if (!(error instanceof RuleProblem)) throw error;
    throw new OperationalError(
      `The rules in rules_list cannot be used: ${error.message}.`,
      EXIT.config,
    );
  }
}

function readFile(
  path: string,
  subjects: SubjectReader,
  profile: "legacy" | "hardened",
): readonly Rule[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new OperationalError(
      `Cannot read the rules in ${path}: ${reason} (set path of the file source).`,
      EXIT.config,
    );
  }
  const { rules, problems } = parseAclFile(text, path, subjects, profile);
  const first = problems[0];
  if (first === undefined) return rules;
  throw new OperationalError(
    `The rules in ${path} cannot be used: ${first.line}:${first.column}: ${first.message}.`,
    EXIT.config,
  );
}
