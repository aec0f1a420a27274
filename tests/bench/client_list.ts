/**
 * What looking costs: with 10 000 clients, how long a page of the client list takes, and what that
 * does to the latency of messages.
 *
 *   deno run -A tests/bench/client_list.ts [ROUNDS]
 *   NATSGATE_BIN=dist/natsgate deno run -A tests/bench/client_list.ts [ROUNDS]
 *
 * Each round measures traffic alone, then with pages beside it. The clients are in one process of
 * their own, the traffic in another, and this one asks for pages.
 */
// deno-lint-ignore-file no-console
import { type GatewayProcess, startGateway } from "../kit/gateway.ts";
import { RawMqtt } from "../kit/raw_mqtt.ts";

const CLIENTS = 10_000;
/** Messages a second whose latency is measured. */
const RATE = "1000";
const SECONDS = "4";
/** Pages a second: as many dashboards as would look at once. */
const PAGE_EVERY_MS = 100;
/** What is asked for in turn: the first page, one from the middle, a search, by state. */
const PAGES = [
  "clients?limit=100",
  "clients?limit=100&page=50",
  "clients?limit=100&like_clientid=-99",
  "clients?limit=100&conn_state=connected",
];

if (Deno.args[0] === "hold") await hold(Number(Deno.args[1]));
else await measure(Number(Deno.args[0] ?? 3));

async function measure(rounds: number): Promise<void> {
  await using gateway = await startGateway({
    files_max: 2 * CLIENTS,
    set: ["listeners.tcp.default.max_conn_rate=infinity"],
  });
  const holder = self("hold", String(gateway.mqtt)).spawn();
  const reader = holder.stdout.getReader();
  await reader.read();
  console.log("round   page median ms   page p99 ms   traffic p99 ms alone   with pages   more");
  for (let round = 1; round <= rounds; round++) {
    const alone = await traffic(gateway);
    const stop = new AbortController();
    const pages = lookAtPages(gateway, stop.signal);
    const beside = await traffic(gateway);
    stop.abort();
    const times = await pages;
    const cells = [at(times, 0.5), at(times, 0.99), alone, beside, beside - alone];
    const widths = [17, 14, 23, 13, 7];
    console.log(
      String(round).padStart(5) +
        cells.map((cell, i) => cell.toFixed(2).padStart(widths[i]!)).join(""),
    );
  }
  holder.kill();
  await reader.cancel();
  await holder.status;
}

/** Opens the clients, says so, and waits for the end of the process. */
async function hold(port: number): Promise<void> {
  const clients: RawMqtt[] = [];
  for (let i = 0; i < CLIENTS; i++) {
    clients.push(await RawMqtt.open(port, { clientId: `client-${i}`, keepalive: 0 }));
  }
  console.log(`${clients.length} clients`);
  await new Promise(() => setInterval(() => {}, 60_000));
}

/** Milliseconds that each page took, until the signal. */
async function lookAtPages(gateway: GatewayProcess, signal: AbortSignal): Promise<number[]> {
  const port = /administration on http:\/\/127\.0\.0\.1:(\d+)/.exec(gateway.log())![1];
  const key = Deno.readTextFileSync(`${gateway.dir}/data/admin.key`).trim();
  const headers = { authorization: `Basic ${btoa(key)}` };
  const times: number[] = [];
  for (let i = 0; !signal.aborted; i++) {
    const begin = performance.now();
    const url = `http://127.0.0.1:${port}/api/v5/${PAGES[i % PAGES.length]}`;
    const response = await fetch(url, { headers });
    const { data } = await response.json();
    if (!response.ok || data.length === 0) throw new Error(`${response.status} from ${url}`);
    // The first one of each kind loads code.
    if (i >= PAGES.length) times.push(performance.now() - begin);
    await new Promise((resolve) => setTimeout(resolve, PAGE_EVERY_MS));
  }
  return times;
}

/** The p99 of the latency from NATS to NATS, in milliseconds. */
async function traffic(gateway: GatewayProcess): Promise<number> {
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const url = `nats://127.0.0.1:${gateway.nats}`;
  const options = ["--rate", RATE, "--duration", SECONDS, "--json"];
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", main, "bench", url, ...options],
  }).output();
  const text = new TextDecoder().decode(stdout);
  if (text === "") throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(text).latency_ms.p99;
}

function at(times: number[], share: number): number {
  times.sort((a, b) => a - b);
  return times[Math.min(times.length - 1, Math.floor(times.length * share))]!;
}

/** This file again, in a process that may have as many sockets. */
function self(...args: string[]): Deno.Command {
  const script = `ulimit -n ${2 * CLIENTS}; exec "$@"`;
  const path = new URL(import.meta.url).pathname;
  return new Deno.Command("/bin/sh", {
    args: ["-c", script, "sh", Deno.execPath(), "run", "-A", path, ...args],
    stdin: "null",
    stdout: "piped",
  });
}
