import assert from "node:assert/strict";
import { realClock } from "../../gateway/clock.ts";
import { OperationalError } from "../../gateway/errors.ts";
import { Listener, type ListenerOptions } from "../../gateway/transport/listener.ts";
import { echoParts } from "../kit/echo_session.ts";
import { until, within } from "../kit/wait.ts";

const OPTIONS: ListenerOptions = {
  id: "nats:tcp:test",
  transport: "tcp",
  bind: { host: "127.0.0.1", port: 0 },
  connections_max: 100,
  connection_rate: { perSecond: 1000, burst: 1000 },
  accessRules: [],
  backlog: 64,
  nodelay: true,
  keepalive_s: undefined,
  way: {},
  rates: {},
};

/** A listener that the test's end stops. */
async function listen(changes: Partial<ListenerOptions> = {}) {
  const { parts, peers, deadlines } = echoParts(realClock());
  const listener = new Listener({ ...OPTIONS, ...changes }, parts);
  await listener.start();
  return {
    listener,
    peers,
    async [Symbol.asyncDispose]() {
      listener.stop();
      const all = [...listener.connections];
      for (const connection of all) {
        connection.turn(() => connection.close({ kind: "shutdown" }));
      }
      await within(Promise.all(all.map((one) => one.ended)), "all connections to end");
      deadlines.stop();
    },
  };
}

async function echo(conn: Deno.Conn, word: string): Promise<string> {
  await conn.write(new TextEncoder().encode(word));
  const buffer = new Uint8Array(100);
  const count = await within(conn.read(buffer), "an echo");
  return count === null ? "(closed)" : new TextDecoder().decode(buffer.subarray(0, count));
}

const connect = (port: number) => Deno.connect({ hostname: "127.0.0.1", port });

Deno.test("a listener takes a free port, says which, and carries sessions", async () => {
  await using world = await listen();
  const { listener, peers } = world;
  assert.ok(listener.port > 0);
  assert.equal(listener.address, `127.0.0.1:${listener.port}`);
  using conn = await connect(listener.port);
  assert.equal(await echo(conn, "hi"), "hi");
  const { id, listener: name, transport, address, port } = peers[0]!;
  const local = conn.localAddr as Deno.NetAddr;
  assert.deepEqual(
    [id, name, transport, address, port],
    [1, "nats:tcp:test", "tcp", "127.0.0.1", local.port],
  );
  assert.equal(listener.stats.accepted, 1);
});

Deno.test("a client that leaves is forgotten", async () => {
  await using world = await listen();
  const conn = await connect(world.listener.port);
  await echo(conn, "x");
  assert.equal(world.listener.connections.size, 1);
  conn.close();
  await until(() => world.listener.connections.size === 0, "the connection to be forgotten");
});

Deno.test("beyond connections_max: closed and counted; a place that is free again is given", async () => {
  await using world = await listen({ connections_max: 1 });
  const { listener } = world;
  const first = await connect(listener.port);
  assert.equal(await echo(first, "x"), "x");
  using second = await connect(listener.port);
  assert.equal(await within(second.read(new Uint8Array(1)), "the refusal"), null);
  assert.equal(listener.stats.refusedFull, 1);
  first.close();
  await until(() => listener.connections.size === 0, "the place");
  using third = await connect(listener.port);
  assert.equal(await echo(third, "y"), "y");
});

Deno.test("a taken address is an error that says what to do", async () => {
  await using world = await listen();
  const bind = { host: "127.0.0.1", port: world.listener.port };
  await assert.rejects(listen({ bind }), (error: unknown) => {
    assert.ok(error instanceof OperationalError);
    assert.equal(error.exitCode, 69);
    assert.match(error.message, new RegExp(`Cannot listen on 127.0.0.1:${bind.port} for nats:tcp`));
    assert.match(error.message, /free the address, or set another bind/);
    return true;
  });
});

Deno.test("stop() refuses new clients and leaves those that are there", async () => {
  await using world = await listen();
  const { listener } = world;
  const { port } = listener;
  using conn = await connect(port);
  assert.equal(await echo(conn, "a"), "a");
  listener.stop();
  assert.equal(listener.isRunning, false);
  await assert.rejects(connect(port));
  assert.equal(await echo(conn, "b"), "b");
});

Deno.test("a Unix socket is listened on, and its path is removed afterwards", async () => {
  const dir = await Deno.makeTempDir();
  const path = `${dir}/socket`;
  {
    await using world = await listen({ bind: { path } });
    assert.equal(world.listener.address, `unix:${path}`);
    assert.equal(world.listener.port, 0);
    using conn = await Deno.connect({ transport: "unix", path });
    assert.equal(await echo(conn, "u"), "u");
  }
  await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
  await Deno.remove(dir, { recursive: true });
});
