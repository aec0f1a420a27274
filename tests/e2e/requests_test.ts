/** "Messages across the border": reply subjects, correlation data, and requests nobody answers. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { sharedGateway } from "../kit/gateway.ts";
import { RawMqtt } from "../kit/raw_mqtt.ts";
import { RawNats } from "../kit/raw_nats.ts";

const gateway = sharedGateway();
const NO_RESPONDERS = "NATS/1.0 503\r\n\r\n";

Deno.test("border: a reply subject is an MQTT 5 Response Topic", async () => {
  using nats = await RawNats.open(gateway.process.nats);
  using mqtt = await RawMqtt.open(gateway.process.mqtt);
  await mqtt.subscribe("service");
  await nats.subscribe("_INBOX.a.*", 7);
  await nats.publish("service", "1+2", "_INBOX.a.b");
  const request = await mqtt.expect("publish");
  assert.equal(request.properties?.responseTopic, "_INBOX/a/b");
  await mqtt.publish(request.properties!.responseTopic!, "3");
  await nats.expect("MSG _INBOX.a.b 7 1", "3");
});

Deno.test("border: a reply subject comes back byte for byte, whatever it holds", async () => {
  using nats = await RawNats.open(gateway.process.nats);
  using mqtt = await RawMqtt.open(gateway.process.mqtt);
  using other = await RawNats.open(gateway.process.nats);
  await mqtt.subscribe("service");
  await other.subscribe("service", 2);
  await nats.subscribe(">", 7);
  for (const reply of ["a/b", "+.#", "%2F.%.%25", "é.😀", "%2A.x", "_R.x"]) {
    await nats.publish("service", "?", reply);
    await nats.expect(`MSG service 7 ${reply} 1`, "?");
    await other.expect(`MSG service 2 ${reply} 1`, "?");
    const request = await mqtt.expect("publish");
    await mqtt.publish(request.properties!.responseTopic!, "!");
    await nats.expect(`MSG ${reply} 7 1`, "!");
  }
});

Deno.test("border: an MQTT 3.1.1 subscriber gets the request without its reply subject", async () => {
  using nats = await RawNats.open(gateway.process.nats);
  using old = await RawMqtt.open(gateway.process.mqtt, { protocolVersion: 4 });
  await old.subscribe("service");
  await nats.publish("service", "?", "_INBOX.1");
  assert.equal(String((await old.expect("publish")).payload), "?");
});

Deno.test("border: a request from MQTT 5 is answered by a NATS client that just replies", async () => {
  using nats = await RawNats.open(gateway.process.nats);
  using mqtt = await RawMqtt.open(gateway.process.mqtt);
  await nats.subscribe("service", 1);
  await mqtt.subscribe("answers/+");
  for (const bytes of [[0xfb, 0xff, 0], [], [1]]) {
    const correlationData = Buffer.from(bytes);
    const properties = { responseTopic: "answers/a b", correlationData };
    await mqtt.publish("service", "?", { properties });
    const request = await nats.message();
    const text = bytes.length === 0 ? "_" : correlationData.toString("base64url");
    assert.equal(request.reply, `_R.${text}.answers.a%20b`);
    await nats.publish(request.reply!, "!");
    const answer = await mqtt.expect("publish");
    assert.equal(answer.topic, "answers/a b");
    assert.equal(String(answer.payload), "!");
    assert.deepEqual([...answer.properties?.correlationData ?? [-1]], bytes);
  }
});

Deno.test("border: a request from MQTT 5 without correlation data has a plain reply subject", async () => {
  using nats = await RawNats.open(gateway.process.nats);
  using mqtt = await RawMqtt.open(gateway.process.mqtt);
  await nats.subscribe("service", 1);
  await mqtt.subscribe("answers");
  await mqtt.publish("service", "?", { properties: { responseTopic: "answers" } });
  await nats.expect("MSG service 1 answers 1", "?");
  await nats.publish("answers", "!");
  const answer = await mqtt.expect("publish");
  assert.equal(answer.properties?.correlationData, undefined);
});

Deno.test("border: correlation data survives from MQTT 5 to MQTT 5", async () => {
  using asker = await RawMqtt.open(gateway.process.mqtt);
  using answerer = await RawMqtt.open(gateway.process.mqtt);
  await answerer.subscribe("service");
  const properties = { responseTopic: "answers", correlationData: Buffer.from([1, 2, 3]) };
  await asker.publish("service", "?", { properties });
  const request = await answerer.expect("publish");
  assert.equal(request.properties?.responseTopic, "answers");
  assert.deepEqual([...request.properties!.correlationData!], [1, 2, 3]);
});

Deno.test("border: nobody subscribed: 503 to NATS at once, 0x10 to MQTT 5", async () => {
  using nats = await RawNats.open(gateway.process.nats, { no_responders: true });
  using mqtt = await RawMqtt.open(gateway.process.mqtt);
  await nats.subscribe("_INBOX.1.*", 3);
  await nats.publish("nobody", "?", "_INBOX.1.x");
  const answer = await nats.message();
  assert.deepEqual(
    [answer.subject, answer.sid, answer.reply, answer.header, answer.payload.length],
    ["_INBOX.1.x", "3", undefined, NO_RESPONDERS, 0],
  );
  assert.equal(await mqtt.publish("nobody", "?", { qos: 1 }), 0x10);
  await mqtt.publish("nobody", "?", { qos: 2, messageId: 99 });
  const pubrec = await mqtt.expect("pubrec");
  assert.deepEqual([pubrec.messageId, pubrec.reasonCode], [99, 0x10]);
});

Deno.test("border: subscribers of both protocols count as responders", async () => {
  using nats = await RawNats.open(gateway.process.nats, { no_responders: true });
  using mqtt = await RawMqtt.open(gateway.process.mqtt);
  await nats.subscribe("_INBOX.2.*", 3);
  await mqtt.subscribe("only/mqtt");
  await nats.publish("only.mqtt", "?", "_INBOX.2.x");
  await nats.nothing();
  await mqtt.expect("publish");
  await nats.subscribe("only.nats", 4);
  assert.equal(await mqtt.publish("only/nats", "?", { qos: 1 }), 0);
  await mqtt.send({ cmd: "unsubscribe", messageId: 500, unsubscriptions: ["only/mqtt"] });
  await mqtt.expect("unsuback");
  await nats.message();
  await nats.publish("only.mqtt", "?", "_INBOX.2.y");
  assert.equal((await nats.message()).header, NO_RESPONDERS);
});

Deno.test("border: 503 comes on a subscription that matches by wildcard, not on a queue", async () => {
  using nats = await RawNats.open(gateway.process.nats, { no_responders: true });
  await nats.subscribe("_INBOX.3.*", 1, "q");
  await nats.publish("nobody", "?", "_INBOX.3.x");
  await nats.nothing();
  await nats.subscribe("_INBOX.3.>", 2);
  await nats.publish("nobody", "?", "_INBOX.3.x");
  assert.equal((await nats.message()).sid, "2");
});
