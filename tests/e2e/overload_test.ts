/** Clients that never read, that leave in mid-frame, or that never finish: nobody else suffers. */
import assert from "node:assert/strict";
import { assertSound, Bystanders } from "../kit/bystanders.ts";
import { writeAll } from "../kit/conn.ts";
import { sharedGateway } from "../kit/gateway.ts";
import { RawMqtt } from "../kit/raw_mqtt.ts";
import { concat, RawNats } from "../kit/raw_nats.ts";
import { until, within } from "../kit/wait.ts";

const gateway = sharedGateway();
const small = sharedGateway({ set: ["gateway.nats.max_pending=1MB", "mqtt.max_pending=1MB"] });
const MEBIBYTE = 1024 * 1024;
const PAYLOAD = new Uint8Array(10_000).fill(0x78);
/** Of 50 messages each: 30 MB in all, far more than sockets and queues of one client hold. */
const ROUNDS = 60;
/** The first bytes of an MQTT CONNECT. */
const HALF_CONNECT = Uint8Array.from([0x10, 0x10, 0, 4, 0x4d, 0x51, 0x54]);

Deno.test("a NATS subscriber that never reads is cut off, and nobody waits for it", async () => {
  using bystanders = await Bystanders.open(small.process);
  using stuck = await RawNats.open(small.process.nats);
  using reader = await RawNats.open(small.process.nats);
  using publisher = await RawNats.open(small.process.nats);
  await stuck.subscribe("flood");
  await reader.subscribe("flood");
  const before = small.process.residentBytes();
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i < 50; i++) await publisher.publish("flood", PAYLOAD);
    // In step with the reader, so that only the stuck one is slow.
    for (let i = 0; i < 50; i++) {
      assert.equal((await reader.message()).payload.length, PAYLOAD.length);
    }
  }
  await bystanders.talk();
  const grown = small.process.residentBytes() - before;
  assert.ok(grown < 60 * MEBIBYTE, `grew by ${grown} bytes`);
  const rest = await stuck.rest();
  assert.ok(rest.length < ROUNDS * 50 * PAYLOAD.length, "it was cut off before the end");
});

Deno.test("an MQTT subscriber that never reads costs nobody else", async () => {
  using bystanders = await Bystanders.open(small.process);
  using stuck = await RawMqtt.open(small.process.mqtt);
  using reader = await RawNats.open(small.process.nats);
  using publisher = await RawNats.open(small.process.nats);
  await stuck.subscribe("flood/m");
  await reader.subscribe("flood.m");
  const before = small.process.residentBytes();
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i < 50; i++) await publisher.publish("flood.m", PAYLOAD);
    for (let i = 0; i < 50; i++) {
      assert.equal((await reader.message()).payload.length, PAYLOAD.length);
    }
  }
  await bystanders.talk();
  const grown = small.process.residentBytes() - before;
  assert.ok(grown < 60 * MEBIBYTE, `grew by ${grown} bytes`);
});

for (const protocol of ["nats", "mqtt"] as const) {
  Deno.test(`${protocol}: a client that asks and never reads the answers is cut off`, async () => {
    using bystanders = await Bystanders.open(small.process);
    const { nats, mqtt } = small.process;
    using asker = protocol === "nats" ? await RawNats.open(nats) : await RawMqtt.open(mqtt);
    const before = small.process.residentBytes();
    const ping = protocol === "nats" ? concat("PING\r\n") : Uint8Array.from([0xc0, 0]);
    const pings = concat(...Array.from({ length: 60_000 / ping.length }, () => ping));
    const asking = async () => {
      for (let i = 0; i < 1000; i++) {
        await writeAll(asker.conn, pings);
      }
    };
    // It may notice only when it reads that nobody listens to it any more.
    await asking().catch(() => {});
    await bystanders.talk();
    await readToEnd(asker.conn);
    const grown = small.process.residentBytes() - before;
    assert.ok(grown < 60 * MEBIBYTE, `grew by ${grown} bytes`);
  });
}

/** Returns when the other side has closed. */
async function readToEnd(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  const reading = async () => {
    while (await conn.read(buffer) !== null);
  };
  await within(reading().catch(() => {}), "the gateway to close");
}

for (const protocol of ["nats", "mqtt"] as const) {
  Deno.test(`1000 ${protocol} connections cut in mid-frame leave nothing behind`, async () => {
    using bystanders = await Bystanders.open(gateway.process);
    const files = gateway.process.openFiles();
    const body = new Uint8Array(100_000).fill(0x78);
    const cutMany = async () => {
      for (let batch = 0; batch < 10; batch++) {
        await Promise.all(Array.from({ length: 100 }, () => cutInMidFrame(protocol, body)));
        await bystanders.talk();
      }
      await until(() => gateway.process.openFiles() <= files, "those connections to be gone");
    };
    await cutMany();
    const before = gateway.process.residentBytes();
    await cutMany();
    // Kept frames would be 100 MB.
    await until(async () => {
      await bystanders.talk();
      return gateway.process.residentBytes() - before < 50 * MEBIBYTE;
    }, "memory to be given back");
    assertSound(gateway.process);
  });
}

async function cutInMidFrame(protocol: "nats" | "mqtt", body: Uint8Array): Promise<void> {
  if (protocol === "nats") {
    using nats = await RawNats.open(gateway.process.nats);
    await nats.send(concat("SUB cut.> 1\r\nPUB cut.x 1000000\r\n", body));
  } else {
    using mqtt = await RawMqtt.open(gateway.process.mqtt);
    await mqtt.subscribe("cut/#");
    await mqtt.sendBytes(
      concat(Uint8Array.from([0x30, 0xc0, 0x84, 0x3d, 0, 3, 0x63, 0x2f, 0x78, 0])),
    );
    await mqtt.sendBytes(body);
  }
}

Deno.test("half a frame on each of 500 connections holds nobody up", async () => {
  using bystanders = await Bystanders.open(gateway.process);
  const halves = await Promise.all(Array.from({ length: 500 }, async (_, i) => {
    if (i % 2 === 0) {
      const nats = await RawNats.connect(gateway.process.nats);
      await nats.send("PUB a.b 5\r\nhe");
      return nats;
    }
    const mqtt = await RawMqtt.connect(gateway.process.mqtt);
    await mqtt.sendBytes(HALF_CONNECT);
    return mqtt;
  }));
  try {
    for (let i = 0; i < 20; i++) await bystanders.talk();
  } finally {
    for (const half of halves) half.close();
  }
});
