/** MQTT clients that keep the standard's promises, whatever happens to their connection. */
import assert from "node:assert/strict";
import { ReasonCode } from "../../gateway/mqtt/codes.ts";
import {
  type AckType,
  PacketType,
  type Properties,
  type ProtocolVersion,
  type QoS,
} from "../../gateway/mqtt/packets.ts";
import type { Chance } from "../kit/random.ts";
import { type AnyPacket, decodeAll, decoderOf, encode, type PublishPacket } from "../mqtt/wire.ts";
import type { Client, SimConnection } from "./connection.ts";
import { Received } from "./numbers.ts";
import { SECRET_TOPIC, type SimWorld } from "./world.ts";

const DECODER = new TextDecoder();
const ENCODER = new TextEncoder();
const PACKET_BYTES_MAX = 1 << 20;
const NEVER_EXPIRES = 0xffffffff;
/** Messages of one publisher that may be unacknowledged. */
const WINDOW = 10;

/** What a client's CONNECT says. */
interface ConnectSettings {
  readonly cleanStart: boolean;
  /** Seconds. */
  readonly sessionExpiry: number;
  readonly properties?: Properties;
  readonly will?: { readonly topic: string; readonly payload: string };
}

/** Connects again whenever it likes. */
abstract class MqttClient implements Client {
  connection: SimConnection | undefined = undefined;
  protected connected = false;
  /** False: it is to stay away. */
  mayConnect = true;
  /** Undefined: a CONNECT is on its way, and nobody knows whether it made a session. */
  #hasSession: boolean | undefined = false;
  #decoder = decoderOf(4, "client", PACKET_BYTES_MAX);

  constructor(
    readonly world: SimWorld,
    readonly chance: Chance,
    readonly name: string,
    readonly version: ProtocolVersion,
  ) {}

  /** Does one thing of its own accord. */
  act(): void {
    if (this.connected) this.work();
    else if (this.connection === undefined && this.mayConnect) this.#connect();
  }

  receive(bytes: Uint8Array): void {
    for (const packet of decodeAll(this.#decoder, bytes)) {
      if (packet.type === PacketType.Connack) this.#accepted(packet);
      else if (packet.type === PacketType.Disconnect) {
        // A CONNECT of a connection that it had given up came late.
        assert.equal(packet.reasonCode, ReasonCode.SessionTakenOver, `${this.name}: DISCONNECT`);
      } else this.handle(packet);
    }
  }

  lost(): void {
    this.connection = undefined;
    this.connected = false;
    this.disconnected();
  }

  /** True when there is nothing left to do. */
  abstract get idle(): boolean;
  protected abstract settings(): ConnectSettings;
  protected abstract work(): void;
  protected abstract handle(packet: AnyPacket): void;
  protected abstract resume(sessionPresent: boolean): void;
  protected disconnected(): void {}

  protected send(...packets: AnyPacket[]): void {
    this.connection!.send(encode(this.version, ...packets));
  }

  protected ack(type: AckType, packetId: number): void {
    this.send({ type, packetId, reasonCode: 0, properties: {} });
  }

  /** Says goodbye; the gateway closes. */
  leave(): void {
    this.send({ type: PacketType.Disconnect, reasonCode: 0, properties: {} });
    this.connected = false;
  }

  #connect(): void {
    const { cleanStart, sessionExpiry, properties = {}, will } = this.settings();
    this.#decoder = decoderOf(this.version, "client", PACKET_BYTES_MAX);
    this.connection = this.world.connectMqtt(this);
    if (cleanStart) this.#hasSession = false;
    else if (this.#hasSession === false) this.#hasSession = undefined;
    this.send({
      type: PacketType.Connect,
      version: this.version,
      clientId: this.name,
      cleanStart,
      keepAlive: 0,
      username: undefined,
      password: undefined,
      will: will && {
        topic: will.topic,
        payload: ENCODER.encode(will.payload),
        qos: 1,
        retain: false,
        properties: {},
      },
      properties: this.version === 5 ? { sessionExpiry, ...properties } : {},
    });
  }

  #accepted(connack: { readonly reasonCode: number; readonly sessionPresent: boolean }): void {
    assert.equal(connack.reasonCode, 0, `${this.name}: CONNACK`);
    if (this.#hasSession !== undefined) {
      assert.equal(connack.sessionPresent, this.#hasSession, `${this.name}: Session Present`);
    }
    this.#hasSession = true;
    this.connected = true;
    this.resume(connack.sessionPresent);
  }
}

const KEEP: ConnectSettings = { cleanStart: false, sessionExpiry: NEVER_EXPIRES };

/** Publishes 0, 1, 2 … to one topic and sends again what was not acknowledged. */
export class Publisher extends MqttClient {
  /** Numbers that were sent: 0 up to this, exclusive. */
  sent = 0;
  finishing = false;
  /** By packet id: the number, and whether PUBREC has come. In the order of sending. */
  readonly #open = new Map<number, { readonly value: number; released: boolean }>();
  #nextId = 1;

