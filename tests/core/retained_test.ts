import assert from "node:assert/strict";
import fc from "fast-check";
import { Message } from "../../gateway/core/message.ts";
import { type RetainedLimits, RetainedStore } from "../../gateway/core/retained.ts";
import { Route } from "../../gateway/core/route.ts";
import type { Topic } from "../../gateway/core/topic.ts";
import { randomSeed } from "../kit/seed.ts";
import { filter, message, naiveMatches, topic } from "./kit.ts";

const seed = randomSeed("retained");
const ROOMY: RetainedLimits = {
  messages_max: 1000,
  payload_bytes_max: 1000,
  total_bytes_max: 100_000,
  expiry_ms: 0,
};

/** A store, its clock, and what its listener was told. */
function world(limits: Partial<RetainedLimits> = {}) {
  const clock = { now: 1000 };
  const told: string[] = [];
  const listener = {
    put: (message: Message) => void told.push(`put ${message.route.topic}`),
    delete: (name: Topic) => void told.push(`delete ${name}`),
  };
  const store = new RetainedStore({ ...ROOMY, ...limits }, () => clock.now, listener);
  const put = (name: string, payload: string, expiresAt?: number) => {
    const message = new Message(new Route(topic(name)), new TextEncoder().encode(payload));
    if (expiresAt !== undefined) message.extras = { expiresAt };
    return store.store(message);
  };
  const match = (text: string, oneOrMore = false, matchesDollar = false) => {
    const found = store.matching({ filter: filter(text), oneOrMore, matchesDollar });
    return [...found].map(({ route, payload }) =>
      `${route.topic}=${new TextDecoder().decode(payload)}`
    ).sort();
  };
  return { store, clock, told, put, match };
}

Deno.test("the last value of a topic is kept; an empty one clears it [MQTT-3.3.1-5..7]", () => {
  const { store, put, match, told } = world();
  assert.equal(put("a/b", "1"), "stored");
  assert.equal(put("a/b", "22"), "stored");
  assert.deepEqual([store.count, store.bytes], [1, 2]);
  assert.deepEqual(match("a/b"), ["a/b=22"]);
  assert.equal(put("a/b", ""), "deleted");
  assert.deepEqual([store.count, store.bytes, match("#")], [0, 0, []]);
  assert.equal(put("a/b", ""), "deleted", "nothing was there");
  assert.deepEqual(told, ["put a/b", "put a/b", "delete a/b"]);
});

Deno.test("what is kept survives the buffer and the message it came in", () => {
  const { store, match } = world();
  const bytes = new TextEncoder().encode("xxoldxx");
  const message = new Message(new Route(topic("a")), bytes, 2, 5);
  store.store(message);
  bytes.fill(0x78);
  message.reset(new Route(topic("b")), bytes, 0, 1);
  assert.deepEqual(match("#"), ["a=old"]);
});

Deno.test("limits: what is too large or too much is refused and counted", () => {
  const { store, put, match } = world({
    payload_bytes_max: 4,
    messages_max: 2,
    total_bytes_max: 7,
  });
  assert.equal(put("a", "12345"), "too large");
  assert.equal(put("a", "1234"), "stored");
  assert.equal(put("b", "1234"), "full", "bytes");
  assert.equal(put("b", "123"), "stored");
  assert.equal(put("c", ""), "deleted");
  assert.equal(put("b", "1"), "stored", "the old value makes room");
  assert.equal(put("c", "1"), "full", "messages");
  assert.equal(put("a", "4321"), "stored", "a topic that is there may change");
  assert.deepEqual(match("#"), ["a=4321", "b=1"]);
  assert.deepEqual([store.refused["too large"], store.refused.full], [1, 2]);
  assert.deepEqual([store.count, store.bytes], [2, 5]);
});

Deno.test("a refused message leaves the old value of its topic", () => {
  const { put, match } = world({ payload_bytes_max: 4 });
  put("a", "old");
  assert.equal(put("a", "too long"), "too large");
  assert.deepEqual(match("a"), ["a=old"]);
});

Deno.test("expired messages are not delivered, and swept up [MQTT-3.3.2-5]", () => {
  const { store, clock, put, match, told } = world();
  put("a", "1", 2000);
  put("b", "2", 3000);
  put("c", "3");
  clock.now = 1999;
  assert.equal(match("#").length, 3);
  clock.now = 2000;
  assert.deepEqual(match("#"), ["b=2", "c=3"]);
  assert.equal(store.count, 3, "not swept yet");
  told.length = 0;
  assert.equal(store.sweep(), 1);
  assert.deepEqual(told, ["delete a"]);
  assert.equal(store.sweep(), 0);
  clock.now = 10_000_000;
  assert.equal(store.sweep(), 1);
  assert.deepEqual(match("#"), ["c=3"]);
});

