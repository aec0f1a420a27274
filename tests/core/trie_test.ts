import assert from "node:assert/strict";
import fc from "fast-check";
import type { Subscription } from "../../gateway/core/subscription.ts";
import { TopicTrie } from "../../gateway/core/trie.ts";
import { randomSeed } from "../kit/seed.ts";
import { subscription, topic, wants } from "./kit.ts";

const seed = randomSeed("trie");
const level = fc.constantFrom("a", "b", "c", "");
const first = fc.oneof(level, fc.constantFrom("$d", "$SYS", "$"));

/** Any topic of a small world, so that filters and topics meet often. */
const topics = fc.tuple(first, fc.array(level, { maxLength: 3 }))
  .map(([head, tail]) => [head, ...tail].join("/")).filter((text) => text !== "");

const subscriptions = fc.record({
  head: fc.oneof(first, fc.constant("+")),
  tail: fc.array(fc.oneof(level, fc.constant("+")), { maxLength: 3 }),
  rest: fc.constantFrom("", "#", "alone"),
  oneOrMore: fc.boolean(),
  matchesDollar: fc.boolean(),
}).map(({ head, tail, rest, oneOrMore, matchesDollar }) => {
  const levels = rest === "alone" ? ["#"] : [head, ...tail, ...(rest === "#" ? ["#"] : [])];
  return { text: levels.join("/"), oneOrMore, matchesDollar };
}).filter(({ text }) => text !== "");

type Draft = typeof subscriptions extends fc.Arbitrary<infer T> ? T : never;

function made(drafts: Draft[]): Subscription[] {
  return drafts.map(({ text, ...changes }) => subscription(text, undefined, changes));
}

function matched(trie: TopicTrie, text: string): Set<Subscription> {
  const into: Subscription[] = [];
  trie.match(topic(text), into);
  const unique = new Set(into);
  assert.equal(unique.size, into.length, `${text}: a subscription came twice`);
  return unique;
}

Deno.test("trie.match() agrees with a level-by-level walk, while filters come and go", () => {
  const world = fc.record({
    drafts: fc.array(subscriptions, { minLength: 1, maxLength: 40 }),
    topics: fc.array(topics, { minLength: 1, maxLength: 20 }),
    removed: fc.array(fc.nat(), { maxLength: 40 }),
  });
  fc.assert(
    fc.property(world, ({ drafts, topics, removed }) => {
      const trie = new TopicTrie();
      const all = made(drafts);
      const there = new Set(all);
      for (const one of all) assert.equal(trie.insert(one), true);
      const check = () => {
        assert.equal(trie.size, there.size);
        for (const text of topics) {
          assert.deepEqual(matched(trie, text), new Set([...there].filter((s) => wants(s, text))));
        }
      };
      check();
      for (const nth of removed) {
        const one = all[nth % all.length]!;
        assert.equal(trie.remove(one), there.delete(one));
      }
      check();
    }),
    { numRuns: 1000, seed },
  );
});

Deno.test("trie: nothing is left once every filter was removed, in whatever order", () => {
  fc.assert(
    fc.property(
      fc.array(subscriptions, { maxLength: 30 }).chain((drafts) =>
        fc.tuple(fc.constant(drafts), fc.shuffledSubarray(drafts, { minLength: drafts.length }))
      ),
      ([drafts, order]) => {
        const trie = new TopicTrie();
        const byDraft = new Map(drafts.map((draft, i) => [draft, made(drafts)[i]!]));
        for (const one of byDraft.values()) trie.insert(one);
        assert.equal(trie.isEmpty, drafts.length === 0);
        for (const draft of order) assert.equal(trie.remove(byDraft.get(draft)!), true);
        assert.equal(trie.size, 0);
        assert.equal(trie.isEmpty, true);
      },
    ),
    { seed },
  );
});

Deno.test("trie: the same object goes in once and out once", () => {
  const trie = new TopicTrie();
  const one = subscription("a/#");
  const twin = subscription("a/#");
  assert.equal(trie.remove(one), false);
  assert.equal(trie.insert(one), true);
  assert.equal(trie.insert(one), false);
  assert.equal(trie.insert(twin), true, "another object with the same filter");
  assert.equal(trie.size, 2);
  assert.equal(trie.remove(one), true);
  assert.equal(trie.remove(one), false);
  assert.deepEqual(matched(trie, "a"), new Set([twin]));
});

Deno.test("trie: first-level wildcards and $ names [MQTT-4.7.2-1]", () => {
  const trie = new TopicTrie();
  const mqtt = ["#", "+/x", "+/#"].map((text) => subscription(text));
  const nats = ["#", "+/x"].map((text) =>
    subscription(text, undefined, { oneOrMore: true, matchesDollar: true })
  );
  const named = subscription("$SYS/x");
  for (const one of [...mqtt, ...nats, named]) trie.insert(one);
  assert.deepEqual(matched(trie, "$d/x"), new Set(nats));
  assert.deepEqual(matched(trie, "$SYS/x"), new Set([named]));
  assert.deepEqual(matched(trie, "d/x"), new Set([...mqtt, ...nats]));
});

Deno.test("trie: # and > differ in the parent level", () => {
  const trie = new TopicTrie();
  const hash = subscription("a/#");
  const greater = subscription("a/#", undefined, { oneOrMore: true });
  trie.insert(hash);
  trie.insert(greater);
  assert.deepEqual(matched(trie, "a"), new Set([hash]));
  assert.deepEqual(matched(trie, "a/"), new Set([hash, greater]), "an empty level is a level");
  assert.deepEqual(matched(trie, "a/b/c"), new Set([hash, greater]));
});

Deno.test("trie: the generation tells of filters with wildcards and nothing else", () => {
  const trie = new TopicTrie();
  const literal = subscription("a/b"), wild = subscription("a/+");
  const before = trie.generation;
  trie.insert(literal);
  trie.remove(literal);
  assert.equal(trie.generation, before);
  trie.insert(wild);
  const after = trie.generation;
  assert.notEqual(after, before);
  trie.remove(wild);
  assert.notEqual(trie.generation, after);
});

Deno.test("trie: names of tens of thousands of levels are like others", () => {
  const trie = new TopicTrie();
  const levels = 32_768;
  const deep = "a/".repeat(levels - 1) + "a";
  const filters = [deep, "+/".repeat(levels - 1) + "+", "+/".repeat(levels - 1) + "#"];
  const subscriptions = filters.map((filter) => subscription(filter));
  for (const each of subscriptions) trie.insert(each);
  const found: Subscription[] = [];
  trie.match(topic(deep), found);
  assert.deepEqual(new Set(found), new Set(subscriptions));
  for (const each of subscriptions) assert.equal(trie.remove(each), true);
  assert.equal(trie.isEmpty, true);
});
