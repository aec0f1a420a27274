/**
 * Sends a million messages from one NATS session to another, and fails when that leaves more than
 * `GROWTH_BYTES_MAX` on the heap: the path of a message must keep nothing.
 *
 *     deno run -A --v8-flags=--expose-gc tests/bench/allocation.ts
 */
import { NatsWorld } from "../kit/nats_world.ts";

const MESSAGES = 1_000_000;
const PER_READ = 100;
const GROWTH_BYTES_MAX = 1024 * 1024;

const collect = (globalThis as { gc?: () => void }).gc;
if (collect === undefined) throw new Error("start it with --v8-flags=--expose-gc");

const world = new NatsWorld();
const publisher = world.open(), subscriber = world.open();
subscriber.send("SUB plant.*.temperature 1\r\nSUB plant.1.* q 2\r\nSUB r.> 3\r\n");

/** One read: two subjects in turn, with and without reply and headers. */
function read(): Uint8Array {
  const block = "NATS/1.0\r\nTrace: 1\r\n\r\n";
  const frames = [
    "PUB plant.1.temperature 16\r\n0123456789abcdef\r\n",
    "PUB plant.2.temperature r.1 5\r\nhello\r\n",
    `HPUB plant.1.temperature ${block.length} ${block.length + 2}\r\n${block}hi\r\n`,
    "PUB plant.1.temperature 0\r\n\r\n",
  ];
  const text = Array.from({ length: PER_READ }, (_, i) => frames[i % frames.length]).join("");
  return new TextEncoder().encode(text);
}

const chunk = read();

function run(messages: number): void {
  for (let i = 0; i < messages / PER_READ; i++) {
    publisher.session.receive(chunk);
    for (const { link: { out } } of [publisher, subscriber]) {
      for (let segment; (segment = out.take()) !== undefined;) out.done(segment);
    }
  }
}

function heap_bytes(): number {
  collect!();
  collect!();
  return Deno.memoryUsage().heapUsed;
}

run(MESSAGES / 10);
const before = heap_bytes();
run(MESSAGES);
const growth = heap_bytes() - before;
const delivered = subscriber.session.info.messagesOut;
// deno-lint-ignore no-console
console.log(`${MESSAGES} messages, ${delivered} deliveries, heap grew by ${growth} bytes`);
if (delivered < MESSAGES || growth > GROWTH_BYTES_MAX) Deno.exit(1);
