import assert from "node:assert/strict";
import fc from "fast-check";
import type { Message } from "../../gateway/core/message.ts";
import type { Route } from "../../gateway/core/route.ts";
import { Router } from "../../gateway/core/router.ts";
import { Delivered, type Subscription } from "../../gateway/core/subscription.ts";
import { randomSeed } from "../kit/seed.ts";
import { message, Notebook, type Noted, roomyRetained, subscription, topic, wants } from "./kit.ts";

const seed = randomSeed("router");

const TOPICS = ["a", "a/b", "a/c", "b", "b/b", "a/b/c", "$d/a", "$SYS/a", "c", "d", "e", "f"];
const FILTERS = ["a", "a/b", "a/+", "a/#", "#", "+", "+/b", "b/b", "$d/#", "c", "d"];

/** Who shares the messages of a topic, worked out anew: one list for each group. */
function groupsOf(all: Iterable<Subscription>, text: string): Subscription[][] {
  const matching = [...all].filter((s) => s.group !== undefined && wants(s, text));
  const groups = new Map<string, Subscription[]>();
  for (const one of matching) {
    const joins = one.groupByName ||
      matching.some((s) => s.groupByName && s.group === one.group && s.filter === one.filter);
    const key = JSON.stringify(joins ? [one.group] : [one.group, one.filter]);
    groups.set(key, [...groups.get(key) ?? [], one]);
  }
  return [...groups.values()];
}

function direct(all: Iterable<Subscription>, text: string, origin: number): Set<Subscription> {
  const plain = [...all].filter((s) => s.group === undefined && wants(s, text));
  return new Set(plain.filter((s) => !s.noLocal || s.subscriber.id !== origin));
}

const drafts = fc.record({
  filter: fc.constantFrom(...FILTERS),
  oneOrMore: fc.boolean(),
  matchesDollar: fc.boolean(),
  group: fc.constantFrom(undefined, undefined, "g", "h"),
  groupByName: fc.boolean(),
  subscriber: fc.integer({ min: 1, max: 4 }),
  noLocal: fc.boolean(),
});

const steps = fc.oneof(
  fc.record({ kind: fc.constantFrom("subscribe", "unsubscribe"), which: fc.nat() }),
  fc.record({ kind: fc.constant("publish"), which: fc.nat(), origin: fc.nat({ max: 4 }) }),
  // A session that remembered a route for long publishes on it.
  fc.record({ kind: fc.constant("publish to a kept route"), which: fc.nat(), origin: fc.nat(4) }),
);

Deno.test("router: everyone gets what they subscribed to, however small the cache", () => {
  const world = fc.record({
    drafts: fc.array(drafts, { minLength: 1, maxLength: 12 }),
    steps: fc.array(steps, { maxLength: 120 }),
    routes_max: fc.constantFrom(1, 2, 8),
    targets_max: fc.constantFrom(1, 5, 1000),
  });
  fc.assert(
    fc.property(world, ({ drafts, steps, routes_max, targets_max }) => {
      const router = new Router(roomyRetained(), { routes_max, targets_max });
      const log: Noted[] = [];
      const books = [0, 1, 2, 3, 4].map((id) => new Notebook(id, log));
      const all = drafts.map(({ filter, subscriber, ...changes }) =>
        subscription(filter, books[subscriber], changes)
      );
      const there = new Set<Subscription>();
      const kept: Route[] = [];
      const publish = (route: Route, origin: number) => {
        log.length = 0;
        const takers = router.publish(message(route, "x", origin));
        const got = log.map((note) => note.subscription);
        assert.ok(log.every((note) => note.topic === route.topic));
        assert.equal(new Set(got).size, got.length, "a subscription got two copies");
        assert.deepEqual(
          new Set(got.filter((s) => s.group === undefined)),
          direct(there, route.topic, origin),
        );
        const shared = got.filter((s) => s.group !== undefined);
        const groups = groupsOf(there, route.topic)
          .map((members) => members.filter((s) => !s.noLocal || s.subscriber.id !== origin))
          .filter((members) => members.length > 0);
        assert.equal(shared.length, groups.length, "one copy for each group");
        for (const members of groups) {
          assert.equal(members.filter((s) => shared.includes(s)).length, 1);
        }
        assert.equal(takers, got.length);
      };
      for (const step of steps) {
        if (step.kind === "subscribe" || step.kind === "unsubscribe") {
          const one = all[step.which % all.length]!;
          const before = there.has(one);
          if (step.kind === "subscribe") {
            assert.equal(router.subscribe(one), !before);
            there.add(one);
          } else {
            assert.equal(router.unsubscribe(one), before);
            there.delete(one);
          }
        } else if (step.kind === "publish") {
          const route = router.route(topic(TOPICS[step.which % TOPICS.length]!));
          kept.push(route);
          publish(route, (step as { origin: number }).origin);
        } else if (kept.length > 0) {
          publish(kept[step.which % kept.length]!, (step as { origin: number }).origin);
        }
        assert.ok(router.cachedRoutes <= routes_max);
        assert.ok(router.cachedTargets >= 0);
        assert.ok(router.cachedTargets <= targets_max || router.cachedRoutes === 1);
        assert.equal(router.subscriptions, there.size);
      }
    }),
    { numRuns: 500, seed },
  );
});

