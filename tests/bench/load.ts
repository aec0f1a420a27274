/**
 * A load run for every day: starts the gateway, loads it with the bench client in processes of
 * their own, and prints messages a second and what each delivered message cost the gateway.
 * Options: `--seconds N` (2), `--only TEXT` for the scenarios whose name holds it.
 */
// deno-lint-ignore-file no-console
import { parseArgs } from "node:util";
import { cpuTime_us } from "../kit/cpu.ts";
import { type GatewayProcess, startGateway } from "../kit/gateway.ts";

interface Scenario {
  readonly name: string;
  /** Protocol of publishers and subscribers. */
  readonly from: "nats" | "mqtt";
  readonly to: "nats" | "mqtt";
  readonly words: readonly string[];
}

const SCENARIOS: readonly Scenario[] = [
  { name: "nats-nats 16 B", from: "nats", to: "nats", words: ["--size=16"] },
  { name: "nats-nats 128 B", from: "nats", to: "nats", words: [] },
  { name: "nats-nats 128 B to 10", from: "nats", to: "nats", words: ["--subs=10"] },
  { name: "nats-nats 64 KB", from: "nats", to: "nats", words: ["--size=65536"] },
  { name: "nats-mqtt 128 B", from: "nats", to: "mqtt", words: [] },
  { name: "mqtt-nats 128 B", from: "mqtt", to: "nats", words: [] },
  { name: "mqtt-mqtt 128 B QoS 0", from: "mqtt", to: "mqtt", words: [] },
  { name: "mqtt-mqtt 128 B QoS 0 to 10", from: "mqtt", to: "mqtt", words: ["--subs=10"] },
  { name: "mqtt-mqtt 128 B QoS 1", from: "mqtt", to: "mqtt", words: ["--qos=1"] },
  { name: "nats-nats latency at 1000/s", from: "nats", to: "nats", words: ["--rate=1000"] },
  { name: "mqtt-mqtt latency at 1000/s", from: "mqtt", to: "mqtt", words: ["--rate=1000"] },
];

/** What `natsgate bench --json` prints, as far as it is shown here. */
interface BenchFacts {
  readonly received: number;
  readonly lost: number;
  readonly received_per_s: number;
  readonly latency_ms: { readonly p50: number; readonly p99: number };
}

const { values } = parseArgs({
  args: Deno.args,
  options: { seconds: { type: "string", default: "2" }, only: { type: "string", default: "" } },
});
const scenarios = SCENARIOS.filter(({ name }) => name.includes(values.only));
console.log(
  "scenario                       received/s   gateway CPU µs each   p50 ms   p99 ms   lost",
);
await using gateway = await startGateway();
for (const scenario of scenarios) {
  const before_us = cpuTime_us(gateway.child.pid);
  const facts = await bench(gateway, scenario, values.seconds);
  const each_us = (cpuTime_us(gateway.child.pid) - before_us) / Math.max(1, facts.received);
  console.log(
    scenario.name.padEnd(28) + String(facts.received_per_s).padStart(13) +
      each_us.toFixed(3).padStart(22) + String(facts.latency_ms.p50).padStart(9) +
      String(facts.latency_ms.p99).padStart(9) + String(facts.lost).padStart(7),
  );
}

async function bench(
  gateway: GatewayProcess,
  { from, to, words }: Scenario,
  seconds: string,
): Promise<BenchFacts> {
  const url = (protocol: "nats" | "mqtt") => `${protocol}://127.0.0.1:${gateway[protocol]}`;
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const command = [main, "bench", url(from), "--sub-url", url(to), "--json", ...words];
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", ...command, `--duration=${seconds}`],
  }).output();
  const text = new TextDecoder().decode(stdout);
  if (text === "") throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(text);
}
