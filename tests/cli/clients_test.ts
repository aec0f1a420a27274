/**
 * The test clients against brokers that are not ours: nats-server and mosquitto.
 */
import assert from "node:assert/strict";
import { main } from "../../gateway/cli/command.ts";
import { MOSQUITTO, Mosquitto } from "../kit/mosquitto.ts";
import { NATS_SERVER, NatsServer } from "../kit/nats_server.ts";
import { until } from "../kit/wait.ts";
import { type FakeIo, fakeIo } from "./fake_io.ts";

const withNats = { ignore: NATS_SERVER === undefined };
const withMosquitto = { ignore: MOSQUITTO === undefined };

/** Starts `natsgate sub` and waits until it is subscribed. */
async function subscriber(
  words: readonly string[],
  interrupted?: AbortSignal,
): Promise<{ io: FakeIo; code: Promise<number> }> {
  const io = fakeIo(interrupted === undefined ? {} : { interrupted });
  const code = main(["sub", ...words], io);
  await until(() => io.errors.includes("\n"), "the subscription");
  assert.match(io.errors, /^subscribed to /);
  return { io, code };
}

async function run(words: readonly string[], input?: string) {
  const io = fakeIo(input === undefined ? {} : { input });
  return { code: await main(words, io), output: io.output, errors: io.errors };
}

Deno.test({
  name: "pub and sub speak NATS (needs nats-server)",
  ...withNats,
  async fn() {
    await using server = await NatsServer.start();
    const url = `nats://127.0.0.1:${server.port}`;
    const { io, code } = await subscriber([url, "t.*", "--count=3"]);
    const header = ["--header", "K: v"];
    assert.equal((await run(["pub", url, "t.a", "21.5", "--count=2", ...header])).code, 0);
    assert.equal((await run(["pub", url, "t.b"], "from a pipe")).code, 0);
    assert.equal(await code, 0);
    assert.equal(io.output, "[t.a, K: v] 21.5\n[t.a, K: v] 21.5\n[t.b] from a pipe\n");
  },
});

Deno.test({
  name: "request speaks NATS, and says when nobody is there (needs nats-server)",
  ...withNats,
  async fn() {
    await using server = await NatsServer.start();
    const url = `nats://127.0.0.1:${server.port}`;
    const nobody = await run(["request", url, "time", ""]);
    assert.equal(nobody.code, 1);
    assert.match(nobody.errors, /nobody is subscribed to time/);
    const { code } = await subscriber([url, "time", "--count=1"]);
    const silent = await run(["request", url, "time", "", "--timeout=1"]);
    assert.equal(silent.code, 69);
    assert.match(silent.errors, /Nobody answered on time within 1 s/);
    assert.equal(await code, 0);
  },
});

Deno.test({
  name: "the NATS client logs in by user and by token (needs nats-server)",
  ...withNats,
  async fn() {
    const denied = /^natsgate: The server says: 'Authorization Violation'/;
    {
      await using server = await NatsServer.start("authorization { user: u, password: p }");
      assert.equal((await run(["pub", `nats://u:p@127.0.0.1:${server.port}`, "a", "1"])).code, 0);
      const wrong = await run(["pub", `nats://u:x@127.0.0.1:${server.port}`, "a", "1"]);
      assert.equal(wrong.code, 1);
      assert.match(wrong.errors, denied);
    }
    {
      await using server = await NatsServer.start("authorization { token: secret }");
      assert.equal(
        (await run(["pub", `nats://secret@127.0.0.1:${server.port}`, "a", "1"])).code,
        0,
      );
    }
  },
});

