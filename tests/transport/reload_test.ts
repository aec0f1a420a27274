/**
 * A running gateway takes on another configuration: all of it or nothing, under load, without
 * losing a message or a connection that it need not lose.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import tls from "node:tls";
import { testAuthority } from "../kit/certs.ts";
import { MqttClient, NatsClient } from "../kit/clients.ts";
import { type GatewayProcess, startGateway } from "../kit/gateway.ts";
import { RawNats } from "../kit/raw_nats.ts";
import { until } from "../kit/wait.ts";

const RELOADS = 50;
const CLIENTS = 200;

/** Everything but the default listeners' addresses, which stay as they are. */
async function rewrite(gateway: GatewayProcess, change: (text: string) => string): Promise<void> {
  const path = `${gateway.dir}/config.toml`;
  await Deno.writeTextFile(path, change(await Deno.readTextFile(path)));
}

function count(gateway: GatewayProcess, text: RegExp): number {
  return [...gateway.log().matchAll(new RegExp(text, "g"))].length;
}

async function reload(gateway: GatewayProcess, outcome = /INFO .*\breloaded\b/): Promise<void> {
  const before = count(gateway, outcome);
  gateway.child.kill("SIGHUP");
  await until(() => count(gateway, outcome) > before, `${outcome} in the log`);
}

/** Common name of the certificate that a port shows. */
function shownBy(port: number): Promise<string> {
  return until(async () => {
    const socket = tls.connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
    try {
      await once(socket, "secureConnect");
      const name = socket.getPeerCertificate().subject.CN;
      return typeof name === "string" ? name : undefined;
    } catch {
      // This process was too busy to begin in time, and got INFO in the clear.
      return undefined;
    } finally {
      socket.destroy();
    }
  }, "the certificate of a listener");
}

