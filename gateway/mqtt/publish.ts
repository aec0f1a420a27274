/**
 * What a client publishes: from PUBLISH to its acknowledgement.
 */
import type { Authorizer, Decision } from "../auth/types.ts";
import { mount } from "../core/mountpoint.ts";
import { copyOf, Message, type QoS } from "../core/message.ts";
import type { Route } from "../core/route.ts";
import { viewOf } from "../protocol/copy.ts";
import { equals, RouteTable } from "../core/route_table.ts";
import { isBrokersOwn, type Topic, toTopic } from "../core/topic.ts";
import { ProtocolError } from "../errors.ts";
import { countByQos } from "../observe/metrics.ts";
import { isUtf8 } from "../protocol/bytes.ts";
import { IncomingAliases } from "./aliases.ts";
import type { MqttBroker } from "./broker.ts";
import type { ClientSession } from "./client_session.ts";
import { ReasonCode } from "./codes.ts";
import type { PublishFrame } from "./frames.ts";
import { NO_PROPERTIES, PacketType, type Properties, type ProtocolVersion } from "./packets.ts";
import type { Pressure } from "./pressure.ts";
import { protocolError } from "./reader.ts";
import type { Sender } from "./sender.ts";
import { toExtras } from "./will.ts";

/** What a connection remembers of one topic it publishes to. */
class TopicMemo {
  /** Decisions that are known, and those that are yes: bit `qos * 2 + retain`. */
  known = 0;
  allowed = 0;
  /** Generation of the authorizer for which they hold. */
  generation = -1;
  constructor(
    /** The topic as the client writes it. */
    readonly name: Uint8Array,
    /** As rules see it. */
    readonly topic: Topic,
    readonly route: Route,
  ) {}
}

/** Every combination of QoS and retain, in the bits of a memo. */
const ALL_BITS = 0b111111;
/** Topics of one connection whose permissions are remembered. Beyond it all are asked anew. */
const MEMOS_MAX = 256;

/** What publishing needs of its connection. */
export interface Publishing {
  readonly broker: MqttBroker;
  readonly client: ClientSession;
  readonly sender: Sender;
  readonly authorizer: Authorizer;
  readonly version: ProtocolVersion;
  readonly mountpoint: string;
  readonly rulesSeeMountpoint: boolean;
  /** Largest Topic Alias the client may use. */
  readonly topic_alias_max: number;
  /** QoS 2 ids the client may have unreleased. */
  readonly receive_max: number;
  /** Largest payload the client may publish, bytes. */
  readonly payload_bytes_max: number;
  readonly reading: Reading;
}

/** The input of a connection, which can be stopped between two packets. */
export interface Reading {
  /** Stops until the answer is there, then goes on. */
  wait<Answer>(answer: Promise<Answer>, goOn: (answer: Answer) => void): void;
  /** Stops until a subscriber has caught up. */
  hold(pressure: Pressure): void;
}

/** The incoming half of a connection. */
export class Publisher {
  /** PUBLISH packets received. */
  messages = 0;
  #last: TopicMemo | undefined = undefined;
  #message: Message | undefined = undefined;
  readonly #memos = new Map<Route, TopicMemo>();
  readonly #aliases: IncomingAliases<TopicMemo>;
  /** Routes by bytes: all clients without mountpoint share the broker's. */
  readonly #routes: RouteTable;
  readonly #at: Publishing;

  constructor(at: Publishing) {
    this.#at = at;
    this.#aliases = new IncomingAliases(at.topic_alias_max);
    this.#routes = at.mountpoint === "" ? at.broker.routes : new RouteTable();
  }

  /** Takes a PUBLISH. Throws `ProtocolError` where the connection must end. */
  handle(frame: PublishFrame): void {
    const at = this.#at;
    const { qos, retain } = frame;
    this.messages++;
    countByQos(at.broker.counters.messages_received, qos);
    const properties = frame.hasProperties ? frame.properties() : NO_PROPERTIES;
    const memo = this.#topicOf(frame, properties);
    this.#checkCapabilities(frame, properties);
    // A second copy is acknowledged and goes nowhere, DUP or not. [MQTT-4.3.3-10]
    if (qos === 2 && at.client.hasIncoming(frame.packetId)) {
      at.sender.ackOut(PacketType.Pubrec, frame.packetId, ReasonCode.Success);
      return;
    }
    if (qos === 2) this.#checkQuota();
    const message = this.#fill(frame, memo, properties);
    const decision = this.#decide(memo, qos, retain);
    if (decision === true) this.#accept(message, frame.packetId);
    else if (decision === false) this.#deny(qos, frame.packetId);
    else this.#acceptLater(message, frame.packetId, memo, decision);
  }

  /** PUBREL: the id may be used again. [MQTT-4.3.3-11] */
  release(packetId: number): void {
    const known = this.#at.client.removeIncoming(packetId);
    const code = known ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound;
    this.#at.sender.ackOut(PacketType.Pubcomp, packetId, code);
  }

