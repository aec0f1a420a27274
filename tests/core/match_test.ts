import assert from "node:assert/strict";
import fc from "fast-check";
import { covers, type Dollar, matches, overlaps, type Pattern } from "../../gateway/core/match.ts";
import { toPattern } from "../../gateway/core/match.ts";
import { toFilter } from "../../gateway/core/topic.ts";
import { naiveMatches, type Spelled } from "./kit.ts";

// "z" stands for every level that no pattern names, so a finite universe decides for all topics.
const FIRST = ["a", "b", "z", "$d", "$SYS"];
const OTHER = ["a", "b", "z"];
const UNIVERSE: string[] = [];
let row = FIRST;
for (let length = 1; length <= 6; length++) {
  UNIVERSE.push(...row);
  row = row.flatMap((topic) => OTHER.map((level) => `${topic}/${level}`));
}

const spelled = fc.record({
  first: fc.constantFrom("a", "b", "$d", "$SYS", "+"),
  others: fc.array(fc.constantFrom("a", "b", "+"), { maxLength: 2 }),
  rest: fc.constantFrom("", "#", "lone"),
  oneOrMore: fc.boolean(),
  dollar: fc.constantFrom<Dollar>("none", "user", "all"),
}).map(({ first, others, rest, oneOrMore, dollar }): Spelled => ({
  filter: rest === "lone" ? "#" : [first, ...others, ...(rest === "#" ? ["#"] : [])].join("/"),
  oneOrMore,
  dollar,
}));

function pattern(s: Spelled): Pattern {
  return toPattern(toFilter(s.filter)!, s);
}

Deno.test("matches() agrees with a level-by-level walk over every topic", () => {
  fc.assert(fc.property(spelled, (s) => {
    const p = pattern(s);
    for (const topic of UNIVERSE) assert.equal(matches(p, topic), naiveMatches(s, topic), topic);
  }));
});

Deno.test("covers() is set inclusion and overlaps() is a common topic", () => {
  fc.assert(
    fc.property(spelled, spelled, (a, b) => {
      const inA = UNIVERSE.map((topic) => naiveMatches(a, topic));
      const inB = UNIVERSE.map((topic) => naiveMatches(b, topic));
      assert.equal(covers(pattern(a), pattern(b)), inB.every((yes, i) => !yes || inA[i]!));
      assert.equal(overlaps(pattern(a), pattern(b)), inA.some((yes, i) => yes && inB[i]!));
    }),
    { numRuns: 3000 },
  );
});

Deno.test("the cases that permissions turn on", () => {
  const mqtt = (filter: string) => toPattern(toFilter(filter)!);
  const nats = (filter: string) => toPattern(toFilter(filter)!, { oneOrMore: true, dollar: "all" });
  assert.equal(covers(mqtt("a/+"), mqtt("a/#")), false, "allow on a/+ is no leave to read a/#");
  assert.equal(covers(mqtt("a/#"), mqtt("a/+")), true);
  assert.equal(covers(mqtt("a/#"), mqtt("a")), true, "MQTT a/# takes a");
  assert.equal(covers(nats("a/#"), mqtt("a")), false, "NATS a.> does not take a");
  assert.equal(overlaps(mqtt("a/b"), mqtt("#")), true);
  assert.equal(covers(nats("#"), mqtt("$SYS/x")), true);
  assert.equal(covers(mqtt("#"), mqtt("$SYS/x")), false);
  assert.equal(covers(mqtt("#"), nats("#")), false, "NATS > takes $ names, MQTT # does not");
});
