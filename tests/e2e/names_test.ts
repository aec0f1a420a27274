/** "Names: one tree, two spellings", from outside: what each side calls what the other sent. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { createMapping } from "../../gateway/nats/subject.ts";
import { sharedGateway } from "../kit/gateway.ts";
import { RawMqtt } from "../kit/raw_mqtt.ts";
import { concat, RawNats } from "../kit/raw_nats.ts";
import { randomSeed } from "../kit/seed.ts";

const seed = randomSeed("tests/e2e/names_test.ts");
const lossless = sharedGateway();
const plain = sharedGateway({ set: ["gateway.nats.topic_mapping=plain"] });
const dollar = sharedGateway({ set: ["gateway.nats.dollar_topics=nats"] });
const mounted = sharedGateway({
  set: [
    "gateway.nats.mountpoint=m/${username}/${clientid}/",
    "gateway.nats.clientinfo_override.clientid=${Packet.name}",
  ],
});

type Shared = typeof lossless;

/** What an MQTT client publishes on `topic` is called by a NATS client. */
async function subjectOf(gateway: Shared, topic: string): Promise<string> {
  using nats = await RawNats.open(gateway.process.nats);
  using mqtt = await RawMqtt.open(gateway.process.mqtt);
  await nats.subscribe(">");
  await mqtt.publish(topic, topic);
  const message = await nats.message();
  assert.equal(new TextDecoder().decode(message.payload), topic);
  return message.subject;
}

/** What a NATS client publishes on `subject` is called by an MQTT client. */
async function topicOf(gateway: Shared, subject: string): Promise<string> {
  using nats = await RawNats.open(gateway.process.nats);
  using mqtt = await RawMqtt.open(gateway.process.mqtt);
  await mqtt.subscribe("#");
  await nats.publish(subject, subject);
  const message = await mqtt.expect("publish");
  assert.equal(String(message.payload), subject);
  return message.topic;
}

Deno.test("names: t.a is t/a", async () => {
  assert.equal(await topicOf(lossless, "t.a"), "t/a");
  assert.equal(await subjectOf(lossless, "t/a"), "t.a");
});

Deno.test("names: *.b.> is +/b/#", async () => {
  using nats = await RawNats.open(lossless.process.nats);
  using mqtt = await RawMqtt.open(lossless.process.mqtt);
  await nats.subscribe("*.b.>");
  await mqtt.subscribe("+/b/#");
  for (const topic of ["a/c/d", "b/c", "x/b/c/d"]) await mqtt.publish(topic, "");
  assert.equal((await nats.message()).subject, "x.b.c.d");
  assert.equal((await mqtt.expect("publish")).topic, "x/b/c/d");
  for (const subject of ["a.c.d", "b.c", "x.b.c.d"]) await nats.publish(subject);
  assert.equal((await nats.message()).subject, "x.b.c.d");
  assert.equal((await mqtt.expect("publish")).topic, "x/b/c/d");
});

const SPELLINGS: readonly [what: string, topic: string, subject: string][] = [
  ["a blank in a level is %20", "living room/t", "living%20room.t"],
  ["a tab in a level is %09", "a\tb", "a%09b"],
  ["a control character in a level is %XX", "a\x1fb/\x7f", "a%1Fb.%7F"],
  ["a dot in a level is %2E", "spBv1.0/g/NDATA", "spBv1%2E0.g.NDATA"],
  ["a level that is * is %2A", "a/*", "a.%2A"],
  ["a level that is > is %3E", "a/>/b", "a.%3E.b"],
  ["* and > inside a longer level stay", "a*/b>c", "a*.b>c"],
  ["an empty level is %", "/a//b/", "%.a.%.b.%"],
  ["a slash in a token is %2F", "a%2Fb/c", "a/b.c"],
  ["a plus in a token is %2B", "%2B/c%2B", "+.c+"],
  ["a hash in a token is %23", "%23/c%23", "#.c#"],
  ["a lone percent sign stays", "100%/a", "100%.a"],
  ["a real %2E survives", "%2E", "%252E"],
  ["a real %252E survives", "%252E", "%25252E"],
  ["a real %2F in a subject survives", "%252F", "%2F"],
  ["a level that is % is stuffed", "a/%", "a.%25"],
  ["letters beyond ASCII stay", "中/文/é😀", "中.文.é😀"],
];

