import assert from "node:assert/strict";
import { Message, own, ownForLong } from "../../gateway/core/message.ts";
import { Route } from "../../gateway/core/route.ts";
import type { Topic } from "../../gateway/core/topic.ts";

const ROUTE = new Route("t/a" as Topic);

Deno.test("own() gives every keeper of one publication the same copy", () => {
  const buffer = new Uint8Array([1, 2, 3, 4]);
  const message = new Message(ROUTE, buffer, 1, 3);
  const kept = own(message);
  assert.equal(own(message), kept);
  assert.equal(own(kept), kept);
  buffer.fill(9);
  assert.deepEqual(kept.payload, new Uint8Array([2, 3]));
});

Deno.test("own() makes a new copy once the message is used again", () => {
  const message = new Message(ROUTE, new Uint8Array([1]));
  const first = own(message);
  message.reset(ROUTE, new Uint8Array([2]), 0, 1);
  const second = own(message);
  assert.deepEqual([...first.payload, ...second.payload], [1, 2]);
});

Deno.test("own() shares the bytes of an owned payload, not the reused object", () => {
  const bytes = new Uint8Array([7]);
  const message = new Message(ROUTE, bytes);
  message.owned = true;
  message.qos = 1;
  const kept = own(message);
  message.reset(ROUTE, new Uint8Array([8]), 0, 1);
  message.qos = 0;
  assert.equal(kept.bytes, bytes);
  assert.equal(kept.qos, 1);
});

Deno.test("ownForLong() keeps no more than the payload alive", () => {
  const message = new Message(ROUTE, new Uint8Array(65_536), 10, 20);
  const short = own(message);
  const long = ownForLong(message);
  assert.notEqual(short, long);
  assert.equal(long.bytes.length, 10);
  assert.equal(ownForLong(message), long);
  assert.equal(own(message), long);
  const owned = new Message(ROUTE, new Uint8Array(65_536), 10, 20);
  owned.owned = true;
  assert.equal(ownForLong(owned).bytes.length, 10);
});