Deno.test("reload: 200 clients with traffic both ways live through 50 reloads", async () => {
  const authority = testAuthority();
  const dir = await Deno.makeTempDir({ prefix: "natsgate-test-" });
  const renew = async (name: string) => {
    const { certificate, key } = authority.server(name);
    await Deno.writeTextFile(`${dir}/cert.pem`, certificate);
    await Deno.writeTextFile(`${dir}/key.pem`, key);
  };
  await Deno.writeTextFile(`${dir}/ca.pem`, authority.ca);
  await renew("certificate-0");
  await using gateway = await startGateway({
    config: `
[gateway.nats.listeners.ssl.default]
bind = "127.0.0.1:0"
max_conn_rate = 5000
ssl_options.certfile = "${dir}/cert.pem"
ssl_options.keyfile = "${dir}/key.pem"
`,
  });
  const nats: RawNats[] = [];
  for (let index = 0; index < CLIENTS - 4; index++) nats.push(await RawNats.open(gateway.nats));
  const tlsPort = gateway.port("nats:ssl:default");
  await using secure = await NatsClient.open(tlsPort, { tls: { caFile: `${dir}/ca.pem` } });
  await using other = await NatsClient.open(tlsPort, { tls: { caFile: `${dir}/ca.pem` } });
  await using mqtt = await MqttClient.open(gateway.mqtt, 5);
  await using source = await MqttClient.open(gateway.mqtt, 4);
  await Promise.all(nats.map((client) => client.subscribe("from.mqtt")));
  await mqtt.subscribe("from/nats", { qos: 1 });
  const heard = await secure.subscribe("from.mqtt");

  let sent = 0;
  let reloading = true;
  const traffic = (async () => {
    while (reloading) {
      sent++;
      const publisher = nats[sent % nats.length]!;
      await publisher.publish("from.nats", `n${sent}`);
      other.nc.publish("from.nats", `s${sent}`);
      await Promise.all([
        source.publish("from/mqtt", `m${sent}`, { qos: 1 }),
        other.nc.flush(),
      ]);
      // Some air: 200 receivers share the processor with the gateway.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  try {
    for (let round = 1; round <= RELOADS; round++) {
      await renew(`certificate-${round}`);
      await rewrite(
        gateway,
        (text) => text.replace(/max_conn_rate = \d+/, `max_conn_rate = ${5000 + round}`),
      );
      await reload(gateway);
      if (round % 10 === 0) assert.equal(await shownBy(tlsPort), `certificate-${round}`);
    }
  } finally {
    reloading = false;
    await traffic;
  }

  const fromNats = { n: 0, s: 0 };
  for (let left = 2 * sent; left > 0; left--) {
    const text = new TextDecoder().decode((await mqtt.next()).payload);
    const kind = text[0] as "n" | "s";
    assert.equal(Number(text.slice(1)), ++fromNats[kind], "in order, none lost");
  }
  for (let index = 1; index <= sent; index++) assert.equal((await heard()).string(), `m${index}`);
  for (const client of nats) {
    for (let index = 1; index <= sent; index++) {
      const { payload } = await client.message();
      assert.equal(new TextDecoder().decode(payload), `m${index}`);
    }
    client.close();
  }
  assert(sent >= RELOADS / 2, `${sent} rounds of traffic in ${RELOADS} reloads`);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("reload: nothing changes when anything is wrong", async () => {
  const authority = testAuthority();
  const [good, other] = [authority.server("good"), authority.server("other")];
  const section = (key: string) => `
[gateway.nats.listeners.ssl.default]
bind = "127.0.0.1:0"
ssl_options.certfile = '''${good.certificate}'''
ssl_options.keyfile = '''${key}'''
`;
  await using gateway = await startGateway({ config: section(good.key) });
  await using client = await NatsClient.open(gateway.nats);
  const original = await Deno.readTextFile(`${gateway.dir}/config.toml`);
  const cases: [string, string, RegExp][] = [
    ["a key of another certificate", original.replace(good.key, other.key), /does not belong/],
    [
      "a certificate that is not there",
      original.replace(`'''${good.certificate}'''`, '"/nowhere/cert.pem"'),
      /certfile cannot read \/nowhere\/cert\.pem: there is no such file/,
    ],
    ["a mistake", original + "\nnonsense = true\n", /not reloaded: the configuration has mistakes/],
    [
      "a port that is taken",
      original + `[listeners.tcp.taken]\nbind = "127.0.0.1:${gateway.nats}"\n`,
      /Cannot listen on 127\.0\.0\.1:\d+ for mqtt:tcp:taken/,
    ],
  ];
  for (const [name, text, reason] of cases) {
    await rewrite(gateway, () => text);
    await reload(gateway, reason);
    assert.equal(await shownBy(gateway.port("nats:ssl:default")), "good", name);
    await client.nc.flush();
  }
  await rewrite(gateway, () => original);
  await reload(gateway);
});

Deno.test("reload: a listener with another address is opened again, the others stay", async () => {
  await using gateway = await startGateway({
    config: '[gateway.nats.listeners.tcp.second]\nbind = "127.0.0.1:0"\n',
  });
  await using staying = await NatsClient.open(gateway.nats);
  const leaving = await RawNats.open(gateway.port("nats:tcp:second"));
  const path = `${gateway.dir}/nats.sock`;
  await rewrite(gateway, (text) =>
    text.replace(/(tcp\.second\]\nbind = ).*/, `$1"unix:${path}"\n`)
      .replace("[dashboard", '[listeners.tcp.third]\nbind = "127.0.0.1:0"\n[dashboard'));
  await reload(gateway);
  assert.match(await leaving.rest(), /"ldm":true|^$/);
  leaving.close();
  await staying.nc.flush();
  const conn = await Deno.connect({ transport: "unix", path });
  const into = new Uint8Array(2000);
  const greeting = new TextDecoder().decode(into.subarray(0, await conn.read(into) ?? 0));
  assert.match(greeting, /^INFO /);
  conn.close();
  assert.match(gateway.log(), /setting changed .*tcp\.second\.bind/);
  assert.match(gateway.log(), /setting changed .*tcp\.third/);
});

Deno.test("reload: each setting that changes is named, with whether it holds already", async () => {
  await using gateway = await startGateway({
    config: '[listeners.tcp.second]\nbind = "127.0.0.1:0"\n[mqtt]\nmax_inflight = 10\n',
  });
  const next = (await Deno.readTextFile(`${gateway.dir}/config.toml`))
    .replace("max_inflight = 10", "max_inflight = 20")
    .replace("[listeners.tcp.second]", '[node]\nname = "other@host"\n[store]\ntype = "memory"\n$&')
    .replace(/(second\]\nbind = .*)/, "$1\nmax_connections = 7");
  await Deno.writeTextFile(`${gateway.dir}/next.toml`, next);
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const diff = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      main,
      "config",
      "diff",
      `${gateway.dir}/config.toml`,
      `${gateway.dir}/next.toml`,
    ],
  }).output();
  const told = new TextDecoder().decode(diff.stdout);
  await rewrite(gateway, () => next);
  await reload(gateway);
  for (
    const [setting, effect] of [
      ["mqtt.max_inflight", "at once"],
      ["listeners.tcp.second.max_connections", "for new connections"],
      ["store.type", "restart"],
    ] as const
  ) {
    const line = gateway.log().split("\n").find((line) => line.includes(`setting=${setting} `));
    assert(line?.includes(effect), `${setting}: ${line}`);
    assert(told.split("\n").some((line) => line.includes(setting)), `${setting} in\n${told}`);
  }
});

Deno.test("reload: --watch notices that the file was replaced", async () => {
  await using gateway = await startGateway({ args: ["--watch"] });
  const path = `${gateway.dir}/config.toml`;
  const text = await Deno.readTextFile(path);
  await Deno.writeTextFile(`${path}.new`, `[node]\nserver_reference = "elsewhere"\n${text}`);
  await Deno.rename(`${path}.new`, path);
  await until(() => /setting changed .*server_reference/.test(gateway.log()), "the reload");
});
