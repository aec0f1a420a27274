/**
 * The MQTT test client, for 3.1.1 and 5.0.
 */
import { OperationalError } from "../errors.ts";
import { reasonText } from "../mqtt/codes.ts";
import { Decoder, NEED_MORE } from "../mqtt/decode.ts";
import {
  encodeAck,
  encodeDisconnect,
  encodePublish,
  encodePublishWith,
  publishTopic,
} from "../mqtt/encode.ts";
import { encodeConnect, encodePingreq, encodeSubscribe } from "../mqtt/encode_client.ts";
import { NO_PROPERTIES, type Packet, PacketType, type Properties } from "../mqtt/packets.ts";
import type { Answer, PublishOptions, Received, SubscribeOptions, TestClient } from "./client.ts";
import { Pump } from "./client.ts";
import type { DialedStream } from "./dial.ts";
import { UsageError } from "./usage.ts";

/** Who the client is. */
export interface MqttLogin {
  readonly version: 4 | 5;
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Seconds; 0 for none. */
  readonly keepAlive: number;
  /** False continues the session of this client id. */
  readonly cleanStart: boolean;
  /** Seconds for which the session outlives the connection. MQTT 5. */
  readonly sessionExpiry: number;
}

/** Logs in over a fresh stream. */
export async function connectMqtt(stream: DialedStream, login: MqttLogin): Promise<TestClient> {
  const client = new MqttClient(stream, login);
  try {
    await client.login();
  } catch (error) {
    stream.close();
    throw error;
  }
  return client;
}

/** Publishes in flight when the server names no limit of its own. */
const IN_FLIGHT_MAX = 1000;
const PACKET_ID_MAX = 65_535;

class MqttClient implements TestClient {
  onMessage: ((message: Received) => void) | undefined;
  onPayload: ((bytes: Uint8Array, start: number, end: number) => void) | undefined;
  readonly closed: Promise<Error | undefined>;
  readonly #pump: Pump;
  readonly #decoder = new Decoder(0xfff_ffff + 5, "client");
  #connack: (Packet & { type: typeof PacketType.Connack }) | undefined;
  #lastId = 0;
  /** Publishes that the server has not acknowledged yet. */
  readonly #unacknowledged = new Set<number>();
  #inFlightMax = IN_FLIGHT_MAX;
  readonly #subacks = new Map<number, (codes: readonly number[]) => void>();
  /** Requests by correlation data. */
  readonly #answers = new Map<string, (answer: Received | undefined) => void>();
  /** Packet ids of requests, to hear that nobody had subscribed. */
  readonly #requests = new Map<number, string>();
  #replyTopic: string | undefined;
  #keepAlive: ReturnType<typeof setInterval> | undefined;
  #topicName = "";
  #topic: Uint8Array = new Uint8Array(0);
  readonly #source = { bytes: this.#topic, start: 0, end: 0, payload: this.#topic };
  #pings = 0;
  #pongs = 0;

