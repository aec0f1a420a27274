/** Shared subscriptions. [MQTT5 4.8.2] */
import assert from "node:assert/strict";
import { PacketType } from "../../gateway/mqtt/packets.ts";
import { type ConnectFields, type FakeClient, MqttWorld } from "../kit/mqtt_world.ts";

const KEEP: ConnectFields = { cleanStart: false, properties: { sessionExpiry: 100 } };

function members(world: MqttWorld, count: number, filter: string, qos: 0 | 1 | 2 = 0) {
  return Array.from({ length: count }, (_, i) => {
    const client = world.connect(`member-${i}`);
    client.subscribe(filter, qos);
    return client;
  });
}

const counts = (clients: readonly FakeClient[]) =>
  clients.map((client) => client.messages().length);

Deno.test("each message goes to one member of a group", () => {
  const world = new MqttWorld();
  const clients = members(world, 3, "$share/g/t/#");
  const plain = world.connect("plain");
  plain.subscribe("t/#");
  const publisher = world.connect("p");
  for (let i = 0; i < 9; i++) publisher.publish(`t/${i % 2}`);
  assert.equal(counts(clients).reduce((sum, n) => sum + n), 9);
  assert.equal(plain.messages().length, 9);
});

Deno.test("groups of another name or filter get their own copy", () => {
  const world = new MqttWorld();
  const [one] = members(world, 1, "$share/g/t/#");
  const two = world.connect("two");
  two.subscribe("$share/h/t/#");
  const three = world.connect("three");
  three.subscribe("$share/g/t/+");
  world.connect("p").publish("t/1");
  assert.deepEqual(counts([one!, two, three]), [1, 1, 1]);
});

Deno.test("every strategy gives each message to one member", () => {
  const of = (strategy: MqttWorld["router"]["strategy"]) => {
    const world = new MqttWorld();
    world.router.strategy = strategy;
    const clients = members(world, 4, "$share/g/#");
    const publisher = world.connect("p");
    for (let i = 0; i < 200; i++) publisher.publish(`t/${i % 20}`);
    const seen = counts(clients);
    assert.equal(seen.reduce((sum, n) => sum + n), 200, strategy);
    return seen;
  };
  assert.ok(of("random").every((n) => n > 10));
  assert.deepEqual(of("hash_clientid").filter((n) => n > 0), [200]);
  assert.ok(of("hash_topic").filter((n) => n > 0).length > 1);
  assert.ok(of("round_robin").every((n) => n > 0));
  assert.equal(of("sticky").length, 4);
});

Deno.test("hash_clientid: one client's messages go to one member, whatever its connection", () => {
  const world = new MqttWorld();
  world.router.strategy = "hash_clientid";
  const clients = members(world, 3, "$share/g/#");
  const used = new Set<number>();
  for (let i = 0; i < 20; i++) {
    const memberOf = () => counts(clients).indexOf(1);
    world.connect(`p${i}`).publish("t/1");
    const first = memberOf();
    world.connect(`p${i}`).publish("t/2"); // takes the id over
    assert.equal(memberOf(), first, `p${i} by another connection`);
    const will = {
      topic: "will",
      payload: new Uint8Array(1),
      qos: 0 as const,
      retain: false,
      properties: {},
    };
    world.connect(`p${i}`, { will }).drop();
    assert.equal(memberOf(), first, `the will of p${i}`);
    used.add(first);
  }
  assert.equal(used.size, 3);
});

Deno.test("a member with a full window and queue is passed over", () => {
  const world = new MqttWorld({ options: { max_inflight: 1, max_mqueue_len: 1 } });
  const [slow, fast] = members(world, 2, "$share/g/t", 1);
  const publisher = world.connect("p");
  for (let i = 1; i <= 10; i++) {
    publisher.publish("t", { qos: 1, packetId: i });
    for (const { packetId } of fast!.messages()) fast!.ack(PacketType.Puback, packetId);
  }
  // One in the window of the slow one, one in its queue.
  assert.equal(slow!.messages().length, 1);
  assert.equal(world.broker.sessions.get("member-0")?.deliveries.queue.length, 1);
  assert.equal(world.broker.counters.dropped.queue_full, 0);
});

