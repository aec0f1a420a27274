/**
 * Who a NATS client is: `clientinfo_override`, client ids that meet, mountpoints made of names.
 * CH-10, CH-13, GW-08 and GW-09 of the checklist.
 */
import assert from "node:assert/strict";
import { sharedGateway } from "../kit/gateway.ts";
import { RawMqtt } from "../kit/raw_mqtt.ts";
import { RawNats } from "../kit/raw_nats.ts";

const MOUNTPOINT = "gateway.nats.mountpoint=${clientid}/${username}/";
const CLIENT_ID = "gateway.nats.clientinfo_override.clientid=";
const plain = sharedGateway({ set: [MOUNTPOINT] });
const fixed = sharedGateway({ set: [MOUNTPOINT, `${CLIENT_ID}fixed`] });
const prefixed = sharedGateway({ set: [MOUNTPOINT, `${CLIENT_ID}prefix-\${Packet.clientid}`] });
const empty = sharedGateway({ set: [MOUNTPOINT, `${CLIENT_ID}\${Packet.clientid}`] });

type Shared = typeof plain;

/** Client id and user name of a new client, as its mountpoint shows them. */
async function identity(
  gateway: Shared,
  connect: Record<string, unknown>,
): Promise<{ nats: RawNats; clientId: string; username: string }> {
  using mqtt = await RawMqtt.open(gateway.process.mqtt);
  await mqtt.subscribe("#");
  const nats = await RawNats.open(gateway.process.nats, connect);
  await nats.publish("who");
  const [clientId, username] = (await mqtt.expect("publish")).topic.split("/");
  return { nats, clientId: clientId!, username: username! };
}

Deno.test("CH-10: without a login, the mountpoint has the given user name", async () => {
  const { nats, username } = await identity(plain, { user: "alice" });
  assert.equal(username, "alice");
  nats.close();
});

Deno.test("a generated client id has only letters and digits, and is never the same", async () => {
  const a = await identity(plain, { user: "u" });
  const b = await identity(plain, { user: "u" });
  assert.match(a.clientId, /^[A-Za-z][A-Za-z0-9]{7,}$/);
  assert.notEqual(a.clientId, b.clientId);
  await a.nats.nothing();
  a.nats.close();
  b.nats.close();
});

Deno.test("CH-13: the older client of two with one client id is discarded", async () => {
  const first = await identity(fixed, {});
  assert.equal(first.clientId, "fixed");
  await first.nats.subscribe("x");
  const second = await identity(fixed, {});
  assert.equal(second.clientId, "fixed");
  await first.nats.expect("-ERR Discarded", null);
  await second.nats.publish("x");
  await second.nats.nothing();
  first.nats.close();
  second.nats.close();
});

Deno.test("GW-08: an override that comes out empty leaves the generated client id", async () => {
  const a = await identity(empty, {});
  const b = await identity(empty, { clientid: "given" });
  assert.match(a.clientId, /^[A-Za-z][A-Za-z0-9]{7,}$/);
  assert.equal(b.clientId, "given");
  a.nats.close();
  b.nats.close();
});

Deno.test("GW-09: an absent field in an override is empty, the rest stays", async () => {
  const a = await identity(prefixed, {});
  assert.equal(a.clientId, "prefix-");
  const b = await identity(prefixed, { clientid: 7 });
  assert.equal(b.clientId, "prefix-7");
  a.nats.close();
  b.nats.close();
});

Deno.test("what came before CONNECT keeps the names it had", async () => {
  using nats = await RawNats.connect(plain.process.nats);
  await nats.send("SUB a 1\r\n");
  await nats.expect("+OK");
  await nats.send('CONNECT {"verbose":false,"user":"late"}\r\nPUB a 1\r\nx\r\n');
  await nats.nothing();
});
