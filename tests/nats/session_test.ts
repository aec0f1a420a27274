import assert from "node:assert/strict";
import type { AuthResult } from "../../gateway/auth/types.ts";
import { NatsWorld, NOBODY } from "../kit/nats_world.ts";

const ALLOW: AuthResult = { kind: "allow", principal: { ...NOBODY, method: "token" } };

Deno.test("INFO is the first thing, one line with a blank before its end", () => {
  const world = new NatsWorld();
  const text = world.connect().read();
  assert.match(text, /^INFO \{.*\} \r\n$/);
});

Deno.test("without logins a client may begin at once, and is verbose and pedantic", () => {
  const client = new NatsWorld().connect();
  client.read();
  client.send("SUB a 1\r\nPUB a 2\r\nhi\r\nPUB a.* 0\r\n\r\n");
  assert.equal(
    client.read(),
    "+OK\r\n+OK\r\nMSG a 1 2\r\nhi\r\n-ERR 'Invalid Publish Subject'\r\n+OK\r\n",
  );
  assert.equal(client.session.state, "anonymous");
  assert.equal(client.session.info.introduced, false);
});

Deno.test("with logins only CONNECT and PING are answered before one", () => {
  const client = new NatsWorld({ authenticate: () => ALLOW }).connect();
  client.read();
  client.send("PING\r\nPONG\r\n+OK\r\nSUB a 1\r\nPUB a 1\r\nx\r\nUNSUB 1\r\n");
  assert.equal(client.read(), "PONG\r\n" + "-ERR 'Authorization Violation'\r\n".repeat(3));
  assert.equal(client.closed, undefined);
  client.send('CONNECT {"verbose":false}\r\nSUB a 1\r\nPUB a 1\r\nx\r\n');
  assert.equal(client.read(), "MSG a 1 1\r\nx\r\n");
});

Deno.test("auth timeout: the words, and never after a login", () => {
  const world = new NatsWorld({ authenticate: () => ALLOW, options: { auth_timeout_ms: 5000 } });
  const late = world.connect(), inTime = world.connect();
  inTime.send('CONNECT {"verbose":false}\r\n');
  late.send("PING\r\n");
  late.read();
  late.pass(4999);
  assert.equal(late.closed, undefined);
  late.pass(1);
  assert.equal(late.read(), "-ERR 'Authentication Timeout'\r\n");
  assert.equal(late.closed, "auth-timeout");
  inTime.pass(20_000);
  assert.equal(inTime.closed, undefined);
});

Deno.test("idle timeout: who says nothing goes without a word; one frame is enough", () => {
  const world = new NatsWorld({ options: { idle_timeout_ms: 3000, heartbeat_interval_ms: 0 } });
  const silent = world.connect(), half = world.connect(), talker = world.connect();
  for (const client of [silent, half, talker]) client.read();
  half.send("PIN");
  talker.send("PING\r\n");
  talker.read();
  for (const client of [silent, half, talker]) {
    client.pass(3000);
    client.world.clock.time -= 3000;
  }
  assert.deepEqual([silent.closed, silent.read()], ["idle-timeout", ""]);
  assert.equal(half.closed, "idle-timeout", "half a frame is no frame");
  assert.equal(talker.closed, undefined);
});

Deno.test("the PONG to a heartbeat says how far the client is, any other says nothing", () => {
  const world = new NatsWorld({ options: { heartbeat_interval_ms: 2000 } });
  const client = world.open();
  const connectedAt = world.clock.now();
  client.send("PONG\r\n");
  assert.equal(client.session.info.roundTrip_ms, undefined);
  client.pass(2000);
  assert.equal(client.read(), "PING\r\n");
  assert.equal(client.session.info.lastReceivedAt, connectedAt);
  client.pass(7);
  client.send("PONG\r\nPONG\r\n");
  client.pass(5);
  client.send("PONG\r\n");
  const { roundTrip_ms, lastReceivedAt } = client.session.info;
  assert.deepEqual([roundTrip_ms, lastReceivedAt - connectedAt], [7, 2012]);
});

Deno.test("heartbeat: PINGs to the silent, patience with the talkative, an end for the dead", () => {
  const options = { heartbeat_interval_ms: 2000, heartbeat_wait_ms: 1000 };
  const world = new NatsWorld({ options });
  const client = world.open();
  client.read();
  client.pass(1999);
  assert.equal(client.read(), "");
  client.pass(1);
  assert.equal(client.read(), "PING\r\n");
  client.send("PONG\r\n");
  client.pass(1000);
  client.send("PUB a 0\r\n\r\n");
  client.pass(1999);
  assert.equal(client.read(), "", "any input puts the next PING off");
  client.pass(1);
  assert.equal(client.read(), "PING\r\n");
  client.pass(10_000);
  assert.match(client.read(), /^(PING\r\n)*-ERR 'Stale Connection'\r\n$/);
  assert.equal(client.closed, "keepalive-timeout");
});

Deno.test("heartbeat: off with interval 0; with wait 0 nobody is cut off", () => {
  const off = new NatsWorld({ options: { heartbeat_interval_ms: 0 } }).open();
  off.pass(10_000_000);
  assert.deepEqual([off.read(), off.closed], ["", undefined]);
  const patient = new NatsWorld({
    options: { heartbeat_interval_ms: 1000, heartbeat_wait_ms: 0 },
  }).open();
  patient.pass(10_000_000);
  assert.deepEqual([patient.read(), patient.closed], ["PING\r\n", undefined]);
});

