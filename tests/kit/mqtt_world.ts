/** An MQTT broker without network and with a clock turned by hand, for tests of sessions. */
import assert from "node:assert/strict";
import type {
  Authenticator,
  Authorizer,
  AuthorizerFactory,
  SubscribeDecision,
} from "../../gateway/auth/types.ts";
import { RetainedStore } from "../../gateway/core/retained.ts";
import { Router } from "../../gateway/core/router.ts";
import { MqttBroker } from "../../gateway/mqtt/broker.ts";
import type { Decoder } from "../../gateway/mqtt/decode.ts";
import type { MqttListener } from "../../gateway/mqtt/listener.ts";
import type { MqttOptions } from "../../gateway/mqtt/options.ts";
import {
  type ConnackPacket,
  type ConnectPacket,
  NO_PROPERTIES,
  PacketType,
  type Properties,
  type ProtocolVersion,
  type QoS,
  type SubackPacket,
  type SubscriptionRequest,
} from "../../gateway/mqtt/packets.ts";
import { createMqttSession, type MqttSession } from "../../gateway/mqtt/session.ts";
import { silentLog } from "../../gateway/observe/log.ts";
import { MqttCounters } from "../../gateway/observe/metrics.ts";
import { memoryStore } from "../../gateway/store/memory.ts";
import type { CloseCause } from "../../gateway/protocol/session.ts";
import type { Store } from "../../gateway/store/types.ts";
import {
  type AckPacket,
  type AnyPacket,
  decodeAll,
  decoderOf,
  encode,
  type PublishPacket,
} from "../mqtt/wire.ts";
import { MQTT_DEFAULTS } from "./defaults.ts";
import { FakeLink } from "./fake_link.ts";

const ALLOWED: SubscribeDecision = { allowed: true, rule: "allow all", source: "test" };

/** Allows everything. */
export const ALLOW_ALL: Authorizer = {
  generation: 0,
  denyAction: "ignore",
  publish: () => ALLOWED,
  subscribe: () => ALLOWED,
};

/** Lets everybody in under the name they give. */
export const LET_IN: Authenticator = {
  required: false,
  needsNonce: false,
  authenticate: ({ username }) => ({
    kind: "allow",
    principal: { username, method: "none", superuser: false },
  }),
};

/** What a test sets differently. */
export interface WorldSettings {
  readonly options?: Partial<MqttOptions>;
  readonly store?: Store;
  readonly authenticator?: Authenticator;
  readonly authorizerFor?: AuthorizerFactory;
  readonly mountpoint?: MqttListener["mountpoint"];
  readonly rulesSeeMountpoint?: boolean;
}

/** The broker, its clock, and the clients of one test. */
export class MqttWorld {
  now = 1_700_000_000_000;
  readonly retained: RetainedStore;
  readonly router: Router;
  readonly broker: MqttBroker;
  readonly #listener: MqttListener;
  readonly #clients: FakeClient[] = [];