Deno.test("expiry_ms ends messages without an expiry of their own, for the store only", () => {
  const { store, clock, match } = world({ expiry_ms: 500 });
  const message = new Message(new Route(topic("a")), new TextEncoder().encode("x"));
  store.store(message);
  assert.equal(message.extras, undefined, "others who keep the message see no expiry");
  assert.equal(message.kept?.extras, undefined);
  assert.equal(store.get(topic("a"))?.extras?.expiresAt, 1500);
  const own = new Message(new Route(topic("b")), new TextEncoder().encode("y"));
  own.extras = { expiresAt: 5000 };
  store.store(own);
  clock.now = 1500;
  assert.deepEqual(match("#"), ["b=y"]);
});

Deno.test("restore() keeps without limits and without telling", () => {
  const { store, told, match } = world({ messages_max: 1, payload_bytes_max: 1 });
  for (const name of ["a", "b"]) {
    const message = new Message(new Route(topic(name)), new TextEncoder().encode("long"));
    message.owned = true;
    store.restore(message);
  }
  assert.deepEqual(match("#"), ["a=long", "b=long"]);
  assert.deepEqual([store.count, store.bytes, told], [2, 8, []]);
});

Deno.test("$ names: wildcards in the first level pass them by [MQTT-4.7.2-1]", () => {
  const { put, match } = world();
  for (const name of ["$SYS/a", "$d/a", "a/a"]) put(name, "1");
  assert.deepEqual(match("#"), ["a/a=1"]);
  assert.deepEqual(match("+/a"), ["a/a=1"]);
  assert.deepEqual(match("#", true, true), ["$d/a=1", "a/a=1"]);
  assert.deepEqual(match("$SYS/#"), ["$SYS/a=1"]);
  assert.deepEqual(match("$d/+"), ["$d/a=1"]);
});

Deno.test("the store agrees with a list, and is empty after all was cleared", () => {
  const level = fc.constantFrom("a", "b", "", "$d", "$SYS");
  const names = fc.array(level, { minLength: 1, maxLength: 3 }).map((all) => all.join("/"))
    .filter((text) => text !== "");
  const filters = fc.tuple(
    fc.array(fc.oneof(level, fc.constant("+")), { maxLength: 3 }),
    fc.boolean(),
  ).map(([levels, rest]) => [...levels, ...(rest ? ["#"] : [])].join("/"))
    .filter((text) => text !== "");
  const steps = fc.oneof(
    fc.record({ name: names, payload: fc.string({ maxLength: 8, unit: fc.constantFrom("x") }) }),
    fc.record({ filter: filters, oneOrMore: fc.boolean(), matchesDollar: fc.boolean() }),
    fc.record({ name: names, expires_ms: fc.integer({ min: 1, max: 50 }) }),
    fc.record({ pass_ms: fc.integer({ min: 0, max: 30 }), sweep: fc.boolean() }),
  );
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 80 }), (steps) => {
      const { store, clock, put, match } = world({ messages_max: 6, total_bytes_max: 20 });
      const model = new Map<string, { payload: string; expiresAt: number }>();
      const isOwn = (name: string) => /^\$SYS(\/|$)/.test(name);
      const counted = () => [...model].filter(([name]) => !isOwn(name));
      const total = () => counted().reduce((sum, [, { payload }]) => sum + payload.length, 0);
      const keep = (name: string, payload: string, expiresAt: number) => {
        const before = model.get(name)?.payload.length ?? 0;
        const fits = isOwn(name) || total() - before + payload.length <= 20 &&
            (model.has(name) || counted().length < 6);
        if (fits) model.set(name, { payload, expiresAt });
        return fits ? "stored" : "full";
      };
      for (const step of steps) {
        if ("payload" in step) {
          const wanted = step.payload === ""
            ? (model.delete(step.name), "deleted")
            : keep(step.name, step.payload, Infinity);
          assert.equal(put(step.name, step.payload), wanted);
        } else if ("expires_ms" in step) {
          const expiresAt = clock.now + step.expires_ms;
          assert.equal(put(step.name, "e", expiresAt), keep(step.name, "e", expiresAt));
        } else if ("pass_ms" in step) {
          clock.now += step.pass_ms;
          if (step.sweep) {
            const gone = [...model].filter(([, { expiresAt }]) => expiresAt <= clock.now);
            assert.equal(store.sweep(), gone.length);
            for (const [name] of gone) model.delete(name);
          }
        } else {
          const dollar = step.matchesDollar ? "user" : "none";
          const wanted = [...model]
            .filter(([name, { expiresAt }]) =>
              expiresAt > clock.now && naiveMatches({ ...step, dollar }, name)
            )
            .map(([name, { payload }]) => `${name}=${payload}`).sort();
          assert.deepEqual(match(step.filter, step.oneOrMore, step.matchesDollar), wanted);
        }
        assert.deepEqual([store.count, store.bytes], [counted().length, total()]);
      }
      for (const name of model.keys()) assert.equal(store.delete(topic(name)), true);
      assert.equal(store.isEmpty, true);
    }),
    { numRuns: 500, seed },
  );
});

