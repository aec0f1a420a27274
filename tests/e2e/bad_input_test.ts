/** What bad input gets: a defined answer, and never harm to anybody else. */
import assert from "node:assert/strict";
import { generate, type Packet } from "mqtt-packet";
import { assertSound, Bystanders } from "../kit/bystanders.ts";
import { writeAll } from "../kit/conn.ts";
import { sharedGateway } from "../kit/gateway.ts";
import { RawMqtt } from "../kit/raw_mqtt.ts";
import { concat, RawNats } from "../kit/raw_nats.ts";
import { generator } from "../kit/random.ts";
import { randomSeed } from "../kit/seed.ts";
import { until } from "../kit/wait.ts";

const seed = randomSeed("tests/e2e/bad_input_test.ts");
const MEBIBYTE = 1024 * 1024;
const gateway = sharedGateway();
const small = sharedGateway({ set: ["mqtt.max_packet_size=64KB"] });

const CONNECT_V5 = generate({
  cmd: "connect",
  protocolId: "MQTT",
  protocolVersion: 5,
  clean: true,
  keepalive: 60,
  clientId: "",
}, { protocolVersion: 5 });

/** MQTT 5 packets after CONNECT that no client may send, and the reason codes that fit. */
const BAD_MQTT: readonly [what: string, bytes: number[], codes: number[]][] = [
  ["a packet type that does not exist", [0x00, 0x00], [0x81, 0x82]],
  ["a packet that only servers send", [0x20, 0x03, 0, 0, 0], [0x81, 0x82]],
  ["a second CONNECT", [...CONNECT_V5], [0x82]],
  ["a length of five bytes", [0x30, 0xff, 0xff, 0xff, 0xff, 0x01], [0x81]],
  ["PUBLISH with QoS 3", [0x36, 0x06, 0, 1, 0x61, 0, 1, 0], [0x81]],
  ["PUBLISH with DUP at QoS 0", [0x38, 0x04, 0, 1, 0x61, 0], [0x81, 0x82]],
  ["PUBLISH with packet id 0", [0x32, 0x06, 0, 1, 0x61, 0, 0, 0], [0x81, 0x82]],
  ["PUBLISH to a wildcard", [0x30, 0x04, 0, 1, 0x23, 0], [0x81, 0x82, 0x90]],
  ["PUBLISH without topic or alias", [0x30, 0x03, 0, 0, 0], [0x82, 0x90, 0x94]],
  ["PUBLISH with topic alias 0", [0x30, 0x07, 0, 1, 0x61, 3, 0x23, 0, 0], [0x81, 0x82, 0x94]],
  ["PUBLISH with an unknown property", [0x30, 0x06, 0, 1, 0x61, 2, 0x7f, 0], [0x81]],
  ["PUBLISH with a property twice", [0x30, 0x08, 0, 1, 0x61, 4, 1, 0, 1, 0], [0x81, 0x82]],
  ["PUBLISH shorter than its topic", [0x30, 0x03, 0, 9, 0x61], [0x81]],
  ["SUBSCRIBE with wrong flags", [0x80, 0x07, 0, 1, 0, 0, 1, 0x61, 0], [0x81]],
  ["SUBSCRIBE without a filter", [0x82, 0x03, 0, 1, 0], [0x81, 0x82]],
  ["SUBSCRIBE with packet id 0", [0x82, 0x07, 0, 0, 0, 0, 1, 0x61, 0], [0x81, 0x82]],
  ["SUBSCRIBE with reserved options", [0x82, 0x07, 0, 1, 0, 0, 1, 0x61, 0xc0], [0x81, 0x82]],
  ["UNSUBSCRIBE without a filter", [0xa2, 0x03, 0, 1, 0], [0x81, 0x82]],
  ["PUBREL with wrong flags", [0x60, 0x02, 0, 1], [0x81]],
  ["PINGREQ with a body", [0xc0, 0x01, 0], [0x81]],
];

for (const [what, bytes, codes] of BAD_MQTT) {
  Deno.test(`MQTT: ${what} is answered and closes`, async () => {
    using bystanders = await Bystanders.open(gateway.process);
    using mqtt = await RawMqtt.open(gateway.process.mqtt);
    await mqtt.sendBytes(Uint8Array.from(bytes));
    const packets = await mqtt.rest();
    assert.deepEqual(packets.map((packet) => packet.cmd), ["disconnect"]);
    const { reasonCode } = packets[0] as { reasonCode: number };
    assert.ok(codes.includes(reasonCode), `reason code 0x${reasonCode.toString(16)}`);
    await bystanders.talk();
  });
}

