/** The remote commands as processes of their own, against a gateway that runs. */
import assert from "node:assert/strict";
import { startAdmin } from "../../admin/server.ts";
import { type AdminWorld, startWorld } from "../admin/kit.ts";
import { RawNats } from "../kit/raw_nats.ts";
import { within } from "../kit/wait.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

/** A gateway with its admin port, and the commands that reach it. */
class Remote implements AsyncDisposable {
  private constructor(
    readonly world: AdminWorld,
    readonly stop: () => Promise<void>,
    readonly place: readonly string[],
  ) {}

  static async start(): Promise<Remote> {
    const world = await startWorld();
    const admin = await startAdmin(world.gateway.control);
    const keyFile = `${world.dir}/test.key`;
    await Deno.writeTextFile(keyFile, atob(world.administrator.slice("Basic ".length)));
    const url = `http://127.0.0.1:${admin.port}`;
    return new Remote(world, () => admin.stop(), ["--url", url, "--key-file", keyFile]);
  }

  /** A command that is not waited for. */
  command(...args: readonly string[]): Deno.Command {
    const words = ["run", "-A", "--no-check", MAIN, ...args, ...this.place];
    return new Deno.Command(Deno.execPath(), { args: words, stdout: "piped", stderr: "piped" });
  }

  /** What a command prints that must end well. */
  async run(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.command(...args).output();
    const text = new TextDecoder();
    assert.equal(code, 0, `${args[0]}: ${text.decode(stderr)}`);
    return text.decode(stdout);
  }

  /** The same as JSON. */
  // deno-lint-ignore no-explicit-any -- tests look into answers of every shape
  async json(...args: readonly string[]): Promise<any> {
    return JSON.parse(await this.run(...args, "--json"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.world.stop();
  }
}

Deno.test("remote commands: status, health, clients, kick, reload, backup and restore", async () => {
  let dir: string;
  {
    await using remote = await Remote.start();
    const { world } = remote;
    dir = world.dir;
    using client = await RawNats.open(
      world.gateway.listeners.get("nats:tcp:default")!.port,
      { name: "me" },
    );
    const { gateways: [gateway] } = await remote.json("status");
    assert.deepEqual([gateway.name, gateway.current_connections], ["nats", 1]);
    assert.deepEqual(await remote.json("health"), { ready: true, message: "ok" });
    assert.equal(await remote.run("health"), "ok\n");
    const [row] = await remote.json("clients", "--protocol", "nats");
    assert.deepEqual([row.proto_name, row.connected], ["NATS", true]);
    const kicked = await remote.json("kick", row.clientid);
    assert.deepEqual(kicked, { clientid: row.clientid, kicked: ["nats"] });
    await client.expect("-ERR Kicked out");
    assert.deepEqual(await remote.json("reload"), { changes: [] });

    const retained = { topic: "kept/here", payload: "x", retain: true, qos: 1 };
    await world.get("publish", { json: retained });
    const path = `${world.dir}/saved.backup`;
    const { bytes } = await remote.json("backup", path);
    assert.deepEqual([(await Deno.stat(path)).size, bytes > 0], [bytes, true]);
    await world.get("mqtt/retainer/message/kept%2Fhere", { method: "DELETE" });
    assert.equal((await world.get("mqtt/retainer/message/kept%2Fhere"))[0], 404);
    assert.equal((await remote.json("restore", path)).effect, "at the next start");
  }
  // What was restored holds from the next start on.
  await using again = await startWorld("", dir);
  assert.equal((await again.get("mqtt/retainer/message/kept%2Fhere"))[0], 200);
});

Deno.test("tail prints what NATS clients publish while it runs, and ends with --count", async () => {
  await using remote = await Remote.start();
  const { gateway, dir } = remote.world;
  const tail = remote.command("tail", "nats:t.*", "--count=2", "--json").spawn();
  using client = await RawNats.open(gateway.listeners.get("nats:tcp:default")!.port);
  let ended = false;
  const status = tail.status.then((status) => (ended = true, status));
  const output = new Response(tail.stdout).text();
  // Whether it watches already cannot be seen from here, so that it is told until it has enough.
  const publishing = (async () => {
    for (let i = 0; !ended; i++) {
      await client.send(`PUB other 1\r\n-\r\nPUB t.a 3\r\nhey\r\nPING\r\n`);
      await client.expect("PONG");
    }
  })();
  assert.equal((await within(status, "tail to end")).code, 0);
  await publishing;
  await tail.stderr.cancel();
  const seen = (await output).trim().split("\n").map((line) => JSON.parse(line));
  const message = { topic: "t/a", payload: "hey", qos: 0, retain: false };
  assert.deepEqual(seen, [message, message]);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("health ends with 69 when nobody answers there", async () => {
  const remote = await Remote.start();
  await remote[Symbol.asyncDispose]();
  const { code, stderr } = await remote.command("health", "--json").output();
  assert.equal(code, 69);
  assert.match(new TextDecoder().decode(stderr), /Cannot reach the gateway/);
  await Deno.remove(remote.world.dir, { recursive: true });
});
