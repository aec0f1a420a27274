import assert from "node:assert/strict";
import { ReasonCode } from "../../gateway/mqtt/codes.ts";
import { PacketType } from "../../gateway/mqtt/packets.ts";
import { ALLOW_ALL, type ConnectFields, type FakeClient, MqttWorld } from "../kit/mqtt_world.ts";

/** CONNECT fields with a will "gone" on topic `w`. */
function willing(
  willDelay = 0,
  sessionExpiry = 0,
  will: Partial<NonNullable<ConnectFields["will"]>> = {},
): ConnectFields {
  const properties = willDelay === 0 ? {} : { willDelay };
  return {
    cleanStart: false,
    properties: sessionExpiry === 0 ? {} : { sessionExpiry },
    will: {
      topic: "w",
      payload: new TextEncoder().encode("gone"),
      qos: 1,
      retain: false,
      properties,
      ...will,
    },
  };
}

/** A world with a client that sees wills. */
function watched(...settings: ConstructorParameters<typeof MqttWorld>) {
  const world = new MqttWorld(...settings);
  const watcher = world.connect("watcher");
  watcher.subscribe("#", 0);
  return { world, watcher };
}

Deno.test("a will is published when the connection is lost, for any reason [MQTT-3.1.2-8]", () => {
  const ways: ((client: FakeClient, world: MqttWorld) => void)[] = [
    (client) => client.drop(),
    (client) => client.session.receive(new Uint8Array([0xc1, 0])),
    (client) => client.disconnect(ReasonCode.DisconnectWithWill),
    (client) => client.disconnect(ReasonCode.ProtocolError),
    (client) => client.session.kick("admin"),
    (client) => client.session.goodbye("shutdown"),
    (_, world) => world.pass(60_000),
    (_, world) => void world.connect("c"),
  ];
  for (const lose of ways) {
    const { world, watcher } = watched();
    lose(world.connect("c", { ...willing(), keepAlive: 30 }), world);
    assert.deepEqual(watcher.payloads(), ["gone"], lose.toString());
  }
});

Deno.test("DISCONNECT takes the will back [MQTT-3.1.2-10] [MQTT-3.14.4-3]", () => {
  for (const version of [4, 5] as const) {
    const { world, watcher } = watched();
    world.connect("c", { ...willing(), version }).disconnect();
    world.pass(10_000);
    assert.deepEqual(watcher.payloads(), []);
  }
});

Deno.test("a will carries its properties, its QoS and its expiry from publication on", () => {
  const { world } = watched();
  const watcher = world.connect("v");
  watcher.subscribe("w", 2);
  const properties = {
    contentType: "text/plain",
    responseTopic: "r",
    correlationData: new Uint8Array([1]),
    userProperties: [["a", "b"]] as const,
    payloadFormat: 1,
  } as const;
  const client = world.connect("c", {
    ...willing(0, 100, { qos: 2, properties: { ...properties, willDelay: 20, messageExpiry: 9 } }),
  });
  client.drop();
  world.pass(20_000);
  const [message] = watcher.messages();
  assert.deepEqual(message?.properties, { ...properties, messageExpiry: 9 });
  assert.equal(message?.qos, 2);
});

Deno.test("a retained will is retained [MQTT-3.1.2-15], others are not [MQTT-3.1.2-14]", () => {
  for (const retain of [true, false]) {
    const { world } = watched();
    world.connect("c", willing(0, 0, { retain })).drop();
    assert.equal(world.retained.count, retain ? 1 : 0);
  }
});

Deno.test("Will Delay: not before its time", () => {
  const { world, watcher } = watched();
  world.connect("c", willing(10, 100)).drop();
  world.pass(9999);
  assert.deepEqual(watcher.payloads(), []);
  world.pass(1);
  assert.deepEqual(watcher.payloads(), ["gone"]);
  assert.ok(world.broker.sessions.has("c"), "the session lives on");
});