  #topicOf(frame: PublishFrame, properties: Properties): TopicMemo {
    const alias = properties.topicAlias;
    if (alias !== undefined && !this.#aliases.allows(alias)) {
      const message = `topic alias ${alias}, at most ${this.#aliases.max} is allowed`;
      throw new ProtocolError(message, ReasonCode.TopicAliasInvalid, "");
    }
    if (frame.topicStart === frame.topicEnd) {
      const memo = alias === undefined ? undefined : this.#aliases.get(alias);
      if (memo === undefined) throw protocolError("topic alias that was never set");
      return this.#attached(memo);
    }
    const memo = this.#byName(frame);
    if (alias !== undefined) this.#aliases.set(alias, memo);
    return memo;
  }

  #byName(frame: PublishFrame): TopicMemo {
    const { bytes, topicStart, topicEnd } = frame;
    const last = this.#last;
    if (last !== undefined && equals(last.name, bytes, topicStart, topicEnd)) {
      if (last.route.attached) return last;
    }
    const route = this.#routes.find(bytes, topicStart, topicEnd)?.route ??
      this.#newRoute(frame);
    let memo = this.#memos.get(route);
    if (memo === undefined) {
      if (this.#memos.size >= MEMOS_MAX) this.#memos.clear();
      const { mountpoint, rulesSeeMountpoint } = this.#at;
      const topic = rulesSeeMountpoint ? route.topic : route.topic.slice(mountpoint.length);
      memo = new TopicMemo(bytes.slice(topicStart, topicEnd), topic as Topic, route);
      this.#memos.set(route, memo);
    }
    return this.#last = memo;
  }

  #newRoute(frame: PublishFrame): Route {
    const { broker, mountpoint } = this.#at;
    const name = frame.topic();
    const topic = toTopic(name, broker.options.max_topic_levels);
    const mounted = toTopic(mount(mountpoint, name));
    if (topic === undefined || mounted === undefined) { // [MQTT-3.3.2-2]
      const message = "topic with wildcards or too many levels";
      throw new ProtocolError(message, ReasonCode.TopicNameInvalid, "");
    }
    const route = broker.router.route(mounted);
    this.#routes.add(frame.bytes, frame.topicStart, frame.topicEnd, route);
    return route;
  }

  /** A memo that an alias kept, with a route that the router still knows. */
  #attached(memo: TopicMemo): TopicMemo {
    if (memo.route.attached) return memo;
    return new TopicMemo(memo.name, memo.topic, this.#at.broker.router.route(memo.route.topic));
  }

  #checkCapabilities(frame: PublishFrame, properties: Properties): void {
    const { options } = this.#at.broker;
    if (frame.qos > options.max_qos_allowed) { // [MQTT-3.2.2-11]
      const message =
        `PUBLISH with QoS ${frame.qos}, at most ${options.max_qos_allowed} is allowed`;
      throw new ProtocolError(message, ReasonCode.QoSNotSupported, "");
    }
    if (frame.retain && !options.retain_available) { // [MQTT-3.2.2-14]
      throw new ProtocolError("retained messages are off", ReasonCode.RetainNotSupported, "");
    }
    const size = frame.payloadEnd - frame.payloadStart;
    if (size > this.#at.payload_bytes_max) {
      const message = `payload of ${size} bytes, ${this.#at.payload_bytes_max} are allowed`;
      throw new ProtocolError(message, ReasonCode.PacketTooLarge, "");
    }
    if (properties === NO_PROPERTIES) return;
    if (properties.subscriptionIds !== undefined) { // [MQTT-3.3.4-6]
      throw protocolError("PUBLISH of a client with a Subscription Identifier");
    }
    const { responseTopic } = properties;
    if (responseTopic !== undefined && toTopic(responseTopic) === undefined) { // [MQTT-3.3.2-14]
      throw protocolError("Response Topic is not a topic");
    }
  }

  #checkQuota(): void {
    if (this.#at.client.incomingCount < this.#at.receive_max) return;
    const message = `more than ${this.#at.receive_max} QoS 2 messages without PUBREL`;
    throw new ProtocolError(message, ReasonCode.ReceiveMaximumExceeded, ""); // [MQTT-3.3.4-9]
  }

  /** Points the reused message at this packet. */
  #fill(frame: PublishFrame, memo: TopicMemo, properties: Properties): Message {
    const { bytes, payloadStart, payloadEnd } = frame;
    let message = this.#message;
    if (message === undefined) {
      message = this.#message = new Message(memo.route, bytes, payloadStart, payloadEnd);
    } else message.reset(memo.route, bytes, payloadStart, payloadEnd);
    message.owned = frame.owned;
    message.single = memo.route.direct.length <= 1;
    if (message.view === undefined && !frame.owned) message.view = viewOf(bytes);
    message.qos = frame.qos;
    message.retain = frame.retain;
    message.origin = this.#at.client.id;
    message.originHash = this.#at.client.idHash;
    const { broker, mountpoint } = this.#at;
    const expiry_max = broker.options.message_expiry_interval;
    message.extras = properties === NO_PROPERTIES && expiry_max === Infinity
      ? undefined
      : toExtras(properties, mountpoint, this.#expiresAt(properties, expiry_max));
    return message;
  }

  #expiresAt(properties: Properties, expiry_max: number): number | undefined {
    const { messageExpiry } = properties;
    const expiry_ms = messageExpiry === undefined
      ? expiry_max
      : Math.min(messageExpiry * 1000, expiry_max);
    return expiry_ms === Infinity ? undefined : this.#at.broker.now() + expiry_ms;
  }

  /** The remembered decision, else a new one; a promise when a backend must be asked. */
  #decide(memo: TopicMemo, qos: QoS, retain: boolean): boolean | Promise<Decision> {
    const { authorizer } = this.#at;
    const bit = 1 << (qos * 2 + (retain ? 1 : 0));
    if (memo.generation !== authorizer.generation) {
      memo.generation = authorizer.generation;
      memo.known = isBrokersOwn(memo.route.topic) ? ALL_BITS : 0;
      memo.allowed = 0;
    }
    if ((memo.known & bit) !== 0) return (memo.allowed & bit) !== 0;
    const decision = authorizer.publish(memo.topic, qos, retain);
    if (decision instanceof Promise) return decision;
    return this.#remember(memo, bit, decision.allowed);
  }

  #remember(memo: TopicMemo, bit: number, allowed: boolean): boolean {
    memo.known |= bit;
    if (allowed) {
      memo.allowed |= bit;
      this.#at.broker.counters.authorization_allowed++;
    }
    return allowed;
  }

  #acceptLater(
    message: Message,
    packetId: number,
    memo: TopicMemo,
    decision: Promise<Decision>,
  ): void {
    const kept = copyOf(message); // the frame dies with this turn
    this.#at.reading.wait(decision, ({ allowed }) => {
      this.#remember(memo, 1 << (kept.qos * 2 + (kept.retain ? 1 : 0)), allowed);
      if (allowed) this.#accept(kept, packetId);
      else this.#deny(kept.qos, packetId);
    });
  }

  /** Publishes what may be published, then acknowledges it. */
  #accept(message: Message, packetId: number): void {
    const { broker, client, version } = this.#at;
    const { options } = broker;
    const { qos } = message;
    if (options.payload_format_check && message.extras?.payloadFormat === 1) {
      if (!isUtf8(message.bytes, message.start, message.end, true)) {
        broker.counters.dropped.not_text++;
        return this.#refuse(qos, packetId, ReasonCode.PayloadFormatInvalid);
      }
    }
    if (qos > 0 && broker.refuses(message)) {
      broker.counters.dropped.store_full++;
      return this.#refuse(qos, packetId, ReasonCode.QuotaExceeded);
    }
    if (qos === 2) client.addIncoming(packetId, broker.now() + options.await_rel_timeout);
    const takers = this.#publish(message);
    if (takers === 0) broker.counters.dropped.no_subscribers++;
    if (qos === 0) return;
    const code = takers === 0 && version === 5 ? ReasonCode.NoMatchingSubscribers : 0;
    this.#at.sender.ackOut(qos === 1 ? PacketType.Puback : PacketType.Pubrec, packetId, code);
    const { congested } = broker;
    if (congested === undefined) return;
    broker.congested = undefined;
    this.#at.reading.hold(congested);
  }

  #publish(message: Message): number {
    const { router, options } = this.#at.broker;
    if (message.retain && message.size === 0 && options.stop_publish_clear_msg) {
      router.retained.delete(message.route.topic);
      return 0;
    }
    return router.publish(message);
  }

  /** Without permission: an error code in MQTT 5, silence before, or the end. */
  #deny(qos: QoS, packetId: number): void {
    const { counters } = this.#at.broker;
    counters.dropped.denied++;
    counters.authorization_denied++;
    if (this.#at.authorizer.denyAction === "disconnect") {
      throw new ProtocolError("publishing is not allowed", ReasonCode.NotAuthorized, "");
    }
    if (this.#at.version < 5) {
      // There is no code for no: the client must believe that it went well. [MQTT-3.3.5-2]
      if (qos === 2) this.#noteDenied(packetId);
      return this.#refuse(qos, packetId, ReasonCode.Success);
    }
    this.#refuse(qos, packetId, ReasonCode.NotAuthorized);
  }

  /** PUBREL will come for it, and must find it. */
  #noteDenied(packetId: number): void {
    const { broker, client } = this.#at;
    client.addIncoming(packetId, broker.now() + broker.options.await_rel_timeout);
  }

  #refuse(qos: QoS, packetId: number, code: number): void {
    if (qos === 0) return;
    if (this.#at.version < 5 && code >= 0x80) { // [MQTT-3.3.5-2]: no way to say it but to leave
      throw new ProtocolError("the message cannot be accepted now", code, "");
    }
    this.#at.sender.ackOut(qos === 1 ? PacketType.Puback : PacketType.Pubrec, packetId, code);
  }
}
