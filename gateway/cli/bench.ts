/** `natsgate bench`: load from publishers to subscribers, with rates and latencies. */
import { setImmediate } from "node:timers";
import { EXIT } from "../errors.ts";
import { REFERENCE_BYTES } from "../protocol/outbox.ts";
import type { TestClient } from "./client.ts";
import { connectClient } from "./connect.ts";
import { LatencyHistogram } from "./latency.ts";
import type { Arguments } from "./parse.ts";
import type { Io } from "./io.ts";
import { UsageError } from "./usage.ts";

/** Bytes at the start of each payload that hold when it was sent. */
const STAMP_BYTES = 8;
/** Messages that one publisher sends before others have their turn. */
const BURST = 128;
/** Messages still on their way count as lost after so long without any. */
const SILENCE_MS = 2000;
const PROGRESS_MS = 1000;

/** Payload bytes on their way to one subscriber, when --window does not say how many messages. */
const WINDOW_BYTES = 8 * 1024 * 1024;
const WINDOW_MESSAGES = 10_000;

/** What is measured. */
interface Tally {
  sent: number;
  received: number;
  /** Deliveries that each message makes. */
  readonly copies: number;
  readonly latency: LatencyHistogram;
}

/** Runs the load and prints what came of it. Exit code 1 when messages were lost. */
export async function run(args: Arguments, io: Io): Promise<number> {
  const size = args.integer("size");
  if (size < STAMP_BYTES) throw new UsageError(`--size must be at least ${STAMP_BYTES}.`);
  const url = args.operand(0);
  const group = args.text("group");
  const copies = group === undefined ? args.integer("subs") : Math.min(1, args.integer("subs"));
  const tally: Tally = { sent: 0, received: 0, copies, latency: new LatencyHistogram() };
  const clients: TestClient[] = [];
  try {
    const subscribers = await connectMany(clients, args, args.text("sub-url") ?? url, "subs");
    const publishers = await connectMany(clients, args, url, "pubs");
    for (const client of subscribers) {
      client.onPayload = (bytes, start) => receive(tally, bytes, start);
      await client.subscribe(args.text("sub-name") ?? args.text("name")!, {
        qos: qosOf(args),
        group,
      });
    }
    const stopProgress = showProgress(tally, io);
    const started = performance.now();
    await publishAll(publishers, tally, args, io);
    const published_ms = performance.now() - started;
    await Promise.race([arrival(tally), ...clients.map(lost)]);
    const elapsed_ms = performance.now() - started;
    stopProgress();
    report({ tally, size, published_ms, elapsed_ms }, args, io);
    return inFlight(tally) > 0 ? EXIT.failure : EXIT.ok;
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}

async function connectMany(
  clients: TestClient[],
  args: Arguments,
  url: string,
  option: "pubs" | "subs",
): Promise<TestClient[]> {
  const made = [];
  for (let i = 0; i < args.integer(option); i++) made.push(await connectClient(url, args));
  clients.push(...made);
  return made;
}

function qosOf(args: Arguments): 0 | 1 | 2 {
  return Number(args.text("qos")) as 0 | 1 | 2;
}

const stampView = new DataView(new ArrayBuffer(STAMP_BYTES));
const stampBytes = new Uint8Array(stampView.buffer);

function receive(tally: Tally, bytes: Uint8Array, start: number): void {
  tally.received++;
  for (let i = 0; i < STAMP_BYTES; i++) stampBytes[i] = bytes[start + i]!;
  tally.latency.record((performance.now() - stampView.getFloat64(0)) * 1000);
}

/** Publishes until the count or the time is reached, or the user stops it. */
async function publishAll(
  publishers: readonly TestClient[],
  tally: Tally,
  args: Arguments,
  io: Io,
): Promise<void> {
  const count = args.text("count") === undefined ? Infinity : args.integer("count");
  const duration_ms = args.integer("duration") * 1000;
  const rate = args.integer("rate");
  const started = performance.now();
  const deadline = count === Infinity ? started + duration_ms : Infinity;
  /** How many may have been sent by now. */
  const allowed = () => {
    const now = performance.now();
    if (now > deadline || io.interrupted.aborted) return -1;
    return rate === 0 ? count : Math.min(count, Math.ceil((now - started) * rate / 1000));
  };
  await Promise.all(publishers.map(async (client) => {
    await publishLoop(client, tally, args, allowed, count);
    await client.flush();
  }));
}

async function publishLoop(
  client: TestClient,
  tally: Tally,
  args: Arguments,
  allowed: () => number,
  count: number,
): Promise<void> {
  const name = args.text("name")!;
  const options = { qos: qosOf(args), retain: false, headers: [], reply: undefined };
  const size = args.integer("size");
  const window = windowOf(args) * Math.max(1, tally.copies);
  let progress = { received: -1, at: 0 };
  let payload = new Uint8Array(size).fill(0x2e);
  const view = new DataView(payload.buffer);
  while (tally.sent < count) {
    const limit = allowed();
    if (limit < 0) return;
    for (let i = 0; i < BURST && tally.sent < limit && client.isReady; i++) {
      if (inFlight(tally) >= window) break;
      // A large payload is sent from where it is, so it must not change any more.
      if (size >= REFERENCE_BYTES) payload = new Uint8Array(size);
      const stamp = size >= REFERENCE_BYTES ? new DataView(payload.buffer) : view;
      stamp.setFloat64(0, performance.now());
      client.publish(name, payload, options);
      tally.sent++;
    }
    if (inFlight(tally) >= window) {
      const now = performance.now();
      if (tally.received !== progress.received) progress = { received: tally.received, at: now };
      // What does not come any more would keep the window full for ever.
      else if (now - progress.at > SILENCE_MS) return;
    }
    if (!client.isReady) await client.ready();
    else if (tally.sent >= limit) await new Promise((resolve) => setTimeout(resolve, 1));
    else await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

/** Messages that one subscriber may have to wait for. */
function windowOf(args: Arguments): number {
  if (args.text("window") !== undefined) return args.integer("window");
  return Math.max(1, Math.min(WINDOW_MESSAGES, Math.floor(WINDOW_BYTES / args.integer("size"))));
}

/** Deliveries that are still to come. */
function inFlight(tally: Tally): number {
  return tally.sent * tally.copies - tally.received;
}

/** Resolves when all messages are there, or when nothing comes any more. */
async function arrival(tally: Tally): Promise<void> {
  let last = -1;
  let since = performance.now();
  while (inFlight(tally) > 0) {
    if (tally.received !== last) [last, since] = [tally.received, performance.now()];
    else if (performance.now() - since > SILENCE_MS) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Rejects when the client loses its connection. */
async function lost(client: TestClient): Promise<void> {
  const error = await client.closed;
  if (error !== undefined) throw error;
}

/** A line that is written over every second, where people watch. */
function showProgress(tally: Tally, io: Io): () => void {
  if (!io.errIsTerminal) return () => {};
  let before = { sent: 0, received: 0 };
  const timer = setInterval(() => {
    const { sent, received } = tally;
    const rates = `${sent - before.sent} sent/s, ${received - before.received} received/s`;
    io.err(`\r\x1b[K${rates}, p99 ${milliseconds(tally.latency.percentile_us(0.99))} ms`);
    before = { sent, received };
  }, PROGRESS_MS);
  return () => {
    clearInterval(timer);
    io.err("\r\x1b[K");
  };
}

interface Outcome {
  readonly tally: Tally;
  readonly size: number;
  readonly published_ms: number;
  readonly elapsed_ms: number;
}

function report(outcome: Outcome, args: Arguments, io: Io): void {
  const { tally, size, published_ms, elapsed_ms } = outcome;
  const { sent, received, copies, latency } = tally;
  const facts = {
    sent,
    received,
    lost: inFlight(tally),
    sent_per_s: Math.round(sent * 1000 / published_ms),
    received_per_s: Math.round(received * 1000 / elapsed_ms),
    received_mb_per_s: Number((received * size / elapsed_ms / 1000).toFixed(1)),
    latency_ms: {
      p50: milliseconds(latency.percentile_us(0.5)),
      p90: milliseconds(latency.percentile_us(0.9)),
      p99: milliseconds(latency.percentile_us(0.99)),
      "p99.9": milliseconds(latency.percentile_us(0.999)),
      max: milliseconds(latency.max_us),
    },
  };
  if (args.flag("json")) {
    io.out(`${JSON.stringify(facts)}\n`);
    return;
  }
  io.out(`sent      ${sent} messages of ${size} bytes, ${facts.sent_per_s}/s\n`);
  if (copies > 0) {
    io.out(
      `received  ${received}, ${facts.received_per_s}/s, ${facts.received_mb_per_s} MB/s` +
        `${facts.lost > 0 ? `, LOST ${facts.lost}` : ""}\n`,
    );
    const parts = Object.entries(facts.latency_ms).map(([name, value]) => `${name} ${value}`);
    io.out(`latency   ${parts.join("  ")}  (ms)\n`);
  }
}

function milliseconds(duration_us: number): number {
  return Number((duration_us / 1000).toPrecision(3));
}