for (const [what, topic, subject] of SPELLINGS) {
  Deno.test(`names, lossless: ${what}`, async () => {
    assert.equal(await subjectOf(lossless, topic), subject);
    assert.equal(await topicOf(lossless, subject), topic);
  });
}

Deno.test("names, lossless: any topic arrives under one subject, which leads back", async () => {
  using nats = await RawNats.open(lossless.process.nats);
  using mqtt = await RawMqtt.open(lossless.process.mqtt);
  using echo = await RawMqtt.open(lossless.process.mqtt);
  await nats.subscribe(">", 1);
  const piece = fc.constantFrom("%", "25", "2E", "2F", "20", "*", ">", ".", " ", "/", "a", "é");
  const topics = fc.sample(fc.array(piece, { minLength: 1, maxLength: 8 }), { numRuns: 300, seed })
    .map((pieces) => pieces.join(""));
  const mapping = createMapping("lossless");
  for (const topic of topics) await mqtt.publish(topic, topic);
  const subjects = [];
  for (const topic of topics) {
    const message = await nats.message();
    assert.equal(new TextDecoder().decode(message.payload), topic);
    assert.equal(message.subject, mapping.toSubject(topic));
    subjects.push(message.subject);
  }
  await nats.send("UNSUB 1\r\n");
  await echo.subscribe("#");
  for (const subject of subjects) await nats.publish(subject);
  for (const topic of topics) assert.equal((await echo.expect("publish")).topic, topic);
});

Deno.test("names: NUL and invalid UTF-8 in a subject are errors", async () => {
  using nats = await RawNats.open(lossless.process.nats);
  using mqtt = await RawMqtt.open(lossless.process.mqtt);
  await mqtt.subscribe("#");
  for (const bad of [[0x61, 0], [0xff], [0xed, 0xa0, 0x80], [0xc0, 0xaf]]) {
    await nats.send(concat("PUB ", Uint8Array.from(bad), " 1\r\nx\r\n"));
    await nats.expect("-ERR 'Invalid Publish Subject'");
    await nats.send(concat("SUB ", Uint8Array.from(bad), " 1\r\n"));
    await nats.expect("-ERR 'Invalid Subject'");
  }
  await nats.nothing();
  await mqtt.nothing();
});

Deno.test("names: NUL and invalid UTF-8 in a topic are errors", async () => {
  for (const bad of [[0x61, 0], [0xff], [0xed, 0xa0, 0x80]]) {
    using mqtt = await RawMqtt.open(lossless.process.mqtt);
    await mqtt.sendBytes(Uint8Array.from([0x30, bad.length + 3, 0, bad.length, ...bad, 0]));
    const packets = await mqtt.rest();
    assert.deepEqual(packets.map((packet) => packet.cmd), ["disconnect"]);
    assert.ok([0x81, 0x82, 0x90].includes((packets[0] as { reasonCode: number }).reasonCode));
  }
});

Deno.test("names: the subject % alone names no topic", async () => {
  using nats = await RawNats.open(lossless.process.nats);
  await nats.publish("%", "x");
  await nats.expect("-ERR 'Invalid Publish Subject'");
  await nats.nothing();
});

Deno.test("names, plain: dots and slashes change places, and nothing else", async () => {
  assert.equal(await topicOf(plain, "t.a%2Eb"), "t/a%2Eb");
  assert.equal(await subjectOf(plain, "t/a%2Eb"), "t.a%2Eb");
  assert.equal(await topicOf(plain, "a/b.c"), "a/b/c");
  assert.equal(await subjectOf(plain, "a.b/c"), "a.b.c");
});

Deno.test("names, plain: what cannot be spelled does not get across", async () => {
  using nats = await RawNats.open(plain.process.nats);
  using mqtt = await RawMqtt.open(plain.process.mqtt);
  await nats.subscribe(">");
  await mqtt.subscribe("#");
  for (const topic of ["a b", "/a", "a//b", "a/*", ">", "last/one"]) await mqtt.publish(topic, "");
  assert.equal((await nats.message()).subject, "last.one");
  for (const topic of ["a b", "/a", "a//b", "a/*", ">", "last/one"]) {
    assert.equal((await mqtt.expect("publish")).topic, topic);
  }
  for (const subject of ["a.+", "a.#", "c#"]) {
    await nats.publish(subject);
    await nats.expect("-ERR 'Invalid Publish Subject'");
    await nats.send(`SUB ${subject} 9\r\n`);
    await nats.expect("-ERR 'Invalid Subject'");
  }
  await mqtt.nothing();
});