Deno.test({
  name: "the NATS client logs in with an nkey (needs nats-server)",
  ...withNats,
  async fn() {
    const dir = await Deno.makeTempDir({ prefix: "natsgate-test-" });
    const [seed = "", publicKey = ""] = (await run(["nkey", "gen"])).output.trim().split("\n");
    await Deno.writeTextFile(`${dir}/user.nk`, `${seed}\n`);
    {
      await using server = await NatsServer.start(
        `authorization { users: [{nkey: ${publicKey}}] }`,
      );
      const words = ["pub", `nats://127.0.0.1:${server.port}`, "a", "1"];
      assert.equal((await run([...words, "--nkey", `${dir}/user.nk`])).code, 0);
      assert.equal((await run(words)).code, 1);
    }
    await Deno.writeTextFile(`${dir}/user.nk`, "nothing");
    const empty = await run(["pub", "nats://127.0.0.1:1", "a", "1", "--nkey", `${dir}/user.nk`]);
    assert.equal(empty.code, 2);
    await Deno.remove(dir, { recursive: true });
  },
});

Deno.test({
  name: "the NATS client switches to TLS after INFO and checks the certificate (needs nats-server)",
  ...withNats,
  async fn() {
    const dir = await Deno.makeTempDir({ prefix: "natsgate-test-" });
    await run(["cert", "self-signed", "--out", dir]);
    const tls = `tls { cert_file: "${dir}/cert.pem", key_file: "${dir}/key.pem" }`;
    {
      await using server = await NatsServer.start(tls);
      const words = ["pub", `tls://localhost:${server.port}`, "a", "1"];
      const trusted = await run([...words, "--cafile", `${dir}/ca.pem`]);
      assert.equal(trusted.code, 0, trusted.errors);
      const strange = await run(words);
      assert.equal(strange.code, 69);
      assert.match(strange.errors, /Cannot connect to localhost:\d+: .*[Cc]ertificate/);
    }
    await Deno.remove(dir, { recursive: true });
  },
});

Deno.test({
  name: "the MQTT client speaks through TLS, with a client certificate (needs mosquitto)",
  ...withMosquitto,
  async fn() {
    const dir = await Deno.makeTempDir({ prefix: "natsgate-test-" });
    await run(["cert", "self-signed", "--out", dir, "--client=device"]);
    for (const name of Deno.readDirSync(dir)) Deno.chmodSync(`${dir}/${name.name}`, 0o644);
    Deno.chmodSync(dir, 0o755);
    const tls = `cafile ${dir}/ca.pem\ncertfile ${dir}/cert.pem\nkeyfile ${dir}/key.pem\n` +
      "require_certificate true\n";
    {
      await using server = await Mosquitto.start(tls);
      const words = ["pub", `mqtts://localhost:${server.port}`, "a", "1", "--qos=1"];
      const trust = ["--cafile", `${dir}/ca.pem`];
      const client = ["--cert", `${dir}/client-cert.pem`, "--key", `${dir}/client-key.pem`];
      const good = await run([...words, ...trust, ...client]);
      assert.equal(good.code, 0, good.errors);
      const unknown = await run([...words, ...trust]);
      assert.equal(unknown.code, 69);
      assert.match(unknown.errors, /^natsgate: The (connection broke|server closed)/);
      assert.equal((await run([...words, ...client])).code, 69);
      assert.equal((await run([...words, ...client, "--insecure"])).code, 0);
    }
    await Deno.remove(dir, { recursive: true });
  },
});

Deno.test({
  name: "pub and sub speak MQTT 5 and 3.1.1 at every QoS (needs mosquitto)",
  ...withMosquitto,
  async fn() {
    await using server = await Mosquitto.start();
    const url = `mqtt://127.0.0.1:${server.port}`;
    for (const version of ["5", "3.1.1"]) {
      const v = `--mqtt-version=${version}`;
      const { io, code } = await subscriber([url, "t/+", "--qos=2", "--count=3", "--json", v]);
      for (const qos of ["0", "1", "2"]) {
        const sent = await run(["pub", url, "t/a", `q${qos}`, `--qos=${qos}`, v]);
        assert.equal(sent.code, 0, sent.errors);
      }
      assert.equal(await code, 0);
      const got = io.output.trim().split("\n").map((line) => JSON.parse(line));
      assert.deepEqual(
        got.map(({ topic, payload, qos }) => [topic, payload, qos]).sort(),
        [["t/a", "q0", 0], ["t/a", "q1", 1], ["t/a", "q2", 2]],
      );
    }
  },
});

