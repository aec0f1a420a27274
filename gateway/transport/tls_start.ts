/**
 * When TLS begins on a connection: at once, or after a greeting in the clear, or whichever way
 * the client begins (`handshake` of an `ssl` listener).
 */
import type { Clock } from "../clock.ts";
import type { PeerCertificate } from "../protocol/session.ts";
import { type ByteStream, closeQuietly, withPrefix } from "./stream.ts";
import type { TlsServer } from "./tls_server.ts";
import type { TlsStream } from "./tls_stream.ts";

/**
 * `first`: TLS at once. `upgrade`: a greeting in the clear, then TLS. `auto`: the client's choice,
 * shown by what it does in the first moment. `optional`: a greeting in the clear, then TLS if the
 * client wants it.
 */
export type HandshakeMode = "first" | "upgrade" | "auto" | "optional";

/** How long `auto` waits for a client that begins with TLS. */
export const AUTO_WAIT_MS = 50;
/** Enough for a read to bring what is there. */
const READ_MS = 2;
/** First byte of a TLS handshake record (RFC 8446, 5.1). */
const HANDSHAKE_RECORD = 22;
/** Read at first, to tell TLS from plain text; both go on from what was read. */
const PEEK_BYTES = 1024;
const NOTHING = new Uint8Array(0);

/**
 * Gives the stream to talk on: TLS already, or one whose `startTls` is still to be called.
 * @param prefix Bytes that were read already (behind a PROXY header).
 * @throws Error that says why the handshake failed; the connection is closed.
 */
export async function beginTls(
  conn: Deno.Conn,
  prefix: Uint8Array,
  server: TlsServer,
  mode: HandshakeMode,
  clock: Clock,
): Promise<ByteStream> {
  const stream = new UpgradableStream(conn, prefix, server, mode === "optional", clock);
  try {
    const now = mode === "first" || mode === "auto" && await stream.startsWithTls(AUTO_WAIT_MS);
    if (now) await stream.startTls!();
  } catch (error) {
    closeQuietly(stream);
    throw error;
  }
  return stream;
}

/** Plain until `startTls`. */
class UpgradableStream implements ByteStream {
  /** Absent once it was called. */
  startTls?: () => Promise<void>;
  readonly #conn: Deno.Conn;
  readonly #server: TlsServer;
  readonly #plainAllowed: boolean;
  readonly #clock: Clock;
  /** What was read to see what the client wants; null at its end. */
  #peeked: Uint8Array | null;
  #peeking: Promise<void> | undefined = undefined;
  #tls: TlsStream | undefined = undefined;
  #current: ByteStream;

  constructor(
    conn: Deno.Conn,
    prefix: Uint8Array,
    server: TlsServer,
    plainAllowed: boolean,
    clock: Clock,
  ) {
    this.#conn = conn;
    this.#current = conn;
    this.#peeked = prefix;
    this.#server = server;
    this.#plainAllowed = plainAllowed;
    this.#clock = clock;
    this.startTls = () => this.#upgrade();
  }

  get certificate(): PeerCertificate | undefined {
    return this.#tls?.certificate;
  }

  read(into: Uint8Array): Promise<number | null> {
    return this.#current.read(into);
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#current.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.#current.closeWrite();
  }

  close(): void {
    this.#current.close();
  }

  /** Whether a TLS handshake comes within so many milliseconds. */
  async startsWithTls(waitMs: number): Promise<boolean> {
    // Timers come before reads: after a busy moment the first bytes may be there and not yet read.
    for (const ms of [waitMs, READ_MS]) {
      let timer: ReturnType<Clock["at"]> | undefined;
      const late = new Promise<void>((resolve) => {
        timer = this.#clock.at(this.#clock.now() + ms, resolve);
      });
      await Promise.race([this.#peek(), late]);
      timer?.cancel();
      if (this.#peeked === null || this.#peeked.length > 0) break;
    }
    return this.#peeked?.[0] === HANDSHAKE_RECORD;
  }

  async #upgrade(): Promise<void> {
    delete this.startTls;
    await this.#waitForClient();
    const peeked = this.#peeked ?? NOTHING;
    if (peeked[0] === HANDSHAKE_RECORD) {
      this.#tls = await this.#server.handshake(this.#conn, peeked);
      this.#current = this.#tls;
    } else if (this.#peeked === null || this.#plainAllowed) {
      this.#current = withPrefix(peeked, this.#conn);
    } else {
      closeQuietly(this.#conn);
      throw new Error("plain text where TLS should have begun");
    }
  }

  /** The client has as long for its first byte as for the whole handshake. */
  async #waitForClient(): Promise<void> {
    const limit = this.#plainAllowed ? Infinity : this.#server.handshakeTimeoutMs;
    let late = false;
    const timer = limit === Infinity ? undefined : this.#clock.at(this.#clock.now() + limit, () => {
      late = true;
      closeQuietly(this.#conn);
    });
    try {
      await this.#peek();
    } catch (error) {
      closeQuietly(this.#conn);
      throw late ? new Error(`no TLS handshake within ${limit} ms`) : error;
    } finally {
      timer?.cancel();
    }
  }

  /** Reads once, unless something was read already; a read that is under way is waited for. */
  #peek(): Promise<void> {
    if (this.#peeked === null || this.#peeked.length > 0) return Promise.resolve();
    return this.#peeking ??= (async () => {
      const into = new Uint8Array(PEEK_BYTES);
      const count = await this.#conn.read(into);
      this.#peeked = count === null ? null : into.subarray(0, count);
    })();
  }
}
