import assert from "node:assert/strict";
import { ReasonCode } from "../../gateway/mqtt/codes.ts";
import { type ConnackPacket, NO_PROPERTIES, PacketType } from "../../gateway/mqtt/packets.ts";
import { MqttWorld } from "../kit/mqtt_world.ts";
import { encode } from "./wire.ts";

Deno.test("a message goes from one client to another, in every version", () => {
  const world = new MqttWorld();
  const versions = [3, 4, 5] as const;
  for (const to of versions) {
    const subscriber = world.connect(`s${to}`, { version: to });
    subscriber.subscribe("t/+");
    for (const from of versions) {
      const publisher = world.connect(`p${from}`, { version: from });
      publisher.publish("t/a", { payload: `${from} to ${to}` });
      const [message] = subscriber.messages();
      assert.equal(message?.topic, "t/a");
      assert.equal(new TextDecoder().decode(message.payload), `${from} to ${to}`);
      publisher.disconnect();
    }
    subscriber.disconnect();
  }
});

Deno.test("QoS 1 both ways [MQTT-4.3.2-1] [MQTT-4.3.2-3]", () => {
  const world = new MqttWorld();
  const subscriber = world.connect("s");
  assert.equal(subscriber.subscribed("t", 1), 1);
  const publisher = world.connect("p");
  publisher.publish("t", { qos: 1, packetId: 7, payload: "x" });
  const puback = publisher.one(PacketType.Puback);
  assert.deepEqual([puback.packetId, puback.reasonCode], [7, 0]);
  const message = subscriber.one(PacketType.Publish);
  assert.deepEqual([message.qos, message.packetId, message.dup], [1, 1, false]);
  subscriber.ack(PacketType.Puback, 1);
  assert.equal(world.broker.sessions.get("s")?.deliveries.inflight.count, 0);
});

Deno.test("QoS 2 both ways [MQTT-4.3.3-2] [MQTT-4.3.3-8]", () => {
  const world = new MqttWorld();
  const subscriber = world.connect("s");
  subscriber.subscribe("t", 2);
  const publisher = world.connect("p");
  publisher.publish("t", { qos: 2, packetId: 9, payload: "x" });
  assert.equal(publisher.one(PacketType.Pubrec).reasonCode, 0);
  // A second copy is answered and goes nowhere. [MQTT-4.3.3-10]
  publisher.publish("t", { qos: 2, packetId: 9, payload: "x", dup: true });
  assert.equal(publisher.one(PacketType.Pubrec).reasonCode, 0);
  publisher.ack(PacketType.Pubrel, 9);
  assert.equal(publisher.one(PacketType.Pubcomp).reasonCode, 0);
  const { packetId } = subscriber.one(PacketType.Publish);
  subscriber.ack(PacketType.Pubrec, packetId);
  assert.equal(subscriber.one(PacketType.Pubrel).packetId, packetId);
  subscriber.ack(PacketType.Pubcomp, packetId);
  assert.equal(world.broker.sessions.get("s")?.deliveries.inflight.count, 0);
});

Deno.test("nothing but CONNECT is taken before CONNECT [MQTT-3.1.0-1]", () => {
  const world = new MqttWorld();
  for (const type of [PacketType.Pingreq, PacketType.Publish] as const) {
    const client = world.link();
    client.session.receive(encode(
      5,
      type === PacketType.Pingreq ? { type } : {
        type,
        qos: 0,
        retain: false,
        dup: false,
        packetId: 0,
        topic: "t",
        payload: new Uint8Array(0),
        properties: NO_PROPERTIES,
      },
    ));
    assert.equal(client.ended, "protocol");
  }
});

Deno.test("a second CONNECT is a protocol error [MQTT-3.1.0-2]", () => {
  const world = new MqttWorld();
  const client = world.connect("c");
  client.sendConnect("c");
  assert.equal(client.one(PacketType.Disconnect).reasonCode, ReasonCode.ProtocolError);
  assert.equal(client.ended, "protocol");
});

Deno.test("PINGREQ is answered [MQTT-3.12.4-1]", () => {
  const client = new MqttWorld().connect("c");
  client.send({ type: PacketType.Pingreq });
  client.one(PacketType.Pingresp);
});

Deno.test("silence ends a connection after 1.5 keep-alive intervals [MQTT-3.1.2-22]", () => {
  const world = new MqttWorld();
  const client = world.connect("c", { keepAlive: 10 });
  world.pass(14_000);
  client.send({ type: PacketType.Pingreq });
  client.take();
  world.pass(14_999);
  assert.equal(client.ended, undefined);
  world.pass(1);
  assert.equal(client.one(PacketType.Disconnect).reasonCode, ReasonCode.KeepAliveTimeout);
  assert.equal(client.ended, "keepalive-timeout");
});

Deno.test("a connection that says nothing is closed after idle_timeout", () => {
  const world = new MqttWorld({ options: { idle_timeout: 5000 } });
  const client = world.link();
  world.pass(4999);
  assert.equal(client.ended, undefined);
  world.pass(1);
  assert.equal(client.ended, "idle-timeout");
});

Deno.test("a client id that connects again takes over [MQTT-3.1.4-3]", () => {
  const world = new MqttWorld();
  const first = world.connect("c");
  const second = world.connect("c");
  assert.equal(first.one(PacketType.Disconnect).reasonCode, ReasonCode.SessionTakenOver);
  assert.equal(first.ended, "taken-over");
  first.session.closed({ kind: "peer" });
  assert.equal(world.broker.sessions.size, 1);
  second.send({ type: PacketType.Pingreq });
  second.one(PacketType.Pingresp);
});

Deno.test("a login that takes time stops reading, then goes on with what came", async () => {
  let answer = () => {};
  const world = new MqttWorld({
    authenticator: {
      required: true,
      needsNonce: false,
      authenticate: ({ username }) =>
        new Promise((resolve) =>
          answer = () =>
            resolve({ kind: "allow", principal: { username, method: "x", superuser: false } })
        ),
    },
  });
  const client = world.link();
  client.sendConnect("c");
  client.send({ type: PacketType.Pingreq });
  assert.deepEqual([client.link.reading, client.take().length], [false, 0]);
  answer();
  await Promise.resolve().then(() => {});
  assert.deepEqual(client.take().map(({ type }) => type), [
    PacketType.Connack,
    PacketType.Pingresp,
  ]);
  assert.equal(client.link.reading, true);
});

Deno.test("a denied login gets its reason code and no reason [MQTT-3.2.2-7]", () => {
  const world = new MqttWorld({
    authenticator: {
      required: true,
      needsNonce: false,
      authenticate: () => ({ kind: "deny", reason: "secret detail", reasonCode: 0x86 }),
    },
  });
  const client = world.link();
  client.sendConnect("c");
  const connack = client.one(PacketType.Connack) as ConnackPacket;
  assert.equal(connack.reasonCode, ReasonCode.BadUserNameOrPassword);
  assert.ok(!connack.properties.reasonString?.includes("secret"));
  assert.equal(client.ended, "auth");
});

Deno.test("a session that has ended asks for no more ticks, whatever it left undone", () => {
  for (const end of ["disconnect", "malformed"] as const) {
    const world = new MqttWorld();
    const client = world.connect("c", { properties: { sessionExpiry: 100 } });
    client.publish("t", { qos: 2, packetId: 1 });
    if (end === "disconnect") client.disconnect();
    else client.session.receive(new Uint8Array([0xff, 0]));
    assert.ok(client.ended !== undefined);
    assert.equal(client.session.nextDeadline, Infinity, end);
  }
});