Deno.test("expiry_override_ms stands in place of whatever a message says", () => {
  const short = world({ expiry_override_ms: 1000, expiry_ms: 5 });
  short.put("long", "x", 900_000);
  short.put("none", "x");
  short.clock.now += 999;
  assert.equal(short.match("#").length, 2);
  short.clock.now += 1;
  assert.equal(short.match("#").length, 0);
  const never = world({ expiry_override_ms: 0 });
  never.put("a", "x", 1001);
  never.clock.now += 1e9;
  assert.deepEqual(never.match("#"), ["a=x"]);
});

Deno.test("never_expires_allowed = false: what would stay for ever is not kept", () => {
  const { put, store } = world({ never_expires_allowed: false });
  assert.equal(put("a", "x"), "never expires");
  assert.equal(put("b", "x", 5000), "stored");
  assert.equal(store.refused["never expires"], 1);
  assert.equal(world({ never_expires_allowed: false, expiry_ms: 10 }).put("a", "x"), "stored");
});

Deno.test("stores_per_second_max: more are not kept, until the next second", () => {
  const { put, store, clock } = world({ stores_per_second_max: 2 });
  assert.deepEqual(["a", "b", "c"].map((name) => put(name, "x")), ["stored", "stored", "too fast"]);
  assert.equal(put("a", ""), "deleted", "clearing always works");
  clock.now += 1000;
  assert.equal(put("c", "x"), "stored");
  assert.equal(store.refused["too fast"], 1);
});

Deno.test("the listener is not told of $SYS topics", () => {
  const { put, told, match } = world();
  put("$SYS/broker/uptime", "1");
  put("$SYS/broker/uptime", "");
  put("$SYS/broker/version", "x");
  assert.deepEqual(told, []);
  assert.deepEqual(match("$SYS/#"), ["$SYS/broker/version=x"]);
});

Deno.test("$SYS topics take no room, no rate and no expiry from those of clients", () => {
  const limits = {
    messages_max: 1,
    payload_bytes_max: 2,
    total_bytes_max: 2,
    expiry_ms: 1000,
    never_expires_allowed: true,
    stores_per_second_max: 1,
  };
  let now = 0;
  const store = new RetainedStore(limits, () => now);
  const put = (name: string, text: string) => store.store(message(new Route(topic(name)), text));
  for (const name of ["$SYS/a", "$SYS/b", "$SYS/b"]) assert.equal(put(name, "long"), "stored");
  assert.deepEqual([store.count, store.bytes], [0, 0]);
  assert.equal(put("t", "x"), "stored");
  assert.deepEqual([store.count, store.bytes], [1, 1]);
  now = 5000;
  assert.equal(store.sweep(), 1);
  assert.ok(store.get(topic("$SYS/a")) !== undefined);
  store.delete(topic("$SYS/a"));
  store.delete(topic("$SYS/b"));
  assert.deepEqual([store.count, store.bytes, store.isEmpty], [0, 0, true]);
});

Deno.test("names of tens of thousands of levels are kept, found and cleared like others", () => {
  const { store, put, match } = world();
  const levels = 32_768;
  const deep = "a/".repeat(levels - 1) + "a";
  put(deep, "x", 2000);
  for (const filter of [deep, "#", "a/#", "+/".repeat(levels - 1) + "+"]) {
    assert.equal(match(filter).length, 1, filter.slice(0, 10));
  }
  assert.equal(store.sweep(), 0);
  assert.equal(store.delete(topic(deep)), true);
  assert.equal(store.isEmpty, true);
});

Deno.test("what is kept or cleared while it is looked for is left out", () => {
  const { store, put } = world();
  for (let i = 0; i < 5; i++) put(`a/${i}`, "old");
  const found = store.matching({ filter: filter("a/+"), oneOrMore: false, matchesDollar: false });
  const next = () => {
    const { value } = found.next();
    return value && value.route.topic;
  };
  assert.equal(next(), "a/0");
  put("a/1", "new");
  store.delete(topic("a/2"));
  put("a/5", "later");
  store.delete(topic("a/0"));
  put("a/0", "again");
  assert.deepEqual([next(), next(), next()], ["a/3", "a/4", undefined]);
});
