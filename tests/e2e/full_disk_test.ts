/**
 * A gateway on a disk that is really full: what it cannot keep it does not acknowledge, what it
 * acknowledged is there afterwards, and it goes on by itself.
 */
import assert from "node:assert/strict";
import { type GatewayProcess, spawnGateway, startGateway } from "../kit/gateway.ts";
import { type ConnectFields, RawMqtt } from "../kit/raw_mqtt.ts";
import { RawNats } from "../kit/raw_nats.ts";
import { fillDisk, mayMount, mountSmall } from "../kit/small_disk.ts";
import { until } from "../kit/wait.ts";

const QUOTA_EXCEEDED = 0x97;
const KEEPER: ConnectFields = {
  clientId: "keeper",
  clean: false,
  properties: { sessionExpiryInterval: 3600 },
};
const NOTE = " (needs the right to mount a tmpfs)";

Deno.test({
  name: `a full disk: nothing that was acknowledged is lost, not by SIGKILL either${NOTE}`,
  ignore: !mayMount,
  fn: () =>
    onSmallDisk(async (dir, disk) => {
      const accepted: string[] = [];
      {
        const gateway = await startGateway({ dir });
        try {
          await subscribeKeeper(gateway);
          accepted.push(...await publishAll(gateway, "before"));
          assert.equal(accepted.length, 4, "all kinds are acknowledged while there is room");
          using _ = fillDisk(disk);
          // The one that finds the disk full can be neither kept nor refused.
          using first = await RawMqtt.open(gateway.mqtt);
          await sendQos1(first, "full first");
          assert.equal(await first.packet(), undefined, "closed, not acknowledged");
          assert.deepEqual(await publishAll(gateway, "full"), []);
          await checkIsTold(gateway);
          await checkAdministration(gateway);
          await checkOthersGoOn(gateway);
        } finally {
          await gateway.stop("SIGKILL");
        }
      }
      await using gateway = await startGateway({ dir });
      assert.deepEqual(await receiveAll(gateway, accepted.length), accepted);
      assert.doesNotMatch(gateway.log(), /damaged/);
    }),
});

Deno.test({
  name: `a full disk: with room again, the gateway goes on by itself${NOTE}`,
  ignore: !mayMount,
  fn: () =>
    onSmallDisk(async (dir, disk) => {
      await using gateway = await startGateway({ dir });
      await subscribeKeeper(gateway);
      using ballast = fillDisk(disk);
      using first = await RawMqtt.open(gateway.mqtt);
      await sendQos1(first, "full first");
      assert.equal(await first.packet(), undefined);
      assert.deepEqual(await publishAll(gateway, "full"), []);
      ballast.free();
      await until(() => gateway.log().includes("The store can be written again"), "recovery");
      const accepted = await publishAll(gateway, "after");
      assert.equal(accepted.length, 4);
      assert.equal(await (await ask(gateway, "/readyz")).text(), "ok\n");
      // Nobody was told that the first one is safe, and it may be there all the same.
      const received = await receiveAll(gateway, accepted.length + 1);
      assert.deepEqual(received, ["full first", ...accepted]);
    }),
});