Deno.test("router.route() is one object for a topic while it is attached", () => {
  const router = new Router(roomyRetained(), { routes_max: 2, targets_max: 100 });
  const a = router.route(topic("a"));
  assert.equal(router.route(topic("a")), a);
  router.route(topic("b"));
  assert.equal(a.attached, true);
  router.route(topic("c"));
  assert.equal(a.attached, false, "the oldest goes");
  assert.notEqual(router.route(topic("a")), a);
});

Deno.test("router: a detached route stays right, published to again and again", () => {
  const router = new Router(roomyRetained(), { routes_max: 1, targets_max: 100 });
  const book = new Notebook(7);
  const old = router.route(topic("a"));
  const live = router.route(topic("b"));
  router.subscribe(subscription("+", book));
  for (let i = 0; i < 5; i++) assert.equal(router.publish(message(old, "x")), 1);
  router.publish(message(live, "y"));
  assert.equal(router.cachedTargets, 1, "only the attached route counts");
  const literal = subscription("a", book);
  router.subscribe(literal);
  assert.equal(router.publish(message(old, "x")), 2);
  router.unsubscribe(literal);
  assert.equal(router.publish(message(old, "x")), 1);
});

Deno.test("router: cached targets are bounded even when no topic is new", () => {
  const router = new Router(roomyRetained(), { routes_max: 100, targets_max: 10 });
  const routes = ["a", "b", "c", "d", "e"].map((text) => router.route(topic(text)));
  for (let i = 0; i < 4; i++) router.subscribe(subscription("+", new Notebook(i + 1)));
  for (const route of routes) {
    assert.equal(router.publish(message(route, "x")), 4);
    assert.ok(router.cachedTargets <= 10, String(router.cachedTargets));
  }
});

Deno.test("router: noLocal looks at the connection, takers do not count it", () => {
  const router = new Router(roomyRetained());
  let skipped = 0;
  const own = Object.assign(new Notebook(1), { skipped: () => skipped++ });
  const other = new Notebook(2);
  router.subscribe(subscription("a", own, { noLocal: true }));
  const route = router.route(topic("a"));
  assert.equal(router.publish(message(route, "x", 1)), 0);
  router.subscribe(subscription("a", other, { noLocal: true }));
  assert.equal(router.publish(message(route, "y", 1)), 1);
  assert.deepEqual([own.notes.length, other.notes.length], [0, 1]);
  assert.equal(skipped, 2);
  router.publishAll([message(route, "z", 1), message(route, "z", 1)], 2);
  assert.deepEqual([own.notes.length, other.notes.length, skipped], [0, 3, 4]);
});

Deno.test("router: who drops a message is a taker, who refuses it is none", () => {
  const router = new Router(roomyRetained());
  const book = new Notebook(1);
  router.subscribe(subscription("a", book));
  const route = router.route(topic("a"));
  book.answer = Delivered.Dropped;
  assert.equal(router.publish(message(route, "x")), 1);
  book.answer = Delivered.Refused;
  assert.equal(router.publish(message(route, "x")), 0);
});

Deno.test("router: permits is asked once for a route, and anew after invalidate()", () => {
  const router = new Router(roomyRetained());
  const book = new Notebook(1);
  let open = false;
  let asked = 0;
  const permits = (name: string) => {
    asked++;
    return open || name !== "a/secret";
  };
  router.subscribe(subscription("a/+", book, { permits }));
  router.subscribe(subscription("a/+", book, { permits, group: "g" }));
  const secret = router.route(topic("a/secret"));
  assert.equal(router.publish(message(secret, "x")), 0);
  assert.equal(router.publish(message(secret, "x")), 0);
  assert.equal(asked, 2);
  assert.equal(router.publish(message(router.route(topic("a/b")), "x")), 2);
  open = true;
  router.invalidate();
  assert.equal(router.publish(message(secret, "x")), 2);
});

Deno.test("router: a subscriber may end its subscription from inside deliver()", () => {
  const router = new Router(roomyRetained());
  const last = new Notebook(9);
  let calls = 0;
  const once = {
    id: 1,
    deliver() {
      calls++;
      router.unsubscribe(mine);
      return Delivered.Taken;
    },
  };
  const mine = subscription("a", once);
  router.subscribe(mine);
  router.subscribe(subscription("a", last));
  const route = router.route(topic("a"));
  router.publish(message(route, "1"));
  router.publish(message(route, "2"));
  assert.equal(calls, 1);
  assert.deepEqual(last.notes.map((note) => note.payload), ["1", "2"]);
});

Deno.test("router: publishing from inside deliver() is a bug and named as one", () => {
  const router = new Router(roomyRetained());
  const route = router.route(topic("a"));
  const echo = {
    id: 1,
    deliver: (one: Message) => router.publish(one) > 0 ? Delivered.Taken : Delivered.Refused,
  };
  const bad = subscription("a", echo);
  router.subscribe(bad);
  assert.throws(() => router.publish(message(route, "x")), /from inside deliver/);
  router.unsubscribe(bad);
  assert.equal(router.publish(message(route, "x")), 0, "and the router still works");
});

Deno.test("router: retain keeps the message, after everyone had it", () => {
  const router = new Router(roomyRetained());
  const route = router.route(topic("a"));
  const one = message(route, "kept");
  router.publish(one);
  assert.equal(router.retained.count, 0);
  one.retain = true;
  const seen: number[] = [];
  const looks = {
    id: 1,
    deliver: () => (seen.push(router.retained.count), Delivered.Taken),
  };
  router.subscribe(subscription("a", looks));
  router.publish(one);
  assert.deepEqual(seen, [0]);
  assert.equal(new TextDecoder().decode(router.retained.get(topic("a"))!.payload), "kept");
});
