/** Sessions that outlive their connection. */
import assert from "node:assert/strict";
import { ReasonCode } from "../../gateway/mqtt/codes.ts";
import { PacketType } from "../../gateway/mqtt/packets.ts";
import { ALLOW_ALL, type ConnectFields, type FakeClient, MqttWorld } from "../kit/mqtt_world.ts";
import type { AnyPacket, PublishPacket } from "./wire.ts";

const KEEP: ConnectFields = { cleanStart: false, properties: { sessionExpiry: 100 } };

const payloadsOf = (packets: readonly AnyPacket[]) =>
  packets.map((packet) => {
    assert.equal(packet.type, PacketType.Publish);
    return new TextDecoder().decode((packet as PublishPacket).payload);
  });

function present(client: FakeClient): boolean {
  return client.connack!.sessionPresent;
}

Deno.test("Session Present says whether there was one [MQTT-3.2.2-2] [MQTT-3.2.2-3]", () => {
  const world = new MqttWorld();
  assert.equal(present(world.connect("c", KEEP)), false);
  // Also without a subscription or message.
  assert.equal(present(world.connect("c", KEEP)), true);
  assert.equal(present(world.connect("c", { ...KEEP, cleanStart: true })), false);
  assert.equal(present(world.connect("c", { version: 4, cleanStart: false })), true);
  assert.equal(present(world.connect("c", { version: 4, cleanStart: true })), false);
});

Deno.test("a session without expiry ends with its connection [MQTT-3.1.2-23]", () => {
  const world = new MqttWorld();
  const client = world.connect("c", { cleanStart: false });
  client.subscribe("t", 1);
  client.drop();
  assert.deepEqual([world.broker.sessions.size, world.router.subscriptions], [0, 0]);
});

Deno.test("a session expires after its interval, not before", () => {
  const world = new MqttWorld();
  world.connect("c", KEEP).drop();
  world.pass(99_999);
  assert.ok(world.broker.sessions.has("c"));
  world.pass(1);
  assert.equal(world.broker.sessions.has("c"), false);
  assert.equal(world.broker.counters.sessions_terminated, 1);
});

Deno.test("session_expiry_interval is for clients that cannot say", () => {
  const world = new MqttWorld({ options: { session_expiry_interval: 5000 } });
  world.connect("4", { version: 4, cleanStart: false }).drop();
  world.connect("5", { cleanStart: false }).drop();
  assert.deepEqual([...world.broker.sessions.keys()], ["4"]);
  world.pass(5000);
  assert.equal(world.broker.sessions.size, 0);
});

Deno.test("max_session_expiry_interval lowers what is asked, and says so", () => {
  const world = new MqttWorld({ options: { max_session_expiry_interval: 5000 } });
  const client = world.connect("c", { properties: { sessionExpiry: 0xffffffff } });
  assert.equal(client.connack?.properties.sessionExpiry, 5);
  client.drop();
  world.pass(5000);
  assert.equal(world.broker.sessions.size, 0);
});

Deno.test("DISCONNECT may change the expiry, but not from nothing [MQTT-3.14.2-2]", () => {
  const world = new MqttWorld();
  world.connect("a", KEEP).disconnect(0, { sessionExpiry: 0 });
  assert.equal(world.broker.sessions.has("a"), false);
  world.connect("b", KEEP).disconnect(0, { sessionExpiry: 5 });
  world.pass(5000);
  assert.equal(world.broker.sessions.has("b"), false);
  const none = world.connect("c");
  none.send({ type: PacketType.Disconnect, reasonCode: 0, properties: { sessionExpiry: 5 } });
  assert.equal(none.one(PacketType.Disconnect).reasonCode, ReasonCode.ProtocolError);
});

Deno.test("max_session_expiry_interval also caps DISCONNECT", () => {
  const world = new MqttWorld({ options: { max_session_expiry_interval: 200_000 } });
  world.connect("c", KEEP).disconnect(0, { sessionExpiry: 0xffffffff });
  world.pass(200_000);
  assert.equal(world.broker.sessions.size, 0);
});

