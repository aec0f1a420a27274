/**
 * A gateway that is killed under load, again and again: whatever it acknowledged arrives, QoS 1 at
 * least once, QoS 2 exactly once, in order; and a retained message is the last acknowledged one.
 * `NATSGATE_TEST_LONG=1` plays 20 rounds instead of 4.
 */
import assert from "node:assert/strict";
import { MqttPublisher, NatsPublisher, NumberSubscriber } from "../kit/durable_clients.ts";
import { startGateway } from "../kit/gateway.ts";
import { RawMqtt } from "../kit/raw_mqtt.ts";
import { randomSeed } from "../kit/seed.ts";
import { until } from "../kit/wait.ts";

const ROUNDS = Deno.env.get("NATSGATE_TEST_LONG") === undefined ? 4 : 20;
const LIFE_MS_MIN = 100;
const LIFE_MS_MAX = 600;
/** The offline subscriber's messages all fit: what is dropped by design is not lost by a crash. */
const SETTINGS = ["mqtt.max_mqueue_len=infinity", "mqtt.max_mqueue_bytes=infinity"];
const FILTER = "crash/+";

Deno.test("whatever was acknowledged survives SIGKILL under load", async () => {
  const seed = randomSeed("crash_test");
  const dir = Deno.makeTempDirSync({ prefix: "natsgate-test-" });
  const publishers = [
    new MqttPublisher("one", 1),
    new MqttPublisher("two", 2),
    new NatsPublisher("nats"),
  ];
  const retaining = new MqttPublisher("retained", 1, true);
  const online = new NumberSubscriber("online", FILTER);
  const offline = new NumberSubscriber("offline", FILTER);
  const clients = [online, ...publishers, retaining];
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const gateway = await startGateway({ dir, set: SETTINGS });
      try {
        if (round > 0) await checkRetained(gateway.mqtt, retaining);
        await offline.connect(gateway.mqtt);
        await offline.close();
        for (const client of clients) {
          await client.connect(client instanceof NatsPublisher ? gateway.nats : gateway.mqtt);
        }
        // The moment is random by intent; nothing is waited for.
        await new Promise((resolve) => setTimeout(resolve, lifeOf(seed, round)));
        assert.doesNotMatch(gateway.log(), /ERROR/, "a kill is no damage");
      } finally {
        await gateway.stop("SIGKILL");
        for (const client of clients) await client.close();
      }
    }
    await using gateway = await startGateway({ dir, set: SETTINGS });
    await checkRetained(gateway.mqtt, retaining);
    for (const client of [offline, ...clients]) {
      await client.connect(client instanceof NatsPublisher ? gateway.nats : gateway.mqtt);
    }
    await Promise.all([...publishers, retaining].map((publisher) => publisher.finish()));
    for (const subscriber of [online, offline]) {
      for (const { topic, sent } of [...publishers, retaining]) {
        await until(
          () => subscriber.received.get(topic)?.at(-1) === sent - 1,
          `the end of ${topic}`,
        );
        const exactlyOnce = topic === "crash/two";
        checkNumbers(
          `${subscriber.name}, ${topic}`,
          subscriber.received.get(topic)!,
          sent,
          exactlyOnce,
        );
      }
    }
    assert.ok(publishers.every(({ sent }) => sent > 100 * ROUNDS), "there was load");
    for (const client of [offline, ...clients]) await client.close();
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

function lifeOf(seed: number, round: number): number {
  return LIFE_MS_MIN + ((seed ^ (round * 0x9e37)) >>> 0) % (LIFE_MS_MAX - LIFE_MS_MIN);
}

/** Every number is there; the first copies are in order; further copies only where allowed. */
function checkNumbers(what: string, got: readonly number[], sent: number, once: boolean): void {
  const first = [...new Set(got)];
  const all = new Set(first);
  const missing = Array.from({ length: sent }, (_, i) => i).filter((i) => !all.has(i));
  assert.deepEqual(missing.slice(0, 10), [], `${what}: ${missing.length} of ${sent} are lost`);
  for (let i = 0; i < first.length; i++) assert.equal(first[i], i, `${what}: out of order`);
  if (once) assert.equal(got.length, sent, `${what}: more than once`);
}

/** The retained number: acknowledged, or on its way when the gateway died. */
async function checkRetained(port: number, publisher: MqttPublisher): Promise<void> {
  using reader = await RawMqtt.open(port);
  await reader.subscribe(publisher.topic);
  const value = Number(String((await reader.expect("publish")).payload));
  const { acknowledged, sent } = publisher;
  assert.ok(
    value >= acknowledged - 1 && value < sent,
    `retained ${value}, acknowledged below ${acknowledged}, sent below ${sent}`,
  );
}
