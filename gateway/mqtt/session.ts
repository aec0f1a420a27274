/**
 * One MQTT connection: which packets may come when, and what becomes of them.
 */
import { ProtocolError } from "../errors.ts";
import type { CloseCause, Link, Session, SessionInfo } from "../protocol/session.ts";
import type { MqttBroker } from "./broker.ts";
import type { Connection } from "./client_session.ts";
import { mayCarry, ReasonCode, reasonText } from "./codes.ts";
import type { Connected } from "./connected.ts";
import { Decoder, NEED_MORE } from "./decode.ts";
import { encodeConnack, encodeDisconnect, packetSizeWith } from "./encode.ts";
import type { MqttListener } from "./listener.ts";
import {
  type ConnectPacket,
  NO_PROPERTIES,
  PacketType,
  type Properties,
  type ProtocolVersion,
} from "./packets.ts";
import { type Held, HOLD_MS_MAX, type Pressure } from "./pressure.ts";
import { Publisher, type Reading } from "./publish.ts";
import { protocolError } from "./reader.ts";
import type { Sender } from "./sender.ts";
import { describe } from "./session_info.ts";
import { ACCEPTED, RECEIVED, type State } from "./states.ts";

/** Retained messages that wait for a slow socket are looked at again after this, ms. */
const REPLAY_PAUSE_MS = 10;
/** QoS 2 ids and resends are looked at this often, ms. */
const HOUSEKEEPING_MS = 1000;

/** See `Session`. Made by `createMqttSession`. */
export class MqttSession implements Session, Connection, Held, Reading {
  readonly protocol = "mqtt";
  readonly decoder: Decoder;
  nextDeadline: number;
  /** Set by `connect` once the CONNECT is accepted. */
  at: Connected | undefined = undefined;
  #publisher: Publisher | undefined = undefined;
  #state: State = "connecting";
  #waiting = false;
  #version: ProtocolVersion = 4;
  /** The client wants no reason strings outside of CONNACK and DISCONNECT. [MQTT-3.1.2-29] */
  #wantsReasons = true;
  #packet_bytes_max = Infinity;
  #bytesIn = 0;
  #sentCounted = 0;
  #heldBy: Pressure | undefined = undefined;
  #heldUntil = Infinity;
  #lastReceived: number;
  #connectedAt: number;
  #connectBy: number;
  #silence_ms = Infinity;

  constructor(
    readonly link: Link,
    readonly broker: MqttBroker,
    readonly listener: MqttListener,
  ) {
    this.decoder = new Decoder(broker.options.max_packet_size);
    this.#connectedAt = this.#lastReceived = broker.now();
    this.nextDeadline = this.#connectBy = this.#connectedAt + broker.options.idle_timeout;
  }

  /** MQTT servers speak second. */
  open(): void {
    this.broker.counters.connections_accepted++;
  }

