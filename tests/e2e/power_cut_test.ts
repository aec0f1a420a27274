/**
 * `store.sync` and the power cut. The gateway runs under strace; from what it wrote, synced and
 * sent, in that order, comes what a disk would hold had the power failed at the moment of an
 * acknowledgement. With `full` everything acknowledged until then is in there; with `normal` it is
 * not, which also shows that this test could tell.
 */
import assert from "node:assert/strict";
import { type Deed, mayTrace, readTrace, TracedDisk, tracedInto } from "../kit/disk_trace.ts";
import { startGateway } from "../kit/gateway.ts";
import { RawMqtt } from "../kit/raw_mqtt.ts";
import { RawNats } from "../kit/raw_nats.ts";
import { Place, type StateRead } from "../store/kit.ts";

const SKIPPED = !mayTrace();
const NOTE = SKIPPED ? " (skipped: strace is not installed, or may not trace)" : "";

/** Messages of each publisher, sent in bursts of this many. */
const MESSAGES = 120;
const BURST = 12;
/** Moments at which the power fails; the last acknowledgement is always one of them. */
const CUTS = 12;

/** One publisher; its messages are `<name>:<number>`. */
interface Publisher {
  readonly name: string;
  /** Its own port, by which the trace knows it. */
  readonly port: number;
  readonly kind: "qos1" | "qos2" | "nats" | "retained";
  /** Publishes everything and takes all acknowledgements. */
  run(): Promise<void>;
}

async function mqttPublisher(
  port: number,
  name: string,
  kind: "qos1" | "qos2" | "retained",
): Promise<Publisher> {
  const raw = await RawMqtt.open(port, { clientId: name, protocolVersion: 4 });
  const burst = async (first: number) => {
    const ids = Array.from({ length: BURST }, (_, i) => first + i + 1);
    await Promise.all(ids.map((messageId) =>
      raw.send({
        cmd: "publish",
        topic: `cut/${name}`,
        payload: `${name}:${messageId - 1}`,
        qos: kind === "qos2" ? 2 : 1,
        retain: kind === "retained",
        dup: false,
        messageId,
      })
    ));
    for (const messageId of ids) {
      const ack = await raw.expect(kind === "qos2" ? "pubrec" : "puback");
      assert.equal(ack.messageId, messageId);
      if (kind !== "qos2") continue;
      await raw.send({ cmd: "pubrel", messageId });
    }
    if (kind === "qos2") { for (const _ of ids) await raw.expect("pubcomp"); }
  };
  return {
    name,
    kind,
    port: (raw.conn.localAddr as Deno.NetAddr).port,
    async run() {
      for (let first = 0; first < MESSAGES; first += BURST) await burst(first);
      raw.close();
    },
  };
}

async function natsPublisher(port: number, name: string): Promise<Publisher> {
  const raw = await RawNats.open(port, { verbose: true });
  return {
    name,
    kind: "nats",
    port: (raw.conn.localAddr as Deno.NetAddr).port,
    async run() {
      for (let first = 0; first < MESSAGES; first += BURST) {
        for (let i = first; i < first + BURST; i++) {
          await raw.publish(`cut.${name}`, `${name}:${i}`);
        }
        for (let i = 0; i < BURST; i++) await raw.expect("+OK");
      }
      raw.close();
    },
  };
}

