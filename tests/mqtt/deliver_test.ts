import assert from "node:assert/strict";
import { ReasonCode } from "../../gateway/mqtt/codes.ts";
import { PacketType } from "../../gateway/mqtt/packets.ts";
import { type FakeClient, MqttWorld } from "../kit/mqtt_world.ts";
import type { PublishPacket } from "./wire.ts";

/** Publishes numbered messages at a QoS; ids are used again after their PUBACK. */
function publishMany(client: FakeClient, topic: string, qos: 0 | 1, from: number, to: number) {
  for (let i = from; i <= to; i++) {
    client.publish(topic, { qos, packetId: qos === 0 ? 0 : i, payload: `${i}` });
  }
  client.take();
}

const numbers = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `${from + i}`);

Deno.test("the QoS is the lower one of publisher and subscription [MQTT-3.8.4-8]", () => {
  const world = new MqttWorld();
  const publisher = world.connect("p");
  for (const granted of [0, 1, 2] as const) {
    const client = world.connect(`c${granted}`);
    client.subscribe("t", granted);
    for (const qos of [0, 1, 2] as const) publisher.publish("t", { qos, packetId: qos });
    const seen = client.messages().map(({ qos }) => qos);
    assert.deepEqual(seen, [0, 1, 2].map((qos) => Math.min(qos, granted)));
    publisher.ack(PacketType.Pubrel, 2);
  }
});

Deno.test("upgrade_qos: the subscription's QoS counts alone", () => {
  const world = new MqttWorld({ options: { upgrade_qos: true } });
  const client = world.connect("c");
  client.subscribe("t", 2);
  world.connect("p").publish("t");
  assert.equal(client.messages()[0]?.qos, 2);
});

Deno.test("max_inflight is the window, for clients that allow more [MQTT-3.3.4-7]", () => {
  const world = new MqttWorld({ options: { max_inflight: 3 } });
  const client = world.connect("c", { properties: { receiveMaximum: 10 } });
  client.subscribe("t", 1);
  publishMany(world.connect("p"), "t", 1, 1, 5);
  const first = client.messages();
  assert.equal(first.length, 3);
  client.ack(PacketType.Puback, first[0]!.packetId);
  assert.deepEqual(client.payloads(), ["4"]);
});

Deno.test("the client's Receive Maximum holds until PUBCOMP [MQTT-4.9.0-1] [MQTT-4.9.0-2]", () => {
  const world = new MqttWorld();
  const client = world.connect("c", { properties: { receiveMaximum: 1 } });
  client.subscribe("t", 2);
  const publisher = world.connect("p");
  publisher.publish("t", { qos: 2, packetId: 1, payload: "1" });
  publisher.publish("t", { qos: 1, packetId: 2, payload: "2" });
  publisher.publish("t", { qos: 0, payload: "0" });
  const [first, zero] = client.messages();
  assert.deepEqual([first?.qos, zero?.qos], [2, 0], "QoS 0 needs no window");
  client.ack(PacketType.Pubrec, first!.packetId);
  client.one(PacketType.Pubrel);
  client.ack(PacketType.Pubcomp, first!.packetId);
  assert.deepEqual(client.payloads(), ["2"]);
});

Deno.test("QoS 0 does not overtake QoS 0 that waited for the client [MQTT-4.6.0-6]", () => {
  const world = new MqttWorld();
  const keep = { cleanStart: false, properties: { sessionExpiry: 100, receiveMaximum: 1 } };
  const client = world.connect("c", keep);
  client.subscribe("t", 1);
  client.drop();
  const publisher = world.connect("p");
  publishMany(publisher, "t", 1, 1, 2);
  publishMany(publisher, "t", 0, 3, 3);
  const back = world.connect("c", keep);
  publishMany(publisher, "t", 0, 4, 4);
  assert.deepEqual(back.early.length, 1, "the window is full with the first");
  assert.deepEqual(back.payloads(), []);
  back.ack(PacketType.Puback, (back.early[0] as PublishPacket).packetId);
  assert.deepEqual(back.payloads(), ["2", "3", "4"]);
  publishMany(publisher, "t", 0, 5, 5);
  assert.deepEqual(back.payloads(), ["5"], "nothing waits any more");
});