Deno.test("names: foo.> needs one more token, foo/# also takes foo", async () => {
  using nats = await RawNats.open(lossless.process.nats);
  using mqtt = await RawMqtt.open(lossless.process.mqtt);
  await nats.subscribe("foo.>");
  await mqtt.subscribe("foo/#");
  for (const subject of ["foo", "foo.a", "foo.a.b"]) await nats.publish(subject);
  for (const subject of ["foo.a", "foo.a.b"]) {
    assert.equal((await nats.message()).subject, subject);
  }
  for (const topic of ["foo", "foo/a"]) await mqtt.publish(topic, "");
  assert.equal((await nats.message()).subject, "foo.a");
  for (const topic of ["foo", "foo/a", "foo/a/b", "foo", "foo/a"]) {
    assert.equal((await mqtt.expect("publish")).topic, topic);
  }
  await nats.nothing();
  await mqtt.nothing();
});

Deno.test("names: wildcards in the first level pass over $ names, on both sides", async () => {
  using nats = await RawNats.open(lossless.process.nats);
  using mqtt = await RawMqtt.open(lossless.process.mqtt);
  for (const [sid, subject] of [">", "*.b", "$a.>"].entries()) await nats.subscribe(subject, sid);
  for (const filter of ["#", "+/b", "$a/#"]) await mqtt.subscribe(filter);
  await nats.publish("$a.b", "n");
  await mqtt.publish("$a/b", "m");
  for (let i = 0; i < 2; i++) {
    assert.equal((await nats.message()).sid, "2");
    assert.equal((await mqtt.expect("publish")).topic, "$a/b");
  }
  await nats.nothing();
  await mqtt.nothing();
});

Deno.test('names: with dollar_topics = "nats", > and * take $ names but not $SYS', async () => {
  using nats = await RawNats.open(dollar.process.nats);
  using mqtt = await RawMqtt.open(dollar.process.mqtt);
  for (const [sid, subject] of [">", "*.b"].entries()) await nats.subscribe(subject, sid);
  await mqtt.subscribe("#");
  await mqtt.publish("$SYS/b", "");
  await mqtt.publish("$a/b", "");
  const sids = [(await nats.message()).sid, (await nats.message()).sid].sort();
  assert.deepEqual(sids, ["0", "1"]);
  await nats.nothing();
  await mqtt.nothing();
});

Deno.test("names: the mountpoint is put in front, and taken off on delivery", async () => {
  using nats = await RawNats.open(mounted.process.nats, { user: "u", name: "c" });
  using mqtt = await RawMqtt.open(mounted.process.mqtt);
  await mqtt.subscribe("#");
  await nats.subscribe(">");
  await nats.publish("t.a", "1", "r.b");
  const published = await mqtt.expect("publish");
  assert.equal(published.topic, "m/u/c/t/a");
  assert.equal(published.properties?.responseTopic, "m/u/c/r/b");
  const own = await nats.message();
  assert.deepEqual([own.subject, own.reply], ["t.a", "r.b"]);
  await mqtt.publish("m/u/c/x/y", "2", { properties: { responseTopic: "m/u/c/z" } });
  const delivered = await nats.message();
  assert.deepEqual([delivered.subject, delivered.reply], ["x.y", "z"]);
  await mqtt.publish("m/u/other/x", "3");
  await mqtt.publish("t/a", "4");
  await nats.nothing();
});

Deno.test("names: the mountpoint is rendered once", async () => {
  using nats = await RawNats.open(mounted.process.nats, { user: "${clientid}", name: "secret" });
  using mqtt = await RawMqtt.open(mounted.process.mqtt);
  await mqtt.subscribe("#");
  await nats.publish("t");
  assert.equal((await mqtt.expect("publish")).topic, "m/${clientid}/secret/t");
});

Deno.test("names: a user name that would be a wildcard is refused", async () => {
  using nats = await RawNats.connect(mounted.process.nats);
  await nats.send('CONNECT {"user":"+","name":"c"}\r\n');
  await nats.expect("-ERR 'Authorization Violation'", null);
});
