import assert from "node:assert/strict";
import fc from "fast-check";
import { randomSeed } from "../kit/seed.ts";
import { matches, toPattern } from "../../gateway/core/match.ts";
import { toFilter, toTopic } from "../../gateway/core/topic.ts";
import type { Facts } from "../../gateway/auth/facts.ts";
import {
  bindRules,
  type BoundRule,
  judgePublish,
  SubscribeTrial,
} from "../../gateway/auth/rule.ts";
import { readRules } from "../../gateway/auth/rule_object.ts";
import { peer, subjects } from "./kit.ts";

const seed = randomSeed("tests/auth/rule_property_test.ts");

const FACTS: Facts = {
  protocol: "mqtt",
  username: "a",
  clientid: "b",
  peer: peer(),
  attributes: {},
  mountpoint: "",
  password: undefined,
};

// "z" stands for every level that no rule names.
const TOPICS = ["a", "b", "z", "$s"].flatMap((first) => [
  first,
  ...["a", "b", "z"].flatMap((second) => [
    `${first}/${second}`,
    ...["a", "b", "z"].map((third) => `${first}/${second}/${third}`),
  ]),
]);

const level = fc.constantFrom("a", "b", "+");
const filter = fc.tuple(
  fc.constantFrom("a", "b", "+", "$s"),
  fc.array(level, { maxLength: 2 }),
  fc.boolean(),
).map(([first, others, rest]) => [first, ...others, ...(rest ? ["#"] : [])].join("/"));
const topicText = fc.oneof(
  filter,
  fc.constant("#"),
  filter.map((text) => `eq ${text}`),
  fc.constantFrom("nats:>", "nats:a.>", "nats:*.b", "${username}/#", "+/${clientid}"),
);
const rule = fc.record({
  permission: fc.constantFrom("allow", "deny"),
  action: fc.constantFrom("publish", "subscribe", "all"),
  topics: fc.array(topicText, { minLength: 1, maxLength: 2 }),
});
const rules = fc.array(rule, { maxLength: 5 });

function bound(values: readonly unknown[]): BoundRule[] {
  const reading = { subjects, source: "test", namesAreConditions: true };
  const allowance = { plus: false, hash: false, slash: false };
  return bindRules(readRules(values, reading), FACTS, allowance, subjects);
}

/** What one topic may be read by: the first rule that fits it, else `no_match`. */
function mayRead(list: readonly BoundRule[], topic: string, noMatch: boolean): boolean {
  const reading = list
    .filter(({ rule }) => rule.action !== "publish")
    .map((one) => ({ ...one, rule: { ...one.rule, action: "all" as const } }));
  return judgePublish(reading, topic, 0, false)?.allow ?? noMatch;
}

Deno.test("a subscription that is let in gets just the topics that the rules allow one by one", () => {
  fc.assert(
    fc.property(rules, filter, fc.boolean(), (values, wanted, noMatch) => {
      const list = bound(values);
      const request = {
        filter: toFilter(wanted)!,
        oneOrMore: false,
        matchesDollar: false,
        group: undefined,
        qos: 0 as const,
      };
      const trial = new SubscribeTrial(request, false);
      const decisive = trial.judge(list);
      const decision = trial.settle(decisive?.allow ?? noMatch, "", "");
      if (!decision.allowed) return;
      // `eq` rules speak of the filter itself, which no topic is.
      const spoken = decisive?.topics !== "all" &&
        decisive?.topics.some((test) => test.kind === "eq" && test.name === wanted);
      if (spoken) return;
      const pattern = toPattern(request.filter);
      for (const topic of TOPICS) {
        if (!matches(pattern, topic)) continue;
        const permitted = decision.sieve?.permits(toTopic(topic)!) ?? true;
        assert.equal(permitted, mayRead(list, topic, noMatch), topic);
      }
    }),
    { seed, numRuns: 5000 },
  );
});

Deno.test("a refused subscription could not have got all that it asked for", () => {
  fc.assert(
    fc.property(rules, filter, (values, wanted) => {
      const list = bound(values);
      const request = {
        filter: toFilter(wanted)!,
        oneOrMore: false,
        matchesDollar: false,
        group: undefined,
        qos: 0 as const,
      };
      const trial = new SubscribeTrial(request, false);
      if (trial.judge(list)?.allow ?? true) return;
      const pattern = toPattern(request.filter);
      const spoken = list.some(({ tests }) =>
        tests !== "all" && tests.some((test) => test.kind === "eq" && test.name === wanted)
      );
      const unions = list.some(({ rule }) => rule.allow);
      if (spoken || unions) return;
      assert.ok(TOPICS.some((topic) => matches(pattern, topic) && !mayRead(list, topic, true)));
    }),
    { seed, numRuns: 2000 },
  );
});
