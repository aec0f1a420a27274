/**
 * What a gateway's memory is after work: three kinds of load, a thousand clients, the dashboard.
 *
 *   NATSGATE_BIN=dist/natsgate deno run -A tests/bench/memory.ts
 *
 * It is how the profile of small machines is judged (`deno task compile --small`).
 */
import { startGateway } from "../kit/gateway.ts";
import { RawMqtt } from "../kit/raw_mqtt.ts";

const CLIENTS = 1000;
const SECONDS = "3";

await using gateway = await startGateway();
const nats = `nats://127.0.0.1:${gateway.nats}`;
const mqtt = `mqtt://127.0.0.1:${gateway.mqtt}`;
const settled = () => new Promise((resolve) => setTimeout(resolve, 2000));

await settled();
await report("idle");
const rates = [
  await load(mqtt),
  await load(nats, "--sub-url", mqtt),
  await load(mqtt, "--qos", "1", "--subs", "5"),
];
await report(`after ${rates.join(", ")} messages/s`);
const clients: RawMqtt[] = [];
for (let i = 0; i < CLIENTS; i++) clients.push(await RawMqtt.open(gateway.mqtt));
await report(`with ${CLIENTS} clients`);
for (const client of clients) client.close();
const port = /administration on http:\/\/127\.0\.0\.1:(\d+)/.exec(gateway.log())![1];
await (await fetch(`http://127.0.0.1:${port}/dashboard/login`)).text();
await settled();
await report("without them, the dashboard open");

/** Received messages a second, as `natsgate bench` counts them. */
async function load(url: string, ...more: string[]): Promise<number> {
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", main, "bench", url, ...more, "--duration", SECONDS, "--json"],
    stderr: "null",
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).received_per_s;
}

async function report(when: string): Promise<void> {
  const status = Deno.readTextFileSync(`/proc/${gateway.child.pid}/status`);
  const megabytes = (name: string) =>
    (Number(RegExp(`${name}:\\s+(\\d+) kB`).exec(status)![1]) * 1024 / 1e6).toFixed(1);
  const line = `${megabytes("VmRSS")} MB resident (${megabytes("RssAnon")} its own): ${when}\n`;
  await Deno.stdout.write(new TextEncoder().encode(line));
}