/** A gateway that is traced while all publish at once. */
async function record(sync: string): Promise<{
  readonly deeds: readonly Deed[];
  readonly publishers: readonly Publisher[];
  readonly database: string;
}> {
  const dir = Deno.makeTempDirSync({ prefix: "natsgate-test-" });
  try {
    const trace = `${dir}/trace`;
    const gateway = await startGateway({
      dir,
      set: [`store.sync=${sync}`],
      under: tracedInto(trace),
    });
    const publishers: Publisher[] = [];
    try {
      const keeper = await RawMqtt.open(gateway.mqtt, {
        clientId: "keeper",
        clean: false,
        protocolVersion: 4,
      });
      await keeper.subscribe("cut/#", { qos: 2 });
      await keeper.disconnect();
      publishers.push(
        await mqttPublisher(gateway.mqtt, "one", "qos1"),
        await mqttPublisher(gateway.mqtt, "two", "qos2"),
        await mqttPublisher(gateway.mqtt, "kept", "retained"),
        await natsPublisher(gateway.nats, "nats"),
      );
      await Promise.all(publishers.map((publisher) => publisher.run()));
    } finally {
      // What it does while it stops in an orderly way is not what a power cut leaves.
      await gateway.stop("SIGKILL");
    }
    const deeds = await readTrace(trace, gateway.child.pid);
    return { deeds, publishers, database: `${dir}/data/natsgate.db` };
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Messages that these bytes acknowledge. MQTT 3.1.1 answers a publisher in packets of 4 bytes. */
function acknowledged({ kind }: Publisher, data: Uint8Array): number {
  if (kind === "nats") return new TextDecoder().decode(data).split("+OK\r\n").length - 1;
  let count = 0;
  for (let at = 0; at < data.length; at += 4) {
    if (data[at] === (kind === "qos2" ? PUBREC : PUBACK)) count++;
  }
  return count;
}

const PUBACK = 0x40;
const PUBREC = 0x50;

/** What the gateway finds when it starts again on this disk. */
function restarted(disk: TracedDisk, database: string): StateRead {
  using place = new Place();
  Deno.writeFileSync(place.path, disk.kept(database));
  Deno.writeFileSync(`${place.path}-wal`, disk.kept(`${database}-wal`));
  const { state } = place.open();
  assert.deepEqual(place.events, [], "the file is sound");
  return state;
}

/** Acknowledged messages that are not there any more. */
function lost(
  state: StateRead,
  publishers: readonly Publisher[],
  acks: ReadonlyMap<Publisher, number>,
): string[] {
  const queued = new Set(state.payloads("keeper"));
  return publishers.flatMap((publisher) => {
    const { name, kind } = publisher;
    const count = acks.get(publisher) ?? 0;
    const missing = Array.from({ length: count }, (_, i) => `${name}:${i}`)
      .filter((payload) => !queued.has(payload));
    if (kind !== "retained" || count === 0) return missing;
    const retained = state.messages.get(`cut/${name}`)?.payload ?? new Uint8Array(0);
    const value = Number(new TextDecoder().decode(retained).split(":")[1] ?? -1);
    return value >= count - 1 ? missing : [...missing, `retained ${name}:${count - 1}`];
  });
}

interface Cut {
  /** Messages acknowledged up to then. */
  readonly acknowledged: number;
  readonly lost: readonly string[];
  /** Changes of the write-ahead log that were not synced when the acknowledgement left. */
  readonly unsynced: number;
}

/** Cuts the power right after acknowledgements. */
function cutThePower({ deeds, publishers, database }: Awaited<ReturnType<typeof record>>): Cut[] {
  const byPort = new Map(publishers.map((publisher) => [publisher.port, publisher]));
  const disk = new TracedDisk();
  // The first +OK of a NATS client is for its CONNECT.
  const acks = new Map<Publisher, number>(
    publishers.map((publisher) => [publisher, publisher.kind === "nats" ? -1 : 0]),
  );
  const total = MESSAGES * publishers.length;
  const cuts: Cut[] = [];
  for (const deed of deeds) {
    disk.apply(deed);
    const publisher = deed.kind === "send" ? byPort.get(deed.port) : undefined;
    if (publisher === undefined || deed.kind !== "send") continue;
    const more = acknowledged(publisher, deed.data);
    if (more === 0) continue;
    acks.set(publisher, acks.get(publisher)! + more);
    const sum = [...acks.values()].reduce((all, count) => all + Math.max(count, 0), 0);
    if (sum < cuts.length * total / CUTS && sum < total) continue;
    cuts.push({
      acknowledged: sum,
      lost: lost(restarted(disk, database), publishers, acks),
      unsynced: disk.unsynced(`${database}-wal`),
    });
  }
  assert.equal(cuts.at(-1)?.acknowledged, total, "the trace has every acknowledgement");
  return cuts;
}

Deno.test({
  name: `store.sync = "full": a power cut loses nothing that was acknowledged${NOTE}`,
  ignore: SKIPPED,
  async fn() {
    const cuts = cutThePower(await record("full"));
    assert.ok(cuts.length >= CUTS, String(cuts.length));
    for (const cut of cuts) {
      assert.deepEqual(cut.lost, [], `after ${cut.acknowledged} acknowledgements`);
      assert.equal(cut.unsynced, 0, "an acknowledgement left before the sync");
    }
  },
});

Deno.test({
  name: `store.sync = "normal": a power cut may lose what was acknowledged last${NOTE}`,
  ignore: SKIPPED,
  async fn() {
    const cuts = cutThePower(await record("normal"));
    const { lost, unsynced } = cuts.at(-1)!;
    assert.ok(lost.length > 0 && unsynced > 0, "else the test for full shows nothing");
  },
});
