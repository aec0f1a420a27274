/** `[retainer]` and `[sys_topics]` as a running gateway obeys them. */
import assert from "node:assert/strict";
import { type GatewayProcess, startGateway } from "../kit/gateway.ts";
import { RawMqtt } from "../kit/raw_mqtt.ts";
import { until } from "../kit/wait.ts";

/** What is retained for a filter: topics and payloads. */
async function retained(gateway: GatewayProcess, filter: string): Promise<string[]> {
  using client = await RawMqtt.open(gateway.mqtt);
  assert.equal(await client.subscribe(filter), 0);
  return (await client.received()).map((packet) =>
    packet.cmd === "publish" ? `${packet.topic}=${packet.payload}` : packet.cmd
  ).sort();
}

Deno.test("[retainer]: limits refuse to keep, not to deliver", async () => {
  await using gateway = await startGateway({
    set: [
      "retainer.backend.max_retained_messages=2",
      "retainer.max_payload_size=1KB",
      "retainer.stop_publish_clear_msg=true",
    ],
  });
  using live = await RawMqtt.open(gateway.mqtt);
  await live.subscribe("r/#");
  using from = await RawMqtt.open(gateway.mqtt);
  const retain = { qos: 1, retain: true } as const;
  await from.publish("r/large", "x".repeat(1025), retain);
  for (const name of ["1", "2", "3"]) await from.publish(`r/${name}`, name, retain);
  assert.deepEqual(await retained(gateway, "r/#"), ["r/1=1", "r/2=2"]);
  await from.publish("r/1", "", retain);
  assert.deepEqual(await retained(gateway, "r/#"), ["r/2=2"]);
  const seen = (await live.received()).map((packet) => packet.cmd === "publish" && packet.topic);
  assert.deepEqual(seen, ["r/large", "r/1", "r/2", "r/3"], "the clearing one is not passed on");
});

Deno.test("[retainer] storage_type: disc comes back after a restart, ram does not", async () => {
  for (const [type, kept] of [["disc", ["r=x"]], ["ram", []]] as const) {
    const dir = Deno.makeTempDirSync({ prefix: "natsgate-test-" });
    const set = [`retainer.backend.storage_type=${type}`];
    try {
      {
        await using gateway = await startGateway({ dir, set });
        using from = await RawMqtt.open(gateway.mqtt);
        await from.publish("r", "x", { qos: 1, retain: true });
        assert.deepEqual(await retained(gateway, "r"), ["r=x"]);
      }
      await using gateway = await startGateway({ dir, set });
      assert.deepEqual(await retained(gateway, "r"), kept, type);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  }
});

Deno.test("[retainer] msg_expiry_interval ends, msg_clear_interval sweeps, $SYS counts", async () => {
  await using gateway = await startGateway({
    set: [
      "retainer.msg_expiry_interval=1s",
      "retainer.msg_clear_interval=1s",
      "sys_topics.sys_msg_interval=1s",
      "sys_topics.sys_heartbeat_interval=1s",
    ],
  });
  using watcher = await RawMqtt.open(gateway.mqtt);
  for (const name of ["retained messages/count", "uptime"]) {
    const subscription = { topic: `$SYS/broker/${name}`, qos: 0 as const };
    await watcher.send({ cmd: "subscribe", messageId: 1, subscriptions: [subscription] });
  }
  using from = await RawMqtt.open(gateway.mqtt);
  await from.publish("r", "x", { qos: 1, retain: true });
  const said: Record<string, string[]> = {};
  await until(async () => {
    for (const packet of await watcher.received()) {
      if (packet.cmd !== "publish") continue;
      (said[packet.topic.slice("$SYS/broker/".length)] ??= []).push(String(packet.payload));
    }
    const counts = said["retained messages/count"] ?? [];
    // On a busy machine it may have gone before it was counted.
    if (!counts.includes("1")) await from.publish("r", "x", { qos: 1, retain: true });
    return counts.includes("1") && counts.indexOf("0", counts.indexOf("1")) > 0;
  }, "the message to come and go by itself");
  assert.ok(new Set(said["uptime"]).size > 1, "the heartbeat beats");
});