  constructor(
    world: SimWorld,
    chance: Chance,
    readonly topic: string,
    version: ProtocolVersion,
    readonly qos: QoS,
    readonly retain = false,
  ) {
    super(world, chance, `publisher of ${topic}`, version);
  }

  get idle(): boolean {
    return this.#open.size === 0;
  }

  protected settings(): ConnectSettings {
    return KEEP;
  }

  protected work(): void {
    if (this.finishing || this.#open.size >= WINDOW) return;
    const value = this.sent++;
    if (this.qos === 0) return this.#publish(0, value, false);
    while (this.#open.has(this.#nextId)) this.#nextId = this.#nextId % (2 * WINDOW) + 1;
    this.#open.set(this.#nextId, { value, released: false });
    this.#publish(this.#nextId, value, false);
  }

  protected handle(packet: AnyPacket): void {
    switch (packet.type) {
      case PacketType.Pubrec: {
        const open = this.#open.get(packet.packetId);
        if (open !== undefined) open.released = true;
        return this.ack(PacketType.Pubrel, packet.packetId);
      }
      case PacketType.Puback:
      case PacketType.Pubcomp:
        this.#open.delete(packet.packetId);
        return;
      default:
        assert.fail(`${this.name} got packet type ${packet.type}`);
    }
  }

  protected resume(): void {
    for (const [packetId, { value, released }] of this.#open) {
      if (released) this.ack(PacketType.Pubrel, packetId);
      else this.#publish(packetId, value, true);
    }
  }

  #publish(packetId: number, value: number, dup: boolean): void {
    this.send({
      type: PacketType.Publish,
      topic: this.topic,
      payload: ENCODER.encode(this.retain ? retainedPayload(value) : String(value)),
      qos: this.qos,
      retain: this.retain,
      dup,
      packetId,
      properties: {},
    });
  }
}

/** Every fourth retained message clears its topic. */
export function retainedPayload(value: number): string {
  return value % 4 === 3 ? "" : String(value);
}

/** Subscribes once, with a session that stays, and acknowledges when it feels like it. */
export class Subscriber extends MqttClient {
  readonly received = new Map<string, Received>();
  /** True once SUBACK has come. */
  subscribed = false;
  readonly #receiveMaximum: number;
  /** QoS 2 ids that were received and not yet released. */
  readonly #seen = new Set<number>();
  #acks: { readonly type: AckType; readonly packetId: number }[] = [];
  /** Messages of this connection that are not fully acknowledged. */
  readonly #unacknowledged = new Set<number>();
  readonly #aliases = new Map<number, string>();

  constructor(
    world: SimWorld,
    chance: Chance,
    name: string,
    version: ProtocolVersion,
    readonly filter: string,
    readonly qos: QoS,
    /** Whether first copies of the topic come in order. */
    readonly ordered: (topic: string) => boolean,
  ) {
    super(world, chance, name, version);
    this.#receiveMaximum = 1 + chance.below(20);
  }

  get idle(): boolean {
    return this.subscribed && this.#acks.length === 0 && this.#seen.size === 0;
  }