Deno.test({
  name: "MQTT: properties, retained messages and share names arrive (needs mosquitto)",
  ...withMosquitto,
  async fn() {
    await using server = await Mosquitto.start();
    const url = `mqtt://127.0.0.1:${server.port}`;
    await run(["pub", url, "r", "kept", "--retain", "--qos=1", "--header=K:v"]);
    const { io, code } = await subscriber([url, "r", "--count=1"]);
    assert.equal(await code, 0);
    assert.equal(io.output, "[r, retained, K: v] kept\n");
    const stop = new AbortController();
    const one = await subscriber([url, "s", "--group=g", "--raw"], stop.signal);
    const two = await subscriber([url, "s", "--group=g", "--raw"], stop.signal);
    await run(["pub", url, "s", "x", "--count=4"]);
    await until(() => (one.io.output + two.io.output).length >= 8, "four messages");
    stop.abort();
    assert.deepEqual([await one.code, await two.code], [0, 0]);
    assert.equal(one.io.output + two.io.output, "x\nx\nx\nx\n");
  },
});

Deno.test({
  name: "request speaks MQTT 5, and says when nobody is there (needs mosquitto)",
  ...withMosquitto,
  async fn() {
    await using server = await Mosquitto.start();
    const nobody = await run(["request", `mqtt://127.0.0.1:${server.port}`, "time", ""]);
    assert.equal(nobody.code, 1);
    assert.match(nobody.errors, /nobody is subscribed to time/);
  },
});

Deno.test({
  name: "the MQTT client speaks through a WebSocket (needs mosquitto)",
  ...withMosquitto,
  async fn() {
    await using server = await Mosquitto.start();
    const url = `ws://127.0.0.1:${server.webSocketPort}/mqtt`;
    const { io, code } = await subscriber([url, "w", "--count=2", "--raw"]);
    await run(["pub", url, "w", "small"]);
    await run(["pub", url, "w"], "x".repeat(200_000));
    assert.equal(await code, 0);
    assert.equal(io.output, `small\n${"x".repeat(200_000)}\n`);
  },
});

Deno.test("pub ends with 69 where nobody listens, and with 2 for a bad URL", async () => {
  const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = free.addr as Deno.NetAddr;
  free.close();
  const refused = await run(["pub", `nats://127.0.0.1:${port}`, "a", "1"]);
  assert.equal(refused.code, 69);
  assert.match(refused.errors, new RegExp(`Cannot connect to 127\\.0\\.0\\.1:${port}: `));
  assert.equal((await run(["pub", "natz://h", "a", "1"])).code, 2);
  assert.equal((await run(["pub", "nats://h", "a"])).code, 2);
});

Deno.test("sub ends well when the user stops it", async () => {
  const stop = new AbortController();
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const server = (async () => {
    using connection = await listener.accept();
    const encoder = new TextEncoder();
    const buffer = new Uint8Array(4096);
    await connection.write(encoder.encode("INFO {}\r\n"));
    for (let count = await connection.read(buffer); count; count = await connection.read(buffer)) {
      const text = new TextDecoder().decode(buffer.subarray(0, count));
      for (const _ of text.matchAll(/PING\r\n/g)) {
        await connection.write(encoder.encode("PONG\r\n"));
      }
    }
  })();
  const io = fakeIo({ interrupted: stop.signal });
  const code = main(["sub", `nats://127.0.0.1:${port}`, ">"], io);
  await until(() => io.errors.startsWith("subscribed"), "the subscription");
  stop.abort();
  assert.equal(await code, 0);
  await server;
  listener.close();
});
