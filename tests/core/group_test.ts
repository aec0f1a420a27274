import assert from "node:assert/strict";
import { type GroupStrategy, groupTargets, hash } from "../../gateway/core/group.ts";
import { Route } from "../../gateway/core/route.ts";
import { Router } from "../../gateway/core/router.ts";
import { Delivered, type Subscription, Target } from "../../gateway/core/subscription.ts";
import { message, Notebook, roomyRetained, subscription, topic } from "./kit.ts";

const ALL: GroupStrategy[] = ["round_robin", "random", "sticky", "hash_clientid", "hash_topic"];

function nats(filter: string, group: string, book = new Notebook(1)): Subscription {
  return subscription(filter, book, { group, groupByName: true, oneOrMore: true });
}

function mqtt(filter: string, group: string, book = new Notebook(1)): Subscription {
  return subscription(filter, book, { group });
}

/** Members of each group, by their place in the list. */
function grouped(members: Subscription[]): number[][] {
  const groups = groupTargets(members.map((one) => new Target(one)));
  return groups.map((group) =>
    group.members.map((target) => members.indexOf(target.subscription)).sort()
  ).sort();
}

Deno.test("NATS: one queue name is one group, whatever the subjects", () => {
  assert.deepEqual(grouped([nats("a/b", "g"), nats("a/+", "g"), nats("#", "h")]), [[0, 1], [2]]);
});

Deno.test("MQTT: one group for each share name and filter [MQTT-4.8.2-1]", () => {
  const members = [mqtt("a/b", "g"), mqtt("a/+", "g"), mqtt("a/b", "g"), mqtt("a/b", "h")];
  assert.deepEqual(grouped(members), [[0, 2], [1], [3]]);
});

Deno.test("$share/q/F joins queue group q where a NATS member sits on F, and only there", () => {
  const members = [
    nats("a/b", "g"),
    mqtt("a/b", "g"),
    mqtt("a/+", "g"),
    nats("a/#", "g"),
    mqtt("a/b", "h"),
  ];
  assert.deepEqual(grouped(members), [[0, 1, 3], [2], [4]]);
});

Deno.test("names and filters of groups cannot be mixed up", () => {
  assert.deepEqual(grouped([mqtt("b/c", "a"), mqtt("c", "ab/")]), [[0], [1]]);
  assert.deepEqual(grouped([mqtt("1:b", "a"), mqtt("b", "a1:")]), [[0], [1]]);
});

/** Three members and how to send them something. */
function trio(strategy: GroupStrategy) {
  const books = [new Notebook(1), new Notebook(2), new Notebook(3)];
  const members = books.map((book) => new Target(nats("a", "g", book)));
  const [group] = groupTargets(members);
  const route = new Route(topic("a"));
  const send = (count: number, origin = 9, to = route, originHash = 0) => {
    for (let i = 0; i < count; i++) {
      const sent = message(to, String(i), origin);
      sent.originHash = originHash;
      assert.equal(group!.deliver(sent, strategy), true);
    }
    return books.map((book) => book.notes.length);
  };
  return { books, send, deliver: () => group!.deliver(message(route, "x", 9), strategy) };
}

Deno.test("round_robin takes turns", () => {
  const { books, send } = trio("round_robin");
  assert.deepEqual(send(9), [3, 3, 3]);
  const at = books.map((book) => book.notes.map((note) => Number(note.payload) % 3));
  for (const turns of at) assert.equal(new Set(turns).size, 1, "always every third");
});

Deno.test("random gives everyone something", () => {
  const counts = trio("random").send(600);
  for (const count of counts) assert.ok(count > 100, String(counts));
});

Deno.test("sticky stays with one member until that one refuses", () => {
  const { books, send } = trio("sticky");
  const first = send(20).indexOf(20);
  assert.notEqual(first, -1);
  books[first]!.answer = Delivered.Refused;
  const counts = send(20);
  assert.equal(counts.filter((count) => count === 20).length, 2, "another one, the same each time");
  books[first]!.answer = Delivered.Taken;
  assert.equal(send(5)[first], 20, "and it does not come back by itself");
});

Deno.test("hash_clientid depends on the client id alone, hash_topic on the topic alone", () => {
  for (const strategy of ["hash_clientid", "hash_topic"] as const) {
    const seen = new Map<string, number>();
    const picked = new Set<number>();
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 40; i++) {
        const byTopic = strategy === "hash_topic";
        // Every round is another connection, of another client where the topic counts.
        const origin = 1 + round * 40 + i;
        const originHash = hash(byTopic ? `client-${round}` : `client-${i}`);
        const route = new Route(topic(byTopic ? `t/${i}` : `t/${round}`));
        const member = trio(strategy).send(1, origin, route, originHash).indexOf(1);
        assert.equal(seen.get(String(i)) ?? member, member, `${strategy} ${i}`);
        seen.set(String(i), member);
        picked.add(member);
      }
    }
    assert.equal(picked.size, 3, `${strategy} uses all members`);
  }
});

Deno.test("hash: spreads ids that differ in little, and stays a small integer", () => {
  for (const count of [2, 3, 4, 7]) {
    const members = Array.from({ length: count }, () => 0);
    for (let i = 0; i < 1000; i++) members[hash(`device-${i}`) % count]!++;
    for (const share of members) assert.ok(share > 700 / count, `${count}: ${members}`);
  }
  for (const text of ["", "a", "\uffff".repeat(99)]) {
    assert.ok(hash(text) >= 0 && hash(text) < 2 ** 30, text);
  }
});

Deno.test("whatever the strategy, members that refuse or are the publisher are passed over", () => {
  for (const strategy of ALL) {
    const { books, send } = trio(strategy);
    books[0]!.answer = books[2]!.answer = Delivered.Refused;
    assert.deepEqual(send(10), [0, 10, 0], strategy);
    books[1]!.answer = Delivered.Refused;
    const { deliver } = trio(strategy);
    assert.equal(deliver(), true);
  }
  for (const strategy of ALL) {
    const mine = new Notebook(1), other = new Notebook(2);
    const silent = subscription("a", mine, { group: "g", groupByName: true, noLocal: true });
    const [group] = groupTargets([new Target(silent), new Target(nats("a", "g", other))]);
    const route = new Route(topic("a"));
    for (let i = 0; i < 10; i++) group!.deliver(message(route, "x", 1), strategy);
    assert.deepEqual([mine.notes.length, other.notes.length], [0, 10], strategy);
  }
});

Deno.test("a group in which nobody can take it takes nothing; who drops it took it", () => {
  for (const strategy of ALL) {
    const { books, deliver } = trio(strategy);
    for (const book of books) book.answer = Delivered.Refused;
    assert.equal(deliver(), false, strategy);
    for (const book of books) book.answer = Delivered.Dropped;
    assert.equal(deliver(), true, strategy);
  }
});

Deno.test("a full member that recovers gets its share again", () => {
  const { books, send } = trio("round_robin");
  books[1]!.answer = Delivered.Refused;
  const without = send(10);
  assert.equal(without[1], 0);
  books[1]!.answer = Delivered.Taken;
  assert.equal(send(30)[1], 10);
});

Deno.test("a new subscription anywhere does not send all messages to the first member", () => {
  const router = new Router(roomyRetained());
  const books = [new Notebook(1), new Notebook(2)];
  for (const book of books) router.subscribe(nats("a", "g", book));
  const route = router.route(topic("a"));
  for (let i = 0; i < 400; i++) {
    router.publish(message(route, "x"));
    router.subscribe(subscription(`other/${i}/#`));
  }
  for (const book of books) assert.ok(book.notes.length > 100, String(book.notes.length));
});
