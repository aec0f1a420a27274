/**
 * The compiled binary as its users get it: alone in an empty root, with what it needs inside. Run
 * with `NATSGATE_BIN=dist/natsgate`, after `deno task compile`.
 */
import bcrypt from "bcryptjs";
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { VERSION } from "../../gateway/version.ts";
import { MqttClient } from "../kit/clients.ts";
import { EmptyRoot, NO_ROOT } from "../kit/empty_root.ts";
import { type GatewayOptions, spawnGateway, startGateway } from "../kit/gateway.ts";
import { testAuthority } from "../kit/certs.ts";
import { RawMqtt } from "../kit/raw_mqtt.ts";
import { RawNats } from "../kit/raw_nats.ts";
import { until, within } from "../kit/wait.ts";

const BINARY = Deno.env.get("NATSGATE_BIN");

/** A test of the binary, skipped where there is none. */
function binaryTest(name: string, run: () => Promise<void>): void {
  const ignore = BINARY === undefined;
  Deno.test({ name: ignore ? `${name} (skipped: no NATSGATE_BIN)` : name, ignore, fn: run });
}

/** A test of the binary in an empty root, skipped where none can be made. */
function rootTest(name: string, run: (root: EmptyRoot) => Promise<void>): void {
  Deno.test({
    name: NO_ROOT === undefined ? name : `${name} (skipped: ${NO_ROOT})`,
    ignore: NO_ROOT !== undefined,
    async fn() {
      using root = EmptyRoot.make();
      await run(root);
    },
  });
}

/** A gateway in an empty root. */
function startIn(root: EmptyRoot, options: GatewayOptions = {}) {
  return startGateway({ dir: root.dir, chroot: root.prefix, ...options });
}

/** Output of the binary run with these words, and its exit code. */
async function natsgate(...args: string[]): Promise<{ out: string; err: string; code: number }> {
  const command = new Deno.Command(BINARY!, {
    args,
    clearEnv: true,
    env: { HOME: "/nonexistent" },
  });
  const { stdout, stderr, code } = await command.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { out: text(stdout), err: text(stderr), code };
}

rootTest("an empty root is enough, and both protocols meet there", async (root) => {
  await using gateway = await startIn(root);
  using nats = await RawNats.open(gateway.nats);
  await using mqtt = await MqttClient.open(gateway.mqtt, 5);
  await mqtt.subscribe("hello/#");
  await nats.publish("hello.world", "It works");
  const message = await mqtt.next();
  assert.equal(message.topic, "hello/world");
  assert.equal(new TextDecoder().decode(message.payload), "It works");
});

rootTest("SIGHUP reads the configuration again and nobody is disconnected", async (root) => {
  await using gateway = await startIn(root);
  using nats = await RawNats.open(gateway.nats);
  const config = `${root.dir}/config.toml`;
  const text = await Deno.readTextFile(config);
  await Deno.writeTextFile(config, `${text}\n[mqtt]\nmax_qos_allowed = 1\n`);
  gateway.child.kill("SIGHUP");
  await until(() => gateway.log().includes("mqtt.max_qos_allowed"), "the reload to be logged");
  await nats.flush();
  using mqtt = await RawMqtt.open(gateway.mqtt);
  await mqtt.subscribe("a");
});

rootTest("--watch reloads without a signal", async (root) => {
  await using gateway = await startIn(root, { args: ["--watch"] });
  const config = `${root.dir}/config.toml`;
  const text = await Deno.readTextFile(config);
  await Deno.writeTextFile(config, `${text}\n[mqtt]\nmax_qos_allowed = 1\n`);
  await until(() => gateway.log().includes("mqtt.max_qos_allowed"), "the reload to be logged");
});

rootTest("SIGTERM tells the clients and ends with 0", async (root) => {
  await using gateway = await startIn(root);
  using nats = await RawNats.open(gateway.nats, { protocol: 1 });
  using mqtt = await RawMqtt.open(gateway.mqtt);
  gateway.child.kill("SIGTERM");
  const { reasonCode } = await mqtt.expect("disconnect");
  assert.equal(reasonCode, 0x8b, "server shutting down");
  assert.match(await nats.rest(), /^INFO .*"ldm":true/, "clients look for another server");
  assert.equal((await within(gateway.child.status, "the end", 10_000)).code, 0);
});

rootTest("what was acknowledged is there after kill -9", async (root) => {
  const session = { clean: false, clientId: "keeper", properties: { sessionExpiryInterval: 600 } };
  {
    await using gateway = await startIn(root);
    using keeper = await RawMqtt.open(gateway.mqtt, session);
    await keeper.subscribe("kept/#", { qos: 1 });
    keeper.close();
    using publisher = await RawMqtt.open(gateway.mqtt);
    await publisher.publish("state", "retained", { qos: 1, retain: true });
    await publisher.publish("kept/1", "queued", { qos: 1 });
    await gateway.stop("SIGKILL");
  }
  await using gateway = await startIn(root);
  await using keeper = await MqttClient.open(gateway.mqtt, 5, {
    clean: false,
    clientId: "keeper",
    properties: { sessionExpiryInterval: 600 },
  });
  assert.equal((await keeper.next()).topic, "kept/1");
  using reader = await RawNats.open(gateway.nats);
  await reader.send("SUB state 1\r\n");
  assert.equal(new TextDecoder().decode((await reader.message()).payload), "retained");
});

