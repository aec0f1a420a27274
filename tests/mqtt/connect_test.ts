import assert from "node:assert/strict";
import { ReasonCode } from "../../gateway/mqtt/codes.ts";
import { type ConnackPacket, PacketType } from "../../gateway/mqtt/packets.ts";
import { type ConnectFields, MqttWorld } from "../kit/mqtt_world.ts";

const WILL = {
  topic: "w",
  payload: new Uint8Array([1]),
  qos: 0,
  retain: false,
  properties: {},
} as const;

/** The answer to a CONNECT in a world with these options. */
function answer(
  options: ConstructorParameters<typeof MqttWorld>[0],
  clientId: string,
  fields: ConnectFields = {},
): ConnackPacket {
  return new MqttWorld(options).link(fields.version ?? 5).login(clientId, fields);
}

Deno.test("CONNACK says no more than what differs from the standard", () => {
  assert.deepEqual(answer({}, "c"), {
    type: PacketType.Connack,
    sessionPresent: false,
    reasonCode: 0,
    properties: {
      receiveMaximum: 100,
      maximumPacketSize: 2_097_152,
      topicAliasMaximum: 64,
    },
  });
});

Deno.test("CONNACK tells every limit that is set", () => {
  const { properties } = answer(
    {
      options: {
        max_awaiting_rel: 7,
        max_qos_allowed: 1, // [MQTT-3.2.2-9]
        retain_available: false,
        max_packet_size: 5000,
        max_topic_alias: 0,
        wildcard_subscription: false,
        shared_subscription: false,
        server_keepalive: 30, // [MQTT-3.1.2-21]
        response_information: "replies/",
      },
    },
    "c",
    { keepAlive: 99, properties: { requestResponseInfo: 1 } },
  );
  assert.deepEqual(properties, {
    receiveMaximum: 7,
    maximumQoS: 1,
    retainAvailable: 0,
    maximumPacketSize: 5000,
    wildcardSubscriptionAvailable: 0,
    sharedSubscriptionAvailable: 0,
    serverKeepAlive: 30,
    responseInfo: "replies/",
  });
});

Deno.test("Response Information only goes to those who ask [MQTT-3.1.2-28]", () => {
  const options = { options: { response_information: "replies/" } };
  const asked = answer(options, "c", { properties: { requestResponseInfo: 1 } });
  assert.equal(asked.properties.responseInfo, "replies/");
  for (const requestResponseInfo of [0, undefined] as const) {
    const properties = requestResponseInfo === undefined ? {} : { requestResponseInfo };
    assert.equal(answer(options, "c", { properties }).properties.responseInfo, undefined);
  }
});

Deno.test("server_keepalive counts instead of the client's own [MQTT-3.1.2-21]", () => {
  const world = new MqttWorld({ options: { server_keepalive: 10 } });
  const modern = world.connect("5", { keepAlive: 1000 });
  const old = world.connect("4", { version: 4, keepAlive: 1000 });
  world.pass(15_000);
  assert.deepEqual([modern.ended, old.ended], ["keepalive-timeout", undefined]);
});

Deno.test("keepalive_multiplier", () => {
  const world = new MqttWorld({ options: { keepalive_multiplier: 3 } });
  const client = world.connect("c", { keepAlive: 10 });
  world.pass(29_999);
  assert.equal(client.ended, undefined);
  world.pass(1);
  assert.equal(client.ended, "keepalive-timeout");
});

Deno.test("an empty client id gets one, which is told [MQTT-3.1.3-6] [MQTT-3.2.2-16]", () => {
  const world = new MqttWorld();
  const { assignedClientId } = world.link().login("").properties;
  assert.match(assignedClientId ?? "", /^auto-/);
  assert.ok(world.broker.sessions.has(assignedClientId!));
  const other = world.link().login("").properties.assignedClientId;
  assert.notEqual(other, assignedClientId);
});

Deno.test("an empty client id of 3.1.1 needs Clean Session [MQTT-3.1.3-8]", () => {
  assert.equal(answer({}, "", { version: 4, cleanStart: true }).reasonCode, 0);
  const refused = answer({}, "", { version: 4, cleanStart: false });
  assert.deepEqual([refused.reasonCode, refused.sessionPresent], [
    ReasonCode.ClientIdentifierNotValid,
    false,
  ]);
});

Deno.test("max_clientid_len counts bytes", () => {
  const options = { options: { max_clientid_len: 4 } };
  assert.equal(answer(options, "abcd").reasonCode, 0);
  assert.equal(answer(options, "ab\u00fc").reasonCode, 0);
  for (const version of [3, 4, 5] as const) {
    const client = new MqttWorld(options).link(version);
    assert.equal(client.login("abc\u00fc").reasonCode, ReasonCode.ClientIdentifierNotValid);
    assert.equal(client.ended, "auth", "[MQTT-3.1.3-9] of 3.1.1");
  }
});

Deno.test("an authentication method that nobody knows is refused [MQTT-4.12.0-1]", () => {
  const { reasonCode } = answer({}, "c", { properties: { authMethod: "SCRAM-SHA-1" } });
  assert.equal(reasonCode, ReasonCode.BadAuthenticationMethod);
});

Deno.test("AUTH without a method is a protocol error [MQTT-4.12.0-7]", () => {
  const client = new MqttWorld().connect("c");
  client.send({ type: PacketType.Auth, reasonCode: 0x19, properties: { authMethod: "x" } });
  assert.equal(client.one(PacketType.Disconnect).reasonCode, ReasonCode.ProtocolError);
});

