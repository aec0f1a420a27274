/** "Messages across the border", row by row, except requests and groups. */
import assert from "node:assert/strict";
import { sharedGateway } from "../kit/gateway.ts";
import { RawMqtt } from "../kit/raw_mqtt.ts";
import { concat, RawNats } from "../kit/raw_nats.ts";

const gateway = sharedGateway();
const withoutRetained = sharedGateway({ set: ["gateway.nats.deliver_retained=false"] });
const closesOversize = sharedGateway({
  set: ["gateway.nats.protocol.oversize=close", "gateway.nats.protocol.max_payload_size=1024"],
});

async function pair(): Promise<{ nats: RawNats; mqtt: RawMqtt } & Disposable> {
  const nats = await RawNats.open(gateway.process.nats);
  const mqtt = await RawMqtt.open(gateway.process.mqtt);
  const dispose = () => {
    nats.close();
    mqtt.close();
  };
  return { nats, mqtt, [Symbol.dispose]: dispose };
}

/** A name that no other test uses: retained messages outlive tests. */
function unique(): { subject: string; topic: string } {
  const id = crypto.randomUUID();
  return { subject: `kept.${id}`, topic: `kept/${id}` };
}

function bytesOf(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => i * 7 + (i >> 8));
}

for (const [what, size] of [["empty", 0], ["every byte", 256], ["1 MiB", 1_048_576]] as const) {
  Deno.test(`border: payload, byte for byte: ${what}`, async () => {
    using both = await pair();
    const { nats, mqtt } = both;
    const payload = bytesOf(size);
    await mqtt.subscribe("n");
    await nats.subscribe("m");
    await nats.publish("n", payload);
    const toMqtt = await mqtt.expect("publish");
    assert.ok(Uint8Array.from(toMqtt.payload as Uint8Array).every((b, i) => b === payload[i]));
    assert.equal(toMqtt.payload.length, size);
    await mqtt.publish("m", payload);
    const toNats = await nats.message();
    assert.ok(toNats.payload.every((b, i) => b === payload[i]));
    assert.equal(toNats.payload.length, size);
  });
}

Deno.test("border: a verbose client publishes at QoS 1, with +OK; else QoS 0", async () => {
  using both = await pair();
  const { nats, mqtt } = both;
  using verbose = await RawNats.open(gateway.process.nats, { verbose: true });
  await mqtt.subscribe("t", { qos: 2 });
  await nats.publish("t", "0");
  assert.equal((await mqtt.expect("publish")).qos, 0);
  await verbose.publish("t", "1");
  await verbose.expect("+OK");
  const first = await mqtt.expect("publish");
  assert.equal(first.qos, 1);
  await mqtt.send({ cmd: "puback", messageId: first.messageId!, reasonCode: 0 });
  await mqtt.nothing();
});

Deno.test("border: a subscriber gets at most the publisher's QoS", async () => {
  using both = await pair();
  const { nats, mqtt } = both;
  using verbose = await RawNats.open(gateway.process.nats, { verbose: true });
  await mqtt.subscribe("t", { qos: 0 });
  await verbose.publish("t", "1");
  assert.equal((await mqtt.expect("publish")).qos, 0);
  await nats.nothing();
});

Deno.test("border: a NATS delivery counts as acknowledged once it is written", async () => {
  using mqtt = await RawMqtt.open(gateway.process.mqtt);
  using verbose = await RawNats.open(gateway.process.nats, { verbose: true });
  await verbose.send("SUB q1 1\r\n");
  await verbose.expect("+OK");
  assert.equal(await mqtt.publish("q1", "a", { qos: 1 }), 0);
  assert.equal(await mqtt.publish("q1", "b", { qos: 1 }), 0);
  for (const text of ["a", "b"]) {
    assert.equal(new TextDecoder().decode((await verbose.message()).payload), text);
  }
  await verbose.nothing();
});

Deno.test("border: HPUB headers are user properties, in order, with repeats", async () => {
  using both = await pair();
  const { nats, mqtt } = both;
  await mqtt.subscribe("t");
  await nats.publishWithHeaders("t", ["B: 2", "a: 1:1", "B:3", "E:"], "hi");
  const message = await mqtt.expect("publish");
  assert.equal(String(message.payload), "hi");
  assert.deepEqual(
    { ...message.properties?.userProperties },
    { B: ["2", "3"], a: "1:1", E: "" },
  );
  assert.deepEqual(Object.keys(message.properties!.userProperties!), ["B", "a", "E"]);
});

Deno.test("border: user properties are headers, in order, with repeats", async () => {
  using both = await pair();
  const { nats, mqtt } = both;
  await nats.subscribe("t");
  await mqtt.publish("t", "hi", {
    properties: { userProperties: { B: ["2", "3"], a: "1:1", "not a name": "x", E: "" } },
  });
  const message = await nats.message();
  assert.equal(message.header, "NATS/1.0\r\nB: 2\r\nB: 3\r\na: 1:1\r\nE: \r\n\r\n");
  assert.equal(new TextDecoder().decode(message.payload), "hi");
});

