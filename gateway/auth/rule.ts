/**
 * Rules of access: allow or deny, who, what, which topics. The first rule that fits decides.
 */
import {
  covers,
  EVERYTHING,
  matches,
  overlaps,
  type Pattern,
  toPattern,
  topicPattern,
} from "../core/match.ts";
import type { QoS } from "../core/message.ts";
import { Sieve, type SieveStep } from "../core/sieve.ts";
import { toFilter, toTopic } from "../core/topic.ts";
import { fact, type Facts } from "./facts.ts";
import type { SubjectReader } from "./nats_permissions.ts";
import { isLiteral, parseTemplate, renderStrict, type Template } from "./template.ts";
import type { SubscribeDecision, SubscribeRequest } from "./types.ts";

/** What a rule is about. */
export type Action = "publish" | "subscribe" | "all";

/** One rule as written, for any client. */
export interface Rule {
  readonly allow: boolean;
  /** Undefined: everybody. */
  readonly who: ((facts: Facts) => boolean) | undefined;
  readonly action: Action;
  /** Undefined: every QoS. */
  readonly qos: readonly number[] | undefined;
  /** Publish only. Undefined: either way. */
  readonly retain: boolean | undefined;
  /** `all`: every topic, `$` names too. */
  readonly topics: readonly TopicTest[] | "all";
  /** The rule in words, for logs and `natsgate acl test`. */
  readonly text: string;
  /** Where it is from, such as `file etc/acl.conf:12`. */
  readonly source: string;
}

/** One topic of a rule. */
export type TopicTest =
  /** The very name, wildcards and placeholders as they stand. */
  | { readonly kind: "eq"; readonly name: string }
  | { readonly kind: "filter"; readonly pattern: Pattern }
  | { readonly kind: "template"; readonly template: Template; readonly nats: boolean };

/** What values in topic templates may hold; all false by default. */
export interface TemplateAllowance {
  readonly plus: boolean;
  readonly hash: boolean;
  readonly slash: boolean;
}

/** A rule for one client: conditions checked, placeholders filled in. */
export interface BoundRule {
  readonly rule: Rule;
  readonly tests: readonly Exclude<TopicTest, { kind: "template" }>[] | "all";
}

/**
 * Reads one topic of a rule: a filter, `eq <name>`, or `nats:<subject>`, with placeholders.
 * A text when it is not valid, saying why.
 */
export function readTopicTest(text: string, subjects: SubjectReader): TopicTest | string {
  if (text.startsWith("eq ")) return { kind: "eq", name: text.slice(3) };
  const nats = text.startsWith("nats:");
  const template = parseTemplate(nats ? text.slice(5) : text);
  if (!isLiteral(template)) return { kind: "template", template, nats };
  const pattern = readPattern(template.join(""), nats, subjects);
  if (pattern !== undefined) return { kind: "filter", pattern };
  return `${JSON.stringify(text)} is no valid ${nats ? "NATS subject" : "MQTT topic filter"}`;
}

/** The rules that concern this client, in order, ready to be asked. */
export function bindRules(
  rules: readonly Rule[],
  facts: Facts,
  allowance: TemplateAllowance,
  subjects: SubjectReader,
): BoundRule[] {
  const bound: BoundRule[] = [];
  for (const rule of rules) {
    if (rule.who !== undefined && !rule.who(facts)) continue;
    const tests = rule.topics === "all"
      ? "all"
      : rule.topics.flatMap((test) => bindTest(test, rule, facts, allowance, subjects) ?? []);
    if (tests === "all" || tests.length > 0) bound.push({ rule, tests });
  }
  return bound;
}

/** The first rule that fits a publish; undefined when none does. */
export function judgePublish(
  rules: readonly BoundRule[],
  topic: string,
  qos: QoS,
  retain: boolean,
): Rule | undefined {
  return rules.find(({ rule, tests }) =>
    rule.action !== "subscribe" &&
    (rule.qos === undefined || rule.qos.includes(qos)) &&
    (rule.retain === undefined || rule.retain === retain) &&
    testsMatch(tests, topic)
  )?.rule;
}

/** A subscription that is being judged, source after source. */
export class SubscribeTrial {
  readonly #wanted: Pattern;
  /** Rules that decide about a part of the wanted topics, in order. */
  readonly #partial: BoundRule[] = [];

