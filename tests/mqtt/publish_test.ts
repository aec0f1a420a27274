import assert from "node:assert/strict";
import type { Authorizer, Decision } from "../../gateway/auth/types.ts";
import { ReasonCode } from "../../gateway/mqtt/codes.ts";
import { PacketType } from "../../gateway/mqtt/packets.ts";
import { memoryStore } from "../../gateway/store/memory.ts";
import { ALLOW_ALL, MqttWorld } from "../kit/mqtt_world.ts";

const NO: Decision = { allowed: false, rule: "deny", source: "test" };
const YES: Decision = { allowed: true, rule: "allow", source: "test" };

Deno.test("PUBLISH without any subscriber: 0x10, in MQTT 5 only", () => {
  const world = new MqttWorld();
  for (const version of [4, 5] as const) {
    const client = world.connect(`p${version}`, { version });
    const expected = version === 5 ? ReasonCode.NoMatchingSubscribers : 0;
    client.publish("t", { qos: 1, packetId: 1 });
    assert.equal(client.one(PacketType.Puback).reasonCode, expected);
    client.publish("t", { qos: 2, packetId: 2 });
    assert.equal(client.one(PacketType.Pubrec).reasonCode, expected);
  }
  assert.equal(world.broker.counters.dropped.no_subscribers, 4);
});

Deno.test("a topic with wildcards ends the connection [MQTT-3.3.2-2]", () => {
  const client = new MqttWorld().connect("c");
  client.publish("a/#");
  assert.equal(client.one(PacketType.Disconnect).reasonCode, ReasonCode.TopicNameInvalid);
  assert.equal(client.ended, "protocol");
});

Deno.test("max_topic_levels", () => {
  const client = new MqttWorld({ options: { max_topic_levels: 3 } }).connect("c");
  client.publish("a/b/c");
  assert.deepEqual(client.take(), []);
  client.publish("a/b/c/d");
  assert.equal(client.one(PacketType.Disconnect).reasonCode, ReasonCode.TopicNameInvalid);
});

Deno.test("max_qos_allowed [MQTT-3.2.2-11]", () => {
  const client = new MqttWorld({ options: { max_qos_allowed: 1 } }).connect("c");
  client.publish("a", { qos: 1 });
  client.one(PacketType.Puback);
  client.publish("a", { qos: 2 });
  assert.equal(client.one(PacketType.Disconnect).reasonCode, ReasonCode.QoSNotSupported);
});

Deno.test("retain_available = false [MQTT-3.2.2-14]", () => {
  const world = new MqttWorld({ options: { retain_available: false } });
  const client = world.connect("c");
  client.publish("a", { retain: true, payload: "x" });
  assert.equal(client.one(PacketType.Disconnect).reasonCode, ReasonCode.RetainNotSupported);
  assert.equal(world.retained.count, 0);
});

Deno.test("max_packet_size: PUBLISH", () => {
  const world = new MqttWorld({ options: { max_packet_size: 100 } });
  const client = world.connect("c");
  client.publish("t", { payload: new Uint8Array(94) });
  assert.deepEqual(client.take(), []);
  client.publish("t", { payload: new Uint8Array(95) });
  assert.equal(client.one(PacketType.Disconnect).reasonCode, ReasonCode.PacketTooLarge);
});

Deno.test("topic aliases of the client [MQTT-3.3.2-12]", () => {
  const world = new MqttWorld({ options: { max_topic_alias: 2 } });
  const subscriber = world.connect("s");
  subscriber.subscribe("#");
  const client = world.connect("c");
  client.publish("a", { payload: "1", properties: { topicAlias: 1 } });
  client.publish("b", { payload: "2", properties: { topicAlias: 2 } });
  client.publish("", { payload: "3", properties: { topicAlias: 1 } });
  client.publish("c", { payload: "4", properties: { topicAlias: 1 } });
  client.publish("", { payload: "5", properties: { topicAlias: 1 } });
  const seen = subscriber.messages().map(({ topic, properties }) => [topic, properties]);
  assert.deepEqual(seen, [["a", {}], ["b", {}], ["a", {}], ["c", {}], ["c", {}]]);
});

