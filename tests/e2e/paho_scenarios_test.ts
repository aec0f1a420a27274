/**
 * The scenarios of the Eclipse Paho interoperability tests that MQTT 3.1.1 and 5.0 have in common,
 * over sockets. Those of 5.0 alone: paho_scenarios5_test.ts.
 */
import assert from "node:assert/strict";
import { sharedGateway } from "../kit/gateway.ts";
import { type ConnectFields, RawMqtt } from "../kit/raw_mqtt.ts";

const gateway = sharedGateway();

/** What a scenario gets: a protocol version, and names that no other test uses. */
interface Scene {
  readonly version: 4 | 5;
  /** First level of its topics, and start of its client ids. */
  readonly name: string;
}

const SCENARIOS: Record<string, (scene: Scene) => Promise<void>> = {
  async "basic: messages of every QoS arrive as sent"(scene) {
    using client = await open(scene);
    assert.equal(await client.subscribe(`${scene.name}/a`, { qos: 2 }), 2);
    using publisher = await open(scene);
    await publisher.publish(`${scene.name}/a`, "zero");
    await publisher.publish(`${scene.name}/a`, "one", { qos: 1 });
    await publishOnce(publisher, `${scene.name}/a`, "two");
    for (const [qos, payload] of ["zero", "one", "two"].entries()) {
      const message = await client.expect("publish");
      assert.equal(message.topic, `${scene.name}/a`);
      assert.deepEqual([message.qos, message.payload.toString()], [qos, payload]);
      assert.deepEqual([message.dup, message.retain], [false, false]);
    }
    await client.disconnect();
  },

  async "retained messages: kept at every QoS, and cleared by empty ones"(scene) {
    using publisher = await open(scene);
    const retain = true;
    await publisher.publish(`${scene.name}/0`, "zero", { retain });
    await publisher.publish(`${scene.name}/1`, "one", { retain, qos: 1 });
    await publishOnce(publisher, `${scene.name}/2`, "two", retain);
    using client = await open(scene);
    await client.subscribe(`${scene.name}/+`, { qos: 2 });
    const kept = [];
    for (let count = 0; count < 3; count++) {
      const message = await client.expect("publish");
      assert.equal(message.retain, true);
      kept.push([message.qos, message.payload.toString()]);
    }
    assert.deepEqual(kept.sort(), [[0, "zero"], [1, "one"], [2, "two"]]);
    for (const level of [0, 1, 2]) {
      await publisher.publish(`${scene.name}/${level}`, "", { retain, qos: 1 });
    }
    using late = await open(scene);
    await late.subscribe(`${scene.name}/+`, { qos: 2 });
    await late.nothing();
  },

  async "offline message queueing: QoS 1 and 2 wait for the client"(scene) {
    const clientId = `${scene.name}-client`;
    using before = await open(scene, persistent(scene, clientId));
    assert.equal(before.connack.sessionPresent, false);
    await before.subscribe(`${scene.name}/#`, { qos: 2 });
    await before.disconnect();
    using publisher = await open(scene);
    await publisher.publish(`${scene.name}/1`, "one", { qos: 1 });
    await publishOnce(publisher, `${scene.name}/2`, "two");
    using after = await open(scene, persistent(scene, clientId));
    assert.equal(after.connack.sessionPresent, true);
    assert.equal((await after.expect("publish")).payload.toString(), "one");
    assert.equal((await after.expect("publish")).payload.toString(), "two");
  },

  async "will message: published for a lost client, not after DISCONNECT"(scene) {
    using watcher = await open(scene);
    await watcher.subscribe(`${scene.name}/will`, { qos: 2 });
    const will = { topic: `${scene.name}/will`, payload: "lost", qos: 1 as const };
    using polite = await open(scene, { will });
    await polite.disconnect();
    await watcher.nothing();
    using lost = await open(scene, { will });
    lost.close();
    const message = await watcher.expect("publish");
    assert.deepEqual([message.qos, message.payload.toString()], [1, "lost"]);
  },

  async "overlapping subscriptions: one message for each, every one at its own QoS"(scene) {
    using client = await open(scene);
    await client.subscribe(`${scene.name}/#`, { qos: 2 });
    await client.subscribe(`${scene.name}/+`, { qos: 1 });
    using publisher = await open(scene);
    await publishOnce(publisher, `${scene.name}/a`, "once");
    const copies = [await client.expect("publish"), await client.expect("publish")];
    assert.deepEqual(copies.map((copy) => copy.qos).sort(), [1, 2]);
    assert.deepEqual(copies.map((copy) => copy.payload.toString()), ["once", "once"]);
    await client.nothing();
  },

  async "keepalive: a silent client is cut off and its will published"(scene) {
    using watcher = await open(scene);
    await watcher.subscribe(`${scene.name}/will`);
    const will = { topic: `${scene.name}/will`, payload: "silent" };
    using silent = await open(scene, { keepalive: 1, will });
    assert.equal((await watcher.expect("publish")).payload.toString(), "silent");
    const last = await silent.rest();
    // Keep Alive timeout; 3.1.1 has no DISCONNECT from the server.
    if (scene.version === 4) assert.deepEqual(last, []);
    else assert.ok(last[0]?.cmd === "disconnect" && last[0].reasonCode === 0x8d);
  },

  async "redelivery on reconnect: what was not acknowledged comes again"(scene) {
    const clientId = `${scene.name}-client`;
    using before = await open(scene, persistent(scene, clientId));
    await before.subscribe(`${scene.name}/#`, { qos: 2 });
    using publisher = await open(scene);
    await publisher.publish(`${scene.name}/1`, "one", { qos: 1 });
    await publishOnce(publisher, `${scene.name}/2`, "two");
    await publishOnce(publisher, `${scene.name}/3`, "three");
    const one = await before.expect("publish");
    const two = await before.expect("publish");
    const three = await before.expect("publish");
    await before.send({ cmd: "pubrec", messageId: three.messageId! });
    assert.equal((await before.expect("pubrel")).messageId, three.messageId);
    before.close();
    using after = await open(scene, persistent(scene, clientId));
    // PUBLISH keeps its order, and so does PUBREL; which goes first is open. [MQTT-4.6.0-1]
    const resent = [await after.packet(), await after.packet(), await after.packet()];
    const released = resent.filter((packet) => packet?.cmd === "pubrel");
    assert.deepEqual(released.map((packet) => packet.messageId), [three.messageId]);
    const published = resent.filter((packet) => packet?.cmd === "publish");
    assert.deepEqual(
      published.map(({ dup, messageId, qos, topic, payload }) => [
        dup,
        messageId,
        qos,
        topic,
        payload.toString(),
      ]),
      [
        [true, one.messageId, 1, `${scene.name}/1`, "one"],
        [true, two.messageId, 2, `${scene.name}/2`, "two"],
      ],
    );
  },

  async "$ topics: wildcards at the start do not reach them"(scene) {
    using client = await open(scene);
    await client.subscribe("#");
    await client.subscribe(`+/${scene.name}`);
    using asking = await open(scene);
    await asking.subscribe(`$paho/+`);
    using publisher = await open(scene);
    await publisher.publish(`$paho/${scene.name}`, "hidden", { qos: 1 });
    assert.equal((await asking.expect("publish")).topic, `$paho/${scene.name}`);
    await client.nothing();
  },

  async "unsubscribe: that filter ends, the others stay"(scene) {
    using client = await open(scene);
    for (const level of ["a", "b", "c"]) await client.subscribe(`${scene.name}/${level}`);
    const unsubscriptions = [`${scene.name}/a`, `${scene.name}/never`];
    await client.send({ cmd: "unsubscribe", messageId: 9, unsubscriptions });
    const unsuback = await client.expect("unsuback");
    assert.equal(unsuback.messageId, 9);
    if (scene.version === 5) assert.deepEqual(unsuback.granted, [0, 0x11]);
    using publisher = await open(scene);
    for (const level of ["a", "b", "c"]) {
      await publisher.publish(`${scene.name}/${level}`, level, { qos: 1 });
    }
    assert.equal((await client.expect("publish")).payload.toString(), "b");
    assert.equal((await client.expect("publish")).payload.toString(), "c");
    await client.nothing();
  },
};

for (const version of [4, 5] as const) {
  for (const [title, scenario] of Object.entries(SCENARIOS)) {
    Deno.test(`MQTT ${version === 4 ? "3.1.1" : "5.0"}, ${title}`, async () => {
      await scenario({ version, name: `paho-${crypto.randomUUID()}` });
    });
  }
}

/** A client of the scene's version. */
function open(scene: Scene, fields: ConnectFields = {}): Promise<RawMqtt> {
  return RawMqtt.open(gateway.process.mqtt, { protocolVersion: scene.version, ...fields });
}

/** CONNECT fields of a client whose session outlives its connection. */
function persistent(scene: Scene, clientId: string): ConnectFields {
  const properties = { sessionExpiryInterval: 60 };
  return { clean: false, clientId, ...(scene.version === 5 ? { properties } : {}) };
}

/** Publishes at QoS 2, to the end of the exchange. */
async function publishOnce(
  client: RawMqtt,
  topic: string,
  payload: string,
  retain = false,
): Promise<void> {
  await client.publish(topic, payload, { qos: 2, retain });
  const { messageId } = await client.expect("pubrec");
  await client.send({ cmd: "pubrel", messageId: messageId! });
  assert.equal((await client.expect("pubcomp")).messageId, messageId);
}