Deno.test("a login that expires ends the connection with the words that clients act on", () => {
  const world: NatsWorld = new NatsWorld({
    authenticate: () => ({
      kind: "allow",
      principal: { ...NOBODY, expiresAt: world.clock.now() + 7000 },
    }),
  });
  const client = world.open();
  client.pass(6999);
  assert.equal(client.closed, undefined);
  client.pass(1);
  assert.equal(client.read(), "-ERR 'User Authentication Expired'\r\n");
  assert.equal(client.closed, "expired");
});

Deno.test("malformed input: what was before it is done, the words, the end", () => {
  const world = new NatsWorld();
  const client = world.open();
  client.send("SUB a 1\r\nPUB a 1\r\nx\r\nNONSENSE\r\nPUB a 1\r\ny\r\n");
  assert.equal(client.read(), "MSG a 1 1\r\nx\r\n-ERR 'Unknown Protocol Operation'\r\n");
  assert.equal(client.closed, "protocol");
  assert.equal(world.server.counters.protocol_errors, 1);
  const quiet = world.open();
  quiet.send("PUB a b c d e\r\n");
  assert.deepEqual([quiet.read(), quiet.closed], ["", "protocol"]);
  client.send("PING\r\n");
  assert.equal(client.read(), "", "nothing is read any more");
});

Deno.test("a connection that is gone leaves nothing behind", () => {
  const world = new NatsWorld();
  const client = world.open(), other = world.open();
  client.send("SUB a 1\r\nSUB a.* g 2\r\nSUB > 3\r\n");
  assert.equal(world.router.subscriptions, 3);
  client.leave();
  assert.equal(world.router.subscriptions, 0);
  assert.equal(world.server.sessions.size, 1);
  other.send("PUB a 1\r\nx\r\nPING\r\n");
  assert.equal(other.read(), "PONG\r\n");
});

Deno.test("what a connection counted adds up", () => {
  const world = new NatsWorld();
  const client = world.open();
  client.read();
  client.send("SUB a 1\r\nPUB a 1\r\nx\r\n");
  assert.match(client.read(), /^MSG a 1 1/);
  const { bytesIn, bytesOut } = client.session.info;
  client.leave();
  const { counters } = world.server;
  assert.deepEqual([counters.messages_received.qos0, counters.messages_sent.qos0], [1, 1]);
  assert.deepEqual([counters.bytes_received, counters.bytes_sent], [bytesIn, bytesOut]);
});

Deno.test("kick and takeover have texts without quotes", () => {
  const world = new NatsWorld();
  const first = world.open({ client_id: "me" });
  first.read();
  const second = world.open({ client_id: "me" });
  assert.deepEqual([first.read(), first.closed], ["-ERR Discarded\r\n", "taken-over"]);
  assert.equal(world.server.sessions.get("me"), second.session);
  second.read();
  second.session.kick("admin");
  assert.deepEqual([second.read(), second.closed], ["-ERR Kicked out\r\n", "kicked"]);
  assert.equal(world.server.sessions.size, 0);
});

Deno.test("goodbye is an INFO with ldm, for clients that take one", () => {
  const world = new NatsWorld();
  const modern = world.open({ protocol: 1 }), old = world.open({ protocol: 0 });
  for (const client of [modern, old]) {
    client.read();
    client.session.goodbye("lame-duck");
  }
  assert.match(modern.read(), /^INFO \{.*"ldm":true.*\} \r\n$/);
  assert.equal(old.read(), "");
});

Deno.test("a login that takes its time: nothing is read meanwhile, and order is kept", async () => {
  const { promise, resolve } = Promise.withResolvers<AuthResult>();
  const world = new NatsWorld({ authenticate: () => promise });
  const client = world.connect();
  client.read();
  const chunk = 'CONNECT {"verbose":true}\r\nPING\r\nSUB a 1\r\nPUB a 1\r\n1\r\nPUB a 4\r\n23';
  client.send(chunk);
  assert.equal(client.read(), "");
  assert.equal(client.link.reading, false);
  assert.equal(client.session.wanted(), undefined);
  resolve(ALLOW);
  await promise;
  await Promise.resolve();
  assert.equal(client.link.reading, true);
  assert.equal(client.read(), "+OK\r\nPONG\r\n+OK\r\n+OK\r\nMSG a 1 1\r\n1\r\n");
  client.send("45\r\nPING\r\n");
  assert.equal(client.read(), "+OK\r\nMSG a 1 4\r\n2345\r\nPONG\r\n");
});

Deno.test("an answer that comes when the client is gone does nothing", async () => {
  const { promise, resolve } = Promise.withResolvers<AuthResult>();
  const world = new NatsWorld({ authenticate: () => promise });
  const client = world.connect();
  client.send('CONNECT {"user":"u"}\r\nSUB a 1\r\n');
  client.leave();
  client.read();
  resolve(ALLOW);
  await promise;
  await Promise.resolve();
  assert.equal(client.read(), "");
  assert.equal(world.router.subscriptions, 0);
  assert.equal(world.server.sessions.size, 0);
});

Deno.test("a check that breaks is a bug of ours: one connection ends", async () => {
  const world = new NatsWorld({ authenticate: () => Promise.reject(new Error("broken")) });
  const client = world.connect();
  client.send("CONNECT {}\r\n");
  await new Promise<void>((done) => queueMicrotask(done));
  await Promise.resolve();
  assert.equal(client.closed, "bug");
});

Deno.test("the auth timeout holds while a login is being checked", () => {
  const world = new NatsWorld({
    authenticate: () => new Promise<AuthResult>(() => {}),
    options: { auth_timeout_ms: 5000 },
  });
  const client = world.connect();
  client.read();
  client.send("CONNECT {}\r\n");
  client.pass(5000);
  assert.equal(client.read(), "-ERR 'Authentication Timeout'\r\n");
});