Deno.test("Will Delay: at the end of the session at the latest", () => {
  const { world, watcher } = watched();
  world.connect("c", willing(100, 10)).drop();
  world.pass(9999);
  assert.deepEqual(watcher.payloads(), []);
  world.pass(1);
  assert.deepEqual(watcher.payloads(), ["gone"]);
});

Deno.test("Will Delay: at once when the session ends with its connection", () => {
  const { world, watcher } = watched();
  world.connect("c", willing(100)).drop();
  assert.deepEqual(watcher.payloads(), ["gone"]);
});

Deno.test("Will Delay: called off when the client comes back in time [MQTT-3.1.3-9]", () => {
  const { world, watcher } = watched();
  world.connect("c", willing(10, 100)).drop();
  world.pass(5000);
  const back = world.connect("c", { cleanStart: false, properties: { sessionExpiry: 100 } });
  world.pass(60_000);
  back.disconnect();
  world.pass(60_000);
  assert.deepEqual(watcher.payloads(), []);
});

Deno.test("Will Delay: a clean start ends the session, and the will is sent", () => {
  const { world, watcher } = watched();
  world.connect("c", willing(10, 100)).drop();
  world.connect("c", { cleanStart: true });
  assert.deepEqual(watcher.payloads(), ["gone"]);
});

Deno.test("takeover: a will without delay is sent, one with delay is called off", () => {
  const { world, watcher } = watched();
  world.connect("a", willing(0, 100));
  world.connect("a", { cleanStart: false });
  assert.deepEqual(watcher.payloads(), ["gone"]);
  world.connect("b", willing(10, 100));
  world.connect("b", { cleanStart: false, properties: { sessionExpiry: 100 } });
  world.pass(60_000);
  assert.deepEqual(watcher.payloads(), []);
});

Deno.test("DISCONNECT with 0x04 and a shorter expiry: the will goes when the session does", () => {
  const { world, watcher } = watched();
  world.connect("c", willing(50, 100)).disconnect(0x04, { sessionExpiry: 20 });
  world.pass(19_999);
  assert.deepEqual(watcher.payloads(), []);
  world.pass(1);
  assert.deepEqual(watcher.payloads(), ["gone"]);
});

Deno.test("a will the client may not publish is left out, or refuses the client", () => {
  for (const denyAction of ["ignore", "disconnect"] as const) {
    const { world, watcher } = watched({
      authorizerFor: ({ clientId }) =>
        clientId === "watcher" ? ALLOW_ALL : {
          ...ALLOW_ALL,
          denyAction,
          publish: () => ({ allowed: false, rule: "", source: "" }),
        },
    });
    const client = world.link();
    const { reasonCode } = client.login("c", willing());
    assert.equal(reasonCode, denyAction === "ignore" ? 0 : ReasonCode.NotAuthorized);
    client.drop();
    assert.deepEqual(watcher.payloads(), []);
  }
});

Deno.test("a will of a client with a mountpoint stays inside of it", () => {
  const { world, watcher } = watched({
    mountpoint: ({ clientId }) => clientId === "watcher" ? "" : "m/",
  });
  world.connect("c", willing()).drop();
  const [message] = watcher.messages();
  assert.equal(message?.topic, "m/w");
});

Deno.test("No Local also holds for one's own will", () => {
  const { world } = watched();
  const client = world.connect("c", willing(5, 100));
  client.subscribe("w", { noLocal: true, qos: 1 });
  client.drop();
  world.pass(6000);
  assert.deepEqual(world.connect("c", { cleanStart: false }).early, []);
});

Deno.test("a will with the largest delay and a session for ever", () => {
  const { world, watcher } = watched();
  world.connect("c", willing(0xffffffff, 0xffffffff)).drop();
  world.pass(1000 * 86_400_000);
  assert.deepEqual(watcher.payloads(), []);
  assert.equal(world.link().login("c", { cleanStart: true }).type, PacketType.Connack);
  assert.deepEqual(watcher.payloads(), ["gone"]);
});
