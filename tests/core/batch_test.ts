import assert from "node:assert/strict";
import { Batch } from "../../gateway/core/batch.ts";
import type { Message } from "../../gateway/core/message.ts";
import { RetainedStore } from "../../gateway/core/retained.ts";
import { Router } from "../../gateway/core/router.ts";
import { Delivered, type Subscription } from "../../gateway/core/subscription.ts";
import type { Filter, Topic } from "../../gateway/core/topic.ts";
import { Notebook, subscription, topic } from "./kit.ts";

const LIMITS = {
  messages_max: 100,
  payload_bytes_max: 100,
  total_bytes_max: 1000,
  expiry_ms: 0,
};

/** A router with so many subscribers of one topic; `log` gets "subscriber:payload". */
function world(topic: string, subscribers: number, log: string[]) {
  const router = new Router(new RetainedStore(LIMITS, () => 0));
  for (let id = 1; id <= subscribers; id++) {
    const subscription: Subscription = {
      filter: topic as Filter,
      oneOrMore: false,
      matchesDollar: false,
      group: undefined,
      groupByName: false,
      noLocal: id === 2,
      permits: undefined,
      subscriber: {
        id,
        deliver(message: Message) {
          log.push(`${id}:${message.route.topic}:${message.bytes[message.start]}`);
          return Delivered.Taken;
        },
      },
    };
    router.subscribe(subscription);
  }
  return router;
}

function fill(batch: Batch, topic: string, value: number, origin = 0): Message {
  const route = batch.router.route(topic as Topic);
  const message = batch.next(route, Uint8Array.of(value), 0, 1);
  message.origin = origin;
  message.retain = false;
  message.extras = undefined;
  return message;
}

Deno.test("Batch hands each subscriber all gathered messages in order", () => {
  const log: string[] = [];
  const batch = new Batch(world("a", 3, log));
  for (const value of [1, 2, 3]) batch.add(fill(batch, "a", value));
  assert.deepEqual(log, []);
  batch.flush();
  assert.deepEqual(log, [1, 2, 3].flatMap((id) => [1, 2, 3].map((v) => `${id}:a:${v}`)));
  batch.flush();
  assert.equal(log.length, 9);
});

Deno.test("Batch publishes what it has before it takes a message of another route", () => {
  const log: string[] = [];
  const router = world("a", 1, log);
  const batch = new Batch(router);
  batch.add(fill(batch, "a", 1));
  batch.add(fill(batch, "a", 2));
  batch.add(fill(batch, "b", 3));
  assert.deepEqual(log, ["1:a:1", "1:a:2"]);
  batch.add(fill(batch, "a", 4));
  batch.flush();
  assert.deepEqual(log, ["1:a:1", "1:a:2", "1:a:4"]);
});

Deno.test("Batch passes over subscribers that want nothing of their own", () => {
  const log: string[] = [];
  const batch = new Batch(world("a", 3, log));
  batch.add(fill(batch, "a", 1, 2));
  batch.flush();
  assert.deepEqual(log, ["1:a:1", "3:a:1"]);
});

Deno.test("Batch publishes by itself when it is full", () => {
  const log: string[] = [];
  const batch = new Batch(world("a", 1, log));
  for (let i = 0; i < 100; i++) batch.add(fill(batch, "a", i));
  assert.equal(log.length, 64);
  batch.flush();
  assert.deepEqual(log, Array.from({ length: 100 }, (_, i) => `1:a:${i}`));
});

Deno.test("Batch suits routes with many plain subscribers only", () => {
  const few = world("a", 31, []);
  const many = world("a", 32, []);
  for (const [router, expected] of [[few, false], [many, true]] as const) {
    const route = router.route("a" as Topic);
    router.refresh(route);
    assert.equal(new Batch(router).suits(route), expected);
  }
});

Deno.test("Batch.suits() knows of a group that came after the last message", () => {
  const log: string[] = [];
  const router = world("t/a", 40, log);
  const batch = new Batch(router);
  const route = router.route(topic("t/a"));
  assert.equal(batch.suits(route), true);
  const member = new Notebook(99);
  router.subscribe(subscription("t/a", member, { group: "g", groupByName: true }));
  assert.equal(batch.suits(route), false);
  router.publish(fill(batch, "t/a", 1));
  assert.equal(member.notes.length, 1);
});
