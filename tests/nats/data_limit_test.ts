/** `data` and `conn` of a NATS JWT, against sessions without sockets. */
import assert from "node:assert/strict";
import type { Principal } from "../../gateway/auth/types.ts";
import { NatsWorld, NOBODY } from "../kit/nats_world.ts";

const EXCEEDED = "-ERR 'maximum data exceeded'\r\n";

/** A world in which the user `metered` has limits, and nobody else has any. */
function worldWith(limits: Principal["limits"]): NatsWorld {
  return new NatsWorld({
    authenticate: ({ username }) => ({
      kind: "allow",
      principal: username === "metered"
        ? { ...NOBODY, account: "A", ...(limits && { limits }) }
        : NOBODY,
    }),
  });
}

Deno.test("data: what is published counts, and the message beyond goes nowhere", () => {
  const world = worldWith({ dataBytes: 10 });
  const other = world.open();
  other.send("SUB > 1\r\n").read();
  const client = world.open({ user: "metered" });
  client.send("PUB a 6\r\n123456\r\nPUB a 4\r\n1234\r\n");
  assert.equal(client.closed, undefined, "all of it may be used");
  assert.equal(other.read(), "MSG a 1 6\r\n123456\r\nMSG a 1 4\r\n1234\r\n");
  client.send("PUB a 0\r\n\r\nPUB a 1\r\nx\r\nPUB a 0\r\n\r\n");
  assert.equal(client.read(), EXCEEDED);
  assert.equal(client.closed, "auth");
  assert.equal(other.read(), "MSG a 1 0\r\n\r\n");
});

Deno.test("data: what is received counts as well, headers included", () => {
  const world = worldWith({ dataBytes: 30 });
  const other = world.open();
  const client = world.open({ user: "metered" });
  client.send("SUB a 1\r\nPUB b 5\r\n12345\r\n").read();
  const headers = "NATS/1.0\r\nK: v\r\n\r\n";
  other.send(`HPUB a ${headers.length} ${headers.length + 2}\r\n${headers}xy\r\n`);
  assert.match(client.read(), /^HMSG a 1 18 20\r\n/);
  other.send("PUB a 6\r\n123456\r\n");
  assert.equal(client.read(), EXCEEDED, "5 + 20 + 6 bytes are more than 30");
  assert.equal(client.closed, "auth");
  assert.equal(other.closed, undefined);
});

Deno.test("data: retained messages count, and a client at its end leaves its queue group", () => {
  const world = worldWith({ dataBytes: 3 });
  const headers = "NATS/1.0\r\nMqtt-Retain: 1\r\n\r\n";
  const size = headers.length;
  world.open().send(`HPUB kept ${size} ${size + 2}\r\n${headers}12\r\n`);
  const client = world.open({ user: "metered", headers: false });
  assert.equal(client.send("SUB kept 1\r\n").read(), "MSG kept 1 2\r\n12\r\n");
  client.send("SUB q g 2\r\n").read();
  const other = world.open();
  other.send("SUB q g 1\r\n").read();
  const publisher = world.open();
  for (let i = 0; i < 8; i++) publisher.send("PUB q 2\r\nxy\r\n");
  assert.equal(client.read(), EXCEEDED);
  assert.equal(other.read().match(/MSG q 1 2/g)?.length, 8, "what it could not take, others got");
});

Deno.test("data: zero permits messages without a body only", () => {
  const world = worldWith({ dataBytes: 0 });
  const client = world.open({ user: "metered" });
  client.send("PUB a 0\r\n\r\nPING\r\n");
  assert.equal(client.read(), "PONG\r\n");
  client.send("PUB a 1\r\nx\r\n");
  assert.equal(client.read(), EXCEEDED);
});

Deno.test("conn: an account has so many connections at a time", () => {
  const world = worldWith({ accountConnections: 2 });
  const first = world.open({ user: "metered" });
  world.open({ user: "metered" });
  const third = world.open({ user: "metered" });
  assert.equal(third.read(), "-ERR 'maximum account active connections exceeded'\r\n");
  assert.equal(third.closed, "auth");
  world.open();
  first.leave();
  assert.equal(world.open({ user: "metered" }).closed, undefined);
  assert.equal(world.server.accounts.get("A"), 2);
});
