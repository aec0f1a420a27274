/**
 * Rules and attributes that come with a login: in a JWT claim, an HTTP answer, LDAP attributes.
 */
import { asObject, type JsonObject } from "./json.ts";
import type { SubjectReader } from "./nats_permissions.ts";
import { readRule, readRules, RuleProblem } from "./rule_object.ts";
import type { AttachedRules } from "./types.ts";

/**
 * Reads either shape: a list of rules, after which the configured ones are asked; or an object
 * `{pub, sub, all}` of allowed filters, which is final. Throws `RuleProblem`.
 */
export function readAttachedRules(
  value: unknown,
  expiresAt: number | undefined,
  subjects: SubjectReader,
  source: string,
): AttachedRules {
  const reading = { subjects, source, namesAreConditions: false };
  if (Array.isArray(value)) return { rules: readRules(value, reading), final: false, expiresAt };
  const lists = asObject(value);
  if (lists === undefined) throw new RuleProblem("an ACL is a list of rules, or {pub, sub, all}");
  const rules = [["pub", "publish"], ["sub", "subscribe"], ["all", "all"]] as const;
  return {
    rules: rules.flatMap(([name, action]) => {
      const given = lists[name];
      if (given === undefined || given === null) return [];
      if (!Array.isArray(given) || !given.every((topic) => typeof topic === "string")) {
        throw new RuleProblem(`${name} must be a list of topic filters`);
      }
      if (given.length === 0) return [];
      return [readRule({ permission: "allow", action, topics: given }, reading)];
    }),
    final: true,
    expiresAt,
  };
}

/** The allow lists of LDAP attributes as rules. Throws `RuleProblem`. */
export function readAllowLists(
  lists: readonly (readonly [action: string, topics: readonly string[]])[],
  subjects: SubjectReader,
  source: string,
) {
  const reading = { subjects, source, namesAreConditions: false };
  return lists
    .filter(([, topics]) => topics.length > 0)
    .map(([action, topics]) => readRule({ permission: "allow", action, topics }, reading));
}

/** `client_attrs`: pairs of valid name and text. What is not is left out, and named to `odd`. */
export function readAttributes(
  value: unknown,
  odd: (name: string) => void,
): Readonly<Record<string, string>> {
  const object: JsonObject = asObject(value) ?? {};
  const attributes: Record<string, string> = Object.create(null);
  for (const [name, text] of Object.entries(object)) {
    if (/^[A-Za-z0-9][\w-]*$/.test(name) && typeof text === "string") attributes[name] = text;
    else odd(name);
  }
  return attributes;
}