Deno.test("aliases beyond the maximum and unknown ones end the connection [MQTT-3.3.2-9]", () => {
  const world = new MqttWorld({ options: { max_topic_alias: 2 } });
  const high = world.connect("a");
  high.publish("t", { properties: { topicAlias: 3 } });
  assert.equal(high.one(PacketType.Disconnect).reasonCode, ReasonCode.TopicAliasInvalid);
  const unknown = world.connect("b");
  unknown.publish("", { properties: { topicAlias: 2 } });
  assert.equal(unknown.one(PacketType.Disconnect).reasonCode, ReasonCode.ProtocolError);
});

Deno.test("aliases end with the connection [MQTT-3.3.2-7]", () => {
  const world = new MqttWorld();
  const fields = { cleanStart: false, properties: { sessionExpiry: 100 } };
  const first = world.connect("c", fields);
  first.publish("t", { properties: { topicAlias: 1 } });
  first.drop();
  const second = world.connect("c", fields);
  second.publish("", { properties: { topicAlias: 1 } });
  assert.equal(second.one(PacketType.Disconnect).reasonCode, ReasonCode.ProtocolError);
});

Deno.test("more unreleased QoS 2 messages than the Receive Maximum [MQTT-3.3.4-9]", () => {
  const world = new MqttWorld({ options: { max_awaiting_rel: 2 } });
  const client = world.connect("c");
  client.publish("t", { qos: 2, packetId: 1 });
  client.publish("t", { qos: 2, packetId: 2 });
  client.publish("t", { qos: 2, packetId: 2, dup: true });
  assert.equal(client.take().length, 3);
  client.ack(PacketType.Pubrel, 1);
  client.publish("t", { qos: 2, packetId: 3 });
  assert.equal(client.take().length, 2);
  client.publish("t", { qos: 2, packetId: 4 });
  assert.equal(client.one(PacketType.Disconnect).reasonCode, ReasonCode.ReceiveMaximumExceeded);
});

Deno.test("await_rel_timeout: a PUBREL that never comes frees its id", () => {
  const world = new MqttWorld({ options: { await_rel_timeout: 5000 } });
  const client = world.connect("c");
  client.publish("t", { qos: 2, packetId: 1 });
  client.take();
  world.pass(7000);
  assert.equal(world.broker.counters.await_rel_timeouts, 1);
  client.ack(PacketType.Pubrel, 1);
  assert.equal(client.one(PacketType.Pubcomp).reasonCode, ReasonCode.PacketIdentifierNotFound);
});

Deno.test("payload_format_check", () => {
  const world = new MqttWorld({ options: { payload_format_check: true } });
  const subscriber = world.connect("s");
  subscriber.subscribe("t");
  const client = world.connect("c");
  const broken = { payload: new Uint8Array([0xc3]), properties: { payloadFormat: 1 } } as const;
  client.publish("t", { ...broken, qos: 1 });
  assert.equal(client.one(PacketType.Puback).reasonCode, ReasonCode.PayloadFormatInvalid);
  client.publish("t", { ...broken, qos: 2 });
  assert.equal(client.one(PacketType.Pubrec).reasonCode, ReasonCode.PayloadFormatInvalid);
  client.publish("t", broken);
  assert.deepEqual(subscriber.messages(), []);
  client.publish("t", { payload: "\u00fc\0", properties: { payloadFormat: 1 } });
  assert.equal(subscriber.messages()[0]?.properties.payloadFormat, 1);
});