Deno.test("border: a header cannot be smuggled in by a user property", async () => {
  using both = await pair();
  const { nats, mqtt } = both;
  await nats.subscribe("t");
  await mqtt.publish("t", "hi", {
    properties: {
      userProperties: { a: "1\r\nb: 2\r\n\r\nPUB x 0", "c\r\nd": "3", "Mqtt-Retain": "1" },
    },
  });
  const message = await nats.message();
  assert.equal(message.header, "NATS/1.0\r\na: 1  b: 2    PUB x 0\r\n\r\n");
});

Deno.test("border: HMSG only to clients that said headers: true, else MSG", async () => {
  using both = await pair();
  const { nats, mqtt } = both;
  using plain = await RawNats.open(gateway.process.nats, { headers: false });
  await plain.subscribe("t");
  await mqtt.publish("t", "hi", { properties: { userProperties: { a: "1" } } });
  await plain.expect("MSG t 1 2", "hi");
  await nats.publishWithHeaders("t", ["a: 1"], "yo");
  await plain.expect("MSG t 1 2", "yo");
});

Deno.test("border: a header block that is none reaches NATS as it is, and MQTT without it", async () => {
  using both = await pair();
  const { nats, mqtt } = both;
  await nats.subscribe("t");
  await mqtt.subscribe("t");
  await nats.send("HPUB t 3 5\r\nabchi\r\n");
  await nats.expect("HMSG t 1 3 5", "abchi");
  const message = await mqtt.expect("publish");
  assert.equal(String(message.payload), "hi");
  assert.equal(message.properties?.userProperties, undefined);
});

Deno.test("border: Mqtt- headers set QoS, expiry and content type, and are taken off", async () => {
  using both = await pair();
  const { nats, mqtt } = both;
  await mqtt.subscribe("t", { qos: 2 });
  await nats.subscribe("t");
  const lines = ["Mqtt-QoS: 1", "Mqtt-Message-Expiry: 60", "Mqtt-Content-Type: text/plain", "a: 1"];
  await nats.publishWithHeaders("t", lines, "hi");
  const message = await mqtt.expect("publish");
  assert.equal(message.qos, 1);
  assert.equal(message.properties?.contentType, "text/plain");
  const expiry = message.properties?.messageExpiryInterval ?? -1;
  assert.ok(expiry > 50 && expiry <= 60, `expiry ${expiry}`);
  assert.deepEqual({ ...message.properties?.userProperties }, { a: "1" });
  const own = await nats.message();
  assert.match(
    own.header,
    /^NATS\/1\.0\r\na: 1\r\nMqtt-Content-Type: text\/plain\r\nMqtt-Message-Expiry: (5\d|60)\r\n\r\n$/,
  );
});

Deno.test("border: an MQTT publisher's content type and expiry are headers", async () => {
  using both = await pair();
  const { nats, mqtt } = both;
  await nats.subscribe("t");
  await mqtt.publish("t", "{}", {
    properties: { contentType: "application/json", messageExpiryInterval: 100 },
  });
  assert.match(
    (await nats.message()).header,
    /^NATS\/1\.0\r\nMqtt-Content-Type: application\/json\r\nMqtt-Message-Expiry: (9\d|100)\r\n\r\n$/,
  );
});

Deno.test("border: Mqtt-Retain: 1 retains for MQTT subscribers", async () => {
  using both = await pair();
  const { nats, mqtt } = both;
  const { subject, topic } = unique();
  await nats.publishWithHeaders(subject, ["Mqtt-Retain: 1", "a: 1"], "kept");
  await nats.flush();
  await mqtt.subscribe(topic);
  const message = await mqtt.expect("publish");
  assert.equal(String(message.payload), "kept");
  assert.equal(message.retain, true);
  assert.deepEqual({ ...message.properties?.userProperties }, { a: "1" });
  await nats.publishWithHeaders(subject, ["Mqtt-Retain: 1"], "");
  await nats.flush();
  await mqtt.expect("publish");
  using late = await RawMqtt.open(gateway.process.mqtt);
  await late.subscribe(topic);
  await late.nothing();
});

Deno.test("border: SUB gets retained messages, marked, after it is in place", async () => {
  using both = await pair();
  const { nats, mqtt } = both;
  const { subject, topic } = unique();
  assert.equal(await mqtt.publish(`${topic}/a`, "1", { qos: 1, retain: true }), 0x10);
  await mqtt.publish(`${topic}/b`, "2", { qos: 1, retain: true });
  await nats.send(`SUB ${subject}.* 1\r\n`);
  const messages = [await nats.message(), await nats.message()];
  assert.deepEqual(messages.map((m) => m.subject).sort(), [`${subject}.a`, `${subject}.b`]);
  for (const message of messages) {
    assert.equal(message.header, "NATS/1.0\r\nMqtt-Retain: 1\r\n\r\n");
  }
  await mqtt.publish(`${topic}/a`, "3", { retain: true });
  const live = await nats.message();
  assert.deepEqual([live.header, new TextDecoder().decode(live.payload)], ["", "3"]);
});

