/**
 * TLS beside others: new connections a second (`openssl s_time`) and what each costs the server,
 * and messages a second over TLS (`natsgate bench`), of the gateway, nats-server and mosquitto in
 * turn. Servers that are not installed are left out. Prints rows for the table in README.md.
 */
// deno-lint-ignore-file no-console
import { testAuthority } from "../kit/certs.ts";
import { cpuTime_us } from "../kit/cpu.ts";
import { startGateway } from "../kit/gateway.ts";
import { MOSQUITTO, Mosquitto } from "../kit/mosquitto.ts";
import { NATS_SERVER, NatsServer } from "../kit/nats_server.ts";
import { freePort } from "../kit/conn.ts";

const SECONDS = "2";
const authority = testAuthority();
const { certificate, key } = authority.server();
const dir = await Deno.makeTempDir({ prefix: "natsgate-bench-" });
const FILES = { ca: `${dir}/ca.pem`, cert: `${dir}/server.pem`, key: `${dir}/server.key` };
// mosquitto reads them as a user of its own.
await Deno.chmod(dir, 0o755);
await Deno.writeTextFile(FILES.ca, authority.ca);
await Deno.writeTextFile(FILES.cert, certificate);
await Deno.writeTextFile(FILES.key, key);

const TLS = `bind = "127.0.0.1:0"
max_conn_rate = "infinity"
ssl_options.certfile = "${FILES.cert}"
ssl_options.keyfile = "${FILES.key}"
`;

try {
  console.log(
    "| server | full handshakes/s | server CPU ms each | resumed/s | 128 B messages/s |",
  );
  console.log("|---|---:|---:|---:|---:|");
  await measureGateway();
  if (NATS_SERVER !== undefined) await measureNatsServer();
  if (MOSQUITTO !== undefined) await measureMosquitto();
} finally {
  await Deno.remove(dir, { recursive: true });
}

async function measureGateway(): Promise<void> {
  await using gateway = await startGateway({
    config: `[gateway.nats.listeners.ssl.default]\n${TLS}[listeners.ssl.default]\n${TLS}`,
  });
  const [nats, mqtt] = [gateway.port("nats:ssl:default"), gateway.port("mqtt:ssl:default")];
  await row("natsgate, NATS", gateway.child.pid, `tls://localhost:${nats}`, nats);
  await row("natsgate, MQTT", gateway.child.pid, `mqtts://localhost:${mqtt}`, mqtt);
}

/** Handshakes are those of its WebSocket port: only there the version in Debian begins with TLS. */
async function measureNatsServer(): Promise<void> {
  const port = freePort();
  const tls = `tls { cert_file: "${FILES.cert}", key_file: "${FILES.key}" }`;
  await using server = await NatsServer.start(
    `${tls}\nwebsocket { listen: "127.0.0.1:${port}", ${tls} }\n`,
  );
  await row("nats-server", server.child.pid, `tls://localhost:${server.port}`, port);
}

async function measureMosquitto(): Promise<void> {
  const options = `certfile ${FILES.cert}\nkeyfile ${FILES.key}\nallow_anonymous true\n`;
  await using server = await Mosquitto.start(options);
  await row("mosquitto", server.child.pid, `mqtts://localhost:${server.port}`, server.port);
}

async function row(name: string, pid: number, url: string, handshakes: number): Promise<void> {
  // The first second is for compilers and caches.
  await connections(handshakes, "-new", "1");
  const before_us = cpuTime_us(pid);
  const full = await connections(handshakes, "-new", SECONDS);
  const each_ms = (cpuTime_us(pid) - before_us) / full.count / 1000;
  const resumed = await connections(handshakes, "-reuse", SECONDS);
  console.log(
    `| ${name} | ${full.perSecond} | ${each_ms.toFixed(2)} | ${resumed.perSecond} | ` +
      `${await messagesPerSecond(url)} |`,
  );
}

/** It says how many; the seconds that it says are whole ones. */
async function connections(port: number, mode: "-new" | "-reuse", seconds: string) {
  const begin = performance.now();
  const { stdout } = await new Deno.Command("openssl", {
    args: ["s_time", "-connect", `localhost:${port}`, mode, "-time", seconds],
    stderr: "null",
  }).output();
  const took_s = (performance.now() - begin) / 1000;
  const counts = new TextDecoder().decode(stdout).matchAll(
    /(\d+) connections in \d+ real seconds/g,
  );
  const count = Number([...counts].at(-1)?.[1]);
  return { count, perSecond: Math.round(count / took_s) };
}

async function messagesPerSecond(url: string): Promise<string> {
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", main, "bench", url, "--cafile", FILES.ca, "--json", "--duration", SECONDS],
  }).output();
  const text = new TextDecoder().decode(stdout);
  if (text === "") throw new Error(new TextDecoder().decode(stderr));
  return String(JSON.parse(text).received_per_s);
}
