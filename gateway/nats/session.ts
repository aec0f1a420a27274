/**
 * One NATS connection: its state and its deadlines. What it accepts in each state is in
 * `states.ts`, what the frames mean in `connect.ts`, `publish.ts`, `subscribe.ts`, `deliver.ts`.
 */
import type { Authorizer, Principal } from "../auth/types.ts";
import { hash } from "../core/group.ts";
import type { Message } from "../core/message.ts";
import type { Route } from "../core/route.ts";
import type { RouteEntry } from "../core/route_table.ts";
import type { Delivered, Subscriber, Target } from "../core/subscription.ts";
import type { Topic } from "../core/topic.ts";
import { ProtocolError } from "../errors.ts";
import {
  type CloseCause,
  closeReason,
  type Link,
  type Session,
  type SessionInfo,
} from "../protocol/session.ts";
import { accept, anonymousPrincipal, countAccount } from "./connect.ts";
import { type ConnectOptions, DEFAULT_OPTIONS } from "./connect_options.ts";
import { NatsDecoder } from "./decode.ts";
import { cutOff, deliver } from "./deliver.ts";
import type { NatsDialect } from "./dialect.ts";
import { encodeBareError, encodeError, encodeInfo, OK, PING } from "./encode.ts";
import { infoFor } from "./info.ts";
import { Op } from "./ops.ts";
import type { NatsListenerOptions, NatsServer } from "./server.ts";
import { type Handler, HANDLERS, METERED, type NatsState } from "./states.ts";
import type { NatsSubscription } from "./subscription.ts";

/** PINGs that may stay unanswered, each for the wait time, before the connection is stale. */
const PINGS_OUT_MAX = 2;

/** A NATS client. Fields are shared with the handlers of this folder, and with nobody else. */
export class NatsSession implements Session, Subscriber {
  readonly protocol = "nats";
  readonly id: number;
  readonly decoder: NatsDecoder<RouteEntry>;
  state: NatsState = "awaiting";
  options: ConnectOptions = DEFAULT_OPTIONS;
  clientId: string;
  /** For `Message.originHash`. */
  clientIdHash: number;
  principal: Principal = anonymousPrincipal;
  /** Undefined: everything is allowed. */
  authorizer: Authorizer | undefined = undefined;
  mountpoint = "";
  dialect!: NatsDialect;
  readonly nonce: string | undefined;
  /** By sid. */
  readonly subscriptions = new Map<string, NatsSubscription>();

  /** Subject of the last PUB and what it meant, since most clients repeat themselves. */
  last: RouteEntry | undefined = undefined;
  /** The last permission to publish that was asked for, and its answer. */
  decidedRoute: Route | undefined = undefined;
  decidedAllowed = false;
  /** All answers of one generation of the authorizer, by route. */
  decisions: Map<Route, boolean> | undefined = undefined;
  decidedGeneration = -1;
  /** True when every publish of this generation is allowed. */
  decidedAlways = false;
  /** Rights to answer requests that were received, with `allow_responses`. */
  responses: Map<Topic, { left: number; until: number }> | undefined = undefined;
  /** Bytes of messages that may still be moved; undefined: no limit. See `data_limit.ts`. */
  dataLeft: number | undefined = undefined;

  nextDeadline = Infinity;
  readonly #connectedAt: number;
  #lastInputAt: number;
  #sawFrame = false;
  #pingsOut = 0;
  #pingSentAt = 0;
  #awaitsPong = false;
  #roundTrip_ms: number | undefined = undefined;
  #suspended = false;
  #handlers: readonly Handler[];

  /** True once it counts as a connected client. */
  counted = false;
  messagesIn = 0;
  messagesOut = 0;
  dropped = 0;
  #bytesIn = 0;

  constructor(
    readonly link: Link,
    readonly server: NatsServer,
    readonly listener: NatsListenerOptions,
  ) {
    this.id = link.peer.id;
    this.#connectedAt = this.#lastInputAt = server.now();
    this.decoder = new NatsDecoder(server.limits);
    this.clientId = server.newClientId();
    this.clientIdHash = hash(this.clientId);
    this.nonce = listener.authenticator.needsNonce
      ? server.parts.randomText(NONCE_LETTERS)
      : undefined;
    this.#handlers = HANDLERS[this.state];
  }