Deno.test("an error in PUBREC gives the place in the window back [MQTT-4.9.0-2]", () => {
  const world = new MqttWorld();
  const client = world.connect("c", { properties: { receiveMaximum: 1 } });
  client.subscribe("t", 2);
  const publisher = world.connect("p");
  publisher.publish("t", { qos: 2, packetId: 1, payload: "1" });
  publisher.publish("t", { qos: 2, packetId: 2, payload: "2" });
  client.ack(PacketType.Pubrec, client.one(PacketType.Publish).packetId, 0x97);
  assert.deepEqual(client.payloads(), ["2"]);
});

Deno.test("PUBREC for an unknown id: PUBREL with 0x92", () => {
  const client = new MqttWorld().connect("c");
  client.ack(PacketType.Pubrec, 99);
  const pubrel = client.one(PacketType.Pubrel);
  assert.deepEqual([pubrel.packetId, pubrel.reasonCode], [99, ReasonCode.PacketIdentifierNotFound]);
  client.ack(PacketType.Puback, 99);
  client.ack(PacketType.Pubcomp, 99);
  assert.deepEqual(client.take(), []);
});

Deno.test("a repeated PUBREC gets its PUBREL again", () => {
  const world = new MqttWorld();
  const client = world.connect("c");
  client.subscribe("t", 2);
  world.connect("p").publish("t", { qos: 2 });
  const { packetId } = client.one(PacketType.Publish);
  for (let i = 0; i < 2; i++) {
    client.ack(PacketType.Pubrec, packetId);
    assert.deepEqual(client.one(PacketType.Pubrel).reasonCode, 0);
  }
});

Deno.test("max_mqueue_len: the oldest goes, and is counted", () => {
  const world = new MqttWorld({ options: { max_inflight: 1, max_mqueue_len: 3 } });
  const client = world.connect("c", { cleanStart: false, properties: { sessionExpiry: 100 } });
  client.subscribe("t", 1);
  client.drop();
  publishMany(world.connect("p"), "t", 1, 1, 5);
  assert.equal(world.broker.counters.dropped.queue_full, 2);
  const back = world.connect("c", { cleanStart: false });
  const seen: string[] = [];
  for (let messages = [...back.early]; messages.length > 0; messages = back.take()) {
    for (const message of messages) {
      assert.equal(message.type, PacketType.Publish);
      if (message.type !== PacketType.Publish) continue;
      seen.push(new TextDecoder().decode(message.payload));
      back.ack(PacketType.Puback, message.packetId);
    }
  }
  assert.deepEqual(seen, numbers(3, 5));
});

Deno.test("max_mqueue_bytes and max_mqueue_total_bytes", () => {
  const queued = (options: { max_mqueue_bytes?: number; max_mqueue_total_bytes?: number }) => {
    const world = new MqttWorld({ options });
    for (const id of ["a", "b"]) {
      const client = world.connect(id, { cleanStart: false, properties: { sessionExpiry: 100 } });
      client.subscribe(id, 1);
      client.drop();
    }
    const publisher = world.connect("p");
    for (let i = 1; i <= 20; i++) {
      for (const topic of ["a", "b"]) {
        publisher.publish(topic, { qos: 1, packetId: i, payload: new Uint8Array(1000) });
      }
    }
    const bytes = ["a", "b"].map((id) => world.broker.sessions.get(id)!.deliveries.queue.bytes);
    assert.equal(world.broker.queued.bytes, bytes[0]! + bytes[1]!);
    return bytes;
  };
  for (const bytes of queued({ max_mqueue_bytes: 5000 })) {
    assert.ok(bytes > 3000 && bytes <= 5000, `${bytes}`);
  }
  const [a, b] = queued({ max_mqueue_total_bytes: 8000 });
  assert.ok(a! + b! > 6000 && a! + b! <= 8000, `${a} + ${b}`);
});