Deno.test("wills that cannot be published are refused at once", () => {
  const code = (will: ConnectFields["will"], options = {}) =>
    answer({ options }, "c", { will }).reasonCode;
  assert.equal(code(WILL), 0);
  assert.equal(code({ ...WILL, topic: "w/+" }), ReasonCode.TopicNameInvalid);
  assert.equal(code({ ...WILL, topic: "" }), ReasonCode.TopicNameInvalid);
  assert.equal(code({ ...WILL, topic: "a/b/c" }, { max_topic_levels: 2 }), 0x90);
  assert.equal(code({ ...WILL, qos: 2 }, { max_qos_allowed: 1 }), ReasonCode.QoSNotSupported); // [MQTT-3.2.2-12]
  assert.equal(
    code({ ...WILL, retain: true }, { retain_available: false }), // [MQTT-3.2.2-13]
    ReasonCode.RetainNotSupported,
  );
  const broken = { ...WILL, payload: new Uint8Array([0xff]), properties: { payloadFormat: 1 } };
  assert.equal(
    code(broken as typeof WILL, { payload_format_check: true }),
    ReasonCode.PayloadFormatInvalid,
  );
  assert.equal(code(broken as typeof WILL), 0);
});

Deno.test("max_sessions: beyond it CONNECT is refused", () => {
  const world = new MqttWorld({ options: { max_sessions: 2 } });
  world.connect("a", { cleanStart: false, properties: { sessionExpiry: 100 } }).drop();
  world.connect("b");
  assert.equal(world.link().login("c").reasonCode, ReasonCode.QuotaExceeded);
  world.connect("a", { cleanStart: true });
  world.connect("b");
});

Deno.test("a refused CONNECT is answered in the words of its version [MQTT-3.2.2-7]", () => {
  const world = new MqttWorld({
    authenticator: {
      required: true,
      needsNonce: false,
      authenticate: () => ({ kind: "ignore" }),
    },
  });
  for (const version of [3, 4, 5] as const) {
    const client = world.link(version);
    assert.equal(client.login("c").reasonCode, ReasonCode.NotAuthorized);
    assert.equal(client.ended, "auth");
  }
  assert.equal(world.broker.sessions.size, 0);
});

Deno.test("a reason string that is too large for the client is left out [MQTT-3.2.2-19]", () => {
  const options = { options: { max_clientid_len: 1 } };
  const full = answer(options, "abc");
  assert.match(full.properties.reasonString ?? "", /client id/);
  const small = answer(options, "abc", { properties: { maximumPacketSize: 20 } });
  assert.equal(small.properties.reasonString, undefined);
});

Deno.test("the authenticator may give another client id", () => {
  const world = new MqttWorld({
    authenticator: {
      required: true,
      needsNonce: false,
      authenticate: ({ username }) => ({
        kind: "allow",
        principal: { username, method: "x", superuser: false, clientId: `id-of-${username}` },
      }),
    },
  });
  const connack = world.link().login("c", { username: "u" });
  assert.equal(connack.properties.assignedClientId, "id-of-u");
  assert.deepEqual([...world.broker.sessions.keys()], ["id-of-u"]);
});

Deno.test("a login ends when its credentials do", () => {
  const world: MqttWorld = new MqttWorld({
    authenticator: {
      required: true,
      needsNonce: false,
      authenticate: ({ username }) => ({
        kind: "allow",
        principal: { username, method: "x", superuser: false, expiresAt: world.now + 5000 },
      }),
    },
  });
  const client = world.connect("c");
  world.pass(4999);
  assert.equal(client.ended, undefined);
  world.pass(1);
  assert.equal(client.one(PacketType.Disconnect).reasonCode, ReasonCode.MaximumConnectTime);
  assert.equal(client.ended, "expired");
});

Deno.test("clients are told when they are kicked or the gateway stops", () => {
  const world = new MqttWorld();
  const [kicked, stopped, moved, old] = [
    world.connect("a"),
    world.connect("b"),
    world.connect("d"),
    world.connect("c", { version: 4 }),
  ];
  kicked.session.kick("admin");
  world.broker.options = { ...world.broker.options, server_reference: "other:1883" };
  moved.session.goodbye("lame-duck");
  const sent = moved.one(PacketType.Disconnect);
  assert.equal(sent.reasonCode, ReasonCode.UseAnotherServer);
  assert.equal(sent.properties.serverReference, "other:1883");
  stopped.session.goodbye("shutdown");
  old.session.goodbye("shutdown");
  assert.equal(kicked.one(PacketType.Disconnect).reasonCode, ReasonCode.AdministrativeAction);
  assert.equal(stopped.one(PacketType.Disconnect).reasonCode, ReasonCode.ServerShuttingDown);
  assert.deepEqual(old.take(), []);
  assert.deepEqual([kicked.ended, stopped.ended, old.ended], ["kicked", "shutdown", "shutdown"]);
});

Deno.test("info describes the connection", () => {
  const world = new MqttWorld();
  const client = world.connect("c", { username: "u", keepAlive: 60, cleanStart: false });
  client.subscribe("a");
  client.publish("a", { payload: "x" });
  const { info } = client.session;
  assert.equal(info.clientId, "c");
  assert.equal(info.version, "5.0");
  assert.equal(info.username, "u");
  assert.deepEqual([info.keepalive, info.cleanStart, info.subscriptions], [60, false, 1]);
  assert.deepEqual([info.messagesIn, info.messagesOut], [1, 1]);
  client.take();
  assert.ok(client.session.info.bytesOut > 10);
});