Deno.test("all properties of a PUBLISH reach MQTT 5 subscribers, in order [MQTT-3.3.2-18]", () => {
  const world = new MqttWorld();
  const [modern, old] = [world.connect("5"), world.connect("4", { version: 4 })];
  modern.subscribe("t", 1);
  old.subscribe("t", 1);
  const properties = {
    payloadFormat: 1,
    contentType: "text/plain",
    responseTopic: "reply/here",
    correlationData: new Uint8Array([0, 1, 255]),
    userProperties: [["b", "2"], ["a", "1"], ["b", "2"]],
    messageExpiry: 60,
  } as const;
  world.connect("p").publish("t", { qos: 1, payload: "x", properties });
  assert.deepEqual(modern.messages()[0]?.properties, properties);
  assert.deepEqual(old.messages()[0]?.properties, {});
});

Deno.test("a Response Topic with wildcards is a protocol error [MQTT-3.3.2-14]", () => {
  const client = new MqttWorld().connect("c");
  client.publish("t", { properties: { responseTopic: "a/+" } });
  assert.equal(client.one(PacketType.Disconnect).reasonCode, ReasonCode.ProtocolError);
});

Deno.test("message_expiry_interval caps the life of every message", () => {
  const world = new MqttWorld({ options: { message_expiry_interval: 5000 } });
  const subscriber = world.connect("s");
  subscriber.subscribe("t");
  const client = world.connect("p");
  client.publish("t", { properties: { messageExpiry: 60 } });
  client.publish("t", { properties: { messageExpiry: 2 } });
  client.publish("t");
  const left = subscriber.messages().map(({ properties }) => properties.messageExpiry);
  assert.deepEqual(left, [5, 2, 5]);
});

/** Denies topics that begin with `no`, and counts how often it is asked. */
function denier(denyAction: Authorizer["denyAction"] = "ignore") {
  const state = { asked: 0, generation: 0 };
  const authorizer: Authorizer = {
    ...ALLOW_ALL,
    denyAction,
    get generation() {
      return state.generation;
    },
    publish: (topic) => {
      state.asked++;
      return topic.startsWith("no") ? NO : YES;
    },
  };
  return { state, authorizer };
}

Deno.test("a denied PUBLISH: an error code in MQTT 5, an empty promise before [MQTT-3.3.5-2]", () => {
  const { authorizer } = denier();
  const world = new MqttWorld({ authorizerFor: () => authorizer });
  const subscriber = world.connect("s");
  subscriber.subscribe("#", 2);
  const [modern, old] = [world.connect("5"), world.connect("4", { version: 4 })];
  modern.publish("no", { qos: 1 });
  assert.equal(modern.one(PacketType.Puback).reasonCode, ReasonCode.NotAuthorized);
  modern.publish("no", { qos: 2 });
  assert.equal(modern.one(PacketType.Pubrec).reasonCode, ReasonCode.NotAuthorized);
  old.publish("no", { qos: 1 });
  old.one(PacketType.Puback);
  old.publish("no", { qos: 2 });
  old.one(PacketType.Pubrec);
  old.ack(PacketType.Pubrel, 1);
  old.one(PacketType.Pubcomp);
  modern.publish("no");
  assert.deepEqual(subscriber.messages(), []);
  assert.equal(world.broker.counters.authorization_denied, 5);
});

Deno.test("a denied PUBLISH ends the connection when deny_action says so", () => {
  const { authorizer } = denier("disconnect");
  const world = new MqttWorld({ authorizerFor: () => authorizer });
  const client = world.connect("c");
  client.publish("no", { qos: 0 });
  assert.equal(client.one(PacketType.Disconnect).reasonCode, ReasonCode.NotAuthorized);
});

Deno.test("a decision is asked once per topic, QoS and retain, until rules change", () => {
  const { state, authorizer } = denier();
  const world = new MqttWorld({ authorizerFor: () => authorizer });
  const client = world.connect("c");
  for (let i = 0; i < 10; i++) {
    client.publish("a");
    client.publish("b");
  }
  assert.equal(state.asked, 2);
  client.publish("a", { qos: 1 });
  client.publish("a", { retain: true });
  assert.equal(state.asked, 4);
  state.generation++;
  client.publish("a");
  assert.equal(state.asked, 5);
});