Deno.test("mqueue_priorities: what matters more is sent first", () => {
  const world = new MqttWorld({
    options: { mqueue_priorities: { "high": 10, "low": 1 }, mqueue_default_priority: "lowest" },
  });
  const client = world.connect("c", { cleanStart: false, properties: { sessionExpiry: 100 } });
  client.subscribe("#", 1);
  client.drop();
  const publisher = world.connect("p");
  for (const topic of ["other", "low", "high"]) publisher.publish(topic, { qos: 1, packetId: 1 });
  const back = world.connect("c", { cleanStart: false });
  const topics = back.early.map((packet) => packet.type === PacketType.Publish && packet.topic);
  assert.deepEqual(topics, ["high", "low", "other"]);
});

Deno.test("mqueue_store_qos0: whether QoS 0 messages wait for the offline", () => {
  for (const mqueue_store_qos0 of [true, false]) {
    const world = new MqttWorld({ options: { mqueue_store_qos0 } });
    const client = world.connect("c", { cleanStart: false, properties: { sessionExpiry: 100 } });
    client.subscribe("t", 1);
    client.drop();
    world.connect("p").publish("t");
    const back = world.connect("c", { cleanStart: false });
    assert.equal(back.early.length, mqueue_store_qos0 ? 1 : 0);
    assert.equal(world.broker.counters.dropped.offline_qos0, mqueue_store_qos0 ? 0 : 1);
  }
});

Deno.test("a socket that does not keep up loses QoS 0 messages, not QoS 1", () => {
  const world = new MqttWorld({ options: { max_pending_bytes: 1000 } });
  const client = world.connect("c");
  client.subscribe("t", 1);
  const publisher = world.connect("p");
  publisher.publish("t", { qos: 1, packetId: 1, payload: new Uint8Array(2000) });
  publisher.publish("t", { payload: "lost" });
  publisher.publish("t", { qos: 1, packetId: 2, payload: "waits" });
  assert.equal(world.broker.counters.dropped.slow_consumer, 1);
  assert.equal(client.session.info.dropped, 1);
  const { packetId } = client.one(PacketType.Publish);
  client.ack(PacketType.Puback, packetId);
  assert.deepEqual(client.payloads(), ["waits"]);
});

Deno.test("what is too large for a client is not sent, to the byte [MQTT-3.1.2-24]", () => {
  const world = new MqttWorld();
  const client = world.connect("c", { properties: { maximumPacketSize: 50, receiveMaximum: 1 } });
  client.subscribe("t", 1);
  const other = world.connect("o");
  other.subscribe("t");
  const publisher = world.connect("p");
  // 2 bytes of header, 3 of topic, 2 of packet id, 1 of property length.
  publisher.publish("t", { qos: 1, packetId: 1, payload: new Uint8Array(43) });
  assert.equal(publisher.one(PacketType.Puback).reasonCode, 0);
  assert.deepEqual(client.take(), []);
  // It took no place in the window. [MQTT-3.1.2-25]
  publisher.publish("t", { qos: 1, packetId: 1, payload: new Uint8Array(42) });
  const { packetId } = client.one(PacketType.Publish);
  // Nor does it when it comes out of the queue.
  publisher.publish("t", { qos: 1, packetId: 1, payload: new Uint8Array(43) });
  publisher.publish("t", { qos: 1, packetId: 1, payload: "next" });
  client.ack(PacketType.Puback, packetId);
  assert.deepEqual(client.payloads(), ["next"]);
  assert.equal(world.broker.counters.dropped.too_large, 2);
  assert.equal(other.messages().length, 4);
});

