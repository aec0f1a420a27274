import assert from "node:assert/strict";
import { sysHeartbeat, type SysNumbers, SysTopics } from "../../gateway/observe/sys_topics.ts";

const NUMBERS: SysNumbers = {
  version: "1.2.3",
  clients: { connected: 3, disconnected: 2, maximum: 7 },
  packets: { received: 100, sent: 200 },
  messages: { received: 10, sent: 20, dropped: 1, queued: 5, queued_bytes: 500 },
  bytes: { received: 1000, sent: 2000 },
  subscriptions: 9,
  shared_subscriptions: 4,
  retained: 6,
};

Deno.test("the $SYS tree has the names of mosquitto's", () => {
  const tree = new Map(new SysTopics().changes(NUMBERS));
  assert.equal(tree.get("$SYS/broker/version"), "natsgate version 1.2.3");
  assert.equal(tree.get("$SYS/broker/clients/total"), "5");
  assert.equal(tree.get("$SYS/broker/publish/messages/dropped"), "1");
  assert.equal(tree.get("$SYS/broker/retained messages/count"), "6");
  assert.equal(tree.size, 17);
});

Deno.test("only what has changed is said again", () => {
  const topics = new SysTopics();
  topics.changes(NUMBERS);
  assert.deepEqual(topics.changes(NUMBERS), []);
  assert.deepEqual(topics.changes({ ...NUMBERS, subscriptions: 10 }), [
    ["$SYS/broker/subscriptions/count", "10"],
  ]);
});

Deno.test("the heartbeat is uptime and time of day", () => {
  assert.deepEqual(sysHeartbeat(61, new Date(0)), [
    ["$SYS/broker/uptime", "61 seconds"],
    ["$SYS/broker/datetime", "1970-01-01T00:00:00.000Z"],
  ]);
});
