/**
 * Clients that keep the promises of the standard when a gateway dies under them: they know what is
 * unacknowledged, send it again on the next connection, and remember the QoS 2 ids they have seen.
 */
import assert from "node:assert/strict";
import {
  type AckType,
  PacketType,
  type ProtocolVersion,
  type QoS,
} from "../../gateway/mqtt/packets.ts";
import { type AnyPacket, decodeAll, decoderOf, encode, type PublishPacket } from "../mqtt/wire.ts";
import { writeAll } from "./conn.ts";
import { RawNats } from "./raw_nats.ts";
import { within } from "./wait.ts";

/** Messages of one publisher that may be unacknowledged. */
const WINDOW = 20;
const VERSION: ProtocolVersion = 5;
const SESSION_EXPIRY_S = 3600;

/** One MQTT connection; ends quietly when the gateway dies. */
class MqttWire {
  readonly #pending: Uint8Array[] = [];
  #writing = false;
  /** Resolves when the connection is over. */
  readonly ended: Promise<void>;

  private constructor(readonly conn: Deno.Conn, receive: (packet: AnyPacket) => void) {
    this.ended = this.#read(receive);
  }

  /** Connects with a session that stays. */
  static async open(
    port: number,
    clientId: string,
    receive: (packet: AnyPacket) => void,
  ): Promise<MqttWire> {
    const wire = new MqttWire(await Deno.connect({ hostname: "127.0.0.1", port }), receive);
    wire.send({
      type: PacketType.Connect,
      version: VERSION,
      clientId,
      cleanStart: false,
      keepAlive: 0,
      username: undefined,
      password: undefined,
      will: undefined,
      properties: { sessionExpiry: SESSION_EXPIRY_S },
    });
    return wire;
  }

  send(...packets: AnyPacket[]): void {
    this.#pending.push(encode(VERSION, ...packets));
    if (!this.#writing) this.#write();
  }

  async close(): Promise<void> {
    try {
      this.conn.close();
    } catch { /* the gateway was faster */ }
    await this.ended;
  }

  async #write(): Promise<void> {
    this.#writing = true;
    try {
      for (let bytes; (bytes = this.#pending.shift()) !== undefined;) {
        await writeAll(this.conn, bytes);
      }
    } catch { /* the gateway is dead; what is unacknowledged goes again */ }
    this.#writing = false;
  }

  async #read(receive: (packet: AnyPacket) => void): Promise<void> {
    const decoder = decoderOf(VERSION, "client", 1 << 20);
    const buffer = new Uint8Array(65_536);
    try {
      for (let size; (size = await this.conn.read(buffer)) !== null;) {
        for (const packet of decodeAll(decoder, buffer.slice(0, size))) receive(packet);
      }
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
    }
  }
}

/** Publishes 0, 1, 2 … to one topic, as fast as acknowledgements come. */
export interface NumberPublisher {
  readonly topic: string;
  /** Numbers sent so far: 0 up to this, exclusive. */
  readonly sent: number;
  /** Numbers acknowledged without a gap: 0 up to this, exclusive. */
  readonly acknowledged: number;
  /** Connects, sends again what is open, and goes on with new numbers until `finish`. */
  connect(port: number): Promise<void>;
  /** Sends no new numbers; resolves when all are acknowledged. */
  finish(): Promise<void>;
  close(): Promise<void>;
}

/** Over MQTT, with QoS 1 or 2. */
export class MqttPublisher implements NumberPublisher {
  readonly topic: string;
  sent = 0;
  #wire: MqttWire | undefined;
  /** By packet id: the number, and whether PUBREC has come. In the order of sending. */
  readonly #open = new Map<number, { readonly value: number; released: boolean }>();
  #nextId = 1;
  #finishing = false;
  #finished = Promise.withResolvers<void>();

  constructor(readonly name: string, readonly qos: QoS, readonly retain = false) {
    this.topic = `crash/${name}`;
  }

  get acknowledged(): number {
    return Math.min(this.sent, ...[...this.#open.values()].map(({ value }) => value));
  }

  async connect(port: number): Promise<void> {
    const connected = Promise.withResolvers<void>();
    this.#wire = await MqttWire.open(port, this.name, (packet) => {
      if (packet.type === PacketType.Connack) {
        assert.equal(packet.reasonCode, 0);
        connected.resolve();
        for (const [packetId, { value, released }] of this.#open) {
          if (released) this.#ack(PacketType.Pubrel, packetId);
          else this.#publish(packetId, value, true);
        }
      } else if (packet.type === PacketType.Pubrec) {
        // An id that is not open any more was completed before the crash.
        const open = this.#open.get(packet.packetId);
        if (open !== undefined) open.released = true;
        this.#ack(PacketType.Pubrel, packet.packetId);
      } else if (packet.type === PacketType.Puback || packet.type === PacketType.Pubcomp) {
        this.#open.delete(packet.packetId);
      }
      this.#more();
    });
    await within(connected.promise, `${this.name} to connect`);
  }