Deno.test("too large with properties, and with an alias to be set", () => {
  const world = new MqttWorld();
  const publisher = world.connect("p");
  const sizes: number[] = [];
  for (let maximumPacketSize = 20; maximumPacketSize <= 60; maximumPacketSize++) {
    const client = world.connect("c", { properties: { maximumPacketSize, topicAliasMaximum: 5 } });
    client.subscribe("topic");
    publisher.publish("topic", { payload: "12345", properties: { contentType: "text/plain" } });
    const bytes = client.link.written().length;
    assert.ok(bytes <= maximumPacketSize);
    sizes.push(bytes);
  }
  assert.ok(sizes.includes(0) && Math.max(...sizes) > 30);
});

Deno.test("message expiry: in the queue it runs on, expired ones are not sent [MQTT-3.3.2-5]", () => {
  const world = new MqttWorld();
  const client = world.connect("c", { cleanStart: false, properties: { sessionExpiry: 100 } });
  client.subscribe("t", 1);
  client.drop();
  const publisher = world.connect("p");
  publisher.publish("t", { qos: 1, payload: "short", properties: { messageExpiry: 5 } });
  publisher.publish("t", { qos: 1, payload: "long", properties: { messageExpiry: 60 } });
  world.pass(10_500);
  const [message, ...rest] = world.connect("c", { cleanStart: false }).early;
  assert.equal(rest.length, 0);
  assert.equal(message?.type, PacketType.Publish);
  if (message?.type !== PacketType.Publish) return;
  assert.equal(new TextDecoder().decode(message.payload), "long");
  assert.equal(message.properties.messageExpiry, 50); // [MQTT-3.3.2-6]
  assert.equal(world.broker.counters.dropped.expired, 1);
});

Deno.test("topic aliases towards the client [MQTT-3.1.2-26] [MQTT-3.1.2-27]", () => {
  const world = new MqttWorld();
  const client = world.connect("c", { properties: { topicAliasMaximum: 2 } });
  client.subscribe("#");
  const publisher = world.connect("p");
  for (const topic of ["a", "b", "c", "a", "b", "c"]) publisher.publish(topic);
  const seen = client.messages().map(({ topic, properties }) => [topic, properties.topicAlias]);
  assert.deepEqual(seen, [
    ["a", 1],
    ["b", 2],
    ["c", undefined],
    ["", 1],
    ["", 2],
    ["c", undefined],
  ]);
});

Deno.test("no topic alias towards a client that allows none [MQTT-3.1.2-27]", () => {
  const world = new MqttWorld();
  for (const properties of [{}, { topicAliasMaximum: 0 }]) {
    const client = world.connect("c", { properties });
    client.subscribe("#");
    const publisher = world.connect("p");
    for (const topic of ["a", "a"]) publisher.publish(topic);
    const seen = client.messages().map(({ topic, properties }) => [topic, properties.topicAlias]);
    assert.deepEqual(seen, [["a", undefined], ["a", undefined]]);
  }
});

Deno.test("max_topic_alias limits ours as well", () => {
  const world = new MqttWorld({ options: { max_topic_alias: 1 } });
  const client = world.connect("c", { properties: { topicAliasMaximum: 100 } });
  client.subscribe("#");
  const publisher = world.connect("p");
  for (const topic of ["a", "b", "b"]) publisher.publish(topic);
  assert.deepEqual(client.messages().map(({ topic }) => topic), ["a", "b", "b"]);
});

Deno.test("retry_interval: sent again with DUP, to 3.1.1 clients alone [MQTT-4.4.0-1]", () => {
  const world = new MqttWorld({ options: { retry_interval: 5000 } });
  const [old, modern] = [world.connect("4", { version: 4 }), world.connect("5")];
  for (const client of [old, modern]) client.subscribe("t", 2);
  const publisher = world.connect("p");
  publisher.publish("t", { qos: 1, packetId: 1 });
  publisher.publish("t", { qos: 2, packetId: 2 });
  const [first, second] = old.messages();
  old.ack(PacketType.Pubrec, second!.packetId);
  assert.equal(modern.messages().length, 2);
  old.one(PacketType.Pubrel);
  world.pass(7000);
  const [again, pubrel, ...rest] = old.take();
  assert.deepEqual(rest, []);
  assert.deepEqual(again, { ...first!, dup: true }); // [MQTT-3.3.1-1]
  assert.deepEqual([pubrel?.type], [PacketType.Pubrel]);
  assert.deepEqual(modern.take(), []);
  old.ack(PacketType.Puback, first!.packetId);
  old.ack(PacketType.Pubcomp, second!.packetId);
  world.pass(20_000);
  assert.deepEqual(old.take(), []);
});