Deno.test({
  name: `a full disk: a start says what is wrong and ends with 69${NOTE}`,
  ignore: !mayMount,
  fn: () =>
    onSmallDisk(async (dir, disk) => {
      using _ = fillDisk(disk);
      const gateway = spawnGateway({ dir });
      assert.equal((await gateway.child.status).code, 69);
      assert.match(gateway.log(), /Cannot open the store .* is full \(make room on the disk/);
    }),
});

/** Runs a test with a directory for a gateway whose data is on a disk of 3 MiB. */
async function onSmallDisk(test: (dir: string, disk: string) => Promise<void>): Promise<void> {
  using disk = mountSmall(3 << 20)!;
  const dir = Deno.makeTempDirSync({ prefix: "natsgate-test-" });
  try {
    Deno.symlinkSync(disk.path, `${dir}/data`);
    await test(dir, disk.path);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function subscribeKeeper(gateway: GatewayProcess): Promise<void> {
  using keeper = await RawMqtt.open(gateway.mqtt, KEEPER);
  await keeper.subscribe("kept/#", { qos: 2 });
  await keeper.disconnect();
}

async function sendQos1(client: RawMqtt, payload: string): Promise<void> {
  await client.send({
    cmd: "publish",
    topic: "kept/t",
    payload,
    qos: 1,
    messageId: 1,
    dup: false,
    retain: false,
  });
}

/** Publishes for the keeper in every way there is; returns what was acknowledged. */
async function publishAll(gateway: GatewayProcess, when: string): Promise<string[]> {
  const accepted: string[] = [];
  using v5 = await RawMqtt.open(gateway.mqtt);
  const codes = [
    await v5.publish("kept/t", `${when} v5 1`, { qos: 1 }),
    await publishQos2(v5, `${when} v5 2`),
  ];
  codes.forEach((code, index) => {
    if (code === 0) accepted.push(`${when} v5 ${index + 1}`);
    else assert.equal(code, QUOTA_EXCEEDED);
  });
  // MQTT 3.1.1 has no word for it: the connection ends.
  using v4 = await RawMqtt.open(gateway.mqtt, { protocolVersion: 4 });
  await sendQos1(v4, `${when} v4`);
  if ((await v4.packet())?.cmd === "puback") accepted.push(`${when} v4`);
  using nats = await RawNats.open(gateway.nats, { verbose: true });
  const payload = `${when} nats`;
  await nats.send(`PUB kept.t ${payload.length}\r\n${payload}\r\n`);
  const answer = await nats.line();
  if (answer === "+OK") accepted.push(payload);
  else assert.equal(answer, "-ERR 'Storage Unavailable'");
  return accepted;
}

/** Returns the reason code of PUBREC. */
async function publishQos2(client: RawMqtt, payload: string): Promise<number> {
  await client.publish("kept/t", payload, { qos: 2, messageId: 1000 });
  const { reasonCode = 0 } = await client.expect("pubrec");
  if (reasonCode >= 0x80) return reasonCode;
  await client.send({ cmd: "pubrel", messageId: 1000 });
  await client.expect("pubcomp");
  return reasonCode;
}

/** What the keeper gets: so many messages and no more. */
async function receiveAll(gateway: GatewayProcess, count: number): Promise<string[]> {
  using keeper = await RawMqtt.open(gateway.mqtt, KEEPER);
  const received: string[] = [];
  const unreleased = new Set<number>();
  while (received.length < count || unreleased.size > 0) {
    const packet = await keeper.packet();
    assert(packet?.cmd === "publish" || packet?.cmd === "pubrel", `${packet?.cmd}`);
    const messageId = packet.messageId!;
    if (packet.cmd === "pubrel") {
      unreleased.delete(messageId);
      await keeper.send({ cmd: "pubcomp", messageId });
      continue;
    }
    received.push(String(packet.payload));
    if (packet.qos === 2) unreleased.add(messageId);
    await keeper.send({ cmd: packet.qos === 1 ? "puback" : "pubrec", messageId });
  }
  await keeper.nothing();
  return received;
}

/** The log, the health check and the metrics say so. */
async function checkIsTold(gateway: GatewayProcess): Promise<void> {
  assert.match(gateway.log(), /store: The store cannot be written: .*make room on the disk/);
  const ready = await ask(gateway, "/readyz");
  assert.equal(ready.status, 503);
  assert.equal(await ready.text(), "not ready: store\n");
  const metrics = await (await ask(gateway, "/api/v5/prometheus/stats")).text();
  assert.match(metrics, /^natsgate_store_writable 0$/m);
  assert.match(metrics, /^natsgate_store_commit_errors_total [1-9]/m);
}

/** What administration cannot do now, it says in words. */
async function checkAdministration(gateway: GatewayProcess): Promise<void> {
  const body = new Uint8Array(200_000);
  const headers = { "content-type": "application/octet-stream" };
  for (
    const answer of [
      await ask(gateway, "/api/v5/backup"),
      await ask(gateway, "/api/v5/restore", { method: "POST", body, headers }),
    ]
  ) {
    assert.equal(answer.status, 503);
    const { message } = await answer.json();
    assert.match(message, /make room/);
  }
}

/** What needs no room on the disk is done as ever. */
async function checkOthersGoOn(gateway: GatewayProcess): Promise<void> {
  using reader = await RawMqtt.open(gateway.mqtt);
  await reader.subscribe("live/#");
  using publisher = await RawMqtt.open(gateway.mqtt);
  assert.equal(await publisher.publish("live/t", "x", { qos: 1 }), 0);
  assert.equal(String((await reader.expect("publish")).payload), "x");
}

/** Asks the admin port, with the key that the first start has made. */
function ask(gateway: GatewayProcess, path: string, init: RequestInit = {}): Promise<Response> {
  const port = /administration on http:\/\/127\.0\.0\.1:(\d+)/.exec(gateway.log())![1];
  const key = Deno.readTextFileSync(`${gateway.dir}/data/admin.key`).trim();
  const headers = { ...init.headers, authorization: `Basic ${btoa(key)}` };
  return fetch(`http://127.0.0.1:${port}${path}`, { ...init, headers });
}