rootTest("a read-only root with a data directory in memory will do", async (root) => {
  await using gateway = await startIn(root, { chroot: root.readOnlyPrefix });
  using mqtt = await RawMqtt.open(gateway.mqtt);
  await mqtt.publish("state", "retained", { qos: 1, retain: true });
  using nats = await RawNats.open(gateway.nats);
  await nats.send("SUB state 1\r\n");
  assert.equal(new TextDecoder().decode((await nats.message()).payload), "retained");
  assert.deepEqual([...Deno.readDirSync(`${root.dir}/data`)], [], "nothing outside the tmpfs");
});

binaryTest("ten mistakes are ten problems with line and column, and 78", async () => {
  const path = await Deno.makeTempFile({ suffix: ".toml" });
  await Deno.writeTextFile(path, TEN_MISTAKES);
  const { err, code } = await natsgate("check", "--config", path);
  await Deno.remove(path);
  assert.equal(code, 78);
  const problems = err.trim().split("\n").filter((line) => /:\d+:\d+: error/.test(line));
  assert.equal(problems.length, 10, err);
  assert.equal(new Set(problems.map((line) => /:(\d+):/.exec(line)![1])).size, 10, err);
});

const TEN_MISTAKES = `
[gateway.nats]
server_nam = "typo"
protocol.max_payload_size = "much"
auth_timeout = "soon"
max_subscriptions = -1
[gateway.nats.listeners.tcp.default]
bind = "127.0.0.1:99999"
max_connections = 0
[mqtt]
max_qos_allowed = 3
[store]
type = "floppy"
[log.console]
level = "loud"
[authorization]
no_match = "maybe"
`;

binaryTest("it knows what it was made of", async () => {
  const { out } = await natsgate("version", "--json");
  const { version, commit, built, target } = JSON.parse(out);
  assert.equal(version, VERSION);
  assert.match(commit, /^[0-9a-f]{12}$/);
  assert.match(built, /^\d{4}-\d\d-\d\d$/);
  assert.equal(target, Deno.build.target);
});

binaryTest("it may start no programs, load no native code and fetch none", async () => {
  const bytes = await Deno.readFile(BINARY!);
  // What `deno compile` wrote down for the runtime, near the end of the file.
  const text = new TextDecoder("latin1").decode(bytes.subarray(-32 * 1024 * 1024));
  const permissions = JSON.parse(/"permissions":(\{[^}]*\})/.exec(text)![1]!);
  const allowed = Object.entries(permissions)
    .filter(([name, value]) => name.startsWith("allow_") && value !== null).map(([name]) => name);
  const expected = ["allow_env", "allow_net", "allow_read", "allow_sys", "allow_write"];
  // Importing is allowed by default, and what is denied goes first.
  assert.deepEqual(allowed.filter((name) => name !== "allow_import").sort(), expected);
  assert.deepEqual(permissions.deny_import, []);
  assert.equal(permissions.prompt, false);
});

binaryTest("the password worker is inside", async () => {
  // "s3cret", at the least cost that there is.
  const hash = await bcrypt.hash("s3cret", 4);
  const config = `[[gateway.nats.internal_authn]]\ntype = "token"\ntoken = "${hash}"\n`;
  await using gateway = await startGateway({ config });
  await assert.rejects(RawNats.open(gateway.nats, { auth_token: "wrong" }));
  using nats = await RawNats.open(gateway.nats, { auth_token: "s3cret" });
  await nats.flush();
});

binaryTest("TLS is as safe as promised, or refused with the reason", async () => {
  const { certificate, key } = testAuthority().server();
  const config = `
[listeners.ssl.default]
bind = "127.0.0.1:0"
[listeners.ssl.default.ssl_options]
certfile = ${JSON.stringify(certificate)}
keyfile = ${JSON.stringify(key)}
`;
  const { out } = await natsgate("version", "--json");
  const release = Number(/deno 2\.(\d+)/.exec(out)![1]);
  const gateway = spawnGateway({ config });
  await using _stop = gateway;
  if (release >= 9) {
    await until(() => gateway.log().includes("natsgate ready"), "ready");
    return;
  }
  assert.equal((await within(gateway.child.status, "the refusal")).code, 70);
  assert.match(gateway.log(), /cannot verify TLS clients/);
  const checked = await natsgate("check", "--config", `${gateway.dir}/config.toml`);
  assert.equal(checked.code, 78);
  assert.match(checked.err, /error: listeners\.ssl\.default: .*cannot verify TLS clients/);
});

binaryTest("keep-alive is on, if only as the system has it", async () => {
  await using gateway = await startGateway({
    config: '[gateway.nats.listeners.tcp.probed]\nbind = "127.0.0.1:0"\n' +
      'tcp_options.keepalive = "240,30,5"\n',
  });
  using nats = await RawNats.open(gateway.port("nats:tcp:probed"));
  await nats.flush();
});

binaryTest("certificates can be made, for clients too", async () => {
  const dir = await Deno.makeTempDir({ prefix: "natsgate-test-" });
  const made = await natsgate("cert", "self-signed", "--out", dir, "--client", "device-1");
  assert.equal(made.code, 0, made.err);
  const read = (name: string) => new X509Certificate(Deno.readTextFileSync(`${dir}/${name}`));
  const ca = read("ca.pem");
  for (const name of ["cert.pem", "client-cert.pem"]) {
    assert(read(name).checkIssued(ca) && read(name).verify(ca.publicKey), name);
  }
  await Deno.remove(dir, { recursive: true });
});