Deno.test("publishers wait for a slow subscriber instead of losing messages", () => {
  const world = new MqttWorld({ options: { max_inflight: 1, max_mqueue_len: 20 } });
  const client = world.connect("c");
  client.subscribe("t", 1);
  const publisher = world.connect("p");
  publishMany(publisher, "t", 1, 1, 100);
  assert.equal(publisher.link.reading, false);
  const seen: string[] = [];
  for (let messages = client.messages(); messages.length > 0; messages = client.messages()) {
    for (const { packetId, payload } of messages) {
      seen.push(new TextDecoder().decode(payload));
      client.ack(PacketType.Puback, packetId);
    }
  }
  assert.deepEqual(seen, numbers(1, 100));
  assert.equal(publisher.link.reading, true);
  assert.equal(world.broker.counters.dropped.queue_full, 0);
});

Deno.test("publishers wait on while a long queue is emptied fast", () => {
  const world = new MqttWorld({ options: { max_inflight: 1, max_mqueue_len: 2000 } });
  const client = world.connect("c");
  client.subscribe("t", 1);
  const publisher = world.connect("p");
  publishMany(publisher, "t", 1, 1, 1100);
  assert.equal(publisher.link.reading, false);
  let taken = 0;
  const take = (count: number) => {
    for (const end = taken + count; taken < end;) {
      for (const { packetId } of client.messages()) {
        taken++;
        client.ack(PacketType.Puback, packetId);
      }
    }
  };
  take(260);
  world.pass(50);
  assert.equal(publisher.link.reading, false, "it is catching up");
  take(240);
  world.pass(50);
  assert.equal(publisher.link.reading, true, "not fast enough");
});

Deno.test("a dead subscriber holds publishers back once, for a moment", () => {
  const world = new MqttWorld({ options: { max_inflight: 1, max_mqueue_len: 20 } });
  const client = world.connect("c");
  client.subscribe("t", 1);
  const publisher = world.connect("p");
  publishMany(publisher, "t", 1, 1, 100);
  assert.equal(publisher.link.reading, false);
  world.pass(50);
  assert.equal(publisher.link.reading, true);
  assert.equal(world.broker.counters.dropped.queue_full, 100 - 1 - 20);
  publishMany(publisher, "t", 1, 101, 200);
  assert.equal(publisher.link.reading, true);
});

Deno.test("publishers that wait for a client go on when it leaves", () => {
  const world = new MqttWorld({ options: { max_inflight: 1, max_mqueue_len: 20 } });
  const client = world.connect("c");
  client.subscribe("t", 1);
  const publisher = world.connect("p");
  publishMany(publisher, "t", 1, 1, 100);
  publisher.send({ type: PacketType.Pingreq });
  client.drop();
  assert.equal(publisher.link.reading, true);
  assert.equal(publisher.take().at(-1)?.type, PacketType.Pingresp);
});

Deno.test("packet ids and places are given back over a long run", () => {
  const world = new MqttWorld();
  const client = world.connect("c");
  client.subscribe("t", 1);
  const publisher = world.connect("p");
  const ids = new Set<number>();
  for (let i = 0; i < 70_000; i++) {
    publisher.publish("t", { qos: 1, packetId: 1 });
    const { packetId } = client.one(PacketType.Publish);
    ids.add(packetId);
    client.ack(PacketType.Puback, packetId);
    publisher.take();
  }
  assert.equal(ids.size, 65_535);
});