  protected settings(): ConnectSettings {
    return {
      ...KEEP,
      properties: { receiveMaximum: this.#receiveMaximum, topicAliasMaximum: 3 },
    };
  }

  protected work(): void {
    const next = this.#acks.shift();
    if (next === undefined) return;
    const { type, packetId } = next;
    if (type === PacketType.Puback || type === PacketType.Pubcomp) {
      this.#unacknowledged.delete(packetId);
    }
    this.ack(type, packetId);
    this.acknowledged(type, packetId);
  }

  /** An acknowledgement went out. */
  protected acknowledged(_type: AckType, _packetId: number): void {}

  protected handle(packet: AnyPacket): void {
    switch (packet.type) {
      case PacketType.Suback:
        this.subscribed = true;
        return;
      case PacketType.Publish:
        return this.#take(packet);
      case PacketType.Pubrel:
        this.#seen.delete(packet.packetId);
        this.#acks.push({ type: PacketType.Pubcomp, packetId: packet.packetId });
        return;
      default:
        assert.fail(`${this.name} got packet type ${packet.type}`);
    }
  }

  protected resume(sessionPresent: boolean): void {
    if (!sessionPresent) this.#seen.clear();
    if (sessionPresent && this.subscribed) return;
    const subscription = {
      filter: this.filter,
      qos: this.qos,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0 as const,
    };
    this.send({
      type: PacketType.Subscribe,
      packetId: 60_000,
      subscriptions: [subscription],
      properties: {},
    });
  }

  protected override disconnected(): void {
    this.#acks = [];
    this.#unacknowledged.clear();
    this.#aliases.clear();
  }

  #take(packet: PublishPacket): void {
    const { qos, packetId, payload } = packet;
    const topic = this.#topicOf(packet);
    assert.notEqual(topic, SECRET_TOPIC, `${this.name} hears a secret`);
    if (qos > 0) {
      this.#unacknowledged.add(packetId);
      if (this.version === 5) {
        assert.ok(this.#unacknowledged.size <= this.#receiveMaximum, `${this.name}: too many`);
      }
      const type = qos === 1 ? PacketType.Puback : PacketType.Pubrec;
      this.#acks.push({ type, packetId });
    }
    if (qos === 2 && this.#seen.has(packetId)) return;
    if (qos === 2) this.#seen.add(packetId);
    this.take(topic, DECODER.decode(payload), packetId);
  }

  /** A message came, for the first time if its QoS is 2. */
  protected take(topic: string, payload: string, _packetId: number): void {
    let received = this.received.get(topic);
    if (received === undefined) {
      this.received.set(topic, received = new Received(this.ordered(topic)));
    }
    received.note(Number(payload), `${this.name}, ${topic}`);
  }

  #topicOf({ topic, properties }: PublishPacket): string {
    const alias = properties.topicAlias;
    if (alias === undefined) return topic;
    if (topic !== "") this.#aliases.set(alias, topic);
    return this.#aliases.get(alias) ?? assert.fail(`${this.name}: alias ${alias} is unknown`);
  }
}

/**
 * A member of a shared group whose session ends with its connection: what it has not acknowledged
 * is for another member. `received` has only what it did acknowledge.
 */
export class PassingMember extends Subscriber {
  readonly #pending = new Map<number, { readonly topic: string; readonly value: number }>();

  protected override settings(): ConnectSettings {
    return { ...super.settings(), cleanStart: true, sessionExpiry: 0 };
  }

  protected override resume(): void {
    this.subscribed = false;
    super.resume(false);
  }

  protected override take(topic: string, payload: string, packetId: number): void {
    this.#pending.set(packetId, { topic, value: Number(payload) });
  }

  protected override acknowledged(type: AckType, packetId: number): void {
    const pending = this.#pending.get(packetId);
    if (pending === undefined || type === PacketType.Pubcomp) return;
    this.#pending.delete(packetId);
    super.take(pending.topic, String(pending.value), packetId);
  }

  protected override disconnected(): void {
    super.disconnected();
    this.#pending.clear();
  }
}

/** Has a will, and says by number which of its wills must, may or must not be published. */
export class Mortal extends MqttClient {
  readonly topic: string;
  /** Wills of connections that were accepted and cut. */
  readonly due = new Set<number>();
  /** Wills of connections whose fate the client does not know. */
  readonly possible = new Set<number>();
  #number = -1;
  #left = false;

  constructor(world: SimWorld, chance: Chance, name: string) {
    super(world, chance, name, 5);
    this.topic = `w/${name}`;
  }

  get idle(): boolean {
    return this.connected;
  }

  protected settings(): ConnectSettings {
    this.#left = false;
    const will = { topic: this.topic, payload: String(++this.#number) };
    return { cleanStart: true, sessionExpiry: 10, will };
  }

  protected work(): void {
    if (!this.chance.happens(0.02)) return;
    this.#left = true;
    this.leave();
  }

  protected handle(): void {}
  protected resume(): void {}

  override lost(): void {
    if (this.connected) this.due.add(this.#number);
    else this.possible.add(this.#number);
    super.lost();
  }

  /** No will of a connection that said goodbye in time is among them, and none is missing. */
  check(published: Received): void {
    for (const number of this.due) {
      assert.ok(published.has(number), `${this.name}: will ${number} is missing`);
    }
    for (const number of published.all) {
      const known = this.due.has(number) || this.possible.has(number);
      assert.ok(known, `${this.name}: will ${number} was taken back`);
    }
  }
}
