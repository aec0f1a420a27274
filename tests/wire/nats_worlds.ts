/** Where NATS transcripts are played: sessions without sockets, and real ports. */
import { NatsCounters } from "../../gateway/observe/metrics.ts";
import assert from "node:assert/strict";
import { RetainedStore } from "../../gateway/core/retained.ts";
import { Router } from "../../gateway/core/router.ts";
import { NatsServer } from "../../gateway/nats/server.ts";
import { NatsSession } from "../../gateway/nats/session.ts";
import { silentLog } from "../../gateway/observe/log.ts";
import { isClosed } from "../kit/conn.ts";
import { FakeLink } from "../kit/fake_link.ts";
import { RawNats } from "../kit/raw_nats.ts";
import { natsOptionsOf } from "../kit/defaults.ts";
import type { Peer } from "./nats_transcript.ts";
import type { World } from "./transcript.ts";

/** How the bytes of a line reach the session: in one piece, or one by one. */
export type Chunking = "whole" | "bytes";

const RETAINED_LIMITS = {
  messages_max: Infinity,
  payload_bytes_max: Infinity,
  total_bytes_max: Infinity,
  expiry_ms: 0,
};

/** A router, and sessions on it. */
export class NatsSessionWorld implements World<Peer> {
  #now = 1_000_000;
  readonly #peers: SessionPeer[] = [];
  readonly server: NatsServer;

  constructor(settings: readonly string[] = [], readonly chunking: Chunking = "whole") {
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
    }, natsOptionsOf(settings));
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

/** Connections to a port of this machine. Time passes by itself: a wait is the next answer. */
export class NatsSocketWorld implements World<Peer>, Disposable {
  readonly #open: SocketPeer[] = [];
  constructor(readonly port: number) {}

  async connect(): Promise<Peer> {
    const peer = await SocketPeer.connect(this.port);
    this.#open.push(peer);
    return peer;
  }

  pass(): void {}

  [Symbol.dispose](): void {
    for (const peer of this.#open) peer.raw.close();
  }
}

class SocketPeer implements Peer {
  #info: string | undefined;
  private constructor(readonly raw: RawNats) {
    this.#info = `INFO ${JSON.stringify(raw.info)}`;
  }

  static async connect(port: number): Promise<SocketPeer> {
    return new SocketPeer(await RawNats.connect(port));
  }

  async send(text: string): Promise<void> {
    try {
      await this.raw.send(text);
    } catch (error) {
      // The server has closed meanwhile; what it said before that can still be read.
      if (!isClosed(error)) throw error;
    }
  }

  end(): Promise<void> {
    return this.raw.conn.closeWrite();
  }

  line(): string | null | Promise<string | null> {
    const info = this.#info;
    this.#info = undefined;
    return info ?? this.raw.line();
  }
}
