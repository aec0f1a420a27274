/**
 * The scenarios of the Eclipse Paho interoperability tests that only MQTT 5.0 has, over sockets.
 * Those of both versions: paho_scenarios_test.ts.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { sharedGateway } from "../kit/gateway.ts";
import { type ConnectFields, RawMqtt } from "../kit/raw_mqtt.ts";

const gateway = sharedGateway({
  set: ["mqtt.max_packet_size=1KB", "mqtt.max_awaiting_rel=2", "mqtt.max_topic_alias=4"],
});
const imposing = sharedGateway({ set: ["mqtt.server_keepalive=1"] });

/** Every scenario gets a topic that no other test uses. */
const SCENARIOS: Record<string, (topic: string) => Promise<void>> = {
  async "user properties: kept, with those of the same name in order"(topic) {
    using client = await open();
    await client.subscribe(topic, { qos: 1 });
    using publisher = await open();
    const userProperties = { a: ["2", "1"], c: "3" };
    await publisher.publish(topic, "x", { qos: 1, properties: { userProperties } });
    const message = await client.expect("publish");
    assert.deepEqual({ ...message.properties?.userProperties }, userProperties);
  },

  async "session expiry: it lives on as long as asked, DISCONNECT may change that"(topic) {
    const clientId = `${topic}-client`;
    const lasting = { clientId, clean: false, properties: { sessionExpiryInterval: 60 } };
    using first = await open(lasting);
    await first.disconnect();
    using second = await open(lasting);
    assert.equal(second.connack.sessionPresent, true);
    await second.disconnect({ properties: { sessionExpiryInterval: 0 } });
    using third = await open({ clientId, clean: false });
    assert.equal(third.connack.sessionPresent, false);
    await third.disconnect();
    using fourth = await open({ clientId, clean: false });
    assert.equal(fourth.connack.sessionPresent, false);
  },

  async "shared subscriptions: one member gets each message, others get theirs too"(topic) {
    using one = await open();
    using two = await open();
    using alone = await open();
    await one.subscribe(`$share/group/${topic}/#`);
    await two.subscribe(`$share/group/${topic}/#`);
    await alone.subscribe(`${topic}/+`);
    using publisher = await open();
    const sent = ["a", "b", "c", "d"];
    for (const payload of sent) await publisher.publish(`${topic}/x`, payload, { qos: 1 });
    const shared = [await payloads(one), await payloads(two)];
    assert.deepEqual(shared.flat().sort(), sent);
    assert.deepEqual(shared.map((share) => share.length), [2, 2]);
    assert.deepEqual(await payloads(alone), sent);
  },

  async "assigned client id: told in CONNACK, and good for the session"() {
    const properties = { sessionExpiryInterval: 60 };
    using unnamed = await open({ clientId: "", properties });
    const clientId = unnamed.connack.properties?.assignedClientIdentifier;
    assert.ok(clientId);
    await unnamed.disconnect();
    using named = await open({ clientId, clean: false, properties });
    assert.equal(named.connack.sessionPresent, true);
    assert.equal(named.connack.properties?.assignedClientIdentifier, undefined);
  },

  async "subscribe options: No Local"(topic) {
    using client = await open();
    await client.subscribe(`${topic}/foreign`, { nl: true });
    await client.subscribe(`${topic}/all`);
    for (const level of ["foreign", "all"]) await client.publish(`${topic}/${level}`, level);
    assert.deepEqual(await payloads(client), ["all"]);
    using other = await open();
    await other.publish(`${topic}/foreign`, "from elsewhere", { qos: 1 });
    assert.deepEqual(await payloads(client), ["from elsewhere"]);
  },

  async "subscribe options: Retain As Published"(topic) {
    using published = await open();
    using cleared = await open();
    await published.subscribe(topic, { rap: true });
    await cleared.subscribe(topic, { rap: false });
    using publisher = await open();
    await publisher.publish(topic, "kept", { retain: true });
    await publisher.publish(topic, "passing");
    const flags = async (client: RawMqtt) => [
      (await client.expect("publish")).retain,
      (await client.expect("publish")).retain,
    ];
    assert.deepEqual(await flags(published), [true, false]);
    assert.deepEqual(await flags(cleared), [false, false]);
  },

  async "subscribe options: Retain Handling"(topic) {
    using publisher = await open();
    await publisher.publish(topic, "kept", { retain: true, qos: 1 });
    const got: Record<number, string[][]> = {};
    for (const rh of [0, 1, 2]) {
      using client = await open();
      got[rh] = [];
      for (const _time of ["new", "again"]) {
        await client.subscribe(topic, { rh });
        got[rh].push(await payloads(client));
      }
    }
    assert.deepEqual(got, { 0: [["kept"], ["kept"]], 1: [["kept"], []], 2: [[], []] });
  },

  async "subscription identifiers: every message names what it matched"(topic) {
    using client = await open();
    for (
      const [filter, subscriptionIdentifier] of [[`${topic}/#`, 1], [`${topic}/+`, 2]] as const
    ) {
      const subscriptions = [{ topic: filter, qos: 0 as const }];
      const properties = { subscriptionIdentifier };
      const messageId = subscriptionIdentifier;
      await client.send({ cmd: "subscribe", messageId, subscriptions, properties });
      assert.deepEqual((await client.expect("suback")).granted, [0]);
    }
    using publisher = await open();
    await publisher.publish(`${topic}/a`, "both", { qos: 1 });
    await publisher.publish(`${topic}/a/b`, "first", { qos: 1 });
    const identifiers: Record<string, number[]> = { both: [], first: [] };
    for (const packet of await client.received()) {
      assert.ok(packet.cmd === "publish");
      const named = packet.properties?.subscriptionIdentifier;
      identifiers[packet.payload.toString()]!.push(...[named!].flat());
    }
    identifiers.both!.sort();
    assert.deepEqual(identifiers, { both: [1, 2], first: [1] });
  },

  async "request/response: response topic and correlation data come through"(topic) {
    using asking = await open();
    using answering = await open();
    await asking.subscribe(`${topic}/answers`);
    await answering.subscribe(`${topic}/questions`);
    const correlationData = Buffer.from([0, 1, 255]);
    const properties = { responseTopic: `${topic}/answers`, correlationData };
    await asking.publish(`${topic}/questions`, "?", { properties });
    const question = (await answering.expect("publish")).properties!;
    await answering.publish(question.responseTopic!, "!", {
      properties: { correlationData: question.correlationData! },
    });
    const answer = await asking.expect("publish");
    assert.equal(answer.payload.toString(), "!");
    assert.deepEqual(answer.properties?.correlationData, correlationData);
  },

  async "client topic alias: set, used, set again, and gone with the connection"(topic) {
    using client = await open();
    await client.subscribe(`${topic}/+`);
    using publisher = await open();
    const alias = { properties: { topicAlias: 4 } };
    assert.equal(publisher.connack.properties?.topicAliasMaximum, 4);
    await publisher.publish(`${topic}/a`, "1", alias);
    await publisher.publish("", "2", alias);
    await publisher.publish(`${topic}/b`, "3", alias);
    await publisher.publish("", "4", alias);
    for (const expected of ["a 1", "a 2", "b 3", "b 4"]) {
      const message = await client.expect("publish");
      assert.equal(`${message.topic} ${message.payload}`, `${topic}/${expected}`);
    }
    // Protocol Error: never set here. Topic Alias Invalid: above what CONNACK allows, and zero.
    for (const [name, topicAlias, code] of [["", 4, 0x82], [topic, 5, 0x94]] as const) {
      using wrong = await open();
      await wrong.publish(name, "x", { properties: { topicAlias } });
      await refused(wrong, code);
    }
  },

  async "server topic alias: only as many as the client takes"(topic) {
    using client = await open({ properties: { topicAliasMaximum: 1 } });
    using plain = await open();
    await client.subscribe(`${topic}/+`);
    await plain.subscribe(`${topic}/+`);
    using publisher = await open();
    for (const level of ["a", "a", "b"]) await publisher.publish(`${topic}/${level}`, "x");
    const aliased = async (from: RawMqtt) => {
      const message = await from.expect("publish");
      return [message.topic, message.properties?.topicAlias];
    };
    assert.deepEqual(await aliased(client), [`${topic}/a`, 1]);
    assert.deepEqual(await aliased(client), ["", 1]);
    assert.deepEqual(await aliased(client), [`${topic}/b`, undefined]);
    for (const level of ["a", "a", "b"]) {
      assert.deepEqual(await aliased(plain), [`${topic}/${level}`, undefined]);
    }
  },

  async "maximum packet size: larger ones are not sent to the client"(topic) {
    using client = await open({ properties: { maximumPacketSize: 100 } });
    await client.subscribe(topic);
    using publisher = await open();
    await publisher.publish(topic, "x".repeat(100), { qos: 1 });
    await publisher.publish(topic, "small", { qos: 1 });
    assert.deepEqual(await payloads(client), ["small"]);
  },

  async "maximum packet size: larger ones are not taken from the client"(topic) {
    using client = await open();
    assert.equal(client.connack.properties?.maximumPacketSize, 1024);
    await client.publish(topic, "x".repeat(1024));
    await refused(client, 0x95);
  },

  async "server keep alive: CONNACK says it, and it holds"(topic) {
    const { mqtt } = imposing.process;
    using silent = await RawMqtt.open(mqtt, { clientId: topic, keepalive: 600 });
    assert.equal(silent.connack.properties?.serverKeepAlive, 1);
    await refused(silent, 0x8d);
  },

  async "flow control: no more on the way to the client than it takes"(topic) {
    using client = await open({ properties: { receiveMaximum: 2 } });
    await client.subscribe(topic, { qos: 1 });
    using publisher = await open();
    for (const payload of ["1", "2", "3", "4"]) await publisher.publish(topic, payload, { qos: 1 });
    const first = await client.expect("publish");
    const second = await client.expect("publish");
    assert.deepEqual([first.payload, second.payload].map(String), ["1", "2"]);
    await client.nothing();
    await client.send({ cmd: "puback", messageId: first.messageId! });
    assert.deepEqual(await payloads(client), ["3"]);
    await client.send({ cmd: "puback", messageId: second.messageId! });
    assert.deepEqual(await payloads(client), ["4"]);
  },

  async "flow control: no more on the way from the client than the server takes"(topic) {
    using client = await open();
    assert.equal(client.connack.properties?.receiveMaximum, 2);
    for (const payload of ["1", "2"]) {
      await client.publish(topic, payload, { qos: 2 });
      await client.expect("pubrec");
    }
    await client.publish(topic, "3", { qos: 2 });
    await refused(client, 0x93);
  },

  async "will delay: published when it is over, or when the session ends before"(topic) {
    using watcher = await open();
    await watcher.subscribe(`${topic}/+`);
    const lose = async (willDelayInterval: number, sessionExpiryInterval: number) => {
      const name = `${topic}/${willDelayInterval}`;
      const will = { topic: name, payload: "lost", properties: { willDelayInterval } };
      using client = await open({ clientId: name, will, properties: { sessionExpiryInterval } });
      client.close();
    };
    await lose(1, 60);
    assert.equal((await watcher.expect("publish")).topic, `${topic}/1`);
    await lose(50, 1);
    assert.equal((await watcher.expect("publish")).topic, `${topic}/50`);
  },

  async "will delay: a client that comes back has no will published"(topic) {
    using watcher = await open();
    await watcher.subscribe(`${topic}/+`);
    const fields = (name: string): ConnectFields => ({
      clientId: `${topic}-${name}`,
      will: { topic: `${topic}/${name}`, payload: "lost", properties: { willDelayInterval: 60 } },
      properties: { sessionExpiryInterval: 1 },
    });
    const { will: _withdrawn, ...without } = fields("back");
    using first = await open({ ...fields("back"), properties: { sessionExpiryInterval: 60 } });
    first.close();
    using second = await open({ ...without, clean: false });
    assert.equal(second.connack.sessionPresent, true);
    // Both sessions end a second later, in this order; only the other has a will by then.
    second.close();
    using other = await open(fields("other"));
    other.close();
    assert.equal((await watcher.expect("publish")).topic, `${topic}/other`);
    await watcher.nothing();
  },
};

for (const [title, scenario] of Object.entries(SCENARIOS)) {
  Deno.test(`MQTT 5.0, ${title}`, () => scenario(`paho-${crypto.randomUUID()}`));
}

/** An MQTT 5 client. */
function open(fields: ConnectFields = {}): Promise<RawMqtt> {
  return RawMqtt.open(gateway.process.mqtt, fields);
}

/** The payloads of what came until now, which must be PUBLISH only. */
async function payloads(client: RawMqtt): Promise<string[]> {
  return (await client.received()).map((packet) => {
    assert.equal(packet.cmd, "publish");
    return (packet as { payload: Buffer }).payload.toString();
  });
}

/** The server says why, and closes. */
async function refused(client: RawMqtt, reasonCode: number): Promise<void> {
  assert.equal((await client.expect("disconnect")).reasonCode, reasonCode);
  assert.deepEqual(await client.rest(), []);
}