Deno.test("members that are away get something only when nobody is there", () => {
  const world = new MqttWorld();
  const away = world.connect("away", KEEP);
  away.subscribe("$share/g/t", 1);
  const [here] = members(world, 1, "$share/g/t", 1);
  away.drop();
  const publisher = world.connect("p");
  for (let i = 1; i <= 4; i++) publisher.publish("t", { qos: 1, packetId: i });
  assert.equal(here!.messages().length, 4);
  here!.disconnect();
  publisher.publish("t", { qos: 1, packetId: 5, payload: "x" });
  // What the other had not acknowledged was handed on, then the new one.
  assert.equal(world.connect("away", KEEP).early.length, 5);
});

Deno.test("QoS 1 messages that a leaving member did not acknowledge go to another", () => {
  const world = new MqttWorld({ options: { max_inflight: 2 } });
  const [first, second] = members(world, 2, "$share/g/t", 1);
  const publisher = world.connect("p");
  for (let i = 1; i <= 8; i++) {
    publisher.publish("t", {
      qos: 1,
      packetId: i,
      payload: `${i}`,
      properties: { contentType: "x" },
    });
    for (const { packetId } of second!.messages()) second!.ack(PacketType.Puback, packetId);
  }
  const [acked] = first!.messages();
  first!.ack(PacketType.Puback, acked!.packetId);
  first!.drop();
  const handed: string[] = [];
  for (let messages = second!.messages(); messages.length > 0; messages = second!.messages()) {
    for (const { packetId, payload, dup, properties } of messages) {
      handed.push(new TextDecoder().decode(payload));
      assert.deepEqual([dup, properties.contentType], [false, "x"]);
      second!.ack(PacketType.Puback, packetId);
    }
  }
  assert.equal(handed.length, 3);
});

Deno.test("a QoS 2 message that was sent goes to nobody else [MQTT-4.8.2-5]", () => {
  const world = new MqttWorld();
  const [first, second] = members(world, 2, "$share/g/t", 2);
  const publisher = world.connect("p");
  publisher.publish("t", { qos: 2, packetId: 1 });
  assert.deepEqual([first!.messages().length, second!.messages().length].sort(), [0, 1]);
  first!.drop();
  assert.equal(second!.messages().length, 0);
});

Deno.test("a refused message goes to nobody else [MQTT-4.8.2-6]", () => {
  const world = new MqttWorld();
  const [first, second] = members(world, 2, "$share/g/t", 1);
  world.connect("p").publish("t", { qos: 1, packetId: 1 });
  const taker = [first!, second!].find((client) => {
    const [message] = client.messages();
    if (message !== undefined) client.ack(PacketType.Puback, message.packetId, 0x80);
    return message !== undefined;
  });
  taker!.drop();
  assert.deepEqual(counts([first!, second!].filter((client) => client !== taker)), [0]);
});

Deno.test("a group without members is no group: 0x10", () => {
  const world = new MqttWorld();
  const [client] = members(world, 1, "$share/g/t");
  client!.send({
    type: PacketType.Unsubscribe,
    packetId: 1,
    filters: ["$share/g/t"],
    properties: {},
  });
  const publisher = world.connect("p");
  publisher.publish("t", { qos: 1 });
  assert.equal(publisher.one(PacketType.Puback).reasonCode, 0x10);
});

Deno.test("one client may be in a group and subscribe by itself", () => {
  const world = new MqttWorld();
  const [client] = members(world, 1, "$share/g/t");
  client!.subscribe("t");
  world.connect("p").publish("t");
  assert.equal(client!.messages().length, 2);
});
