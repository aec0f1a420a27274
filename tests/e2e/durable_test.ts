/**
 * The promises of the durable store, as users meet them: a full store, a damaged file, and clients
 * that are slow to read.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { startGateway } from "../kit/gateway.ts";
import { type ConnectFields, RawMqtt } from "../kit/raw_mqtt.ts";
import { RawNats } from "../kit/raw_nats.ts";
import { until } from "../kit/wait.ts";

const QUOTA_EXCEEDED = 0x97;
const PAYLOAD = new Uint8Array(20_000).fill(120);
const KEEP: ConnectFields = { clean: false, properties: { sessionExpiryInterval: 3600 } };

Deno.test("a full store refuses durable messages, keeps what it took, and recovers", async () => {
  await using gateway = await startGateway({ set: ["store.max_size=1MB"] });
  const keep = { ...KEEP, clientId: "keeper" };
  {
    using keeper = await RawMqtt.open(gateway.mqtt, keep);
    await keeper.subscribe("kept/#", { qos: 1 });
    await keeper.send({ cmd: "disconnect", reasonCode: 0 });
    await keeper.rest();
  }
  using publisher = await RawMqtt.open(gateway.mqtt);
  using verbose = await RawNats.open(gateway.nats, { verbose: true });
  const accepted = await fill(gateway.mqtt);
  assert.ok(accepted > 10, `${accepted} messages fit`);
  const code = await publisher.publish("kept/t", PAYLOAD, { qos: 1 });
  assert.equal(code, QUOTA_EXCEEDED);
  await verbose.send("PUB kept.t 1\r\nx\r\n");
  await verbose.expect("-ERR 'Storage Unavailable'");
  await verbose.send("PUB other.t 1\r\nx\r\n");
  await verbose.expect("+OK");

  using keeper = await RawMqtt.open(gateway.mqtt, keep);
  const received: string[] = [];
  const receive = async () => {
    const { payload, messageId } = await keeper.expect("publish");
    received.push(String(payload.slice(0, 8)));
    await keeper.send({ cmd: "puback", messageId: messageId! });
  };
  while (received.length < accepted) await receive();
  await until(
    async () => await publisher.publish("kept/t", "again", { qos: 1 }) === 0,
    "the store to recover by itself",
  );
  while (received.at(-1) !== "again") await receive();
  const numbers = Array.from({ length: accepted }, (_, i) => String(i).padStart(8, "0"));
  assert.deepEqual(received.slice(0, accepted), numbers);
  assert.match(gateway.log(), /raise store\.max_size/);
});

/**
 * Publishes numbered messages until the store is full; returns how many were acknowledged. The
 * one that fills it up costs its publisher the connection: it can be neither kept nor refused.
 */
async function fill(port: number): Promise<number> {
  using publisher = await RawMqtt.open(port);
  for (let i = 0; i < 1000; i++) {
    PAYLOAD.set(new TextEncoder().encode(String(i).padStart(8, "0")));
    await publisher.send({
      cmd: "publish",
      topic: "kept/t",
      payload: Buffer.from(PAYLOAD),
      qos: 1,
      messageId: i + 1,
      dup: false,
      retain: false,
    });
    const answer = await publisher.packet();
    if (answer === undefined) return i;
    assert.equal(answer.cmd, "puback");
    if (answer.cmd === "puback" && answer.reasonCode === QUOTA_EXCEEDED) return i;
  }
  throw new Error("the store never got full");
}

Deno.test("a damaged store is set aside, and the gateway starts with an empty one", async () => {
  const dir = Deno.makeTempDirSync({ prefix: "natsgate-test-" });
  try {
    const file = `${dir}/data/natsgate.db`;
    {
      await using gateway = await startGateway({ dir });
      using client = await RawMqtt.open(gateway.mqtt);
      assert.equal(await client.publish("r", "x", { qos: 1, retain: true }), 0x10);
    }
    Deno.writeFileSync(file, new Uint8Array(50_000).fill(7));
    {
      await using gateway = await startGateway({ dir });
      assert.match(gateway.log(), /damaged .*renamed to .*natsgate\.db\.damaged-/);
      using client = await RawMqtt.open(gateway.mqtt);
      await client.subscribe("r");
      await client.nothing();
      using publisher = await RawMqtt.open(gateway.mqtt);
      assert.equal(await publisher.publish("r", "y", { qos: 1, retain: true }), 0);
    }
    {
      await using gateway = await startGateway({ dir });
      using client = await RawMqtt.open(gateway.mqtt);
      await client.subscribe("r");
      assert.equal(String((await client.expect("publish")).payload), "y");
    }
    const names = [...Deno.readDirSync(`${dir}/data`)].map(({ name }) => name);
    const aside = names.filter((name) => /^natsgate\.db\.damaged-[^.]*\.\d+Z$/.test(name));
    assert.equal(aside.length, 1, names.join());
    const damaged = Deno.readFileSync(`${dir}/data/${aside[0]}`);
    assert.ok(damaged.length === 50_000 && damaged.every((byte) => byte === 7), "kept as it was");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("mqtt.write_deadline cuts off an MQTT client that takes nothing", async () => {
  const set = ["mqtt.write_deadline=1s", "gateway.nats.write_deadline=1h"];
  await using gateway = await startGateway({ set });
  using watcher = await RawMqtt.open(gateway.mqtt);
  await watcher.subscribe("gone");
  const will = { topic: "gone", payload: Buffer.from("slow"), qos: 0 as const, retain: false };
  using stuck = await RawMqtt.open(gateway.mqtt, { will });
  await stuck.subscribe("flood");
  using publisher = await RawMqtt.open(gateway.mqtt);
  // More than the buffers of the system hold, so that a write stays under way.
  for (let i = 0; i < 30; i++) await publisher.publish("flood", new Uint8Array(1_000_000));
  assert.equal(String((await watcher.expect("publish")).payload), "slow");
});
