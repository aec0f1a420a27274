/**
 * What all NATS sessions share: options, the router, dialects, who is connected.
 */
import type { Authenticator, AuthorizerFactory } from "../auth/types.ts";
import { Batch } from "../core/batch.ts";
import type { Message } from "../core/message.ts";
import type { Router } from "../core/router.ts";
import type { Log } from "../observe/log.ts";
import type { NatsCounters } from "../observe/metrics.ts";
import type { PeerInfo } from "../protocol/session.ts";
import type { DecoderLimits } from "./decode.ts";
import { NatsDialect } from "./dialect.ts";
import type { NatsSession } from "./session.ts";
import { createMapping, type MappingKind } from "./subject.ts";

/** Settings of the NATS gateway. Frozen; a reload sets a new one, for new connections. */
export interface NatsOptions {
  readonly serverId: string;
  readonly serverName: string;
  /** Template of the prefix put in front of every name; see `core/mountpoint.ts`. */
  readonly mountpoint: string;
  readonly mapping: MappingKind;
  /** `*` and `>` in the first token match `$` names other than `$SYS`. */
  readonly dollarTopics: boolean;
  readonly deliverRetained: boolean;
  /** Permissions are asked about names with their mountpoint. */
  readonly authorizeMounted: boolean;
  /** Milliseconds between PINGs to a silent client; 0 for none. */
  readonly heartbeat_interval_ms: number;
  /** Milliseconds that a PING may stay unanswered; 0 for ever. */
  readonly heartbeat_wait_ms: number;
  /** Milliseconds until the first complete frame; 0 for ever. */
  readonly idle_timeout_ms: number;
  /** Milliseconds until a successful CONNECT, when credentials are required; 0 for ever. */
  readonly auth_timeout_ms: number;
  readonly payload_bytes_max: number;
  readonly control_line_bytes_max: number;
  /** What a payload beyond the maximum costs: the message, or the connection. */
  readonly oversize: "keep" | "close";
  /** Subscriptions of one connection. */
  readonly subscriptions_max: number;
  /** Bytes waiting for one connection; beyond it is a slow consumer and cut off. */
  readonly pending_bytes_max: number;
}

/** What differs from listener to listener. */
export interface NatsListenerOptions {
  /** Replaces the gateway's mountpoint template. */
  readonly mountpoint: string | undefined;
  readonly authenticator: Authenticator;
  /** TLS fields of INFO. */
  readonly tls: {
    readonly required: boolean;
    readonly available: boolean;
    readonly verify: boolean;
    readonly handshakeFirst: boolean;
  };
}

/** What `clientinfo_override` makes of a CONNECT. */
export interface ClientInfo {
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Undefined: a generated one. */
  readonly clientId: string | undefined;
}

/** Applies the configured templates to a CONNECT. */
export type ClientInfoOverride = (
  packet: Readonly<Record<string, unknown>>,
  peer: PeerInfo,
) => ClientInfo;

/** The parts that a server is made of. */
export interface NatsServerParts {
  readonly router: Router;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** A text of so many random letters and digits, from a secure source. */
  readonly randomText: (length: number) => string;
  readonly log: Log;
  readonly counters: NatsCounters;
  readonly clientInfo: ClientInfoOverride;
  /** True when those who must get the message cannot be promised it now: the store is full. */
  readonly refuses: (message: Message) => boolean;
  /** Undefined: everything is allowed. */
  readonly authorizerFor: AuthorizerFactory | undefined;
}

/** Shared by all sessions of the gateway. */
export class NatsServer {
  readonly router: Router;
  readonly now: () => number;
  readonly log: Log;
  readonly counters: NatsCounters;
  /** The messages of the turn under way, and the objects they are in. */
  readonly batch: Batch;
  /** Live sessions by client id. */
  readonly sessions = new Map<string, NatsSession>();
  /** Connections of each NATS account that has any. */
  readonly accounts = new Map<string, number>();
  readonly #dialects = new Map<string, NatsDialect>();
  #dialectCount = 0;
  #limits: DecoderLimits;

  constructor(public parts: NatsServerParts, public options: NatsOptions) {
    this.router = parts.router;
    this.batch = new Batch(parts.router);
    this.now = parts.now;
    this.log = parts.log;
    this.counters = parts.counters;
    this.#limits = limitsOf(options);
  }

  /** Decoder limits of clients without limits of their own. */
  get limits(): DecoderLimits {
    return this.#limits;
  }

  /** Takes new options; connections keep what they began with where it is theirs (mountpoint). */
  reconfigure(parts: NatsServerParts, options: NatsOptions): void {
    if (options.mapping !== this.options.mapping) this.#dialects.clear();
    this.parts = parts;
    this.options = options;
    this.#limits = limitsOf(options);
  }

  /** The dialect of a rendered mountpoint. */
  dialect(mountpoint: string): NatsDialect {
    let dialect = this.#dialects.get(mountpoint);
    if (dialect === undefined) {
      // A forgotten dialect lives on in the sessions that use it.
      if (this.#dialects.size >= DIALECTS_MAX) this.#dialects.clear();
      const mapping = createMapping(this.options.mapping);
      dialect = new NatsDialect(this.#dialectCount++, mapping, mountpoint, this.router);
      this.#dialects.set(mountpoint, dialect);
    }
    return dialect;
  }

  /** A client id for clients that have none: a letter, then letters and digits. */
  newClientId(): string {
    for (;;) {
      const id = "n" + this.parts.randomText(CLIENT_ID_LETTERS);
      if (!this.sessions.has(id)) return id;
    }
  }
}

/** Dialects kept for reuse: one for each rendered mountpoint in use. */
const DIALECTS_MAX = 10_000;
const CLIENT_ID_LETTERS = 15;

function limitsOf(options: NatsOptions): DecoderLimits {
  return {
    control_line_bytes_max: options.control_line_bytes_max,
    payload_bytes_max: options.payload_bytes_max,
  };
}
