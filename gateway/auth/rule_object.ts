/**
 * Rules as objects: inline in the configuration, in tokens and HTTP answers, as rows of a
 * database. The fields are the same everywhere; unknown ones belong to somebody else.
 */
import { inNetwork, parseNetwork } from "../address.ts";
import { type Facts, ZONE } from "./facts.ts";
import { BadAnswer } from "./guard.ts";
import { asObject, type JsonObject, parseJson } from "./json.ts";
import type { SubjectReader } from "./nats_permissions.ts";
import { type Action, readTopicTest, type Rule, type TopicTest } from "./rule.ts";

/** Where the rules come from and what their texts mean. */
export interface RuleReading {
  readonly subjects: SubjectReader;
  /** For messages and `Decision.source`. */
  readonly source: string;
  /** True where plain `username` and `clientid` are conditions; elsewhere they are keys. */
  readonly namesAreConditions: boolean;
}

/** A rule that cannot be used. The message says which part and why. */
export class RuleProblem extends BadAnswer {
  override readonly name = "RuleProblem";
}

/** Reads one rule. Throws `RuleProblem`. */
export function readRule(value: unknown, reading: RuleReading): Rule {
  const object = asObject(value);
  if (object === undefined) throw new RuleProblem("a rule must be an object");
  const allow = readPermission(object.permission);
  const action = readAction(object.action);
  const topics = readTopics(object, reading.subjects);
  const conditions = readConditions(object, reading.namesAreConditions);
  const who = conditions.map((condition) => condition.text);
  const names = topics.map((topic) => topic.text);
  return {
    allow,
    action,
    who: conditions.length === 0
      ? undefined
      : (facts) => conditions.every((condition) => condition.holds(facts)),
    qos: readQos(object.qos),
    retain: readRetain(object.retain),
    topics: topics.map((topic) => topic.test),
    text: [
      allow ? "allow" : "deny",
      who.length === 0 ? "all" : who.join(" "),
      action,
      JSON.stringify(names),
    ].join(" "),
    source: reading.source,
  };
}

/** Reads all rules, or throws `RuleProblem` for the first that is not one. */
export function readRules(values: readonly unknown[], reading: RuleReading): Rule[] {
  return values.map((value, i) => {
    try {
      return readRule(value, { ...reading, source: `${reading.source}[${i + 1}]` });
    } catch (error) {
      if (!(error instanceof RuleProblem)) throw error;
      throw new RuleProblem(`rule ${i + 1}: ${error.message}`);
    }
  });
}

interface Condition {
  readonly text: string;
  readonly holds: (facts: Facts) => boolean;
}

function readPermission(value: unknown): boolean {
  if (value === "allow") return true;
  if (value === "deny") return false;
  throw new RuleProblem(`permission must be "allow" or "deny", not ${shown(value)}`);
}

function readAction(value: unknown): Action {
  switch (value) {
    case "publish":
    case "pub":
      return "publish";
    case "subscribe":
    case "sub":
      return "subscribe";
    case "all":
      return "all";
    default:
      throw new RuleProblem(
        `action must be "publish", "subscribe" or "all", not ${shown(value)}`,
      );
  }
}

function readTopics(
  object: JsonObject,
  subjects: SubjectReader,
): { readonly text: string; readonly test: TopicTest }[] {
  const given = object.topics ?? object.topic;
  const list = typeof given === "string" ? readTopicText(given) : given;
  if (!Array.isArray(list) || list.length === 0) {
    throw new RuleProblem("topic (a text) or topics (a list) is required");
  }
  return list.map((text: unknown) => {
    if (typeof text !== "string") throw new RuleProblem(`a topic must be text, not ${shown(text)}`);
    const test = readTopicTest(text, subjects);
    if (typeof test === "string") throw new RuleProblem(test);
    return { text, test };
  });
}

/** A database column may hold a JSON list. */
function readTopicText(text: string): unknown {
  return text.startsWith("[") ? parseJson(text) ?? [text] : [text];
}

function readQos(value: unknown): readonly number[] | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  const list = Array.isArray(value) ? value : String(value).split(",");
  return list.map((item) => {
    const qos = Number(typeof item === "string" ? item.trim() || NaN : item);
    if (![0, 1, 2].includes(qos)) {
      throw new RuleProblem(`qos must be 0, 1 or 2, a list or "0,1", not ${shown(value)}`);
    }
    return qos;
  });
}

function readRetain(value: unknown): boolean | undefined {
  switch (value) {
    case undefined:
    case null:
    case "all":
      return undefined;
    case true:
    case 1:
    case "1":
    case "true":
      return true;
    case false:
    case 0:
    case "0":
    case "false":
      return false;
    default:
      throw new RuleProblem(`retain must be true, false or "all", not ${shown(value)}`);
  }
}

function readConditions(object: JsonObject, namesToo: boolean): Condition[] {
  const conditions: Condition[] = [];
  const add = (name: string, make: (text: string) => Condition["holds"]) => {
    const value = object[name];
    if (value === undefined || value === null) return;
    if (typeof value !== "string") {
      throw new RuleProblem(`${name} must be text, not ${shown(value)}`);
    }
    conditions.push({ text: `${name}=${JSON.stringify(value)}`, holds: make(value) });
  };
  const names: readonly (readonly [string, string, (facts: Facts) => string | undefined])[] = [
    ["username", "username_re", (facts) => facts.username],
    ["clientid", "clientid_re", (facts) => facts.clientid],
    ["zone", "zone_re", () => ZONE],
    ["listener", "listener_re", (facts) => facts.peer.listener],
  ];
  for (const [name, pattern, of] of names) {
    const isKey = name === "username" || name === "clientid";
    if (namesToo || !isKey) add(name, (text) => (facts) => of(facts) === text);
    add(pattern, (text) => {
      const expression = readExpression(text);
      return (facts) => {
        const value = of(facts);
        return value !== undefined && expression.test(value);
      };
    });
  }
  add("ipaddr", readAddress);
  return conditions;
}

/** A condition on the peer's address. Throws `RuleProblem`. */
export function readAddress(text: string): (facts: Facts) => boolean {
  const network = parseNetwork(text);
  if (network === undefined) {
    throw new RuleProblem(`${shown(text)} is no address or network such as "10.0.0.0/8"`);
  }
  return (facts) => inNetwork(network, facts.peer.address);
}

/** A regular expression that may match anywhere. Throws `RuleProblem`. */
export function readExpression(text: string): RegExp {
  try {
    return new RegExp(text, "u");
  } catch {
    throw new RuleProblem(`${shown(text)} is no regular expression`);
  }
}

function shown(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}