Deno.test("MQTT: 3.1.1 clients that break the protocol are closed without a word", async () => {
  for (const bytes of [[0x00, 0x00], [0x36, 0x05, 0, 1, 0x61, 0, 1], [0x30, 0x03, 0, 1, 0x23]]) {
    using mqtt = await RawMqtt.open(gateway.process.mqtt, { protocolVersion: 4 });
    await mqtt.sendBytes(Uint8Array.from(bytes));
    assert.deepEqual(await mqtt.rest(), []);
  }
});

Deno.test("MQTT: anything but CONNECT at first closes", async () => {
  const packets: Packet[] = [
    { cmd: "pingreq" },
    { cmd: "publish", topic: "a", payload: "x", qos: 0, dup: false, retain: false },
    { cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "a", qos: 0 }] },
  ];
  for (const packet of packets) {
    using mqtt = await RawMqtt.connect(gateway.process.mqtt);
    await mqtt.send(packet);
    assert.deepEqual(await mqtt.rest(), []);
  }
});

Deno.test("MQTT: other protocols on the port are closed", async () => {
  for (const text of ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", 'CONNECT {"verbose":false}\r\n']) {
    using mqtt = await RawMqtt.connect(gateway.process.mqtt);
    await mqtt.sendBytes(new TextEncoder().encode(text));
    assert.deepEqual(await mqtt.rest(), []);
  }
});

Deno.test("NATS: other protocols on the port are told so", async () => {
  for (const data of ["GET / HTTP/1.1\r\n\r\n", Uint8Array.from(CONNECT_V5), "\x16\x03\x01\x02"]) {
    using nats = await RawNats.connect(gateway.process.nats);
    await nats.send(data);
    if (data === "\x16\x03\x01\x02") await nats.send("\n");
    assert.equal(await nats.rest(), "-ERR 'Unknown Protocol Operation'\r\n");
  }
});

Deno.test("MQTT: a packet beyond max_packet_size is refused before it is buffered", async () => {
  using mqtt = await RawMqtt.open(small.process.mqtt);
  // Only the header is sent: 200 MB are announced.
  await mqtt.sendBytes(Uint8Array.from([0x30, 0x80, 0x84, 0xaf, 0x5f]));
  const [packet] = await mqtt.rest();
  assert.equal(packet?.cmd, "disconnect");
  assert.equal((packet as { reasonCode: number }).reasonCode, 0x95);
});

Deno.test("NATS: an oversized payload is skipped, not buffered, and the connection goes on", async () => {
  using bystanders = await Bystanders.open(gateway.process);
  using nats = await RawNats.open(gateway.process.nats);
  const before = gateway.process.residentBytes();
  await nats.send("PUB t 100000000\r\n");
  await nats.expect("-ERR 'Maximum Payload Violation'");
  const chunk = new Uint8Array(MEBIBYTE).fill(0x78);
  let left = 100_000_000;
  let most = 0;
  while (left > 0) {
    await nats.send(chunk.subarray(0, Math.min(left, chunk.length)));
    left -= Math.min(left, chunk.length);
    most = Math.max(most, gateway.process.residentBytes());
  }
  await nats.send("\r\n");
  await nats.nothing();
  await bystanders.talk();
  assert.ok(most - before < 50 * MEBIBYTE, `grew by ${most - before} bytes`);
});

Deno.test("2000 random inputs on both ports harm nobody", async () => {
  const random = generator(seed);
  using bystanders = await Bystanders.open(gateway.process);
  const files = gateway.process.openFiles();
  for (let round = 0; round < 100; round++) {
    const inputs = Array.from(
      { length: 20 },
      (_, i) =>
        i % 2 === 0
          ? offer(gateway.process.nats, damage(random, natsFrames(random), random() < 0.7))
          : offer(gateway.process.mqtt, damage(random, mqttFrames(random), random() < 0.7)),
    );
    await Promise.all(inputs);
    await bystanders.talk();
  }
  await until(() => gateway.process.openFiles() <= files, "all of those connections to be gone");
  assertSound(gateway.process);
});