  open(): void {
    this.server.sessions.set(this.clientId, this);
    this.server.counters.connections_accepted++;
    encodeInfo(this.link.out, this.#info(false));
    // Without a login, what CONNECT would set up holds from the start.
    if (!this.listener.authenticator.required) accept(this, anonymousPrincipal, "anonymous");
    this.#plan();
  }

  receive(chunk: Uint8Array): void {
    this.#input(chunk.length);
    this.decoder.feed(chunk);
    this.#run();
  }

  wanted(): Uint8Array | undefined {
    return this.#suspended ? undefined : this.decoder.wanted();
  }

  filled(count: number): void {
    this.#input(count);
    this.decoder.filled(count);
    this.#run();
  }

  tick(now: number): void {
    if (this.state === "closed") return;
    const { options } = this.server;
    const since = now - this.#connectedAt;
    const expiresAt = this.principal.expiresAt ?? Infinity;
    if (now >= expiresAt) {
      this.fail("User Authentication Expired", { kind: "expired" });
    } else if (this.state === "awaiting" && overdue(since, options.auth_timeout_ms)) {
      this.fail("Authentication Timeout", { kind: "auth-timeout" });
    } else if (!this.#sawFrame && overdue(since, options.idle_timeout_ms)) {
      this.close({ kind: "idle-timeout" });
    } else {
      this.#heartbeat(now);
    }
    this.#plan();
  }

  deliver(message: Message, target: Target): Delivered {
    return deliver(this, message, target);
  }

  skipped(): void {
    this.server.counters.dropped.no_local++;
  }

  closed(cause: CloseCause): void {
    this.state = "closed";
    this.decoder.release();
    for (const subscription of this.subscriptions.values()) this.drop(subscription);
    countAccount(this.server, this.principal, -1);
    if (this.server.sessions.get(this.clientId) === this) {
      this.server.sessions.delete(this.clientId);
    }
    const { counters, log } = this.server;
    counters.bytes_sent += this.link.out.sentBytes;
    if (this.counted) counters.clients_disconnected++;
    if (log.debugs) {
      log.debug("disconnected", { client: this.clientId, reason: closeReason(cause) });
    }
  }

  goodbye(_reason: "shutdown" | "lame-duck"): void {
    if (this.options.protocol >= 1) encodeInfo(this.link.out, this.#info(true));
  }

  /** Closes on behalf of an operator. */
  kick(by: string): void {
    if (this.state === "closed") return;
    encodeBareError(this.link.out, "Kicked out");
    this.close({ kind: "kicked", by });
  }

  /** Closes because the same client id connected again. */
  discard(): void {
    encodeBareError(this.link.out, "Discarded");
    this.close({ kind: "taken-over" });
  }

  get info(): SessionInfo {
    return {
      protocol: "nats",
      version: "1",
      clientId: this.clientId,
      username: this.principal.username,
      introduced: this.state === "open",
      authMethod: this.principal.method,
      connectedAt: this.#connectedAt,
      lastReceivedAt: this.#lastInputAt,
      roundTrip_ms: this.#roundTrip_ms,
      software: this.options,
      keepalive: this.server.options.heartbeat_interval_ms / 1000,
      mountpoint: this.mountpoint,
      cleanStart: true,
      expiryInterval: 0,
      subscriptions: this.subscriptions.size,
      messagesIn: this.messagesIn,
      messagesOut: this.messagesOut,
      bytesIn: this.#bytesIn,
      bytesOut: this.link.out.sentBytes,
      dropped: this.dropped,
      pendingBytes: this.link.out.pendingBytes,
    };
  }

  /** Goes to another state, and with it to another table of accepted frames. */
  enter(state: NatsState): void {
    this.state = state;
    this.#handlers = this.dataLeft === undefined ? HANDLERS[state] : METERED[state];
    this.#plan();
  }

  /** Ends one subscription. */
  drop(subscription: NatsSubscription): void {
    subscription.active = false;
    this.subscriptions.delete(subscription.sid);
    this.server.router.unsubscribe(subscription);
  }

  /** `+OK`, for clients that asked for it. */
  acknowledge(): void {
    if (!this.options.verbose) return;
    this.server.counters.sent.ok++;
    this.link.out.append(OK);
  }

  /** `-ERR` and on. */
  complain(text: string): void {
    this.server.counters.sent.err++;
    encodeError(this.link.out, text);
  }

  /** `-ERR` (unless the text is empty) and out. */
  fail(text: string, cause: CloseCause): void {
    if (text !== "") this.complain(text);
    this.close(cause);
  }

  /** The same for what the client may not do, whoever it is. */
  break(error: ProtocolError): void {
    this.server.counters.protocol_errors++;
    this.fail(error.natsText, { kind: "protocol", error });
  }

  close(cause: CloseCause): void {
    if (this.state === "closed") return;
    this.state = "closed";
    this.#handlers = HANDLERS.closed;
    this.link.close(cause);
  }

  /**
   * Takes no further frame until the answer is there, then goes on with `then`. The bytes that
   * are left wait; nothing more is read.
   */
  waitFor<T>(answer: Promise<T>, then: (answer: T) => void): void {
    this.#suspended = true;
    this.link.setReading(false);
    const goOn = (job: () => void) =>
      this.link.turn(() => {
        if (this.state === "closed") return;
        this.#suspended = false;
        job();
        this.server.batch.flush();
        if (this.#suspended) return;
        this.link.setReading(true);
        this.#run();
      });
    answer.then(
      (value) => goOn(() => then(value)),
      // Answers never reject for what a client did: this is a bug, and costs one connection.
      (error) =>
        goOn(() => {
          this.server.log.error("a check failed; please report this", { error: String(error) });
          this.close({ kind: "bug" });
        }),
    );
  }

  #run(): void {
    const decoder = this.decoder;
    const { batch } = this.server;
    try {
      while (!this.#suspended) {
        const op = decoder.next();
        if (op !== Op.Pub) batch.flush();
        if (op === Op.None) {
          this.#checkPending();
          return;
        }
        this.#sawFrame = true;
        this.#handlers[op]!(this);
        if (this.state === "closed") break;
      }
      batch.flush();
      decoder.keep();
    } catch (error) {
      batch.flush();
      if (!(error instanceof ProtocolError)) throw error;
      this.break(error);
    }
  }

  /** PONG: the first after a PING says how far the client is. */
  measureRoundTrip(): void {
    if (!this.#awaitsPong) return;
    this.#awaitsPong = false;
    this.#roundTrip_ms = this.server.now() - this.#pingSentAt;
  }

  /** A client that asks and never reads the answers fills its own queue. */
  #checkPending(): void {
    if (this.link.out.pendingBytes > this.server.options.pending_bytes_max) cutOff(this);
  }

  #input(bytes: number): void {
    this.#bytesIn += bytes;
    this.server.counters.bytes_received += bytes;
    this.#lastInputAt = this.server.now();
    this.#pingsOut = 0;
  }

  /** Any inbound data counts as a sign of life, not only PONG. */
  #heartbeat(now: number): void {
    const { heartbeat_interval_ms, heartbeat_wait_ms } = this.server.options;
    if (heartbeat_interval_ms === 0) return;
    if (this.#pingsOut === 0) {
      if (now - this.#lastInputAt >= heartbeat_interval_ms) this.#ping(now);
    } else if (overdue(now - this.#pingSentAt, heartbeat_wait_ms)) {
      if (this.#pingsOut < PINGS_OUT_MAX) this.#ping(now);
      else this.fail("Stale Connection", { kind: "keepalive-timeout" });
    }
  }

  #ping(now: number): void {
    this.#pingsOut++;
    this.#awaitsPong = true;
    this.#pingSentAt = now;
    this.server.counters.sent.ping++;
    this.link.out.append(PING);
  }

  /** Works out when `tick` has something to do. */
  #plan(): void {
    const { options } = this.server;
    let next = this.principal.expiresAt ?? Infinity;
    if (this.state === "awaiting" && options.auth_timeout_ms > 0) {
      next = Math.min(next, this.#connectedAt + options.auth_timeout_ms);
    }
    if (!this.#sawFrame && options.idle_timeout_ms > 0) {
      next = Math.min(next, this.#connectedAt + options.idle_timeout_ms);
    }
    if (this.#pingsOut > 0) {
      if (options.heartbeat_wait_ms > 0) {
        next = Math.min(next, this.#pingSentAt + options.heartbeat_wait_ms);
      }
    } else if (options.heartbeat_interval_ms > 0) {
      next = Math.min(next, this.#lastInputAt + options.heartbeat_interval_ms);
    }
    this.nextDeadline = next;
  }

  #info(lameDuck: boolean): object {
    this.server.counters.sent.info++;
    return infoFor(this.server.options, this.listener, this.link.peer, this.nonce, lameDuck);
  }
}

const NONCE_LETTERS = 24;

function overdue(since: number, limit_ms: number): boolean {
  return limit_ms > 0 && since >= limit_ms;
}
