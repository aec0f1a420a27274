/**
 * The C client library: a small program is compiled and talks to the gateway.
 */
import assert from "node:assert/strict";
import { MqttClient, run } from "../kit/clients.ts";
import { startGateway } from "../kit/gateway.ts";

const SOURCE = new URL("libnats_client.c", import.meta.url).pathname;
const DIR = await Deno.makeTempDir({ prefix: "natsgate-test-" });
addEventListener("unload", () => Deno.removeSync(DIR, { recursive: true }));

/** Undefined when it can be compiled, else why not. */
function problem(): string | undefined {
  try {
    const { success } = new Deno.Command("cc", {
      args: ["-Wall", "-Werror", "-o", `${DIR}/client`, SOURCE, "-lnats"],
      stdout: "null",
      stderr: "null",
    }).outputSync();
    return success ? undefined : "no libnats-dev";
  } catch {
    return "no cc";
  }
}

const MISSING = problem();

Deno.test({
  name: "libnats: messages, headers, requests, queue groups, and an MQTT client" +
    (MISSING === undefined ? "" : ` (skipped: ${MISSING})`),
  ignore: MISSING !== undefined,
  async fn() {
    await using gateway = await startGateway();
    await using mqtt = await MqttClient.open(gateway.mqtt, 5);
    await mqtt.subscribe("c/to/mqtt");
    const output = await run(`${DIR}/client`, `nats://127.0.0.1:${gateway.nats}`);
    assert.deepEqual(output.trim().split("\n"), [
      "message c.plain.x hello",
      "headers 2 one two",
      "reply answer",
      "nobody no responders",
      "queue 10",
    ]);
    assert.equal(new TextDecoder().decode((await mqtt.next()).payload), "from C");
  },
});
