/** "Messages across the border": queue groups and shared subscriptions are one thing. */
import assert from "node:assert/strict";
import { sharedGateway, startGateway } from "../kit/gateway.ts";
import { RawMqtt } from "../kit/raw_mqtt.ts";
import { RawNats } from "../kit/raw_nats.ts";

const gateway = sharedGateway();
const COUNT = 20;

/** Publishes `COUNT` numbered messages and waits until all have been dealt with. */
async function publishAll(subject: string): Promise<void> {
  using from = await RawNats.open(gateway.process.nats);
  for (let i = 0; i < COUNT; i++) await from.publish(subject, String(i));
  await from.flush();
}

/** The payloads that came in, in order. */
async function received(client: RawNats | RawMqtt): Promise<number[]> {
  const numbers: number[] = [];
  if (client instanceof RawNats) {
    await client.send("PUB end 0\r\n\r\n");
    for (let message; (message = await client.message()).subject !== "end";) {
      numbers.push(Number(new TextDecoder().decode(message.payload)));
    }
    return numbers;
  }
  await client.send({ cmd: "pingreq" });
  for (let packet; (packet = await client.packet())?.cmd !== "pingresp";) {
    assert.equal(packet?.cmd, "publish");
    numbers.push(Number((packet as { payload: unknown }).payload));
  }
  return numbers;
}

async function natsMember(subject: string, queue: string, options = {}): Promise<RawNats> {
  const nats = await RawNats.open(gateway.process.nats, options);
  await nats.subscribe("end", "end");
  await nats.subscribe(subject, 1, queue);
  return nats;
}

async function mqttMember(filter: string): Promise<RawMqtt> {
  const mqtt = await RawMqtt.open(gateway.process.mqtt);
  assert.equal(await mqtt.subscribe(filter), 0);
  return mqtt;
}

function assertShared(...members: number[][]): void {
  const all = members.flat().sort((a, b) => a - b);
  assert.deepEqual(all, Array.from({ length: COUNT }, (_, i) => i));
  for (const member of members) assert.ok(member.length > 0, "every member has its share");
}

Deno.test("border: NATS and MQTT members of one group share its messages", async () => {
  using a = await natsMember("g1.a", "q1");
  using b = await natsMember("g1.a", "q1");
  using c = await mqttMember("$share/q1/g1/a");
  using d = await mqttMember("$share/q1/g1/a");
  await publishAll("g1.a");
  assertShared(await received(a), await received(b), await received(c), await received(d));
});

Deno.test("border: messages from MQTT are shared alike", async () => {
  using a = await natsMember("g2.a", "q2");
  using b = await mqttMember("$share/q2/g2/a");
  using from = await RawMqtt.open(gateway.process.mqtt);
  for (let i = 0; i < COUNT; i++) await from.publish("g2/a", String(i));
  await from.nothing();
  assertShared(await received(a), await received(b));
});

Deno.test("border: NATS members with different subjects are one group by name", async () => {
  using a = await natsMember("g3.a", "q3");
  using b = await natsMember("g3.*", "q3");
  await publishAll("g3.a");
  assertShared(await received(a), await received(b));
});

Deno.test("border: MQTT members with different filters are a group for each filter", async () => {
  using a = await mqttMember("$share/q4/g4/a");
  using b = await mqttMember("$share/q4/g4/+");
  await publishAll("g4.a");
  assert.equal((await received(a)).length, COUNT);
  assert.equal((await received(b)).length, COUNT);
});

Deno.test("border: $share/q/F joins group q where a NATS member of q has the same filter", async () => {
  using a = await natsMember("g5.a", "q5");
  using b = await natsMember("g5.*", "q5");
  using same = await mqttMember("$share/q5/g5/+");
  using other = await mqttMember("$share/q5/g5/#");
  await publishAll("g5.a");
  assertShared(await received(a), await received(b), await received(same));
  assert.equal((await received(other)).length, COUNT);
});