  constructor(stream: DialedStream, readonly options: MqttLogin) {
    this.#pump = new Pump(stream);
    this.#decoder.version = options.version;
    this.closed = this.#pump.closed;
    this.closed.then(() => clearInterval(this.#keepAlive));
  }

  async login(): Promise<void> {
    const { version, clientId, username, password, keepAlive, cleanStart } = this.options;
    encodeConnect(this.#pump.out, {
      version,
      clientId,
      cleanStart,
      keepAlive,
      username,
      password: password === undefined ? undefined : new TextEncoder().encode(password),
      will: undefined,
      properties: version === 5 && this.options.sessionExpiry > 0
        ? { sessionExpiry: this.options.sessionExpiry }
        : NO_PROPERTIES,
    });
    this.#pump.run((chunk) => this.#receive(chunk));
    while (this.#connack === undefined) await this.#pump.change();
    const { reasonCode, properties } = this.#connack;
    if (reasonCode !== 0) throw new OperationalError(refusedText(reasonCode, properties), 1);
    this.#inFlightMax = Math.min(IN_FLIGHT_MAX, properties.receiveMaximum ?? IN_FLIGHT_MAX);
    const seconds = properties.serverKeepAlive ?? keepAlive;
    if (seconds > 0) {
      this.#keepAlive = setInterval(() => this.#ping(), seconds * 500);
    }
  }

  get isReady(): boolean {
    return this.#pump.hasRoom && this.#unacknowledged.size < this.#inFlightMax;
  }

  async ready(): Promise<void> {
    while (!this.isReady) await this.#pump.change();
  }

  publish(name: string, payload: Uint8Array, options: PublishOptions): void {
    this.#publish(name, payload, options);
  }

  #publish(name: string, payload: Uint8Array, options: PublishOptions): number {
    if (name !== this.#topicName) {
      checkTopic(name);
      this.#topic = publishTopic(name);
      this.#topicName = name;
    }
    const { version } = this.options;
    const { qos, retain, headers, reply, correlationData } = options;
    if (version === 4 && (headers.length > 0 || reply !== undefined)) {
      throw new UsageError("Headers and replies need MQTT 5: leave out --mqtt-version=3.1.1.");
    }
    const id = qos === 0 ? 0 : this.#nextId();
    if (qos > 0) this.#unacknowledged.add(id);
    const source = this.#source;
    source.bytes = source.payload = payload;
    source.end = payload.length;
    if (headers.length === 0 && reply === undefined) {
      encodePublish(this.#pump.out, version, this.#topic, source, qos, retain, false, id);
      return id;
    }
    const properties: Properties = {
      ...(headers.length === 0 ? {} : { userProperties: headers }),
      ...(reply === undefined ? {} : { responseTopic: reply }),
      ...(correlationData === undefined ? {} : { correlationData }),
    };
    const none = new Uint8Array(0);
    encodePublishWith(
      this.#pump.out,
      this.#topic,
      source,
      qos,
      retain,
      false,
      id,
      none,
      properties,
    );
    return id;
  }

  async subscribe(filter: string, options: SubscribeOptions): Promise<void> {
    const name = options.group === undefined ? filter : `$share/${options.group}/${filter}`;
    const packetId = this.#nextId();
    let codes: readonly number[] | undefined;
    this.#subacks.set(packetId, (answer) => codes = answer);
    encodeSubscribe(this.#pump.out, this.options.version, {
      packetId,
      subscriptions: [{
        filter: name,
        qos: options.qos,
        noLocal: false,
        retainAsPublished: true,
        retainHandling: 0,
      }],
      properties: NO_PROPERTIES,
    });
    while (codes === undefined) await this.#pump.change();
    const code = codes[0] ?? 0x80;
    if (code >= 0x80) {
      throw new OperationalError(`The server refuses "${name}": ${reasonText(code)}.`, 1);
    }
  }

  async request(
    name: string,
    payload: Uint8Array,
    options: PublishOptions,
  ): Promise<Answer | undefined> {
    if (this.#replyTopic === undefined) {
      this.#replyTopic = `natsgate/reply/${crypto.randomUUID()}`;
      await this.subscribe(this.#replyTopic, { qos: 1, group: undefined });
    }
    const correlationData = crypto.getRandomValues(new Uint8Array(12));
    const key = correlationData.toString();
    const answer = new Promise<Received | undefined>((resolve) => this.#answers.set(key, resolve));
    // Only an acknowledged publish can say that nobody listens.
    const qos = options.qos === 0 ? 1 : options.qos;
    const id = this.#publish(name, payload, {
      ...options,
      qos,
      reply: this.#replyTopic,
      correlationData,
    });
    this.#requests.set(id, key);
    const first = await Promise.race([answer, this.closed]);
    if (first instanceof Error) throw first;
    return first;
  }

  async flush(): Promise<void> {
    // The answer to a ping comes after the server has seen everything before it.
    const pings = this.#ping();
    while (this.#pongs < pings || this.#unacknowledged.size > 0) await this.#pump.change();
    this.#pump.throwComplaint();
  }

  async close(): Promise<void> {
    clearInterval(this.#keepAlive);
    encodeDisconnect(this.#pump.out, this.options.version, 0);
    await this.#pump.close();
  }

  #ping(): number {
    encodePingreq(this.#pump.out);
    return ++this.#pings;
  }

  #nextId(): number {
    do this.#lastId = this.#lastId === PACKET_ID_MAX ? 1 : this.#lastId + 1; while (
      this.#unacknowledged.has(this.#lastId) || this.#subacks.has(this.#lastId)
    );
    return this.#lastId;
  }

  #receive(chunk: Uint8Array): void {
    const decoder = this.#decoder;
    decoder.feed(chunk);
    for (;;) {
      const type = decoder.next();
      if (type === NEED_MORE) return;
      if (type === PacketType.Publish) this.#message();
      else if (type >= PacketType.Puback && type <= PacketType.Pubcomp) this.#acknowledged(type);
      else if (type === PacketType.Pingresp) this.#pongs++;
      else this.#packet(decoder.packet);
    }
  }

  #packet(packet: Packet): void {
    switch (packet.type) {
      case PacketType.Connack:
        this.#connack = packet;
        break;
      case PacketType.Suback:
        this.#subacks.get(packet.packetId)?.(packet.reasonCodes);
        this.#subacks.delete(packet.packetId);
        break;
      case PacketType.Disconnect:
        this.#pump.complaint = `The server disconnects: ${reasonText(packet.reasonCode)}` +
          `${reasonString(packet.properties)}.`;
        break;
    }
  }