Deno.test("border: in verbose mode +OK comes before the retained messages", async () => {
  using both = await pair();
  const { subject, topic } = unique();
  using verbose = await RawNats.open(gateway.process.nats, { verbose: true, headers: false });
  await both.mqtt.publish(topic, "1", { qos: 1, retain: true });
  await verbose.send(`SUB ${subject} 1\r\n`);
  await verbose.expect("+OK", `MSG ${subject} 1 1`, "1");
});

Deno.test("border: queue groups get no retained messages", async () => {
  using both = await pair();
  const { nats, mqtt } = both;
  const { subject, topic } = unique();
  await mqtt.publish(topic, "1", { qos: 1, retain: true });
  await nats.subscribe(subject, 1, "q");
  await nats.nothing();
  assert.equal(await mqtt.subscribe(`$share/q/${topic}`), 0);
  await mqtt.nothing();
});

Deno.test("border: no retained messages with deliver_retained = false", async () => {
  using nats = await RawNats.open(withoutRetained.process.nats);
  using mqtt = await RawMqtt.open(withoutRetained.process.mqtt);
  await mqtt.publish("r", "1", { qos: 1, retain: true });
  await nats.subscribe("r");
  await nats.nothing();
});

Deno.test("border: echo: false is No Local, for one connection", async () => {
  using both = await pair();
  const { nats, mqtt } = both;
  using silent = await RawNats.open(gateway.process.nats, { echo: false });
  await silent.subscribe("t");
  await nats.subscribe("t");
  await silent.publish("t", "own");
  await silent.nothing();
  await nats.expect("MSG t 1 3", "own");
  await mqtt.subscribe("t", { nl: true });
  await mqtt.publish("t", "mqtt");
  await mqtt.nothing();
  await silent.expect("MSG t 1 4", "mqtt");
});

Deno.test("border: echo: false does not reach clients with the same client id", async () => {
  using both = await pair();
  const clientId = crypto.randomUUID();
  using mqtt = await RawMqtt.open(gateway.process.mqtt, { clientId });
  using silent = await RawNats.open(gateway.process.nats, { echo: false, name: clientId });
  await mqtt.subscribe("t");
  await silent.publish("t", "x");
  assert.equal(String((await mqtt.expect("publish")).payload), "x");
  await both.nats.nothing();
});

Deno.test("NATS: a sid comes back byte for byte, whatever it holds", async () => {
  using nats = await RawNats.open(gateway.process.nats);
  const sids = [[0xff, 0xfe], [0xc3, 0xbf], [0x80], [0x2a], [0x01]];
  for (const [i, sid] of sids.entries()) {
    await nats.send(concat(`SUB sid.${i} `, Uint8Array.from(sid), "\r\n"));
    await nats.publish(`sid.${i}`);
    const line = concat(`MSG sid.${i} `, Uint8Array.from(sid), " 0\r\n\r\n");
    assert.deepEqual(await nats.bytes(line.length), line);
  }
});

Deno.test("border: error texts are quoted", async () => {
  using nats = await RawNats.open(gateway.process.nats);
  await nats.send("SUB a..b 1\r\n");
  await nats.expect("-ERR 'Invalid Subject'");
});

Deno.test('border: an oversized payload closes the connection with oversize = "close"', async () => {
  using nats = await RawNats.open(closesOversize.process.nats);
  await nats.send("PUB t 1025\r\n");
  await nats.expect("-ERR 'Maximum Payload Violation'", null);
});

Deno.test("border: order is kept from each publisher to each subscriber", async () => {
  using both = await pair();
  const { nats, mqtt } = both;
  using from = await RawNats.open(gateway.process.nats);
  using fromMqtt = await RawMqtt.open(gateway.process.mqtt);
  await nats.subscribe("order.*");
  await mqtt.subscribe("order/#");
  const count = 500;
  for (let i = 0; i < count; i++) {
    await from.publish("order.n", String(i));
    await fromMqtt.publish("order/m", String(i));
  }
  const seen: Record<string, number[]> = {};
  const note = (where: string, name: string, payload: string) =>
    (seen[`${where} ${name.at(-1)}`] ??= []).push(Number(payload));
  for (let i = 0; i < 2 * count; i++) {
    const n = await nats.message();
    note("nats", n.subject, new TextDecoder().decode(n.payload));
    const m = await mqtt.expect("publish");
    note("mqtt", m.topic, String(m.payload));
  }
  const inOrder = Array.from({ length: count }, (_, i) => i);
  for (const list of ["nats n", "nats m", "mqtt n", "mqtt m"]) {
    assert.deepEqual(seen[list], inOrder, list);
  }
});
