/** Plays transcripts against NATS sessions without sockets, on a clock that only tests move. */
import { NatsCounters } from "../../gateway/observe/metrics.ts";
import assert from "node:assert/strict";
import { RetainedStore } from "../../gateway/core/retained.ts";
import { Router } from "../../gateway/core/router.ts";
import { type NatsOptions, NatsServer } from "../../gateway/nats/server.ts";
import { NatsSession } from "../../gateway/nats/session.ts";
import { silentLog } from "../../gateway/observe/log.ts";
import { FakeLink } from "../kit/fake_link.ts";
import type { Peer, World } from "./transcript.ts";

/** How the bytes of a line reach the session: in one piece, or one by one. */
export type Chunking = "whole" | "bytes";

/** The defaults of the configuration. */
export const DEFAULT_NATS_OPTIONS: NatsOptions = {
  serverId: "emqx_nats_gateway",
  serverName: "emq_nats_gateway",
  mountpoint: "",
  mapping: "lossless",
  dollarTopics: false,
  deliverRetained: true,
  authorizeMounted: false,
  heartbeat_interval_ms: 60_000,
  heartbeat_wait_ms: 5_000,
  idle_timeout_ms: 30_000,
  auth_timeout_ms: 5_000,
  payload_bytes_max: 1_048_576,
  control_line_bytes_max: 4096,
  oversize: "keep",
  subscriptions_max: Infinity,
  pending_bytes_max: 64 * 1024 * 1024,
};

const RETAINED_LIMITS = {
  messages_max: Infinity,
  payload_bytes_max: Infinity,
  total_bytes_max: Infinity,
  expiry_ms: 0,
};

/** A router, and sessions on it. */
export class SessionWorld implements World {
  #now = 1_000_000;
  readonly #peers: SessionPeer[] = [];
  readonly server: NatsServer;

  constructor(settings: readonly string[] = [], readonly chunking: Chunking = "whole") {
    const options = { ...DEFAULT_NATS_OPTIONS, ...optionsOf(settings) };
    const now = () => this.#now;
    let texts = 0;
    this.server = new NatsServer({
      router: new Router(new RetainedStore(RETAINED_LIMITS, now)),
      now,
      randomText: (length) => String(++texts).padStart(length, "x"),
      log: silentLog,
      counters: new NatsCounters(),
      refuses: () => false,
      clientInfo: () => ({ username: undefined, password: undefined, clientId: undefined }),
      authorizerFor: undefined,
    }, options);
  }

  connect(): Peer {
    const peer = new SessionPeer(this.server, this.chunking);
    this.#peers.push(peer);
    return peer;
  }

  pass(ms: number): void {
    const end = this.#now + ms;
    for (let due; (due = this.#nextDeadline()) <= end;) {
      this.#now = Math.max(this.#now, due);
      for (const peer of this.#peers) peer.tick(this.#now);
    }
    this.#now = end;
  }

  #nextDeadline(): number {
    return Math.min(Infinity, ...this.#peers.map((peer) => peer.nextDeadline));
  }
}

class SessionPeer implements Peer {
  readonly #link = new FakeLink();
  readonly #session: NatsSession;
  readonly #chunking: Chunking;
  #text = "";
  #told = false;

  constructor(server: NatsServer, chunking: Chunking) {
    this.#chunking = chunking;
    this.#session = new NatsSession(this.#link, server, {
      mountpoint: undefined,
      authenticator: {
        required: false,
        needsNonce: false,
        authenticate: () => ({
          kind: "allow",
          principal: { username: undefined, method: "none", superuser: false },
        }),
      },
      tls: { required: false, available: false, verify: false, handshakeFirst: false },
    });
    this.#session.open();
  }

  get nextDeadline(): number {
    return this.#told ? Infinity : this.#session.nextDeadline;
  }

  tick(now: number): void {
    if (!this.#told && now >= this.#session.nextDeadline) this.#session.tick(now);
    this.#settle();
  }

  send(text: string): void {
    const bytes = new TextEncoder().encode(text);
    const step = this.#chunking === "bytes" ? 1 : bytes.length;
    for (let at = 0; at < bytes.length; at += step) this.#offer(bytes.subarray(at, at + step));
  }

  end(): void {
    if (this.#told) return;
    this.#link.close({ kind: "peer" });
    this.#settle();
  }

  line(): string | null {
    this.#text += new TextDecoder().decode(this.#link.written());
    const end = this.#text.indexOf("\n");
    if (end < 0) {
      assert.equal(this.#text, "", "the session wrote half a line");
      assert.ok(this.#told, "the session wrote nothing");
      return null;
    }
    const line = this.#text.slice(0, end).replace(/\r$/, "");
    this.#text = this.#text.slice(end + 1);
    return line;
  }

  /** As the transport does: straight into the session's buffer where it asks for that. */
  #offer(chunk: Uint8Array): void {
    while (chunk.length > 0 && !this.#told) {
      const wanted = this.#session.wanted();
      const count = Math.min(chunk.length, wanted?.length ?? chunk.length);
      if (wanted === undefined) {
        // The buffer is used again for the next read: nothing may be kept of it.
        const buffer = chunk.slice(0, count);
        this.#session.receive(buffer);
        buffer.fill(0x21);
      } else {
        wanted.set(chunk.subarray(0, count));
        this.#session.filled(count);
      }
      chunk = chunk.subarray(count);
      this.#settle();
    }
  }

  #settle(): void {
    if (this.#link.cause === undefined || this.#told) return;
    this.#told = true;
    this.#session.closed(this.#link.cause);
  }
}

/** The options that `path=value` lines of a transcript set. */
function optionsOf(settings: readonly string[]): Partial<NatsOptions> {
  const options: { -readonly [K in keyof NatsOptions]?: NatsOptions[K] } = {};
  for (const setting of settings) {
    const [path, value] = setting.split("=") as [string, string];
    switch (path) {
      case "gateway.nats.protocol.max_payload_size":
        options.payload_bytes_max = Number(value);
        break;
      case "gateway.nats.default_heartbeat_interval":
        options.heartbeat_interval_ms = milliseconds(value);
        break;
      case "gateway.nats.heartbeat_wait_timeout":
        options.heartbeat_wait_ms = milliseconds(value);
        break;
      default:
        throw new Error(`teach session_world.ts the setting ${path}`);
    }
  }
  return options;
}

/** Milliseconds of a duration such as `250ms` or `2s`. */
function milliseconds(duration: string): number {
  return parseInt(duration) * (duration.endsWith("ms") ? 1 : 1000);
}
