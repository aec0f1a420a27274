/**
 * The one shape that every way in has: an ordered byte stream. TCP, TLS, WebSocket and a stream
 * behind a PROXY header all look the same from above, so they can be stacked on one another.
 */
import type { PeerCertificate } from "../protocol/session.ts";

/** An ordered byte stream; a `Deno.Conn` is one. */
export interface ByteStream {
  /**
   * Reads at least one byte into `into`; null at the end. One read at a time. A stream takes
   * nothing from the network while no read is asked for: that is the back pressure.
   */
  read(into: Uint8Array): Promise<number | null>;
  /**
   * Writes some of the bytes and says how many. One write at a time.
   * @param headroom Free bytes in front of `bytes` in the same buffer, which a stream that frames
   * what it sends may overwrite; without them it needs a write (or a copy) more.
   */
  write(bytes: Uint8Array, headroom?: number): Promise<number>;
  /**
   * Ends our side (FIN, close_notify, close frame) after what was written.
   * @param code Why, as a WebSocket close code (RFC 6455, 7.4.1); 1000 unless told. Only a
   * WebSocket can say it.
   */
  closeWrite(code?: number): Promise<void>;
  /**
   * Lets go of everything at once; a read or write under way ends or fails. A `Deno.Conn` throws
   * when it is closed already: see `closeQuietly`.
   */
  close(): void;
  /**
   * Switches this stream to TLS in place (NATS does so after INFO). Call it once, with neither a
   * read nor a write under way; rejects when the handshake fails. Absent: impossible, or done.
   */
  startTls?(): Promise<void>;
  /** The verified client certificate; absent without TLS or without one. */
  readonly certificate?: PeerCertificate | undefined;
}

/** The peer ended a connection on which it had not said anything. */
export class LeftSilently extends Error {
  override readonly name = "LeftSilently";
  constructor() {
    super("the connection ended before anything came");
  }
}

/** Writes all of the bytes. */
export async function writeAll(stream: ByteStream, bytes: Uint8Array): Promise<void> {
  let at = 0;
  while (at < bytes.length) at += await stream.write(at === 0 ? bytes : bytes.subarray(at));
}

/** Closes what may be closed already, such as after a timeout. */
export function closeQuietly(stream: Pick<ByteStream, "close">): void {
  try {
    stream.close();
  } catch {
    // It was.
  }
}

/** The stream with bytes put back in front, as after a header that was read too far. */
export function withPrefix(prefix: Uint8Array, stream: ByteStream): ByteStream {
  return prefix.length === 0 ? stream : new PrefixedStream(prefix, stream);
}

class PrefixedStream implements ByteStream {
  #rest: Uint8Array;
  constructor(prefix: Uint8Array, readonly inner: ByteStream) {
    this.#rest = prefix;
  }

  read(into: Uint8Array): Promise<number | null> {
    if (this.#rest.length === 0) return this.inner.read(into);
    const count = Math.min(into.length, this.#rest.length);
    into.set(this.#rest.subarray(0, count));
    this.#rest = this.#rest.subarray(count);
    return Promise.resolve(count);
  }

  write(bytes: Uint8Array, headroom?: number): Promise<number> {
    return this.inner.write(bytes, headroom);
  }

  closeWrite(code?: number): Promise<void> {
    return this.inner.closeWrite(code);
  }

  close(): void {
    this.inner.close();
  }

  get certificate(): PeerCertificate | undefined {
    return this.inner.certificate;
  }
}
