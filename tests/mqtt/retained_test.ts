import assert from "node:assert/strict";
import { PacketType } from "../../gateway/mqtt/packets.ts";
import type { PublishPacket } from "./wire.ts";
import { type FakeClient, MqttWorld } from "../kit/mqtt_world.ts";

/** Retained messages behind a SUBACK, as text. */
function replayed(...args: [FakeClient, ...Parameters<FakeClient["subscribe"]>]): string[] {
  const [client, ...rest] = args;
  const [suback, ...messages] = client.subscribe(...rest);
  assert.equal(suback?.type, PacketType.Suback);
  return (messages as PublishPacket[]).map(({ retain, payload }) => {
    assert.equal(retain, true); // [MQTT-3.3.1-8]
    return new TextDecoder().decode(payload);
  }).sort();
}

Deno.test("a new subscription gets the last retained message of each topic [MQTT-3.3.1-5]", () => {
  const world = new MqttWorld();
  const publisher = world.connect("p");
  publisher.publish("a/1", { retain: true, payload: "old" });
  publisher.publish("a/1", { retain: true, payload: "one" });
  publisher.publish("a/2", { retain: true, payload: "two" });
  publisher.publish("a/3", { payload: "not retained" });
  const client = world.connect("c");
  assert.deepEqual(replayed(client, "a/+"), ["one", "two"]);
  assert.deepEqual(replayed(client, "a/1"), ["one"]);
});

Deno.test("an empty payload clears and is passed on [MQTT-3.3.1-6] [MQTT-3.3.1-7]", () => {
  const world = new MqttWorld();
  const [publisher, client] = [world.connect("p"), world.connect("c")];
  publisher.publish("a", { retain: true, payload: "x" });
  client.subscribe("a");
  publisher.publish("a", { retain: true });
  assert.deepEqual(client.payloads(), [""]);
  assert.equal(world.retained.count, 0);
});

Deno.test("stop_publish_clear_msg keeps the clearing message from subscribers", () => {
  const world = new MqttWorld({ options: { stop_publish_clear_msg: true } });
  const [publisher, client] = [world.connect("p"), world.connect("c")];
  publisher.publish("a", { retain: true, payload: "x" });
  client.subscribe("a");
  publisher.publish("a", { retain: true });
  assert.deepEqual(client.payloads(), []);
  assert.equal(world.retained.count, 0);
});

Deno.test("RETAIN is 0 on live messages, unless Retain As Published [MQTT-3.3.1-12..13]", () => {
  const world = new MqttWorld();
  const [plain, published] = [world.connect("a"), world.connect("b")];
  plain.subscribe("t");
  published.subscribe("t", { retainAsPublished: true });
  const publisher = world.connect("p");
  publisher.publish("t", { retain: true, payload: "x" });
  publisher.publish("t", { payload: "x" });
  assert.deepEqual(plain.messages().map(({ retain }) => retain), [false, false]);
  assert.deepEqual(published.messages().map(({ retain }) => retain), [true, false]);
});

Deno.test("Retain Handling [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11]", () => {
  const world = new MqttWorld();
  world.connect("p").publish("t", { retain: true, payload: "x" });
  const client = world.connect("c");
  assert.deepEqual(replayed(client, "t", { retainHandling: 2 }), []);
  assert.deepEqual(replayed(client, "t", { retainHandling: 1 }), []);
  assert.deepEqual(replayed(client, "t", { retainHandling: 0 }), ["x"]);
  assert.deepEqual(replayed(client, "+", { retainHandling: 1 }), ["x"]);
  assert.deepEqual(replayed(client, "+", { retainHandling: 1 }), []);
});

Deno.test("shared subscriptions get nothing retained [MQTT5 4.8.2]", () => {
  const world = new MqttWorld();
  world.connect("p").publish("t", { retain: true, payload: "x" });
  assert.deepEqual(replayed(world.connect("c"), "$share/g/t"), []);
});

Deno.test("retained messages go at the lower QoS, with the subscription's identifier", () => {
  const world = new MqttWorld();
  world.connect("p").publish("t", { retain: true, qos: 2, payload: "x" });
  const client = world.connect("c");
  const [, message] = client.subscribe("t", 1, { subscriptionIds: [5] }) as PublishPacket[];
  assert.equal(message?.qos, 1);
  assert.deepEqual(message?.properties.subscriptionIds, [5]);
});

