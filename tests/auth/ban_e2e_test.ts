/** Bans made through the API, against clients that are connected and those that would like to be. */
import assert from "node:assert/strict";
import { type GatewayProcess, startGateway } from "../kit/gateway.ts";
import { RawMqtt } from "../kit/raw_mqtt.ts";
import { RawNats } from "../kit/raw_nats.ts";
import { until, within } from "../kit/wait.ts";

async function ban(gateway: GatewayProcess, entry: Record<string, unknown>): Promise<number> {
  const port = /administration on http:\/\/127\.0\.0\.1:(\d+)/.exec(gateway.log())![1];
  const key = Deno.readTextFileSync(`${gateway.dir}/data/admin.key`).trim();
  const answer = await within(
    fetch(`http://127.0.0.1:${port}/api/v5/banned`, {
      method: "POST",
      headers: { authorization: `Basic ${btoa(key)}`, "content-type": "application/json" },
      body: JSON.stringify(entry),
    }),
    "the API",
  );
  await answer.body?.cancel();
  return answer.status;
}

const nats = (gateway: GatewayProcess, user: string) =>
  RawNats.open(gateway.nats, { verbose: true, user });
const mqtt = (gateway: GatewayProcess, username: string) =>
  RawMqtt.open(gateway.mqtt, { username });

Deno.test("a ban ends the connections that it fits, over both protocols, and others stay", async () => {
  await using gateway = await startGateway();
  using badNats = await nats(gateway, "mallory");
  using goodNats = await nats(gateway, "alice");
  using badMqtt = await mqtt(gateway, "mallory");
  using goodMqtt = await mqtt(gateway, "alice");
  assert.equal(await ban(gateway, { as: "username", who: "mallory", reason: "test" }), 200);
  await badNats.expect("-ERR Kicked out");
  assert.equal(await badNats.line(), null);
  const [goodbye] = await badMqtt.rest();
  assert.equal(goodbye?.cmd === "disconnect" && goodbye.reasonCode, 0x98, "administrative action");
  await goodMqtt.nothing();
  await goodNats.send("PING\r\n");
  await goodNats.expect("PONG");
  await assert.rejects(nats(gateway, "mallory"));
  await assert.rejects(mqtt(gateway, "mallory"));
  assert.equal(await ban(gateway, { as: "username", who: "mallory" }), 400, "once is enough");
  assert.equal(await ban(gateway, { as: "peerhost_net", who: "127.0.0.0/33" }), 400);
  assert.equal(await ban(gateway, { as: "username_re", who: "(" }), 400);
});

Deno.test("a banned network is shut out at the door, until the ban runs out", async () => {
  await using gateway = await startGateway();
  using before = await nats(gateway, "alice");
  const until_s = Math.ceil(Date.now() / 1000) + 2;
  const entry = { as: "peerhost_net", who: "127.0.0.0/8", until: until_s };
  assert.equal(await ban(gateway, entry), 200);
  await before.expect("-ERR Kicked out");
  await assert.rejects(nats(gateway, "alice"));
  await assert.rejects(mqtt(gateway, "alice"));
  const isIn = (open: Promise<Disposable>) =>
    open.then((client) => (client[Symbol.dispose](), true), () => false);
  await until(() => isIn(nats(gateway, "alice")), "the ban to run out for NATS");
  await until(() => isIn(mqtt(gateway, "alice")), "the ban to run out for MQTT");
  assert.ok(Date.now() / 1000 >= until_s);
});
