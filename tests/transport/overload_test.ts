/**
 * More connections than there is room for: the gateway goes on serving whom it can.
 */
import assert from "node:assert/strict";
import { NatsClient } from "../kit/clients.ts";
import { type GatewayProcess, startGateway } from "../kit/gateway.ts";
import { RawNats } from "../kit/raw_nats.ts";
import { testAuthority } from "../kit/certs.ts";
import { until, within } from "../kit/wait.ts";

function connect(port: number): Promise<Deno.TcpConn> {
  return Deno.connect({ hostname: "127.0.0.1", port });
}

/** True when the first bytes that come are INFO; false when the connection ends before. */
async function isGreeted(conn: Deno.Conn): Promise<boolean> {
  const into = new Uint8Array(1024);
  const count = await conn.read(into).catch(() => null);
  return count !== null && new TextDecoder().decode(into.subarray(0, 4)) === "INFO";
}

function count(gateway: GatewayProcess, text: RegExp): number {
  return [...gateway.log().matchAll(text)].length;
}

Deno.test("overload: out of files, it says so once, and goes on when some are free", async () => {
  const complaint = /cannot accept connections for now/g;
  await using gateway = await startGateway({
    files_max: 90,
    config: '[gateway.nats.listeners.tcp.second]\nbind = "127.0.0.1:0"\n',
  });
  await using early = await NatsClient.open(gateway.nats);
  const crowd = await Promise.all(Array.from({ length: 120 }, () => connect(gateway.nats)));
  await until(() => count(gateway, complaint) > 0, "the complaint");
  await early.nc.flush();
  for (const conn of crowd) conn.close();
  // Not at the first try, perhaps: those that have gone are accepted before.
  await until(async () => {
    const conn = await connect(gateway.nats);
    const greeted = await isGreeted(conn);
    conn.close();
    return greeted;
  }, "a place");
  await early.nc.flush();
  assert(count(gateway, complaint) <= 2, gateway.log());
});

Deno.test("overload: 5000 clients that connect at once are all served", async () => {
  await using gateway = await startGateway({
    config: '[gateway.nats.listeners.tcp.crowd]\nbind = "127.0.0.1:0"\n' +
      'max_conn_rate = "infinity"\ntcp_options.backlog = 8192\n',
  });
  const port = gateway.port("nats:tcp:crowd");
  const crowd = await within(
    Promise.all(Array.from({ length: 5000 }, () => connect(port))),
    "5000 connections",
  );
  const greeted = await within(Promise.all(crowd.map(isGreeted)), "5000 greetings");
  assert.equal(greeted.filter((each) => each).length, 5000);
  for (const conn of crowd) conn.close();
});

Deno.test("overload: beyond max_connections they are told and closed, and a place that is left is taken", async () => {
  await using gateway = await startGateway({
    config: '[gateway.nats.listeners.tcp.small]\nbind = "127.0.0.1:0"\nmax_connections = 2\n',
  });
  const port = gateway.port("nats:tcp:small");
  const first = await RawNats.open(port);
  const second = await RawNats.open(port);
  const third = await connect(port);
  const told = await within(new Response(third.readable).text(), "the end of the third");
  assert.match(told, /^INFO \{.*\} \r\n-ERR 'maximum connections exceeded'\r\n$/);
  await assert.rejects(NatsClient.open(port), /maximum connections exceeded/);
  first.close();
  await until(async () => {
    try {
      await using _fourth = await NatsClient.open(port);
      return true;
    } catch {
      return false;
    }
  }, "the free place");
  second.close();
});

Deno.test("overload: a storm of TLS handshakes is served, and a plain client with it", async () => {
  const authority = testAuthority();
  const server = authority.server();
  await using gateway = await startGateway({
    config: `
[gateway.nats.listeners.ssl.default]
bind = "127.0.0.1:0"
ssl_options.certfile = '''${server.certificate}'''
ssl_options.keyfile = '''${server.key}'''
`,
  });
  await using plain = await NatsClient.open(gateway.nats);
  const port = gateway.port("nats:ssl:default");
  const crowd = Array.from({ length: 100 }, async () => {
    const options = { tls: { ca: authority.ca }, timeout: 20_000 };
    const client = await NatsClient.open(port, options);
    await client[Symbol.asyncDispose]();
  });
  let served = 0;
  const all = Promise.all(crowd).then(() => served = crowd.length);
  while (served === 0) await within(plain.nc.flush(), "a PONG in the storm");
  await all;
  assert.equal(served, 100);
});
