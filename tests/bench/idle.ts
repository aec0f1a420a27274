/**
 * What the gateway costs while nothing happens: time to `natsgate ready`, memory, CPU time.
 *
 *   deno run -A tests/bench/idle.ts [SECONDS]          from source
 *   NATSGATE_BIN=dist/natsgate deno run -A tests/bench/idle.ts [SECONDS]
 */
import { startGateway } from "../kit/gateway.ts";

/** Starts to take the median of. */
const STARTS = 9;
/** Clock ticks in a second, as in /proc/PID/stat; the same on every Linux that Deno runs on. */
const TICKS_PER_S = 100;

const seconds = Number(Deno.args[0] ?? 30);

/** CPU time of a process so far, in seconds. */
function cpuSeconds(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  // The second field is the name in parentheses; user and system time are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}

const starts: number[] = [];
for (let i = 0; i < STARTS; i++) {
  const begin = performance.now();
  await using gateway = await startGateway();
  // The start-up wait asks every 10 ms, which is how exact this is.
  starts.push(performance.now() - begin);
  await gateway.stop();
}
starts.sort((a, b) => a - b);

await using gateway = await startGateway();
await new Promise((resolve) => setTimeout(resolve, 10_000));
const before = cpuSeconds(gateway.child.pid);
await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
const cpu = (cpuSeconds(gateway.child.pid) - before) / seconds;
const megabytes = gateway.residentBytes() / 2 ** 20;
const line = `ready after ${starts[STARTS >> 1]!.toFixed(0)} ms (best ${starts[0]!.toFixed(0)}), ` +
  `${megabytes.toFixed(1)} MB resident, ${(cpu * 100).toFixed(2)} % of a core\n`;
await Deno.stdout.write(new TextEncoder().encode(line));
