/**
 * SIGUSR2: clients are told that the gateway goes, may leave by themselves, and are sent away one
 * by one.
 */
import assert from "node:assert/strict";
import { startGateway } from "../kit/gateway.ts";
import { RawMqtt } from "../kit/raw_mqtt.ts";
import { RawNats } from "../kit/raw_nats.ts";
import { until, within } from "../kit/wait.ts";

Deno.test("lame duck: NATS clients are told at once, MQTT clients with where to go", async () => {
  await using gateway = await startGateway({
    config: '[node]\nlame_duck_grace_period = "300ms"\nlame_duck_duration = "200ms"\n' +
      'server_reference = "other.example:1883"\n',
  });
  using nats = await RawNats.open(gateway.nats, { protocol: 1 });
  using young = await RawMqtt.open(gateway.mqtt);
  using old = await RawMqtt.open(gateway.mqtt, { protocolVersion: 4 });
  gateway.child.kill("SIGUSR2");
  const line = await nats.line();
  assert.equal(JSON.parse(line!.slice(line!.indexOf("{"))).ldm, true);
  // No more are let in, and those who are there are served until their turn comes.
  await assert.rejects(RawNats.connect(gateway.nats));
  await nats.subscribe("still.served");
  await young.publish("still/served", "yes", { qos: 1 });
  assert.equal(new TextDecoder().decode((await nats.message()).payload), "yes");

  const { reasonCode, properties } = await young.expect("disconnect");
  assert.equal(reasonCode, 0x9c, "use another server");
  assert.equal(properties?.serverReference, "other.example:1883");
  assert.deepEqual(await old.rest(), [], "MQTT 3.1.1 has no word for it");
  await within(nats.rest(), "the end of the NATS client");
  assert.equal((await within(gateway.child.status, "the end")).code, 0);
});

Deno.test("lame duck: clients that leave by themselves end it early", async () => {
  await using gateway = await startGateway({
    config: '[node]\nlame_duck_grace_period = "100ms"\nlame_duck_duration = "60s"\n',
  });
  const nats = await RawNats.open(gateway.nats, { protocol: 1 });
  gateway.child.kill("SIGUSR2");
  await until(() => gateway.log().includes("lame duck"), "the lame duck");
  nats.close();
  // Well before the minute that it might have taken.
  assert.equal((await within(gateway.child.status, "the end")).code, 0);
});
