import assert from "node:assert/strict";
import type { Authorizer } from "../../gateway/auth/types.ts";
import { ReasonCode } from "../../gateway/mqtt/codes.ts";
import { PacketType, type SubackPacket, type UnsubackPacket } from "../../gateway/mqtt/packets.ts";
import { except } from "../core/kit.ts";
import { ALLOW_ALL, type FakeClient, MqttWorld } from "../kit/mqtt_world.ts";

const DENIES: Authorizer = {
  ...ALLOW_ALL,
  subscribe: ({ filter }) => ({ allowed: !filter.startsWith("no"), rule: "", source: "" }),
};

const WANT = { noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;

/** The codes of an UNSUBACK for these filters. */
function unsubscribe(client: FakeClient, ...filters: string[]): readonly number[] {
  client.send({ type: PacketType.Unsubscribe, packetId: 5, filters, properties: {} });
  const unsuback = client.one(PacketType.Unsuback) as UnsubackPacket;
  assert.equal(unsuback.packetId, 5);
  return unsuback.reasonCodes;
}

Deno.test("SUBACK has a code for each filter, in order [MQTT-3.8.4-6]", () => {
  const world = new MqttWorld({ authorizerFor: () => DENIES });
  const client = world.connect("c");
  client.send({
    type: PacketType.Subscribe,
    packetId: 77,
    subscriptions: ["a", "b/#/c", "no/way", "$share//x", "d"].map((filter, i) => ({
      ...WANT,
      filter,
      qos: i % 3 as 0 | 1 | 2,
    })),
    properties: {},
  });
  const suback = client.one(PacketType.Suback) as SubackPacket;
  assert.equal(suback.packetId, 77);
  assert.deepEqual(suback.reasonCodes, [0, 0x8f, 0x87, 0x8f, 1]);
  assert.equal(suback.properties.reasonString, "Topic Filter invalid");
});

Deno.test("3.1.1 knows one way to fail [MQTT3 3.9.3]", () => {
  const client = new MqttWorld({ authorizerFor: () => DENIES }).connect("c", { version: 4 });
  assert.equal(client.subscribed("no"), 0x80);
  assert.equal(client.subscribed("a#"), 0x80);
});

Deno.test("reason strings only for clients that want them [MQTT-3.1.2-29]", () => {
  const world = new MqttWorld({ authorizerFor: () => DENIES });
  const client = world.connect("c", { properties: { requestProblemInfo: 0 } });
  const [suback] = client.subscribe("no") as SubackPacket[];
  assert.deepEqual(suback?.properties, {});
});

Deno.test("deny_action = disconnect ends the connection of a denied subscriber", () => {
  const client = new MqttWorld({
    authorizerFor: () => ({ ...DENIES, denyAction: "disconnect" }),
  }).connect("c");
  const [packet] = client.subscribe("no");
  assert.equal(packet?.type, PacketType.Disconnect);
  assert.equal(client.ended, "protocol");
});

Deno.test("a permission that takes time: SUBACK comes when all are known", async () => {
  const answers: (() => void)[] = [];
  const slow: Authorizer = {
    ...ALLOW_ALL,
    subscribe: ({ filter }) =>
      filter === "now" ? { allowed: true, rule: "", source: "" } : new Promise((resolve) => {
        answers.push(() => resolve({ allowed: filter === "yes", rule: "", source: "" }));
      }),
  };
  const client = new MqttWorld({ authorizerFor: () => slow }).connect("c");
  client.send({
    type: PacketType.Subscribe,
    packetId: 1,
    subscriptions: ["yes", "now", "no"].map((filter) => ({ ...WANT, filter, qos: 0 })),
    properties: {},
  });
  client.send({ type: PacketType.Pingreq });
  assert.deepEqual(client.take(), []);
  answers[1]!();
  answers[0]!();
  await new Promise((resolve) => queueMicrotask(() => queueMicrotask(() => resolve(0))));
  await Promise.resolve();
  const [suback, pong] = client.take();
  assert.deepEqual((suback as SubackPacket).reasonCodes, [0, 0, 0x87]);
  assert.equal(pong?.type, PacketType.Pingresp);
});

Deno.test("max_subscriptions: beyond it 0x97, but old ones may be changed", () => {
  const client = new MqttWorld({ options: { max_subscriptions: 2 } }).connect("c");
  assert.deepEqual(["a", "b", "c"].map((filter) => client.subscribed(filter)), [0, 0, 0x97]);
  assert.equal(client.subscribed("a", 2), 2);
});

Deno.test("max_qos_allowed lowers what is granted [MQTT-3.2.2-10]", () => {
  const client = new MqttWorld({ options: { max_qos_allowed: 1 } }).connect("c");
  assert.equal(client.subscribed("a", 2), 1);
});

Deno.test("switched-off kinds of subscriptions [MQTT5 3.2.2.3.11] [MQTT5 3.2.2.3.13]", () => {
  const client = new MqttWorld({
    options: { wildcard_subscription: false, shared_subscription: false },
  }).connect("c");
  assert.equal(client.subscribed("a/+"), ReasonCode.WildcardSubscriptionsNotSupported);
  assert.equal(client.subscribed("$share/g/a"), ReasonCode.SharedSubscriptionsNotSupported);
  assert.equal(client.subscribed("a"), 0);
});

Deno.test("a new SUBSCRIBE for a filter replaces the old one [MQTT-3.8.4-3]", () => {
  const world = new MqttWorld();
  const client = world.connect("c");
  client.subscribe("t", 2, { subscriptionIds: [7] });
  client.subscribe("t", 0);
  world.connect("p").publish("t", { qos: 2, payload: "x" });
  const messages = client.messages();
  assert.deepEqual(messages.map(({ qos, properties }) => [qos, properties]), [[0, {}]]);
  assert.equal(world.router.subscriptions, 1);
});

Deno.test("No Local: not one's own messages [MQTT-3.8.3-3]", () => {
  const world = new MqttWorld();
  const client = world.connect("c");
  client.subscribe("t", { noLocal: true });
  client.publish("t", { payload: "own" });
  world.connect("p").publish("t", { payload: "other" });
  assert.deepEqual(client.payloads(), ["other"]);
  assert.equal(world.broker.counters.dropped.no_local, 1);
});

Deno.test("No Local on a shared subscription is a protocol error [MQTT-3.8.3-4]", () => {
  const client = new MqttWorld().connect("c");
  const [disconnect] = client.subscribe("$share/g/t", { noLocal: true });
  assert.equal(disconnect?.type, PacketType.Disconnect);
  assert.equal(client.ended, "protocol");
});

Deno.test("ignore_loop_deliver is No Local for older clients, and for them alone", () => {
  const world = new MqttWorld({ options: { ignore_loop_deliver: true } });
  const [old, modern] = [world.connect("4", { version: 4 }), world.connect("5")];
  for (const client of [old, modern]) {
    client.subscribe("t");
    client.publish("t", { payload: client === old ? "old" : "modern" });
  }
  assert.deepEqual(old.payloads(), ["modern"]);
  assert.deepEqual(modern.payloads(), ["modern"]);
});

Deno.test("UNSUBACK says which filters were there [MQTT-3.11.3-1]", () => {
  const world = new MqttWorld();
  const client = world.connect("c");
  client.subscribe("a/#");
  client.subscribe("$share/g/b");
  assert.deepEqual(unsubscribe(client, "a/#", "a", "$share/g/b", "$share/h/b", "x#"), [
    0,
    ReasonCode.NoSubscriptionExisted,
    0,
    ReasonCode.NoSubscriptionExisted,
    ReasonCode.TopicFilterInvalid,
  ]);
  assert.equal(world.router.subscriptions, 0);
});

Deno.test("UNSUBSCRIBE stops new messages, what is under way is completed [MQTT-3.10.4-2]", () => {
  const world = new MqttWorld();
  const client = world.connect("c", { properties: { receiveMaximum: 1 } });
  client.subscribe("a/#", 2);
  const publisher = world.connect("p");
  publisher.publish("a", { qos: 2, packetId: 1, payload: "1" });
  const { packetId } = client.one(PacketType.Publish);
  unsubscribe(client, "a/#");
  publisher.publish("a", { qos: 2, packetId: 2, payload: "2" });
  publisher.publish("a/b", { payload: "3" });
  assert.deepEqual(client.take(), []);
  client.ack(PacketType.Pubrec, packetId);
  client.one(PacketType.Pubrel); // [MQTT-3.10.4-3]
});

Deno.test("overlapping subscriptions: a copy for each, with its QoS and identifier", () => {
  // [MQTT-3.3.4-2] [MQTT-3.3.4-3] [MQTT-3.3.4-5] [MQTT-3.3.5-1]
  const world = new MqttWorld();
  const client = world.connect("c");
  client.subscribe("a/b", 0, { subscriptionIds: [1] });
  client.subscribe("a/+", 2, { subscriptionIds: [268_435_455] });
  client.subscribe("#", 1);
  world.connect("p").publish("a/b", { qos: 2 });
  const copies = client.messages()
    .map(({ qos, properties }) => [qos, properties.subscriptionIds?.[0] ?? 0])
    .sort();
  assert.deepEqual(copies, [[0, 1], [1, 0], [2, 268_435_455]]);
});

Deno.test("a wildcard in the first level does not match $ names [MQTT-4.7.2-1]", () => {
  const world = new MqttWorld();
  const client = world.connect("c");
  client.subscribe("#");
  client.subscribe("+/x");
  client.subscribe("$app/#");
  world.connect("p").publish("$app/x", { payload: "1" });
  assert.deepEqual(client.payloads(), ["1"]);
});

Deno.test("permits: topics that a rule takes out of an allowed filter are not delivered", () => {
  const world = new MqttWorld({
    authorizerFor: () => ({
      ...ALLOW_ALL,
      subscribe: () => ({
        allowed: true,
        rule: "",
        source: "",
        sieve: except("a/secret"),
      }),
    }),
    mountpoint: ({ clientId }) => clientId === "mounted" ? "m/" : "",
  });
  const [plain, mounted] = [world.connect("plain"), world.connect("mounted")];
  world.connect("p").publish("a/secret", { retain: true, payload: "secret" });
  for (const client of [plain, mounted]) {
    client.subscribe("a/#");
    client.publish("a/secret", { payload: "secret" });
    client.publish("a/open", { payload: "open" });
    assert.deepEqual(client.payloads(), ["open"]);
  }
});

Deno.test("mountpoint: in front of every name on the way in, off again on the way out", () => {
  const world = new MqttWorld({
    mountpoint: ({ principal }) => principal.username === undefined ? "" : `${principal.username}/`,
  });
  const one = world.connect("one", { username: "u" });
  const two = world.connect("two", { username: "u", version: 4 });
  const stranger = world.connect("stranger", { username: "v" });
  const root = world.connect("root");
  for (const client of [one, two, stranger, root]) client.subscribe("#");
  one.publish("a/b", {
    retain: true,
    payload: "x",
    properties: { responseTopic: "r" },
  });
  const seen = (client: FakeClient) =>
    client.messages().map(({ topic, properties }) => [topic, properties.responseTopic]);
  assert.deepEqual(seen(one), [["a/b", "r"]]);
  assert.deepEqual(seen(two), [["a/b", undefined]]);
  assert.deepEqual(seen(stranger), []);
  assert.deepEqual(seen(root), [["u/a/b", "u/r"]]);
  assert.deepEqual(unsubscribe(one, "#"), [0]);
  const [, retained] = one.subscribe("a/#") as { topic: string }[];
  assert.equal(retained?.topic, "a/b");
});

Deno.test("rules see names with the mountpoint only if they ask for it", () => {
  for (const rulesSeeMountpoint of [false, true]) {
    const asked: string[] = [];
    const world = new MqttWorld({
      mountpoint: () => "m/",
      rulesSeeMountpoint,
      authorizerFor: () => ({
        ...ALLOW_ALL,
        publish: (topic) => (asked.push(topic), { allowed: true, rule: "", source: "" }),
        subscribe: ({ filter }) => (asked.push(filter), { allowed: true, rule: "", source: "" }),
      }),
    });
    const client = world.connect("c");
    client.subscribe("$share/g/a");
    client.publish("b");
    assert.deepEqual(asked, rulesSeeMountpoint ? ["m/a", "m/b"] : ["a", "b"]);
  }
});

Deno.test("a client whose mountpoint cannot be made is refused", () => {
  const world = new MqttWorld({ mountpoint: () => undefined });
  assert.equal(world.link().login("c").reasonCode, ReasonCode.ClientIdentifierNotValid);
});