Deno.test("a decision that takes time holds up its client, in order, and nobody else", async () => {
  const answers: ((decision: Decision) => void)[] = [];
  const slow: Authorizer = {
    ...ALLOW_ALL,
    publish: () => new Promise((resolve) => answers.push(resolve)),
  };
  const world = new MqttWorld({
    authorizerFor: ({ clientId }) => clientId === "slow" ? slow : ALLOW_ALL,
  });
  const subscriber = world.connect("s");
  subscriber.subscribe("#");
  const client = world.connect("slow");
  client.publish("a", { qos: 1, packetId: 1, payload: "1" });
  client.publish("b", { qos: 1, packetId: 2, payload: "2" });
  client.send({ type: PacketType.Pingreq });
  world.connect("fast").publish("x", { payload: "fast" });
  assert.deepEqual(subscriber.payloads(), ["fast"]);
  assert.deepEqual([client.link.reading, client.take().length], [false, 0]);
  answers[0]!(YES);
  await Promise.resolve();
  assert.equal(client.one(PacketType.Puback).packetId, 1);
  assert.deepEqual(subscriber.payloads(), ["1"]);
  answers[1]!(NO);
  await Promise.resolve();
  const [puback, pong] = client.take();
  assert.deepEqual([puback?.type, pong?.type], [PacketType.Puback, PacketType.Pingresp]);
  assert.deepEqual(subscriber.payloads(), []);
  assert.equal(client.link.reading, true);
});

Deno.test("clients cannot publish in the broker's own tree", () => {
  const world = new MqttWorld();
  const client = world.connect("c");
  client.publish("$SYS/broker/version", { qos: 1, retain: true, payload: "lies" });
  assert.equal(client.one(PacketType.Puback).reasonCode, ReasonCode.NotAuthorized);
  assert.equal(world.retained.count, 0);
});

Deno.test("while the store cannot write, durable messages are refused with 0x97", () => {
  const store = { ...memoryStore(), writable: true };
  const world = new MqttWorld({ store });
  const persistent = world.connect("s", { properties: { sessionExpiry: 100 } });
  persistent.subscribe("durable", 1);
  world.connect("t").subscribe("transient", 1);
  store.writable = false;
  const [modern, old] = [world.connect("5"), world.connect("4", { version: 4 })];
  modern.publish("durable", { qos: 1 });
  assert.equal(modern.one(PacketType.Puback).reasonCode, ReasonCode.QuotaExceeded);
  modern.publish("x", { qos: 2, retain: true, payload: "y" });
  assert.equal(modern.one(PacketType.Pubrec).reasonCode, ReasonCode.QuotaExceeded);
  modern.publish("transient", { qos: 1 });
  assert.equal(modern.one(PacketType.Puback).reasonCode, 0);
  old.publish("durable", { qos: 1 });
  assert.equal(old.ended, "protocol", "3.1.1 has no way to say no");
  assert.deepEqual(persistent.messages(), []);
  store.writable = true;
  modern.publish("durable", { qos: 1 });
  assert.equal(modern.one(PacketType.Puback).reasonCode, 0);
});

Deno.test("limits of a login: payload", () => {
  const world = new MqttWorld({
    authenticator: {
      required: true,
      needsNonce: false,
      authenticate: ({ username }) => ({
        kind: "allow",
        principal: { username, method: "x", superuser: false, limits: { payloadBytes: 3 } },
      }),
    },
  });
  const client = world.connect("c");
  client.publish("t", { payload: "abc" });
  assert.deepEqual(client.take(), []);
  client.publish("t", { payload: "abcd" });
  assert.equal(client.one(PacketType.Disconnect).reasonCode, ReasonCode.PacketTooLarge);
});
