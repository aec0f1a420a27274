import assert from "node:assert/strict";
import { Message } from "../../gateway/core/message.ts";
import { Route } from "../../gateway/core/route.ts";
import type { Topic } from "../../gateway/core/topic.ts";
import { Outgoing } from "../../gateway/mqtt/outgoing.ts";
import { TopicPriorities } from "../../gateway/mqtt/priorities.ts";
import { MessageQueue } from "../../gateway/mqtt/queue.ts";

const ROUTE = new Route("t" as Topic);
const entry = (seq: number) =>
  new Outgoing(seq, new Message(ROUTE, new Uint8Array(10)), 1, false, [], undefined);

Deno.test("a queue is first in, first out within a priority, higher ones first", () => {
  const queue = new MessageQueue({ bytes: 0 });
  [0, 5, 0, 5, 1].forEach((priority, i) => queue.push(entry(i), priority));
  assert.deepEqual([...queue.entries()].map(({ seq }) => seq), [1, 3, 4, 0, 2]);
  assert.equal(queue.peek()?.seq, 1);
  assert.deepEqual(Array.from({ length: 6 }, () => queue.shift()?.seq), [
    1,
    3,
    4,
    0,
    2,
    undefined,
  ]);
});

Deno.test("the oldest of the lowest priority goes first, but not for a lower one", () => {
  const queue = new MessageQueue({ bytes: 0 });
  queue.push(entry(1), 3);
  queue.push(entry(2), 1);
  queue.push(entry(3), 1);
  assert.equal(queue.evict(1)?.seq, 2);
  assert.equal(queue.evict(0), undefined);
  assert.equal(queue.evict(9)?.seq, 3);
  assert.equal(queue.evict(2), undefined);
  assert.equal(queue.length, 1);
});

Deno.test("bytes are counted for the queue and for all queues", () => {
  const total = { bytes: 0 };
  const [one, two] = [new MessageQueue(total), new MessageQueue(total)];
  one.push(entry(1), 0);
  two.push(entry(2), 0);
  two.push(entry(3), 0);
  assert.equal(total.bytes, one.bytes + two.bytes);
  one.shift();
  assert.equal(one.bytes, 0);
  two.clear();
  assert.deepEqual([total.bytes, two.length, two.peek()], [0, 0, undefined]);
});

Deno.test("a long queue that is drained and filled keeps its order", () => {
  const queue = new MessageQueue({ bytes: 0 });
  let next = 0;
  let expected = 0;
  for (let round = 0; round < 50; round++) {
    for (let i = 0; i < 40; i++) queue.push(entry(next++), 0);
    for (let i = 0; i < 35; i++) assert.equal(queue.shift()?.seq, expected++);
  }
  assert.equal(queue.length, next - expected);
});

Deno.test("mqueue_priorities and mqueue_default_priority", () => {
  const of = (mqueue_default_priority: "lowest" | "highest", topic: string) =>
    new TopicPriorities({ mqueue_priorities: { "a/b": 7, "c": 1 }, mqueue_default_priority })
      .of(topic as Topic);
  assert.equal(of("lowest", "a/b"), 7);
  assert.ok(of("lowest", "x") < of("lowest", "c"));
  assert.ok(of("highest", "x") > of("highest", "a/b"));
});