  #acknowledged(type: PacketType): void {
    const { packetId, reasonCode } = this.#decoder.ack;
    const { version } = this.options;
    const out = this.#pump.out;
    if (type === PacketType.Pubrec && reasonCode < 0x80) {
      encodeAck(out, version, PacketType.Pubrel, packetId);
      this.#nobody(packetId, reasonCode);
      return;
    }
    if (type === PacketType.Pubrel) {
      encodeAck(out, version, PacketType.Pubcomp, packetId);
      return;
    }
    this.#unacknowledged.delete(packetId);
    this.#nobody(packetId, reasonCode);
    if (reasonCode >= 0x80) {
      this.#pump.complaint = `The server refuses the message: ${reasonText(reasonCode)}` +
        `${reasonString(this.#decoder.ack.properties)}.`;
    }
  }

  /** Ends a request that nobody will answer: 0x10 is "no matching subscribers". */
  #nobody(packetId: number, reasonCode: number): void {
    const key = this.#requests.get(packetId);
    if (key === undefined) return;
    this.#requests.delete(packetId);
    if (reasonCode < 0x10) return;
    this.#answers.get(key)?.(undefined);
    this.#answers.delete(key);
  }

  #message(): void {
    const frame = this.#decoder.publish;
    if (frame.qos > 0) {
      const type = frame.qos === 1 ? PacketType.Puback : PacketType.Pubrec;
      encodeAck(this.#pump.out, this.options.version, type, frame.packetId);
    }
    if (this.onPayload !== undefined && this.#answers.size === 0) {
      this.onPayload(frame.bytes, frame.payloadStart, frame.payloadEnd);
      return;
    }
    const properties = frame.properties();
    const message: Received = {
      name: frame.topic(),
      payload: frame.bytes.subarray(frame.payloadStart, frame.payloadEnd),
      headers: properties.userProperties ?? [],
      reply: properties.responseTopic,
      qos: frame.qos,
      retain: frame.retain,
    };
    const key = properties.correlationData?.toString() ?? "";
    const answer = message.name === this.#replyTopic ? this.#answers.get(key) : undefined;
    if (answer === undefined) {
      this.onMessage?.(message);
      return;
    }
    this.#answers.delete(key);
    answer({ ...message, payload: message.payload.slice() });
  }
}

function refusedText(reasonCode: number, properties: Properties): string {
  return `The server refuses the login: ${reasonText(reasonCode)}${reasonString(properties)}.`;
}

function reasonString({ reasonString }: Properties): string {
  return reasonString === undefined ? "" : ` (${reasonString})`;
}

function checkTopic(topic: string): void {
  if (topic !== "" && !/[+#\0]/.test(topic)) return;
  throw new UsageError(
    `"${topic}" is no topic to publish to: it must not be empty or hold + or #. ` +
      "`natsgate translate` shows how a subject is spelled.",
  );
}
