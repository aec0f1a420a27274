/**
 * Clients whose connections break at any moment, and a gateway that is started again now and then:
 * QoS 1 arrives at least once, QoS 2 exactly once, both in order. [MQTT-4.3.2-1] [MQTT-4.3.3-1]
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { PacketType } from "../../gateway/mqtt/packets.ts";
import { type ConnectFields, type FakeClient, MqttWorld } from "../kit/mqtt_world.ts";
import { RecordingStore, restart } from "../kit/recording_store.ts";
import { randomSeed } from "../kit/seed.ts";
import type { AnyPacket } from "./wire.ts";

const SEED = randomSeed("reconnect_test");
const KEEP: ConnectFields = { cleanStart: false, properties: { sessionExpiry: 1000 } };
const OPTIONS = { max_inflight: 3, max_awaiting_rel: 50 };

/** A publisher that sends again what was not acknowledged, as the standard asks of clients. */
class Publisher {
  client: FakeClient | undefined;
  #next = 0;
  /** By packet id: the number that was published, and whether PUBREC has come. */
  readonly #open = new Map<number, { value: number; released: boolean }>();
  constructor(readonly qos: 1 | 2) {}

  connect(world: MqttWorld): void {
    this.client = world.connect(`publisher-${this.qos}`, KEEP);
    for (const [packetId, { value, released }] of this.#open) {
      if (released) this.client.ack(PacketType.Pubrel, packetId);
      else this.#send(packetId, value, true);
    }
  }

  publish(): void {
    // Few ids, so that they are soon used again.
    const free = Array.from({ length: 20 }, (_, i) => i + 1).find((id) => !this.#open.has(id));
    if (this.client === undefined || free === undefined) return;
    this.#open.set(free, { value: this.#next++, released: false });
    this.#send(free, this.#next - 1, false);
  }

  read(): void {
    for (const packet of this.client?.take() ?? []) {
      if (packet.type === PacketType.Puback || packet.type === PacketType.Pubcomp) {
        this.#open.delete(packet.packetId);
      } else if (packet.type === PacketType.Pubrec) {
        const open = this.#open.get(packet.packetId);
        if (open !== undefined) open.released = true;
        this.client!.ack(PacketType.Pubrel, packet.packetId);
      }
    }
  }

  get published(): number {
    return this.#next;
  }

  #send(packetId: number, value: number, dup: boolean): void {
    this.client!.publish(`t/${this.qos}`, { qos: this.qos, packetId, dup, payload: `${value}` });
  }
}

/** A subscriber that knows QoS 2 ids until PUBREL, also over reconnects. */
class Subscriber {
  client: FakeClient | undefined;
  readonly got = new Map<string, number[]>([["t/1", []], ["t/2", []]]);
  readonly #received = new Set<number>();

  connect(world: MqttWorld): void {
    this.client = world.connect("subscriber", KEEP);
    if (!this.client.connack!.sessionPresent) this.client.subscribe("t/+", 2);
    this.#handle(this.client.early);
  }

  /** Reads what came, `some` packets of it; the rest is lost with the connection. */
  read(some = Infinity): void {
    if (this.client !== undefined) this.#handle(this.client.take().slice(0, some));
  }

  #handle(packets: readonly AnyPacket[]): void {
    const client = this.client!;
    for (const packet of packets) {
      if (packet.type === PacketType.Pubrel) {
        this.#received.delete(packet.packetId);
        client.ack(PacketType.Pubcomp, packet.packetId);
      } else if (packet.type === PacketType.Publish) {
        const { packetId, topic, payload } = packet;
        const isNew = packet.qos === 1 || !this.#received.has(packetId);
        if (isNew) this.got.get(topic)!.push(Number(new TextDecoder().decode(payload)));
        if (packet.qos === 2) this.#received.add(packetId);
        client.ack(packet.qos === 1 ? PacketType.Puback : PacketType.Pubrec, packetId);
      }
    }
  }
}

const STEPS = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom("publish 1", "publish 2") },
    { weight: 4, arbitrary: fc.constantFrom("read subscriber", "read publishers") },
    {
      weight: 2,
      arbitrary: fc.constantFrom("read some, then cut", "cut subscriber", "connect subscriber"),
    },
    { weight: 1, arbitrary: fc.constantFrom("cut publishers", "connect publishers", "restart") },
  ),
  { minLength: 50, maxLength: 300 },
);

/** The clients of one run, and the gateway they live with. */
class Run {
  readonly store = new RecordingStore();
  world = new MqttWorld({ store: this.store.store, options: OPTIONS });
  readonly publishers = [new Publisher(1), new Publisher(2)];
  readonly subscriber = new Subscriber();

  step(step: string): void {
    const { world, subscriber, publishers } = this;
    if (step.startsWith("publish ")) publishers[Number(step.slice(8)) - 1]!.publish();
    else if (step === "read subscriber") subscriber.read();
    else if (step === "read some, then cut") {
      subscriber.read(2);
      cut(subscriber);
    } else if (step === "read publishers") { for (const publisher of publishers) publisher.read(); }
    else if (step === "connect subscriber") subscriber.connect(world);
    else if (step === "connect publishers") { for (const each of publishers) each.connect(world); }
    else if (step === "restart") this.#restart();
    else for (const each of step === "cut subscriber" ? [subscriber] : publishers) cut(each);
  }

  /** Everybody comes back and everything is read until nothing comes any more. */
  settle(): void {
    for (const publisher of this.publishers) publisher.connect(this.world);
    this.subscriber.connect(this.world);
    for (let i = 0; i < 500; i++) {
      for (const publisher of this.publishers) publisher.read();
      this.subscriber.read();
    }
  }

  /** The gateway is gone without a word, and another reads what it had stored. */
  #restart(): void {
    for (const each of [this.subscriber, ...this.publishers]) each.client = undefined;
    this.world = restart(this.store, this.world.now + 1000, { options: OPTIONS });
  }
}

function cut(each: { client: FakeClient | undefined }): void {
  each.client?.drop();
  each.client = undefined;
}

Deno.test("whatever breaks, QoS 1 and 2 keep their promises", () => {
  fc.assert(
    fc.property(STEPS, (steps) => {
      const run = new Run();
      run.subscriber.connect(run.world);
      for (const publisher of run.publishers) publisher.connect(run.world);
      for (const step of steps) run.step(step);
      run.settle();
      const [atLeastOnce, exactlyOnce] = [...run.subscriber.got.values()];
      const all = (qos: 1 | 2) =>
        Array.from({ length: run.publishers[qos - 1]!.published }, (_, i) => i);
      assert.deepEqual(exactlyOnce, all(2));
      const firsts = atLeastOnce!.filter((value, i) => atLeastOnce!.indexOf(value) === i);
      assert.deepEqual(firsts, all(1));
      assert.equal(run.world.broker.queued.bytes, 0);
      for (const queue of run.store.queues.values()) assert.equal(queue.size, 0);
    }),
    { seed: SEED, numRuns: 200 },
  );
});
