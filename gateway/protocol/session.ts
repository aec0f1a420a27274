/**
 * The contract between a protocol session and the transport that carries it.
 */
import type { Outbox } from "./outbox.ts";
import type { ProtocolError } from "../errors.ts";

/**
 * A protocol state machine for one connection. Bytes in, effects out: it never sees a socket or
 * a timer. All methods are synchronous; waiting (for a login, say) is a state in which the
 * session has called `link.setReading(false)`.
 */
export interface Session {
  readonly protocol: "nats" | "mqtt";
  /** First call: may write greetings (INFO) to `link.out`. */
  open(): void;
  /**
   * Takes the next bytes. They are only valid during the call. Never throws for what a peer can
   * send: it answers, and closes the link where the protocol says so.
   */
  receive(chunk: Uint8Array): void;
  /**
   * Room for the rest of a large frame: the transport reads straight into it and calls `filled`
   * instead of `receive`. Undefined when an ordinary read is due. A session may do without both.
   */
  wanted?(): Uint8Array | undefined;
  /** The first `count` bytes of what `wanted` gave have been filled. */
  filled?(count: number): void;
  /**
   * Milliseconds since the epoch when `tick` must be called next; Infinity for never. Read by the
   * transport after each turn, so it may be a plain field.
   */
  readonly nextDeadline: number;
  /** Called at or after `nextDeadline`. */
  tick(now: number): void;
  /** The connection is gone: drop or park everything. Called exactly once. */
  closed(cause: CloseCause): void;
  /** Says goodbye on a graceful stop (NATS `ldm` INFO, MQTT 5 DISCONNECT 0x8B). */
  goodbye(reason: "shutdown" | "lame-duck"): void;
  /** For lists and metrics; computed when asked. */
  readonly info: SessionInfo;
}

/** What a session may ask of the world. The transport implements it; tests fake it. */
export interface Link {
  readonly peer: PeerInfo;
  readonly out: Outbox;
  /** Stops or resumes reading: back pressure towards a publisher, or waiting for a login. */
  setReading(on: boolean): void;
  /**
   * Runs `job` as a turn of its own, for work that does not come from `receive`, `tick` or
   * `deliver` (an authenticator's answer): afterwards what it wrote anywhere is flushed.
   */
  turn(job: () => void): void;
  /** Flushes `out`, then closes. `closed(cause)` follows, not from inside this call. */
  close(cause: CloseCause): void;
}

/** Where a connection comes from. */
export interface PeerInfo {
  /** Connection id: unique in this process, never 0. */
  readonly id: number;
  /** Listener id such as `nats:tcp:default`. */
  readonly listener: string;
  readonly transport: "tcp" | "ssl" | "ws" | "wss";
  readonly address: string;
  readonly port: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly certificate?: PeerCertificate;
  /** What configured cookies of a WebSocket upgrade request hold. */
  readonly cookies?: { readonly jwt?: string };
}

/** The verified client certificate. */
export interface PeerCertificate {
  readonly commonName: string;
  /** Distinguished name, RFC 4514 order. */
  readonly subject: string;
  readonly fingerprint256: string;
  /** The certificate itself, while the connection lasts; a PROXY header has none. */
  readonly pem?: string | undefined;
}

/** Why a connection ended; `closeReason` puts it in words for logs and the API. */
export type CloseCause =
  | { readonly kind: "peer"; readonly detail?: string }
  | { readonly kind: "client-disconnect" }
  | { readonly kind: "protocol"; readonly error: ProtocolError }
  | { readonly kind: "kicked"; readonly by: string }
  | { readonly kind: "auth"; readonly detail: string }
  | {
    readonly kind:
      | "slow-consumer"
      | "idle-timeout"
      | "auth-timeout"
      | "keepalive-timeout"
      | "expired"
      | "taken-over"
      | "shutdown"
      | "bug";
  };

/** The reason of a close in one word or sentence, as logs, metrics and the admin API show it. */
export function closeReason(cause: CloseCause): string {
  switch (cause.kind) {
    case "protocol":
      return `protocol error: ${cause.error.message}`;
    case "auth":
      return `not authorized: ${cause.detail}`;
    case "kicked":
      return `kicked by ${cause.by}`;
    case "peer":
      return cause.detail ?? "closed by peer";
    default:
      return cause.kind;
  }
}

/** What runs on the other side, in its own words. */
export interface ClientSoftware {
  readonly name: string;
  readonly lang: string;
  readonly version: string;
}

/** MQTT has no words for it. */
export const UNKNOWN_SOFTWARE: ClientSoftware = { name: "", lang: "", version: "" };

/** What is known of a session, read by the admin API and the logs. */
export interface SessionInfo {
  readonly protocol: "nats" | "mqtt";
  /** `3.1`, `3.1.1`, `5.0` for MQTT, `1` for NATS. */
  readonly version: string;
  readonly clientId: string;
  readonly username: string | undefined;
  /** False: NATS client that never sent CONNECT. */
  readonly introduced: boolean;
  readonly authMethod: string;
  readonly connectedAt: number;
  /** When bytes last came from the client, ms since the epoch. */
  readonly lastReceivedAt: number;
  /** From the last PING to its PONG, ms; undefined while none was answered, and for MQTT. */
  readonly roundTrip_ms: number | undefined;
  /** What a NATS client says of itself in CONNECT; empty texts where it says nothing. */
  readonly software: ClientSoftware;
  /** Seconds; 0 for none. */
  readonly keepalive: number;
  readonly mountpoint: string;
  readonly cleanStart: boolean;
  /** Seconds; 0 ends the session with the connection. */
  readonly expiryInterval: number;
  readonly subscriptions: number;
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly dropped: number;
  readonly pendingBytes: number;
}