Deno.test("offline, QoS 1 and 2 wait and come in order, DUP 0 [MQTT-3.1.2-5] [MQTT-4.6.0-6]", () => {
  const world = new MqttWorld();
  const client = world.connect("c", KEEP);
  client.subscribe("t", 2, { subscriptionIds: [9] });
  client.drop();
  const publisher = world.connect("p");
  for (let i = 1; i <= 6; i++) {
    publisher.publish("t", { qos: i % 2 + 1 as 1 | 2, packetId: i, payload: `${i}`, retain: true });
  }
  const back = world.connect("c", KEEP);
  assert.deepEqual(payloadsOf(back.early), ["1", "2", "3", "4", "5", "6"]);
  for (const message of back.early as PublishPacket[]) {
    assert.deepEqual([message.dup, message.retain], [false, false]);
    assert.deepEqual(message.properties, { subscriptionIds: [9] });
  }
});

Deno.test("unacknowledged messages come again first: same ids, DUP, order [MQTT-4.4.0-1]", () => {
  // [MQTT-4.6.0-1] [MQTT-3.3.1-1]
  const world = new MqttWorld();
  const client = world.connect("c", KEEP);
  client.subscribe("t", 2);
  const publisher = world.connect("p");
  for (let i = 1; i <= 4; i++) {
    publisher.publish("t", { qos: i % 2 + 1 as 1 | 2, packetId: i, payload: `${i}` });
  }
  const first = client.messages();
  client.ack(PacketType.Pubrec, first[2]!.packetId);
  client.ack(PacketType.Puback, first[1]!.packetId);
  client.drop();
  publisher.publish("t", { qos: 1, packetId: 5, payload: "5" });
  const back = world.connect("c", KEEP);
  assert.deepEqual(back.early.map(({ type }) => type), [
    PacketType.Pubrel, // of 3
    PacketType.Publish,
    PacketType.Publish,
    PacketType.Publish,
  ]);
  const [, ...messages] = back.early as PublishPacket[];
  assert.deepEqual(payloadsOf(messages), ["1", "4", "5"]);
  assert.deepEqual(messages.map(({ dup }) => dup), [true, true, false]);
  assert.deepEqual(messages.slice(0, 2).map(({ packetId }) => packetId), [
    first[0]!.packetId,
    first[3]!.packetId,
  ]);
  assert.equal(new Set(messages.map(({ packetId }) => packetId)).size, 3);
});

Deno.test("what is resent keeps to the new Receive Maximum, and new messages wait behind it", () => {
  const world = new MqttWorld();
  const client = world.connect("c", KEEP);
  client.subscribe("t", 1);
  const publisher = world.connect("p");
  for (let i = 1; i <= 5; i++) publisher.publish("t", { qos: 1, packetId: i, payload: `${i}` });
  client.drop();
  const back = world.connect("c", {
    cleanStart: false,
    properties: { sessionExpiry: 100, receiveMaximum: 2 },
  });
  publisher.publish("t", { qos: 1, packetId: 6, payload: "6" });
  const seen: string[] = [];
  for (let packets = back.early; packets.length > 0; packets = back.take()) {
    assert.ok(packets.length <= 2);
    seen.push(...payloadsOf(packets));
    for (const packet of packets) back.ack(PacketType.Puback, (packet as PublishPacket).packetId);
  }
  assert.deepEqual(seen, ["1", "2", "3", "4", "5", "6"]);
});

Deno.test("an incoming QoS 2 id survives the connection: no second delivery [MQTT-4.3.3-10]", () => {
  const world = new MqttWorld();
  const watcher = world.connect("w");
  watcher.subscribe("t");
  const client = world.connect("c", KEEP);
  client.publish("t", { qos: 2, packetId: 3, payload: "once" });
  client.drop();
  const back = world.connect("c", KEEP);
  back.publish("t", { qos: 2, packetId: 3, payload: "once", dup: true });
  assert.equal(back.one(PacketType.Pubrec).reasonCode, 0);
  back.ack(PacketType.Pubrel, 3);
  assert.equal(back.one(PacketType.Pubcomp).reasonCode, 0);
  assert.deepEqual(watcher.payloads(), ["once"]);
});