Deno.test("border: groups and plain subscriptions do not take from each other", async () => {
  using a = await natsMember("g6.a", "q6");
  using b = await natsMember("g6.a", "other");
  using plain = await mqttMember("g6/a");
  await publishAll("g6.a");
  for (const client of [a, b, plain]) assert.equal((await received(client)).length, COUNT);
});

Deno.test("border: a publisher with echo: false is skipped in the pick", async () => {
  using publisher = await natsMember("g7.a", "q7", { echo: false });
  using mqtt = await mqttMember("$share/q7/g7/a");
  for (let i = 0; i < COUNT; i++) await publisher.publish("g7.a", String(i));
  await publisher.flush();
  assert.equal((await received(mqtt)).length, COUNT);
});

Deno.test("border: a group of the publisher alone, without echo, has no responder", async () => {
  using nats = await RawNats.open(gateway.process.nats, { echo: false, no_responders: true });
  await nats.subscribe("g8.a", 1, "q8");
  await nats.subscribe("r", 2);
  await nats.publish("g8.a", "?", "r");
  assert.equal((await nats.message()).header, "NATS/1.0 503\r\n\r\n");
});

Deno.test("border: members that are gone are passed over, whichever side they were on", async () => {
  using a = await natsMember("g9.a", "q9");
  using b = await mqttMember("$share/q9/g9/a");
  using c = await natsMember("g9.a", "q9");
  await b.send({ cmd: "disconnect", reasonCode: 0 });
  await b.rest();
  await c.send("UNSUB 1\r\n");
  await c.flush();
  await publishAll("g9.a");
  assert.equal((await received(a)).length, COUNT);
});

Deno.test("border: several members on one connection count separately", async () => {
  using nats = await RawNats.open(gateway.process.nats);
  await nats.subscribe("g10.a", 1, "q");
  await nats.subscribe("g10.a", 2, "q");
  await nats.publish("g10.a", "x");
  await nats.publish("g10.a", "y");
  const sids = [(await nats.message()).sid, (await nats.message()).sid];
  assert.deepEqual(sids.sort(), ["1", "2"]);
  await nats.nothing();
});

Deno.test("border: $share without a group or filter is refused", async () => {
  for (const filter of ["$share/q", "$share//a", "$share/q/", "$share/+/a", "$share/q#/a"]) {
    using mqtt = await RawMqtt.open(gateway.process.mqtt);
    await mqtt.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: filter, qos: 0 }] });
    const packet = await mqtt.packet();
    if (packet?.cmd === "suback") assert.ok(Number(packet.granted[0]) >= 0x80, filter);
    else assert.equal(packet?.cmd, "disconnect", filter);
  }
});

Deno.test("hash_clientid: a client id keeps its member over reconnects, in both protocols", async () => {
  await using hashing = await startGateway({
    set: [
      "mqtt.shared_subscription_strategy=hash_clientid",
      "gateway.nats.clientinfo_override.clientid=${Packet.name}",
    ],
  });
  const { nats, mqtt } = hashing;
  const members = await Promise.all([0, 1, 2].map(() => RawMqtt.open(mqtt)));
  for (const member of members) await member.subscribe("$share/g/h/#");
  const memberOf = async () => {
    const got = await Promise.all(members.map((member) => member.received()));
    assert.equal(got.flat().length, 1);
    return got.findIndex((packets) => packets.length === 1);
  };
  const used = new Set<number>();
  for (let i = 0; i < 8; i++) {
    const seen = new Set<number>();
    for (let round = 0; round < 3; round++) {
      const from = await RawMqtt.open(mqtt, { clientId: `device-${i}` });
      await from.publish("h/mqtt", "x", { qos: 1 });
      from.close();
      seen.add(await memberOf());
      const same = await RawNats.open(nats, { name: `device-${i}` });
      await same.publish("h.nats", "x");
      await same.flush();
      same.close();
      seen.add(await memberOf());
    }
    assert.equal(seen.size, 1, `device-${i} has one member, whatever it speaks`);
    for (const member of seen) used.add(member);
  }
  assert.equal(used.size, 3);
  for (const member of members) member.close();
});