/** Sends the bytes, reads what comes until the server closes or has nothing more, and leaves. */
async function offer(port: number, bytes: Uint8Array): Promise<void> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const buffer = new Uint8Array(4096);
  try {
    const writing = (async () => {
      await writeAll(conn, bytes);
      await conn.closeWrite();
    })();
    const reading = (async () => {
      while (await conn.read(buffer) !== null);
    })();
    await Promise.allSettled([writing, reading]);
  } finally {
    conn.close();
  }
}

/** A sound beginning, then frames, some of them broken. */
function damage(random: () => number, frames: Uint8Array[], sound: boolean): Uint8Array {
  const bytes = [...concat(...frames)];
  if (sound && random() < 0.3) return Uint8Array.from(bytes);
  const start = sound ? frames[0]!.length : 0;
  const changes = 1 + Math.floor(random() * 4);
  for (let i = 0; i < changes; i++) {
    const at = start + Math.floor(random() * Math.max(1, bytes.length - start));
    const kind = random();
    if (kind < 0.4) bytes[at] = Math.floor(random() * 256);
    else if (kind < 0.6) bytes.splice(at, 1 + Math.floor(random() * 4));
    else if (kind < 0.8) bytes.splice(at, 0, ...noise(random, 8));
    else bytes.splice(at);
  }
  return Uint8Array.from(bytes, (byte) => byte ?? 0);
}

function noise(random: () => number, length_max: number): number[] {
  const length = Math.floor(random() * length_max);
  return Array.from({ length }, () => Math.floor(random() * 256));
}

function natsFrames(random: () => number): Uint8Array[] {
  const pick = <T>(...all: T[]): T => all[Math.floor(random() * all.length)]!;
  const frames = [concat(pick('CONNECT {"verbose":false,"headers":true}\r\n', "PING\r\n"))];
  for (let i = Math.floor(random() * 8); i >= 0; i--) {
    const subject = pick("a", "a.b", ">", "a.*", "%2E", "_R.QQ.a", "é", "$SYS.a", "a/b", "..");
    frames.push(concat(pick(
      `PUB ${subject} 3\r\nabc\r\n`,
      `PUB ${subject} r.${subject} 0\r\n\r\n`,
      `HPUB ${subject} 18 19\r\nNATS/1.0\r\nA: 1\r\n\r\nx\r\n`,
      `SUB ${subject} ${i}\r\n`,
      `SUB ${subject} q ${i}\r\n`,
      `UNSUB ${i} ${i}\r\n`,
      `CONNECT {"echo":false,"x":[${i}]}\r\n`,
      "PING\r\n",
      String.fromCharCode(...noise(random, 30)),
    )));
  }
  return frames;
}

function mqttFrames(random: () => number): Uint8Array[] {
  const pick = <T>(...all: T[]): T => all[Math.floor(random() * all.length)]!;
  const protocolVersion = pick(3, 4, 5) as 3 | 4 | 5;
  const protocolId = protocolVersion === 3 ? "MQIsdp" : "MQTT";
  const clientId = pick("", "a", crypto.randomUUID());
  const will = { topic: "w", payload: "x" as unknown as never, qos: 0 as const, retain: false };
  const clean = clientId === "" || random() < 0.5;
  const packets: Packet[] = [{
    cmd: "connect",
    protocolId,
    protocolVersion,
    clean,
    keepalive: 60,
    clientId: protocolVersion === 3 && clientId === "" ? "x" : clientId,
    ...(random() < 0.3 ? { will } : {}),
  }];
  for (let i = Math.floor(random() * 8); i >= 0; i--) {
    const topic = pick("a", "a/b", "é", "$SYS/a", "a b", "%2E");
    const messageId = 1 + Math.floor(random() * 3);
    const qos = pick(0, 1, 2) as 0 | 1 | 2;
    packets.push(pick<Packet>(
      { cmd: "publish", topic, payload: "abc", qos, messageId, dup: false, retain: random() < 0.2 },
      {
        cmd: "subscribe",
        messageId,
        subscriptions: [{ topic: pick("#", "+/b", "$share/g/a"), qos }],
      },
      { cmd: "unsubscribe", messageId, unsubscriptions: ["#"] },
      { cmd: "puback", messageId },
      { cmd: "pubrec", messageId },
      { cmd: "pubrel", messageId },
      { cmd: "pubcomp", messageId },
      { cmd: "pingreq" },
      { cmd: "disconnect" },
    ));
  }
  return packets.map((packet) => Uint8Array.from(generate(packet, { protocolVersion })));
}