Deno.test("a clean start forgets incoming QoS 2 ids as well [MQTT-3.1.2-4]", () => {
  const world = new MqttWorld();
  const watcher = world.connect("w");
  watcher.subscribe("t");
  world.connect("c", KEEP).publish("t", { qos: 2, packetId: 3, payload: "1" });
  world.connect("c", { ...KEEP, cleanStart: true })
    .publish("t", { qos: 2, packetId: 3, payload: "2" });
  assert.deepEqual(watcher.payloads(), ["1", "2"]);
});

Deno.test("await_rel_timeout only runs while connected", () => {
  const world = new MqttWorld({ options: { await_rel_timeout: 10_000 } });
  const client = world.connect("c", KEEP);
  client.publish("t", { qos: 2, packetId: 3 });
  client.drop();
  world.pass(60_000);
  const back = world.connect("c", KEEP);
  world.pass(9000);
  back.ack(PacketType.Pubrel, 3);
  assert.equal(back.one(PacketType.Pubcomp).reasonCode, 0);
});

Deno.test("subscriptions with all their options survive", () => {
  const world = new MqttWorld();
  const client = world.connect("c", KEEP);
  client.subscribe("t", { qos: 1, noLocal: true, retainAsPublished: true }, {
    subscriptionIds: [4],
  });
  client.drop();
  const back = world.connect("c", KEEP);
  back.publish("t", { payload: "own" });
  world.connect("p").publish("t", { qos: 2, retain: true, payload: "x" });
  const [message, ...rest] = back.messages();
  assert.deepEqual([rest.length, message?.qos, message?.retain], [0, 1, true]);
  assert.deepEqual(message?.properties, { subscriptionIds: [4] });
});

Deno.test("a session comes back in another version", () => {
  const world = new MqttWorld();
  const client = world.connect("c", { version: 4, cleanStart: false });
  client.subscribe("t", 1);
  client.drop();
  world.connect("p").publish("t", { qos: 1, payload: "x", properties: { contentType: "a" } });
  const back = world.connect("c", KEEP);
  assert.equal((back.early[0] as PublishPacket).properties.contentType, "a");
});

Deno.test("a session is not handed to another user, nor into another mountpoint", () => {
  const world = new MqttWorld({
    mountpoint: ({ principal }) => principal.attributes === undefined ? "" : "m/",
  });
  const client = world.connect("c", { ...KEEP, username: "u" });
  client.subscribe("t", 1);
  client.drop();
  world.connect("p").publish("t", { qos: 1, payload: "secret" });
  const thief = world.connect("c", { ...KEEP, username: "v" });
  assert.equal(present(thief), false);
  assert.deepEqual(thief.early, []);
  assert.equal(world.router.subscriptions, 0);
});

Deno.test("what a client may no longer subscribe to is gone when it comes back", () => {
  const state = { denied: "" };
  const world = new MqttWorld({
    authorizerFor: () => ({
      ...ALLOW_ALL,
      subscribe: ({ filter }) => ({ allowed: filter !== state.denied, rule: "", source: "" }),
    }),
  });
  const client = world.connect("c", KEEP);
  client.subscribe("a", 1);
  client.subscribe("b", 1);
  client.drop();
  state.denied = "a";
  const back = world.connect("c", KEEP);
  const publisher = world.connect("p");
  publisher.publish("a", { payload: "a" });
  publisher.publish("b", { payload: "b" });
  assert.equal(present(back), true);
  assert.deepEqual(back.payloads(), ["b"]);
});

Deno.test("a takeover passes on what the old connection had not acknowledged", () => {
  const world = new MqttWorld();
  const old = world.connect("c", KEEP);
  old.subscribe("t", 1);
  world.connect("p").publish("t", { qos: 1, payload: "x" });
  const back = world.connect("c", KEEP);
  const [message] = back.early as PublishPacket[];
  assert.deepEqual([payloadsOf(back.early), message?.dup], [["x"], true]);
  old.session.closed({ kind: "peer" });
  old.session.receive(new Uint8Array([0xc0, 0]));
  back.ack(PacketType.Puback, message!.packetId);
  assert.equal(world.broker.sessions.get("c")?.deliveries.inflight.count, 0);
});