  async finish(): Promise<void> {
    this.#finishing = true;
    this.#more();
    await within(this.#finished.promise, `the last acknowledgements to ${this.name}`);
  }

  async close(): Promise<void> {
    await this.#wire?.close();
  }

  #more(): void {
    while (!this.#finishing && this.#open.size < WINDOW) {
      while (this.#open.has(this.#nextId)) this.#nextId = this.#nextId % (2 * WINDOW) + 1;
      this.#open.set(this.#nextId, { value: this.sent, released: false });
      this.#publish(this.#nextId, this.sent++, false);
    }
    if (this.#finishing && this.#open.size === 0) this.#finished.resolve();
  }

  #publish(packetId: number, value: number, dup: boolean): void {
    this.#wire!.send({
      type: PacketType.Publish,
      topic: this.topic,
      payload: new TextEncoder().encode(String(value)),
      qos: this.qos,
      retain: this.retain,
      dup,
      packetId,
      properties: {},
    });
  }

  #ack(type: AckType, packetId: number): void {
    this.#wire!.send({ type, packetId, reasonCode: 0, properties: {} });
  }
}

/** Over NATS in verbose mode, which is QoS 1: `+OK` is the acknowledgement. */
export class NatsPublisher implements NumberPublisher {
  readonly topic: string;
  sent = 0;
  acknowledged = 0;
  #raw: RawNats | undefined;
  #loop: Promise<void> = Promise.resolve();
  #finishing = false;
  constructor(readonly name: string) {
    this.topic = `crash/${name}`;
  }

  async connect(port: number): Promise<void> {
    this.#raw = await RawNats.open(port, { verbose: true });
    this.#loop = this.#run(this.#raw);
  }

  async finish(): Promise<void> {
    this.#finishing = true;
    await within(this.#loop, `the last +OK to ${this.name}`);
    assert.equal(this.acknowledged, this.sent);
  }

  async close(): Promise<void> {
    this.#raw?.close();
    await this.#loop;
  }

  async #run(raw: RawNats): Promise<void> {
    try {
      for (let again = this.acknowledged; again < this.sent;) again = await this.#burst(raw, again);
      while (!this.#finishing) this.sent = Math.max(this.sent, await this.#burst(raw, this.sent));
    } catch { /* the gateway is dead */ }
  }

  /** Publishes a window of numbers from `first` on and waits for their acknowledgements. */
  async #burst(raw: RawNats, first: number): Promise<number> {
    const last = first < this.sent ? this.sent : first + WINDOW;
    this.sent = last;
    const subject = this.topic.replaceAll("/", ".");
    let text = "";
    for (let i = first; i < last; i++) text += `PUB ${subject} ${String(i).length}\r\n${i}\r\n`;
    await raw.send(text);
    for (let i = first; i < last; i++) {
      await raw.expect("+OK");
      this.acknowledged = i + 1;
    }
    return last;
  }
}

/** A subscriber with a session that stays. Notes what comes, by topic. */
export class NumberSubscriber {
  readonly received = new Map<string, number[]>();
  readonly #seen = new Set<number>();
  #wire: MqttWire | undefined;
  #hasSession = false;
  constructor(readonly name: string, readonly filter: string) {}

  async connect(port: number): Promise<void> {
    const ready = Promise.withResolvers<void>();
    this.#wire = await MqttWire.open(port, this.name, (packet) => {
      if (packet.type === PacketType.Connack) {
        assert.equal(packet.sessionPresent, this.#hasSession, `${this.name}: Session Present`);
        if (this.#hasSession) ready.resolve();
        else this.#subscribe();
      } else if (packet.type === PacketType.Suback) {
        this.#hasSession = true;
        ready.resolve();
      } else if (packet.type === PacketType.Publish) this.#take(packet);
      else if (packet.type === PacketType.Pubrel) {
        this.#seen.delete(packet.packetId);
        this.#ack(PacketType.Pubcomp, packet.packetId);
      }
    });
    await within(ready.promise, `${this.name} to be ready`);
  }

  async close(): Promise<void> {
    await this.#wire?.close();
  }

  #take({ topic, payload, qos, packetId }: PublishPacket): void {
    if (qos < 2 || !this.#seen.has(packetId)) {
      let numbers = this.received.get(topic);
      if (numbers === undefined) this.received.set(topic, numbers = []);
      numbers.push(Number(new TextDecoder().decode(payload)));
    }
    if (qos === 2) this.#seen.add(packetId);
    if (qos > 0) this.#ack(qos === 1 ? PacketType.Puback : PacketType.Pubrec, packetId);
  }

  #subscribe(): void {
    const subscription = {
      filter: this.filter,
      qos: 2 as const,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 2 as const,
    };
    this.#wire!.send({
      type: PacketType.Subscribe,
      packetId: 1,
      subscriptions: [subscription],
      properties: {},
    });
  }

  #ack(type: AckType, packetId: number): void {
    this.#wire!.send({ type, packetId, reasonCode: 0, properties: {} });
  }
}
