/**
 * QoS 1 through a persistent session: publishers with a window of unacknowledged messages, one
 * subscriber whose session is stored, all in a process of their own. The gateway runs with
 * `store.sync = "normal"`; where there is a nats-server (`NATS_SERVER` names it), its MQTT is
 * measured in the same way. `deno run -A tests/bench/persistent.ts [--seconds 5] [--pubs 50]`
 */
// deno-lint-ignore-file no-console
import { parseArgs } from "node:util";
import { startGateway } from "../kit/gateway.ts";
import { NATS_SERVER, NatsServer } from "../kit/nats_server.ts";

/** Bytes of each payload. */
const PAYLOAD_BYTES = 128;
const TOPIC = "bench/persistent";
/** Messages of one publisher that may be unacknowledged. */
const WINDOW = 64;
/** Messages that the subscriber may have unacknowledged, for both servers. */
const SUBSCRIBER_WINDOW = 1024;
const WARM_UP_MS = 1000;
const PUBACK_BYTES = 4;

/** What one run gives. */
interface Figures {
  /** PUBACKs to publishers, and messages to the subscriber, a second. */
  readonly acknowledged_per_s: number;
  readonly received_per_s: number;
}

const { values } = parseArgs({
  args: Deno.args,
  options: {
    seconds: { type: "string", default: "5" },
    pubs: { type: "string", default: "50" },
    load: { type: "string" },
  },
});

if (values.load !== undefined) {
  const figures = await load(Number(values.load), Number(values.pubs), Number(values.seconds));
  console.log(JSON.stringify(figures));
  Deno.exit(0);
}
console.log("server                       received/s   acknowledged/s");
{
  const set = [
    "store.sync=normal",
    `mqtt.max_inflight=${SUBSCRIBER_WINDOW}`,
  ];
  await using gateway = await startGateway({ set });
  show("gateway, sync = normal", await measure(gateway.mqtt));
}
if (NATS_SERVER === undefined) console.log("nats-server: not installed (set NATS_SERVER)");
else {
  const port = freePort();
  const dir = Deno.makeTempDirSync({ prefix: "natsgate-bench-" });
  {
    await using _server = await NatsServer.start(`
      server_name: bench
      jetstream { store_dir: "${dir}" }
      mqtt { host: "127.0.0.1", port: ${port}, max_ack_pending: ${SUBSCRIBER_WINDOW} }
    `);
    show("nats-server MQTT", await measure(port));
  }
  Deno.removeSync(dir, { recursive: true });
}

function show(name: string, { acknowledged_per_s, received_per_s }: Figures): void {
  console.log(
    name.padEnd(28) + String(Math.round(received_per_s)).padStart(11) +
      String(Math.round(acknowledged_per_s)).padStart(17),
  );
}

/** Loads a server from a process of its own. */
async function measure(port: number): Promise<Figures> {
  const words = [`--load=${port}`, `--pubs=${values.pubs}`, `--seconds=${values.seconds}`];
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", import.meta.filename!, ...words],
  }).output();
  const text = new TextDecoder().decode(stdout);
  if (text === "") throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(text);
}

async function load(port: number, publishers: number, seconds: number): Promise<Figures> {
  const counts = { acknowledged: 0, received: 0 };
  const subscriber = await connect(port, "bench-keeper", false);
  await subscriber.write(subscribePacket());
  await readExactly(subscriber, 5);
  receive(subscriber, counts);
  for (let i = 0; i < publishers; i++) {
    publish(await connect(port, `bench-publisher-${i}`, true), counts);
  }
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
  const before = { ...counts };
  const started = performance.now();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const elapsed_s = (performance.now() - started) / 1000;
  return {
    acknowledged_per_s: (counts.acknowledged - before.acknowledged) / elapsed_s,
    received_per_s: (counts.received - before.received) / elapsed_s,
  };
}

/** Keeps the window full: half of it is sent again as soon as half of it is acknowledged. */
async function publish(conn: Deno.Conn, counts: { acknowledged: number }): Promise<void> {
  const half = WINDOW / 2;
  const bursts = [burst(1, half), burst(1 + half, half)];
  await conn.write(bursts[0]!);
  await conn.write(bursts[1]!);
  const buffer = new Uint8Array(WINDOW * PUBACK_BYTES);
  let bytes = 0;
  for (let next = 0;;) {
    const size = await conn.read(buffer);
    if (size === null) throw new Error("the server closed a publisher's connection");
    bytes += size;
    while (bytes >= half * PUBACK_BYTES) {
      bytes -= half * PUBACK_BYTES;
      counts.acknowledged += half;
      await conn.write(bursts[next]!);
      next = 1 - next;
    }
  }
}

/** Takes PUBLISH packets, all of the same size, and acknowledges each. */
async function receive(conn: Deno.Conn, counts: { received: number }): Promise<void> {
  const frameBytes = burst(1, 1).length;
  const idAt = 3 + 2 + TOPIC.length;
  const buffer = new Uint8Array(1 << 20);
  const acks = new Uint8Array(Math.ceil(buffer.length / frameBytes) * PUBACK_BYTES);
  for (let filled = 0;;) {
    const size = await conn.read(buffer.subarray(filled));
    if (size === null) throw new Error("the server closed the subscriber's connection");
    filled += size;
    let at = 0;
    let acked = 0;
    for (; at + frameBytes <= filled; at += frameBytes) {
      acks[acked++] = 0x40;
      acks[acked++] = 2;
      acks[acked++] = buffer[at + idAt]!;
      acks[acked++] = buffer[at + idAt + 1]!;
      counts.received++;
    }
    buffer.copyWithin(0, at, filled);
    filled -= at;
    await writeAll(conn, acks.subarray(0, acked));
  }
}

async function connect(port: number, clientId: string, clean: boolean): Promise<Deno.Conn> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  conn.setNoDelay();
  await conn.write(packet(0x10, [...text("MQTT"), 4, clean ? 2 : 0, 0, 0, ...text(clientId)]));
  const connack = await readExactly(conn, 4);
  if (connack[3] !== 0) throw new Error(`CONNECT was refused with ${connack[3]}`);
  return conn;
}

function subscribePacket(): Uint8Array<ArrayBuffer> {
  return packet(0x82, [0, 1, ...text(TOPIC), 1]);
}

/** PUBLISH packets with ids from `first` on. */
function burst(first: number, count: number): Uint8Array<ArrayBuffer> {
  const payload = Array<number>(PAYLOAD_BYTES).fill(0x2e);
  const frames: number[] = [];
  for (let id = first; id < first + count; id++) {
    frames.push(...packet(0x32, [...text(TOPIC), id >> 8, id & 0xff, ...payload]));
  }
  return Uint8Array.from(frames);
}

function packet(first: number, body: readonly number[]): Uint8Array<ArrayBuffer> {
  const { length } = body;
  const size = length < 128 ? [length] : [length & 0x7f | 0x80, length >> 7];
  return Uint8Array.from([first, ...size, ...body]);
}

function text(value: string): number[] {
  return [value.length >> 8, value.length & 0xff, ...new TextEncoder().encode(value)];
}

async function readExactly(conn: Deno.Conn, count: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count;) {
    const size = await conn.read(bytes.subarray(at));
    if (size === null) throw new Error("the server closed the connection");
    at += size;
  }
  return bytes;
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

/** A port that nobody has; nats-server does not tell which one its MQTT took by itself. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}