  /** See `Session.receive`. */
  receive(chunk: Uint8Array): void {
    if (this.#state === "closed") return;
    this.#bytesIn += chunk.length;
    this.broker.counters.bytes_received += chunk.length;
    this.#countSent();
    this.#lastReceived = this.broker.now();
    this.decoder.feed(chunk);
    this.#run();
  }

  /** Handles what the decoder holds, until it is empty or something must be waited for. */
  #run(): void {
    const { decoder } = this;
    const { received } = this.broker.counters;
    try {
      while (!this.#waiting && this.#state !== "closed") {
        const type = decoder.next();
        if (type === NEED_MORE) break;
        received[RECEIVED[type]!]++;
        const handle = ACCEPTED[this.#state][type];
        if (handle === undefined) throw protocolError(`packet type ${type} is not expected now`);
        handle(this);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.fail(error);
    }
    decoder.keep();
    const { out } = this.link;
    // Deliveries respect the limit; answers that are never read go beyond it, up to here.
    if (out.pendingBytes > 2 * this.broker.options.max_pending_bytes) {
      out.clear();
      this.#end({ kind: "slow-consumer" });
    }
    const client = this.at?.client;
    if (client === undefined || this.#isClosed()) return;
    if (client.deliveries.replays.waiting) this.#wakeAt(this.#lastReceived + REPLAY_PAUSE_MS);
    if (client.incomingCount > 0) this.#wakeAt(this.#lastReceived + HOUSEKEEPING_MS);
  }

  /** Stops reading until a promise answers, then goes on with `goOn` in a turn of its own. */
  wait<Answer>(answer: Promise<Answer>, goOn: (answer: Answer) => void): void {
    this.#waiting = true;
    this.link.setReading(false);
    const resume = (job: () => void) =>
      this.link.turn(() => {
        if (this.#state === "closed") return;
        this.#waiting = false;
        try {
          job();
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error;
          this.fail(error);
        }
        if (this.#waiting || this.#isClosed()) return;
        this.#goOn();
      });
    answer.then((value) => resume(() => goOn(value)), (error) =>
      resume(() => {
        throw error;
      }));
  }

  /** Stops reading until a slow subscriber has caught up, or no longer seems to. */
  hold(pressure: Pressure): void {
    this.#waiting = true;
    this.link.setReading(false);
    this.#heldBy = pressure;
    pressure.hold(this);
    this.#heldUntil = this.broker.now() + HOLD_MS_MAX;
    this.#wakeAt(this.#heldUntil);
  }

  /** See `Held.letGo`. */
  letGo(): void {
    this.#heldBy = undefined;
    this.#heldUntil = Infinity;
    if (this.#state === "closed") return;
    this.#waiting = false;
    this.#goOn();
  }

  /** Reads again, first what was kept. */
  #goOn(): void {
    this.#lastReceived = this.broker.now();
    if (this.#state === "connected") this.#schedule();
    this.link.setReading(true);
    this.#run();
  }

  /** CONNECT was read: what it says of the connection, accepted or not. */
  introduce(packet: ConnectPacket): void {
    const { properties } = packet;
    this.#state = "authenticating";
    this.#version = packet.version;
    this.#wantsReasons = properties.requestProblemInfo !== 0;
    this.#packet_bytes_max = properties.maximumPacketSize ?? Infinity;
  }

  /** CONNECT is accepted; CONNACK is the caller's to write. */
  accept(at: Connected): void {
    this.at = at;
    this.#state = "connected";
    this.broker.counters.clients_connected++;
    const { keepalive_multiplier } = this.broker.options;
    if (at.keepAlive > 0) this.#silence_ms = at.keepAlive * 1000 * keepalive_multiplier;
    this.#schedule();
    if (this.#retries) this.#wakeAt(this.#lastReceived + HOUSEKEEPING_MS);
  }

  /** Answers CONNECT with an error and closes. [MQTT-3.1.4-2] [MQTT-3.2.2-7] */
  refuse(reasonCode: number, reason: string): void {
    this.broker.counters.sent.connack++;
    const properties = this.#reason(reason, 2);
    encodeConnack(this.link.out, this.#version, false, reasonCode, properties);
    this.#end({ kind: "auth", detail: `${reasonText(reasonCode)}: ${reason}` });
  }

  /** The peer broke the protocol, or asked for what cannot be. [MQTT-4.13.1-1] [MQTT-4.13.2-1] */
  fail(error: ProtocolError): void {
    const { decoder } = this;
    this.broker.counters.protocol_errors++;
    if (this.#state === "connected") this.#sayGoodbye(error.reasonCode, error.message);
    else if (decoder.version === 5 || error.reasonCode === ReasonCode.UnsupportedProtocolVersion) {
      this.#refuseMalformed(error);
    }
    this.#end({ kind: "protocol", error });
  }

  /** A CONNECT that cannot be read gets an answer where there is a version to give it in. */
  #refuseMalformed(error: ProtocolError): void {
    const { version } = this.decoder;
    if (version === 0 || !mayCarry(PacketType.Connack, error.reasonCode)) return;
    this.broker.counters.sent.connack++;
    const properties = version === 5 ? this.#reason(error.message, 2) : NO_PROPERTIES;
    encodeConnack(this.link.out, version, false, error.reasonCode, properties);
  }

  /** Another connection has come with the client id. [MQTT-3.1.4-3] */
  takeOver(): void {
    this.#close(ReasonCode.SessionTakenOver, { kind: "taken-over" });
  }

  /** An operator wants the client gone. */
  kick(by: string): void {
    this.#close(ReasonCode.AdministrativeAction, { kind: "kicked", by });
  }

  /** See `Session.goodbye`. Both end the session: MQTT has no word for "leave soon". */
  goodbye(reason: "shutdown" | "lame-duck"): void {
    const moves = reason === "lame-duck";
    const code = moves ? ReasonCode.UseAnotherServer : ReasonCode.ServerShuttingDown;
    this.#close(code, { kind: "shutdown" });
  }

  /** See `Session.closed`. */
  closed(cause: CloseCause): void {
    this.decoder.release();
    this.#leave(cause);
    const { counters } = this.broker;
    this.#countSent();
    if (cause.kind === "slow-consumer") counters.slow_consumers++;
  }

  /** What was sent is counted now and then: the outbox only knows the sum. */
  #countSent(): void {
    const { sentBytes } = this.link.out;
    this.broker.counters.bytes_sent += sentBytes - this.#sentCounted;
    this.#sentCounted = sentBytes;
  }

  #close(reasonCode: number, cause: CloseCause): void {
    if (this.#state === "connected") this.#sayGoodbye(reasonCode, reasonText(reasonCode));
    this.#end(cause);
  }

  /** DISCONNECT of the server, MQTT 5 only. [MQTT-3.14.0-1] */
  #sayGoodbye(reasonCode: number, reason: string): void {
    if (this.#version < 5) return;
    const code = mayCarry(PacketType.Disconnect, reasonCode)
      ? reasonCode
      : ReasonCode.UnspecifiedError;
    this.broker.counters.sent.disconnect++;
    const reference = code === ReasonCode.UseAnotherServer
      ? this.broker.options.server_reference
      : "";
    encodeDisconnect(this.link.out, 5, code, this.#reason(reason, 1, reference));
  }

  /** A Reason String, if it fits into what the client takes. [MQTT-3.2.2-19] [MQTT-3.14.2-3] */
  #reason(text: string, otherBytes: number, serverReference = ""): Properties {
    if (this.#version < 5 && this.decoder.version < 5) return NO_PROPERTIES;
    const properties = { reasonString: text, ...(serverReference !== "" && { serverReference }) };
    const fits = packetSizeWith(properties, otherBytes) <= this.#packet_bytes_max;
    return fits ? properties : NO_PROPERTIES;
  }

  /** A Reason String for an acknowledgement, if the client wants any. [MQTT-3.1.2-29] */
  ackReason(text: string, otherBytes: number): Properties {
    return this.#wantsReasons ? this.#reason(text, otherBytes) : NO_PROPERTIES;
  }

  #end(cause: CloseCause): void {
    if (this.#state === "closed") return;
    this.#leave(cause);
    this.link.close(cause);
  }

  /** The session goes on or ends without us. Runs once. */
  #leave(cause: CloseCause): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.nextDeadline = Infinity;
    this.#heldBy?.forget(this);
    const client = this.at?.client;
    if (client === undefined) return;
    this.broker.counters.clients_disconnected++;
    this.broker.release(client, cause.kind !== "client-disconnect");
  }

  #isClosed(): boolean {
    return this.#state === "closed";
  }

  /** The incoming half, made when the first message comes: most clients only listen. */
  get publisher(): Publisher {
    return this.#publisher ??= new Publisher(this.at!);
  }

  /** The outgoing half; there once connected. */
  get sender(): Sender {
    return this.at!.sender;
  }

  /** The protocol version of the client. */
  get version(): ProtocolVersion {
    return this.#version;
  }

  /** The client ended the connection. */
  left(cause: CloseCause): void {
    this.#end(cause);
  }

  /** See `Session.tick`. */
  tick(now: number): void {
    if (this.#state === "closed") return;
    if (this.#state !== "connected") {
      if (now >= this.#connectBy) this.#end({ kind: "idle-timeout" });
      return;
    }
    const { principal, client } = this.at!;
    // While we do not read, the silence is ours.
    if (!this.#waiting && now >= this.#lastReceived + this.#silence_ms) { // [MQTT-3.1.2-22]
      return this.#close(ReasonCode.KeepAliveTimeout, { kind: "keepalive-timeout" });
    }
    if (principal.expiresAt !== undefined && now >= principal.expiresAt) {
      return this.#close(ReasonCode.MaximumConnectTime, { kind: "expired" });
    }
    if (now >= this.#heldUntil) {
      if (this.#heldBy!.isCatchingUp(this)) this.hold(this.#heldBy!);
      else {
        this.#heldBy!.giveUp(this);
        this.letGo();
        if (this.#isClosed()) return;
      }
    }
    const busy = this.#keepHouse(now);
    const replaying = client.deliveries.drainReplays();
    this.#schedule();
    if (busy) this.#wakeAt(now + HOUSEKEEPING_MS);
    if (replaying) this.#wakeAt(now + REPLAY_PAUSE_MS);
  }

  /** QoS 2 ids nobody releases, and resends for old clients. True when it must come again. */
  #keepHouse(now: number): boolean {
    const { client } = this.at!;
    const { options, counters } = this.broker;
    for (const [packetId, giveUpAt] of client.incoming()) {
      if (giveUpAt > now) continue;
      client.removeIncoming(packetId);
      counters.await_rel_timeouts++;
    }
    if (this.#retries) client.deliveries.retry(now - options.retry_interval);
    return this.#retries || client.incomingCount > 0;
  }

  /** MQTT 5 forbids sending again on the same connection. [MQTT-4.4.0-1] */
  get #retries(): boolean {
    return this.#version < 5 && this.broker.options.retry_interval !== Infinity;
  }

  #schedule(): void {
    const { at } = this;
    this.nextDeadline = Math.min(
      this.#waiting ? Infinity : this.#lastReceived + this.#silence_ms,
      at?.principal.expiresAt ?? Infinity,
      this.#heldUntil,
    );
  }

  #wakeAt(deadline: number): void {
    if (deadline < this.nextDeadline) this.nextDeadline = deadline;
  }

  /** See `Session.info`. */
  get info(): SessionInfo {
    const { at, link } = this;
    return describe(link, at, {
      version: this.#version,
      connectedAt: this.#connectedAt,
      lastReceivedAt: this.#lastReceived,
      bytesIn: this.#bytesIn,
      messagesIn: this.#publisher?.messages ?? 0,
    });
  }
}

/** Makes the session of a new connection. */
export function createMqttSession(
  link: Link,
  broker: MqttBroker,
  listener: MqttListener,
): MqttSession {
  return new MqttSession(link, broker, listener);
}