  constructor(settings: WorldSettings = {}) {
    const now = () => this.now;
    const store = settings.store ?? memoryStore();
    const limits = {
      messages_max: Infinity,
      payload_bytes_max: Infinity,
      total_bytes_max: Infinity,
      expiry_ms: 0,
    };
    this.retained = new RetainedStore(limits, now, store.retained);
    this.router = new Router(this.retained);
    const options = { ...MQTT_DEFAULTS, ...settings.options };
    const counters = new MqttCounters();
    this.broker = new MqttBroker({
      router: this.router,
      store,
      options,
      log: silentLog,
      counters,
      now,
    });
    this.#listener = {
      authenticator: settings.authenticator ?? LET_IN,
      authorizerFor: settings.authorizerFor ?? (() => ALLOW_ALL),
      mountpoint: settings.mountpoint ?? (() => ""),
      rulesSeeMountpoint: settings.rulesSeeMountpoint ?? false,
      certificateNames: () => ({ username: undefined, clientId: undefined }),
    };
  }

  /** A connection that has sent nothing yet. */
  link(version: ProtocolVersion = 5, listener: Partial<MqttListener> = {}): FakeClient {
    const client = new FakeClient(this.broker, { ...this.#listener, ...listener }, version);
    this.#clients.push(client);
    return client;
  }

  /** A connected client. */
  connect(clientId: string, fields: ConnectFields = {}): FakeClient {
    const client = this.link(fields.version ?? 5);
    client.connack = client.login(clientId, fields);
    assert.equal(client.connack.reasonCode, 0, "CONNECT refused");
    return client;
  }

  /** Lets time pass: every session and the broker are called at their deadlines, in order. */
  pass(ms: number): void {
    const until = this.now + ms;
    for (let calls = 0;; calls++) {
      assert.ok(calls < 100_000, "deadlines do not move on");
      const sessions = this.#clients.map((client) => client.session);
      const next = Math.min(
        this.broker.nextDeadline,
        ...sessions.map((session) => session.nextDeadline),
      );
      if (next > until) break;
      this.now = Math.max(this.now, next);
      if (this.broker.nextDeadline <= this.now) this.broker.tick(this.now);
      for (const session of sessions) {
        if (session.nextDeadline <= this.now) session.tick(this.now);
      }
    }
    this.now = until;
  }
}

/** Fields of CONNECT that a test cares for. */
export type ConnectFields = Partial<Omit<ConnectPacket, "type" | "clientId">>;

/** Fields of PUBLISH that a test cares for; the payload may be text. */
export type PublishFields =
  & Partial<Omit<PublishPacket, "type" | "topic" | "payload">>
  & { readonly payload?: string | Uint8Array };

type PacketOf<Type> = Type extends AckPacket["type"] ? AckPacket
  : Extract<AnyPacket, { type: Type }>;

/** The far end of one connection. */
export class FakeClient {
  readonly link: FakeLink;
  readonly session: MqttSession;
  connack: ConnackPacket | undefined;
  /** Reads what comes. */
  readonly decoder: Decoder;

  constructor(broker: MqttBroker, listener: MqttListener, readonly version: ProtocolVersion) {
    this.link = new FakeLink({ listener: "mqtt:tcp:default" });
    this.session = createMqttSession(this.link, broker, listener);
    this.decoder = decoderOf(version, "client", 1 << 28);
    this.session.open();
  }

  /** Why the session closed the connection; undefined while it is open. */
  get ended(): CloseCause["kind"] | undefined {
    return this.link.cause?.kind;
  }

  /** Sends packets. */
  send(...packets: readonly AnyPacket[]): void {
    this.session.receive(encode(this.version, ...packets));
  }

  /** Everything received since the last call. */
  take(): AnyPacket[] {
    return decodeAll(this.decoder, this.link.written());
  }

  /** What was received, which must be one packet of this type. */
  one<Type extends AnyPacket["type"]>(type: Type): PacketOf<Type> {
    const packets = this.take();
    assert.deepEqual(packets.map((packet) => packet.type), [type]);
    return packets[0] as PacketOf<Type>;
  }

  /** Sends CONNECT and returns the answer. */
  login(clientId: string, fields: ConnectFields = {}): ConnackPacket {
    this.sendConnect(clientId, fields);
    const [connack, ...rest] = this.take();
    assert.equal(connack?.type, PacketType.Connack);
    this.early = rest;
    return connack as ConnackPacket;
  }

  /** What came right behind CONNACK. */
  early: AnyPacket[] = [];

  /** Sends CONNECT. */
  sendConnect(clientId: string, fields: ConnectFields = {}): void {
    this.send({
      type: PacketType.Connect,
      version: this.version,
      clientId,
      cleanStart: true,
      keepAlive: 0,
      username: undefined,
      password: undefined,
      will: undefined,
      properties: NO_PROPERTIES,
      ...fields,
    });
  }

  /** Subscribes to one filter and returns everything that came. */
  subscribe(
    filter: string,
    options: Partial<SubscriptionRequest> | QoS = 0,
    properties: Properties = NO_PROPERTIES,
  ): AnyPacket[] {
    const fields = typeof options === "number" ? { qos: options } : options;
    this.send({
      type: PacketType.Subscribe,
      packetId: 1000,
      subscriptions: [{
        filter,
        qos: 0,
        noLocal: false,
        retainAsPublished: false,
        retainHandling: 0,
        ...fields,
      }],
      properties,
    });
    return this.take();
  }

  /** Subscribes; the reason code of the SUBACK. */
  subscribed(...args: Parameters<FakeClient["subscribe"]>): number {
    const suback = this.subscribe(...args)[0] as SubackPacket;
    assert.equal(suback.type, PacketType.Suback);
    return suback.reasonCodes[0]!;
  }

  /** Sends a PUBLISH. */
  publish(topic: string, fields: PublishFields = {}): void {
    const { payload = "", ...rest } = fields;
    this.send({
      type: PacketType.Publish,
      qos: 0,
      retain: false,
      dup: false,
      packetId: (fields.qos ?? 0) > 0 ? 1 : 0,
      properties: NO_PROPERTIES,
      ...rest,
      topic,
      payload: typeof payload === "string" ? new TextEncoder().encode(payload) : payload,
    });
  }

  /** Sends an acknowledgement. */
  ack(type: AckPacket["type"], packetId: number, reasonCode = 0): void {
    this.send({ type, packetId, reasonCode, properties: NO_PROPERTIES });
  }

  /** Sends DISCONNECT, and the connection ends. */
  disconnect(reasonCode = 0, properties: Properties = NO_PROPERTIES): void {
    this.send({ type: PacketType.Disconnect, reasonCode, properties });
    this.session.closed(this.link.cause ?? { kind: "peer" });
  }

  /** The network fails. */
  drop(): void {
    this.session.closed({ kind: "peer" });
  }

  /** PUBLISH packets received since the last call; anything else is an error. */
  messages(): PublishPacket[] {
    return this.take().map((packet) => {
      assert.equal(packet.type, PacketType.Publish);
      return packet as PublishPacket;
    });
  }

  /** Payloads of `messages()`, as text. */
  payloads(): string[] {
    return this.messages().map(({ payload }) => new TextDecoder().decode(payload));
  }
}
