/**
 * What each way in costs: messages of 128 bytes a second over TCP, WebSocket, TLS and both, and
 * how long a plain client waits for its PONG while 500 TLS clients shake hands at once. Prints
 * the tables of README.md. `--only storm` or `--only rates` for one of them.
 */
// deno-lint-ignore-file no-console
import tls from "node:tls";
import { testAuthority } from "../kit/certs.ts";
import { cpuTime_us } from "../kit/cpu.ts";
import { type GatewayProcess, startGateway } from "../kit/gateway.ts";
import { RawNats } from "../kit/raw_nats.ts";

const STORM_CLIENTS = 500;
const PING_EVERY_MS = 2;
const WAYS = ["tcp", "ws", "ssl", "wss"] as const;
const SCHEMES = {
  nats: { tcp: "nats", ws: "ws", ssl: "tls", wss: "wss" },
  mqtt: { tcp: "mqtt", ws: "ws", ssl: "mqtts", wss: "wss" },
} as const;

if (Deno.args[0] === "storm-clients") {
  await storm(Number(Deno.args[1]));
} else {
  const only = Deno.args[0] === "--only" ? Deno.args[1] : undefined;
  if (only !== "storm") await rates();
  if (only !== "rates") await stormTable();
}

async function start(dir: string): Promise<GatewayProcess> {
  const authority = testAuthority();
  const { certificate, key } = authority.server();
  await Deno.writeTextFile(`${dir}/ca.pem`, authority.ca);
  const bind = 'bind = "127.0.0.1:0"\nmax_conn_rate = "infinity"\n';
  const own = `${bind}ssl_options.certfile = '''${certificate}'''\n` +
    `ssl_options.keyfile = '''${key}'''\n`;
  const listeners = ["gateway.nats.listeners", "listeners"].map((at) =>
    `[${at}.ws.bench]\n${bind}[${at}.ssl.bench]\n${own}[${at}.wss.bench]\n${own}`
  );
  // A storm may keep clients from beginning within the moment that `auto` gives them.
  const first = `[gateway.nats.listeners.ssl.first]\nhandshake = "first"\n${own}`;
  return await startGateway({ config: listeners.join("") + first });
}

async function rates(): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "natsgate-bench-" });
  await using gateway = await start(dir);
  console.log("| protocol | way in | received/s | gateway CPU µs each | of TCP |");
  console.log("|---|---|---:|---:|---:|");
  for (const protocol of ["nats", "mqtt"] as const) {
    let plain = 0;
    for (const way of WAYS) {
      const name = way === "tcp" ? "default" : "bench";
      const port = gateway.port(`${protocol}:${way}:${name}`);
      const path = protocol === "mqtt" && way.startsWith("ws") ? "/mqtt" : "";
      const url = `${SCHEMES[protocol][way]}://localhost:${port}${path}`;
      const before_us = cpuTime_us(gateway.child.pid);
      const { received, received_per_s } = await bench(url, `${dir}/ca.pem`);
      const each_us = (cpuTime_us(gateway.child.pid) - before_us) / received;
      if (way === "tcp") plain = received_per_s;
      const share = Math.round(received_per_s / plain * 100);
      console.log(
        `| ${protocol} | ${way} | ${received_per_s} | ${each_us.toFixed(2)} | ${share} % |`,
      );
    }
  }
  await Deno.remove(dir, { recursive: true });
}

async function bench(
  url: string,
  cafile: string,
): Promise<{ received: number; received_per_s: number }> {
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", main, "bench", url, "--cafile", cafile, "--json", "--duration", "3"],
  }).output();
  const text = new TextDecoder().decode(stdout);
  if (text === "") throw new Error(`${url}: ${new TextDecoder().decode(stderr)}`);
  return JSON.parse(text);
}

async function stormTable(): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "natsgate-bench-" });
  await using gateway = await start(dir);
  console.log("| TLS clients at once | all served after | longest wait for a PONG | median |");
  console.log("|---:|---:|---:|---:|");
  for (let round = 0; round < 3; round++) {
    using plain = await RawNats.open(gateway.nats);
    const clients = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        import.meta.filename!,
        "storm-clients",
        String(gateway.port("nats:ssl:first")),
      ],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const out = clients.stdout.getReader();
    // Loaded and ready: only the storm itself is measured.
    await out.read();
    await clients.stdin.close();
    const waits: number[] = [];
    let served: string | undefined;
    const all = out.read().then(({ value }) => served = new TextDecoder().decode(value).trim());
    while (served === undefined) {
      const begin = performance.now();
      await plain.flush();
      waits.push(performance.now() - begin);
      await new Promise((resolve) => setTimeout(resolve, PING_EVERY_MS));
    }
    await all;
    await clients.status;
    waits.sort((one, other) => one - other);
    const [longest, median] = [waits.at(-1)!, waits[waits.length >> 1]!];
    console.log(
      `| ${STORM_CLIENTS} | ${served} ms | ${longest.toFixed(0)} ms | ${median.toFixed(1)} ms |`,
    );
  }
  await Deno.remove(dir, { recursive: true });
}

/** All at once, in a process of their own: starts when its input ends, and says how long it took. */
async function storm(port: number): Promise<void> {
  console.log("ready");
  await new Response(Deno.stdin.readable).arrayBuffer();
  const begin = performance.now();
  await Promise.all(
    Array.from({ length: STORM_CLIENTS }, () =>
      new Promise<void>((resolve, reject) => {
        const socket = tls.connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
        socket.once("error", reject);
        // INFO comes once the handshake is done.
        socket.once("data", () => {
          socket.destroy();
          resolve();
        });
      })),
  );
  console.log(String(Math.round(performance.now() - begin)));
  Deno.exit(0);
}
