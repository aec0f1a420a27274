/**
 * What `natsgate check` says about rules: those that cannot be read, and those that never decide.
 */
import { readFileSync } from "node:fs";
import type { Config, SourceConfig } from "../config/types.ts";
import { covers, EVERYTHING, type Pattern } from "../core/match.ts";
import type { ConfigIssue } from "../errors.ts";
import { parseAclFile } from "./acl_file.ts";
import type { SubjectReader } from "./nats_permissions.ts";
import type { Action, Rule } from "./rule.ts";
import { readRule, RuleProblem } from "./rule_object.ts";

/** Problems of `[authorization]`. */
export function ruleIssues(config: Config, subjects: SubjectReader): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  // All rules before the present one, in the order in which they are asked.
  const before: Placed[] = [];
  for (const [i, source] of config.authorization.sources.entries()) {
    if (!source.enable) continue;
    const path = `authorization.sources[${i + 1}]`;
    const whole = before.find(({ rule }) => isEverything(rule));
    if (whole !== undefined) {
      issues.push(warning(path, `is never asked: ${whole.place} decides about everything before`));
    }
    if (source.type === "redis" && config.authorization.no_match === "allow") {
      issues.push(
        warning(path, 'can only allow, and no_match is "allow": it changes nothing'),
      );
    }
    for (const placed of readSource(source, path, config, subjects, issues)) {
      const hidden = before.find(({ rule }) => hides(rule, placed.rule));
      if (hidden !== undefined) {
        issues.push(
          warning(placed.path, `never denies anything: ${hidden.place} allows it before`),
        );
      }
      before.push(placed);
    }
  }
  return issues;
}

/** A rule, its setting, and how to speak of it. */
interface Placed {
  readonly rule: Rule;
  readonly path: string;
  readonly place: string;
}

function warning(path: string, message: string): ConfigIssue {
  return { severity: "warning", path, message };
}

function readSource(
  source: SourceConfig,
  path: string,
  config: Config,
  subjects: SubjectReader,
  issues: ConfigIssue[],
): Placed[] {
  if (source.type !== "file") return [];
  const placed: Placed[] = [];
  for (const [i, value] of (source.rules_list ?? []).entries()) {
    const at = `${path}.rules_list[${i + 1}]`;
    try {
      const rule = readRule(value, { subjects, source: at, namesAreConditions: true });
      placed.push({ rule, path: at, place: at });
    } catch (problem) {
      if (!(problem instanceof RuleProblem)) throw problem;
      issues.push({ severity: "error", path: at, message: problem.message });
    }
  }
  if (source.path === undefined) return placed;
  try {
    const text = readFileSync(source.path, "utf8");
    const file = parseAclFile(text, source.path, subjects, config.security_profile);
    for (const { line, column, message } of file.problems) {
      const where = `${source.path}:${line}:${column}`;
      issues.push({ severity: "error", path: `${path}.path`, message: `${where}: ${message}` });
    }
    for (const rule of file.rules) {
      placed.push({ rule, path: `${path}.path`, place: rule.source.replace(/^file /, "") });
    }
  } catch {
    const message = `the file ${source.path} cannot be read`;
    issues.push({ severity: "error", path: `${path}.path`, message });
  }
  return placed;
}

/** True when no rule after it is ever reached. */
function isEverything(rule: Rule): boolean {
  return isUnconditional(rule) && rule.action === "all" && rule.topics === "all";
}

function isUnconditional(rule: Rule): boolean {
  return rule.who === undefined && rule.qos === undefined && rule.retain === undefined;
}

/** True when an allow takes all that a later deny names, from everybody. */
function hides(earlier: Rule, later: Rule): boolean {
  if (!earlier.allow || later.allow || !isUnconditional(earlier)) return false;
  if (!includesAction(earlier.action, later.action)) return false;
  const wide = patternsOf(earlier);
  return patternsOf(later, true).every((narrow) => wide.some((one) => covers(one, narrow)));
}

function includesAction(wide: Action, narrow: Action): boolean {
  return wide === "all" || wide === narrow;
}

/** The topics of a rule; what depends on the client counts as everything or as nothing. */
function patternsOf(rule: Rule, widest = false): Pattern[] {
  if (rule.topics === "all") return [EVERYTHING];
  return rule.topics.flatMap((test) =>
    test.kind === "filter" ? [test.pattern] : widest ? [EVERYTHING] : []
  );
}