  /** `refuseOverlap`: a deny that reaches into the filter refuses the whole of it. */
  constructor(readonly request: SubscribeRequest, readonly refuseOverlap: boolean) {
    this.#wanted = toPattern(request.filter, {
      oneOrMore: request.oneOrMore,
      dollar: request.matchesDollar ? "user" : "none",
    });
  }

  /** The rule that decides about the whole filter; undefined: ask the next source. */
  judge(rules: readonly BoundRule[]): Rule | undefined {
    const { qos, filter } = this.request;
    for (const bound of rules) {
      const { rule, tests } = bound;
      if (rule.action === "publish") continue;
      if (rule.qos !== undefined && !rule.qos.includes(qos)) continue;
      if (testsCover(tests, this.#wanted, filter)) return rule;
      if (tests === "all" || !tests.some((test) => testOverlaps(test, this.#wanted))) continue;
      if (!rule.allow && this.refuseOverlap) return rule;
      this.#partial.push(bound);
    }
    return undefined;
  }

  /** The decision, less what rules before it took out of the filter. */
  settle(allowed: boolean, rule: string, source: string): SubscribeDecision {
    const lastDeny = this.#partial.findLastIndex((bound) => !bound.rule.allow);
    if (!allowed || lastDeny < 0) return { allowed, rule, source };
    const layer = this.#partial.slice(0, lastDeny + 1).flatMap((bound) => this.#steps(bound));
    return { allowed, rule, source, sieve: new Sieve([layer]) };
  }

  /** What a rule says of the wanted topics. */
  #steps({ rule: { allow }, tests }: BoundRule): SieveStep[] {
    if (tests === "all") return [{ allow, pattern: EVERYTHING }];
    return tests.filter((test) => testOverlaps(test, this.#wanted)).map((test) => ({
      allow,
      pattern: test.kind === "eq" ? topicPattern(test.name) : test.pattern,
    }));
  }
}

function bindTest(
  test: TopicTest,
  rule: Rule,
  facts: Facts,
  allowance: TemplateAllowance,
  subjects: SubjectReader,
): Exclude<TopicTest, { kind: "template" }> | undefined {
  if (test.kind !== "template") return test;
  // A value that widens an allow is refused; in a deny it can only deny more.
  const accepted = (value: string) => !rule.allow || isHarmless(value, test.nats, allowance);
  const text = renderStrict(test.template, (name) => fact(facts, name), accepted);
  const pattern = text === undefined ? undefined : readPattern(text, test.nats, subjects);
  return pattern === undefined ? undefined : { kind: "filter", pattern };
}

/** True for a value that stays part of one level: no wildcard and no separator. */
function isHarmless(value: string, nats: boolean, allowance: TemplateAllowance): boolean {
  if (value.includes("+") && !allowance.plus) return false;
  if (value.includes("#") && !allowance.hash) return false;
  if (value.includes("/") && !allowance.slash) return false;
  return !nats || !/[\s.*>]/.test(value);
}

function readPattern(text: string, nats: boolean, subjects: SubjectReader): Pattern | undefined {
  if (!nats) {
    const filter = toFilter(text);
    return filter === undefined ? undefined : toPattern(filter);
  }
  const spelled = subjects.toFilter(text);
  const filter = spelled === undefined ? undefined : toFilter(spelled.filter);
  return filter === undefined
    ? undefined
    : toPattern(filter, { oneOrMore: spelled!.oneOrMore, dollar: "all" });
}

function testsMatch(tests: BoundRule["tests"], topic: string): boolean {
  return tests === "all" ||
    tests.some((test) => test.kind === "eq" ? test.name === topic : matches(test.pattern, topic));
}

function testsCover(tests: BoundRule["tests"], wanted: Pattern, filter: string): boolean {
  return tests === "all" ||
    tests.some((test) => test.kind === "eq" ? test.name === filter : covers(test.pattern, wanted));
}

function testOverlaps(test: Exclude<TopicTest, { kind: "template" }>, wanted: Pattern): boolean {
  if (test.kind === "filter") return overlaps(test.pattern, wanted);
  return toTopic(test.name) !== undefined && matches(wanted, test.name);
}