Deno.test("a retained message expires, and says how long it still has [MQTT-3.3.2-6]", () => {
  const world = new MqttWorld();
  world.connect("p").publish("t", {
    retain: true,
    payload: "x",
    properties: { messageExpiry: 10 },
  });
  world.pass(4200);
  const [, message] = world.connect("a").subscribe("t") as PublishPacket[];
  assert.equal(message?.properties.messageExpiry, 6);
  world.pass(6000);
  assert.deepEqual(replayed(world.connect("b"), "t"), []);
});

Deno.test("No Local also holds for what one retained oneself", () => {
  const world = new MqttWorld();
  const client = world.connect("c");
  client.publish("t", { retain: true, payload: "own" });
  assert.deepEqual(replayed(client, "t", { noLocal: true }), []);
});

Deno.test("many retained messages go as fast as the socket takes them, none is lost", () => {
  const world = new MqttWorld({ options: { max_pending_bytes: 2000, max_mqueue_len: 10 } });
  const publisher = world.connect("p");
  for (let i = 0; i < 200; i++) {
    publisher.publish(`t/${i}`, { retain: true, payload: new Uint8Array(100).fill(65) });
  }
  const client = world.connect("c");
  const got = new Map<string, string>();
  const collect = (packets: readonly unknown[]) => {
    for (const { topic, payload } of packets as PublishPacket[]) {
      assert.ok(!got.has(topic), `${topic} came twice`);
      if (topic !== undefined) got.set(topic, new TextDecoder().decode(payload));
    }
  };
  collect(client.subscribe("t/#").slice(1));
  assert.ok(got.size < 50, "the socket was full");
  // Replaced while it waits: its successor comes live, the old value not at all.
  publisher.publish("t/199", { retain: true, payload: "new" });
  for (let i = 0; i < 100 && got.size < 200; i++) {
    world.pass(10);
    collect(client.take());
  }
  assert.equal(got.size, 200);
  assert.equal(got.get("t/199"), "new");
});

Deno.test("retained messages are looked for as they are sent, however often one subscribes", () => {
  const world = new MqttWorld({ options: { max_pending_bytes: 2000 } });
  const publisher = world.connect("p");
  for (let i = 0; i < 200; i++) {
    publisher.publish(`t/${i}`, { retain: true, payload: new Uint8Array(100).fill(65) });
  }
  let looked = 0;
  const matching = world.retained.matching.bind(world.retained);
  world.retained.matching = function* (query) {
    for (const message of matching(query)) {
      looked++;
      yield message;
    }
  };
  const client = world.connect("c");
  for (let i = 0; i < 20; i++) client.subscribe("t/#");
  assert.ok(looked < 1000, `${looked} of 4000: what fits into the socket each time`);
});

Deno.test("a persistent session that goes keeps the retained messages that fit its queue", () => {
  const world = new MqttWorld({ options: { max_inflight: 3, max_mqueue_len: 10 } });
  const publisher = world.connect("p");
  for (let i = 0; i < 50; i++) publisher.publish(`t/${i}`, { retain: true, qos: 1, payload: "x" });
  const client = world.connect("c", { cleanStart: false, properties: { sessionExpiry: 100 } });
  for (let i = 0; i < 5; i++) client.subscribe("t/#", 1);
  client.drop();
  const { deliveries } = world.broker.sessions.get("c")!;
  assert.equal(deliveries.queue.length, 10);
});

Deno.test("retained messages at QoS 1 keep to the window", () => {
  const world = new MqttWorld({ options: { max_inflight: 3 } });
  const publisher = world.connect("p");
  for (let i = 0; i < 10; i++) publisher.publish(`t/${i}`, { retain: true, qos: 1, payload: "x" });
  const client = world.connect("c");
  let messages = client.subscribe("t/#", 1).slice(1) as PublishPacket[];
  let total = 0;
  while (messages.length > 0) {
    assert.ok(messages.length <= 3);
    total += messages.length;
    for (const { packetId } of messages) client.ack(PacketType.Puback, packetId);
    messages = client.messages();
  }
  assert.equal(total, 10);
});

Deno.test("retained_delivery_rate: so many a second to one client", () => {
  const world = new MqttWorld({ options: { retained_delivery_rate: 10 } });
  const publisher = world.connect("p");
  for (let i = 0; i < 25; i++) publisher.publish(`t/${i}`, { retain: true, payload: "x" });
  const client = world.connect("c");
  const counts = [client.subscribe("t/#").length - 1];
  for (let second = 0; second < 3; second++) {
    world.pass(1000);
    counts.push(client.messages().length);
  }
  assert.deepEqual(counts, [10, 10, 5, 0]);
});
