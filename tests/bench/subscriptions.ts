/**
 * A million subscriptions: 100 000 filters of 10 clients each, a third of them with wildcards.
 * Prints what loading them costs in time and memory, and what they cost a publisher whose topic
 * matches one other subscription.
 *
 *     deno run -A --v8-flags=--expose-gc tests/bench/subscriptions.ts
 */
import { type NatsClient, NatsWorld } from "../kit/nats_world.ts";

const FILTERS = 100_000;
const CLIENTS = 10;
const PUBLISHES = 300_000;
/** Publishes in one read, as a busy client sends them. */
const PER_READ = 100;

/** The nth filter as a subject: sites, lines, devices and values, a third with wildcards. */
function filterOf(n: number): string {
  const device = `site.${n % 50}.line.${n % 997}.device.${n}`;
  if (n % 3 !== 0) return `${device}.temperature`;
  return n % 2 === 0 ? `${device}.>` : `site.*.line.${n % 997}.device.${n}.*`;
}

function subscribeAll(world: NatsWorld): NatsClient[] {
  const clients: NatsClient[] = [];
  for (let c = 0; c < CLIENTS; c++) {
    const client = world.open();
    client.read();
    for (let n = 0; n < FILTERS; n += 500) {
      let text = "";
      for (let i = n; i < n + 500; i++) text += `SUB ${filterOf(i)} ${i}\r\n`;
      client.send(text);
    }
    clients.push(client);
  }
  return clients;
}

/** Nanoseconds of one publish that one subscriber gets; `topics`: how many take turns. */
function publishCost(world: NatsWorld, topics: number): number {
  const publisher = world.open(), listener = world.open();
  listener.send("SUB probe.*.x 1\r\n");
  const reads: Uint8Array[] = [];
  for (let first = 0; first < Math.max(topics, PER_READ); first += PER_READ) {
    let text = "";
    for (let i = first; i < first + PER_READ; i++) {
      text += `PUB probe.${i % topics}.x 16\r\n0123456789abcdef\r\n`;
    }
    reads.push(new TextEncoder().encode(text));
  }
  const run = (count: number) => {
    for (let i = 0; i < count / PER_READ; i++) {
      publisher.session.receive(reads[i % reads.length]!);
      for (let segment; (segment = listener.link.out.take()) !== undefined;) {
        listener.link.out.done(segment);
      }
    }
  };
  run(PUBLISHES / 3);
  const start = performance.now();
  run(PUBLISHES);
  const cost = (performance.now() - start) / PUBLISHES * 1e6;
  publisher.leave();
  listener.leave();
  return cost;
}

function heap_bytes(): number {
  (globalThis as { gc?: () => void }).gc?.();
  return Deno.memoryUsage().heapUsed;
}

function print(what: string, value: string): void {
  // deno-lint-ignore no-console
  console.log(`${what.padEnd(44)} ${value.padStart(12)}`);
}

const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
const ns = (value: number) => `${value.toFixed(0)} ns`;

/** More topics than the route cache holds: every publish is matched anew. */
const MANY_TOPICS = 150_000;

const few = new NatsWorld();
const before = heap_bytes();
const known = publishCost(few, 1), fresh = publishCost(few, MANY_TOPICS);

const world = new NatsWorld();
const start = performance.now();
const clients = subscribeAll(world);
const load_ms = performance.now() - start;
print("subscriptions", String(world.router.subscriptions));
print("time to load them", `${(load_ms / 1000).toFixed(1)} s`);
print("heap for them", mib(heap_bytes() - before));
print("resident memory of the process", mib(Deno.memoryUsage().rss));
const crowdedKnown = publishCost(world, 1), crowdedFresh = publishCost(world, MANY_TOPICS);
print("publish to a known topic, nothing else", ns(known));
print("publish to a known topic, among a million", ns(crowdedKnown));
print("slowdown", `${(crowdedKnown / known).toFixed(2)} times`);
print("publish to a new topic, nothing else", ns(fresh));
print("publish to a new topic, among a million", ns(crowdedFresh));
print("slowdown", `${(crowdedFresh / fresh).toFixed(2)} times`);
const stop = performance.now();
for (const client of clients) client.leave();
print("time to drop them all", `${((performance.now() - stop) / 1000).toFixed(1)} s`);
print("subscriptions left", String(world.router.subscriptions));
