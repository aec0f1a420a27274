/**
 * How long a start takes with a full store: fills one, reads it in a process of its own, then
 * starts the gateway on it, three times, from the start of the process to `natsgate ready`.
 * `deno run -A tests/bench/store_load.ts [messages] [sessions]`
 */
import { realClock } from "../../gateway/clock.ts";
import { Message } from "../../gateway/core/message.ts";
import { Route } from "../../gateway/core/route.ts";
import type { Topic } from "../../gateway/core/topic.ts";
import { openSqliteStore, type SqliteStore } from "../../gateway/store/sqlite.ts";
import { startGateway } from "../kit/gateway.ts";
import { RawMqtt } from "../kit/raw_mqtt.ts";
import { entry, session, StateRead, subscription } from "../store/kit.ts";

const PAYLOAD_BYTES = 128;
const MESSAGES_PER_COMMIT = 100;
const STARTS = 3;
const NEVER_EXPIRES = 0xffffffff;

if (Deno.args[0] === "read") read(Deno.args[1]!);
else await fillAndRead(Number(Deno.args[0] ?? 1_000_000), Number(Deno.args[1] ?? 100_000));

async function fillAndRead(messages: number, sessions: number): Promise<void> {
  const directory = Deno.makeTempDirSync({ prefix: "natsgate-bench-" });
  const path = `${directory}/data/natsgate.db`;
  try {
    const started = performance.now();
    const store = open(path);
    store.load(new StateRead());
    fill(store, messages, sessions);
    store.close();
    say(`filled with ${messages} messages for ${sessions} sessions`, started);
    say(`file: ${(Deno.statSync(path).size / 2 ** 20).toFixed(0)} MiB`);
    const run = ["run", "-A", "--no-check", import.meta.filename!, "read", path];
    await new Deno.Command(Deno.execPath(), { args: run }).spawn().status;
    for (let i = 0; i < STARTS; i++) await start(directory, messages / sessions);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

function fill(store: SqliteStore, messages: number, sessions: number): void {
  for (let i = 0; i < sessions; i++) {
    const times = { disconnectedAt: 1_750_000_000_000, expiryInterval: NEVER_EXPIRES };
    store.sessions.put(session(`device-${i}`, times));
    store.sessions.putSubscription(`device-${i}`, subscription(`devices/${i}/#`));
    if (i % MESSAGES_PER_COMMIT === 0) store.commit();
  }
  for (let i = 0; i < messages; i++) {
    const device = i % sessions;
    const payload = new Uint8Array(PAYLOAD_BYTES).fill(i);
    const message = new Message(new Route(`devices/${device}/command` as Topic), payload);
    message.owned = true;
    message.qos = 1;
    store.sessions.enqueue(`device-${device}`, entry(i), store.sessions.body(message));
    if (i % MESSAGES_PER_COMMIT === 0) store.commit();
  }
}

function read(path: string): void {
  const started = performance.now();
  const store = open(path);
  say("opened and checked", started);
  const state = new StateRead();
  store.load(state);
  say("opened, checked and read", started);
  const messages = [...state.sessions.values()].reduce((sum, each) => sum + each.queue.length, 0);
  say(`${state.sessions.size} sessions, ${messages} messages`);
  say(`resident: ${(Deno.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB`);
  store.close();
}

/** Starts the gateway, as a process, and asks one session for its messages. */
async function start(dir: string, messagesEach: number): Promise<void> {
  const started = performance.now();
  await using gateway = await startGateway({ dir, args: ["--set", "mqtt.max_inflight=65535"] });
  say("gateway ready", started);
  const megabytes = (gateway.residentBytes() / 2 ** 20).toFixed(0);
  say(`CPU time: ${gateway.cpuSeconds().toFixed(1)} s, resident: ${megabytes} MiB`);
  using device = await RawMqtt.open(gateway.mqtt, {
    clientId: "device-7",
    clean: false,
    properties: { sessionExpiryInterval: NEVER_EXPIRES },
  });
  const received = (await device.received()).filter(({ cmd }) => cmd === "publish").length;
  if (received !== messagesEach) throw new Error(`device-7 got ${received} messages`);
  await gateway.stop("SIGKILL");
}

function open(path: string): SqliteStore {
  return openSqliteStore({ path, sync: "normal", clock: realClock() });
}

function say(what: string, since?: number): void {
  const time = since === undefined ? "" : `: ${(performance.now() - since).toFixed(0)} ms`;
  // deno-lint-ignore no-console
  console.info(what + time);
}
