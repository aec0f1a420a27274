/** Limits of a connection and a listener, seen from outside. */
import assert from "node:assert/strict";
import { sharedGateway } from "../kit/gateway.ts";
import { RawMqtt } from "../kit/raw_mqtt.ts";
import { RawNats } from "../kit/raw_nats.ts";
import { until, within } from "../kit/wait.ts";

const tight = sharedGateway({
  set: [
    "gateway.nats.max_subscriptions=3",
    "gateway.nats.protocol.max_control_line=512",
    "gateway.nats.listeners.tcp.default.max_connections=3",
    "mqtt.max_subscriptions=3",
    "mqtt.max_clientid_len=50",
    "mqtt.max_topic_levels=4",
  ],
});
const impatient = sharedGateway({
  set: ["gateway.nats.idle_timeout=200ms", "mqtt.idle_timeout=200ms"],
});

Deno.test("NATS: subscriptions beyond the limit are refused, the others stay", async () => {
  using nats = await RawNats.open(tight.process.nats);
  for (const sid of [1, 2, 3]) await nats.subscribe(`a.${sid}`, sid);
  await nats.send("SUB a.4 4\r\n");
  await nats.expect("-ERR 'maximum subscriptions exceeded'");
  await nats.send("UNSUB 1\r\n");
  await nats.subscribe("a.4", 4);
  await nats.publish("a.4", "x");
  await nats.expect("MSG a.4 4 1", "x");
});

Deno.test("NATS: the longest control line is as configured", async () => {
  using nats = await RawNats.open(tight.process.nats);
  await nats.subscribe("x".repeat(500));
  await nats.send(`SUB ${"x".repeat(520)} 2\r\n`);
  await nats.expect("-ERR 'maximum control line exceeded'", null);
});

Deno.test("NATS: connections beyond the limit are closed at once, the others stay", async () => {
  const port = tight.process.nats;
  // Connections of tests before may still be on their way out.
  const place = () => until(() => RawNats.open(port).catch(() => undefined), "a free place");
  const inside = [await place(), await place(), await place()];
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  // Reading to the end would wait for ever if it were let in.
  const text = await within(new Response(conn.readable).text(), "the fourth to be closed");
  assert.ok(text === "" || text.includes("maximum connections exceeded"), text);
  for (const nats of inside) await nats.nothing();
  inside[0]!.close();
  inside[0] = await place();
  for (const nats of inside) {
    await nats.nothing();
    nats.close();
  }
});

Deno.test("MQTT: subscriptions beyond the limit are refused, the others stay", async () => {
  using mqtt = await RawMqtt.open(tight.process.mqtt);
  for (const level of [1, 2, 3]) assert.equal(await mqtt.subscribe(`a/${level}`), 0);
  assert.equal(await mqtt.subscribe("a/4"), 0x97);
  assert.equal(await mqtt.subscribe("a/3"), 0, "again");
});

Deno.test("MQTT: a client id beyond the limit is refused", async () => {
  using mqtt = await RawMqtt.connect(tight.process.mqtt);
  await mqtt.send({
    cmd: "connect",
    protocolId: "MQTT",
    protocolVersion: 5,
    clean: true,
    keepalive: 0,
    clientId: "x".repeat(51),
  });
  assert.equal((await mqtt.expect("connack")).reasonCode, 0x85);
  assert.deepEqual(await mqtt.rest(), []);
});

Deno.test("MQTT: topics and filters with too many levels are refused", async () => {
  using mqtt = await RawMqtt.open(tight.process.mqtt);
  assert.equal(await mqtt.subscribe("a/b/c/d"), 0);
  assert.equal(await mqtt.subscribe("a/b/c/d/e"), 0x8f);
  await mqtt.send({
    cmd: "publish",
    topic: "a/b/c/d/e",
    payload: "x",
    qos: 1,
    messageId: 1,
    dup: false,
    retain: false,
  });
  const packet = await mqtt.packet();
  assert.ok(packet?.cmd === "puback" || packet?.cmd === "disconnect");
  assert.equal((packet as { reasonCode: number }).reasonCode, 0x90);
});

Deno.test("NATS: a client that says nothing is closed without a word", async () => {
  using nats = await RawNats.connect(impatient.process.nats);
  assert.equal(await nats.rest(), "");
});

Deno.test("MQTT: a client that says nothing, or half a CONNECT, is closed", async () => {
  using silent = await RawMqtt.connect(impatient.process.mqtt);
  using half = await RawMqtt.connect(impatient.process.mqtt);
  await half.sendBytes(Uint8Array.from([0x10, 0x20, 0, 4]));
  assert.deepEqual(await silent.rest(), []);
  assert.deepEqual(await half.rest(), []);
});

Deno.test("NATS: a client that said one thing stays", async () => {
  using nats = await RawNats.connect(impatient.process.nats);
  await nats.nothing();
  using other = await RawNats.connect(impatient.process.nats);
  assert.equal(await other.rest(), "");
  await nats.nothing();
});
