/**
 * What the gateway costs while nothing happens: time to `natsgate ready`, memory, CPU time.
 *
 *   deno run -A tests/bench/idle.ts [SECONDS]          from source
 *   NATSGATE_BIN=dist/natsgate deno run -A tests/bench/idle.ts [SECONDS]
 *
 * The time of a start depends on what else the machine does, so the CPU time of it is said as well.
 */
import { startGateway } from "../kit/gateway.ts";

/** Starts to take the median of. */
const STARTS = 9;
/** What is settled by then: the first sweeps, the code that V8 compiles late. */
const SETTLE_MS = 5000;

const seconds = Number(Deno.args[0] ?? 60);

/** Kinds of resident memory in MB (10^6 bytes), as /proc/PID/status tells them. */
function resident(pid: number): { all: number; own: number } {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  const megabytes = (name: string) =>
    Number(RegExp(`${name}:\\s+(\\d+) kB`).exec(status)![1]) *
    1024 / 1e6;
  return { all: megabytes("VmRSS"), own: megabytes("RssAnon") };
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const median = (numbers: number[]) => numbers.sort((a, b) => a - b)[numbers.length >> 1]!;

const starts: number[] = [], cpus: number[] = [];
for (let i = 0; i < STARTS; i++) {
  const begin = performance.now();
  await using gateway = await startGateway();
  // The start-up wait asks every 10 ms, which is how exact this is.
  starts.push(performance.now() - begin);
  cpus.push(gateway.cpuSeconds() * 1000);
}

await using gateway = await startGateway();
const { pid } = gateway.child;
await wait(SETTLE_MS);
const before = gateway.cpuSeconds();
await wait(seconds * 1000);
const cpu = (gateway.cpuSeconds() - before) / seconds;
const { all, own } = resident(pid);
const line =
  `ready after ${median(starts).toFixed(0)} ms (best ${Math.min(...starts).toFixed(0)}), ` +
  `${median(cpus).toFixed(0)} ms of CPU time; then ${all.toFixed(1)} MB resident ` +
  `(${own.toFixed(1)} its own), ${(cpu * 100).toFixed(3)} % of a core\n`;
await Deno.stdout.write(new TextEncoder().encode(line));
