/**
 * A WebSocket as a byte stream: what comes in messages is read as if there were none, and each
 * write is one binary message. Control frames are answered in here and never seen above.
 */
import type { Clock, Timer } from "../clock.ts";
import type { PeerCertificate } from "../protocol/session.ts";
import { ChunkQueue } from "./chunk_queue.ts";
import { type ByteStream, closeQuietly, writeAll } from "./stream.ts";
import { DEFLATE_FROM_BYTES, DeflateCodec } from "./websocket_codec.ts";
import type { Deflate } from "./websocket_deflate.ts";
import {
  CLOSE,
  FrameError,
  frameHeaderBytes,
  FrameParser,
  type FrameSink,
  OPCODE,
  writeFrameHeader,
} from "./websocket_frames.ts";

/** Room for words in a close frame: a control frame holds 125 bytes, the code takes two. */
const CLOSE_REASON_BYTES_MAX = 123;

/** What a message may grow to by decompression where `max_frame_size` sets no limit. */
const INFLATED_BYTES_MAX = 16 * 1024 * 1024;
/** Read buffer of a connection that compresses; the others use their caller's. */
const RAW_BYTES = 8 * 1024;

/** How long an idle peer has to answer the close frame. */
const CLOSE_WAIT_MS = 1000;

/** How one WebSocket behaves, as configured and as negotiated by the upgrade. */
export interface WebSocketRules {
  /** False only where the upgrade negotiated it away. */
  readonly maskRequired: boolean;
  /** MQTT allows binary messages only [MQTT-6.0.0-1]; NATS takes both. */
  readonly textAllowed: boolean;
  /** `max_frame_size`: bytes of one message, all its frames together; Infinity for no limit. */
  readonly messageBytesMax: number;
  /** Undefined: not negotiated. */
  readonly deflate: Deflate | undefined;
  /** `idle_timeout`: closed when nothing at all came for so long; Infinity for never. */
  readonly idleTimeoutMs: number;
}

/** What one push of the parser brought, in order: bytes, or a compressed message in pieces. */
type Arrived = Uint8Array | { readonly parts: readonly Uint8Array[]; readonly text: boolean };

/** The stream inside an upgraded connection. */
export class WebSocketStream implements ByteStream, FrameSink {
  readonly #inner: ByteStream;
  readonly #rules: WebSocketRules;
  readonly #clock: Clock;
  readonly #parser: FrameParser;
  /** Undefined: nothing is compressed. */
  readonly #codec: DeflateCodec | undefined;
  /** End of the payload bytes gathered at the front of the reader's buffer. */
  #gathered = 0;
  /** With compression only: what the network gave, and what is ready to be read. */
  #raw: Uint8Array | undefined = undefined;
  #arrived: Arrived[] = [];
  readonly #ready = new ChunkQueue();
  #compressedParts: Uint8Array[] = [];
  #compressedBytes = 0;
  #text: TextDecoder | undefined = undefined;
  /** What ended the input: the peer's close frame, or its mistake. */
  #ended = false;
  #failure: Error | undefined = undefined;
  /** Control frames to send, at most one of each kind: the newest pong stands for all. */
  #pong: Uint8Array | undefined = undefined;
  #closeFrame: Uint8Array | undefined = undefined;
  #closeSent = false;
  /** The write under way, data or control; settled when there is none. */
  #writing: Promise<unknown> | undefined = undefined;
  #lastReadAt: number;
  #idleTimer: Timer | undefined = undefined;

  /** @param inner The stream behind the upgrade's answer. */
  constructor(inner: ByteStream, rules: WebSocketRules, clock: Clock) {
    this.#inner = inner;
    this.#rules = rules;
    this.#clock = clock;
    this.#parser = new FrameParser({
      maskRequired: rules.maskRequired,
      compression: rules.deflate !== undefined,
      messageBytesMax: rules.messageBytesMax,
    }, this);
    this.#codec = rules.deflate && new DeflateCodec(rules.deflate);
    this.#lastReadAt = clock.now();
    this.#watchIdle();
  }

  get certificate(): PeerCertificate | undefined {
    return this.#inner.certificate;
  }

  /**
   * Null after the peer's close frame or a bare end.
   * @throws Error that names the peer's mistake, once everything before it has been read.
   */
  async read(into: Uint8Array): Promise<number | null> {
    for (;;) {
      const count = this.#ready.take(into);
      if (count > 0) return count;
      if (this.#ended) return await this.#endInput();
      // Without compression, frames are unmasked and moved together in the caller's buffer.
      const buffer = this.#codec === undefined ? into : this.#raw ??= new Uint8Array(RAW_BYTES);
      const got = await this.#inner.read(buffer).catch((error) => {
        throw this.#failure ?? error;
      });
      if (got === null) {
        this.#ended = true;
        continue;
      }
      this.#lastReadAt = this.#clock.now();
      this.#gathered = 0;
      try {
        this.#parser.push(buffer, 0, got);
      } catch (error) {
        if (!(error instanceof FrameError)) throw error;
        this.#fail(error);
      }
      if (this.#gathered > 0) return this.#gathered;
      if (this.#codec !== undefined) await this.#unpack(this.#codec);
    }
  }

  async write(bytes: Uint8Array, headroom = 0): Promise<number> {
    while (this.#writing !== undefined) await this.#writing;
    if (this.#closeSent) throw new Error("the WebSocket is closed");
    const writing = this.#writeMessage(bytes, headroom);
    this.#writing = writing;
    try {
      await writing;
    } finally {
      this.#writing = undefined;
    }
    this.#flushControl();
    return bytes.length;
  }

  async closeWrite(code: number = CLOSE.normal): Promise<void> {
    this.#sendClose(code, "");
    while (this.#writing !== undefined) await this.#writing;
    await this.#inner.closeWrite();
  }

  close(): void {
    this.#idleTimer?.cancel();
    this.#codec?.close();
    this.#inner.close();
  }

  // Called by the parser.

  payload(bytes: Uint8Array, from: number, to: number): void {
    if (this.#parser.text) this.#checkText(bytes, from, to);
    if (this.#codec === undefined) {
      if (from !== this.#gathered) bytes.copyWithin(this.#gathered, from, to);
      this.#gathered += to - from;
    } else if (this.#parser.compressed) {
      this.#compressedBytes += to - from;
      // What does not shrink grows by a few bytes in each block.
      if (this.#compressedBytes > this.#inflatedMax * 1.01 + 64) {
        throw new FrameError(
          CLOSE.tooBig,
          `compressed message of more than ${this.#inflatedMax} bytes`,
        );
      }
      this.#compressedParts.push(bytes.slice(from, to));
    } else {
      this.#arrived.push(bytes.slice(from, to));
    }
  }

  messageEnd(): void {
    if (this.#parser.compressed) {
      this.#arrived.push({ parts: this.#compressedParts, text: this.#parser.text });
      this.#compressedParts = [];
      this.#compressedBytes = 0;
    } else if (this.#text !== undefined) {
      checkUtf8(this.#text, new Uint8Array(0), false);
      this.#text = undefined;
    }
  }

  control(opcode: number, payload: Uint8Array): boolean {
    if (opcode === OPCODE.ping) {
      this.#pong = payload.slice();
      this.#flushControl();
    } else if (opcode === OPCODE.close) {
      this.#ended = true;
      this.#sendClose(closeCodeOf(payload), "");
    }
    return opcode !== OPCODE.close;
  }

  get #inflatedMax(): number {
    return Math.min(this.#rules.messageBytesMax, INFLATED_BYTES_MAX);
  }

  /** Decompresses what has arrived; a mistake in it comes after what was before it. */
  async #unpack(codec: DeflateCodec): Promise<void> {
    const arrived = this.#arrived;
    this.#arrived = [];
    try {
      for (const each of arrived) {
        if (each instanceof Uint8Array) {
          this.#ready.push(each);
          continue;
        }
        const message = await codec.decompress(each.parts, this.#inflatedMax);
        if (each.text) checkUtf8(new TextDecoder("utf-8", { fatal: true }), message, false);
        this.#ready.push(message);
      }
    } catch (error) {
      if (!(error instanceof FrameError)) throw this.#failure ?? error;
      this.#fail(error);
    }
  }

  #checkText(bytes: Uint8Array, from: number, to: number): void {
    if (!this.#rules.textAllowed) {
      throw new FrameError(CLOSE.unsupportedData, "text message where only binary is allowed");
    }
    if (this.#parser.compressed) return;
    this.#text ??= new TextDecoder("utf-8", { fatal: true });
    checkUtf8(this.#text, bytes.subarray(from, to), true);
  }

  /** After the last bytes were read: says goodbye, then ends or names what was wrong. */
  async #endInput(): Promise<null> {
    // A write that fails is told by `write`.
    while (this.#writing !== undefined) await this.#writing.catch(() => {});
    if (this.#failure !== undefined) throw this.#failure;
    return null;
  }

  #fail(error: FrameError): void {
    this.#ended = true;
    this.#failure = new Error(`WebSocket: ${error.message}`);
    this.#sendClose(error.code, error.message);
  }

  async #writeMessage(bytes: Uint8Array, headroom: number): Promise<void> {
    if (this.#codec !== undefined && bytes.length >= DEFLATE_FROM_BYTES) {
      const payload = await this.#codec.compress(bytes);
      await writeAll(this.#inner, frame(OPCODE.binary, payload, true));
      return;
    }
    const header = frameHeaderBytes(bytes.length);
    if (headroom >= header) {
      // The header goes right in front of the payload: one write, no copy.
      const start = bytes.byteOffset - header;
      const whole = new Uint8Array(bytes.buffer, start, header + bytes.length);
      writeFrameHeader(whole, 0, OPCODE.binary, bytes.length);
      await writeAll(this.#inner, whole);
      return;
    }
    const head = new Uint8Array(header);
    writeFrameHeader(head, 0, OPCODE.binary, bytes.length);
    await writeAll(this.#inner, head);
    await writeAll(this.#inner, bytes);
  }

  #sendClose(code: number, reason: string): void {
    if (this.#closeSent || this.#closeFrame !== undefined) return;
    const text = new TextEncoder().encode(reason).subarray(0, CLOSE_REASON_BYTES_MAX);
    const payload = new Uint8Array(code === CLOSE.noStatus ? 0 : 2 + text.length);
    if (payload.length > 0) {
      payload[0] = code >> 8;
      payload[1] = code;
      payload.set(text, 2);
    }
    this.#closeFrame = frame(OPCODE.close, payload);
    this.#flushControl();
  }

  /** Sends waiting control frames, now or after the write that is under way. */
  #flushControl(): void {
    if (this.#writing !== undefined || this.#closeSent) return;
    const pong = this.#pong;
    const close = this.#closeFrame;
    if (pong === undefined && close === undefined) return;
    this.#pong = undefined;
    this.#closeSent = close !== undefined;
    const bytes = close ?? frame(OPCODE.pong, pong!);
    // A failing write is also seen, and told, by the next read.
    this.#writing = writeAll(this.#inner, bytes).catch(() => {}).finally(() => {
      this.#writing = undefined;
      this.#flushControl();
    });
  }

  #watchIdle(): void {
    if (this.#rules.idleTimeoutMs === Infinity) return;
    const deadline = this.#lastReadAt + this.#rules.idleTimeoutMs;
    this.#idleTimer = this.#clock.at(deadline, () => {
      const now = this.#clock.now();
      if (now < this.#lastReadAt + this.#rules.idleTimeoutMs) return this.#watchIdle();
      this.#failure ??= new Error("WebSocket: nothing came for the time of idle_timeout");
      this.#sendClose(CLOSE.goingAway, "idle timeout");
      // The read under way ends with the peer's answer, or else by force.
      this.#idleTimer = this.#clock.at(now + CLOSE_WAIT_MS, () => closeQuietly(this));
    });
  }
}

function frame(opcode: number, payload: Uint8Array, compressed = false): Uint8Array {
  const header = frameHeaderBytes(payload.length);
  const bytes = new Uint8Array(header + payload.length);
  writeFrameHeader(bytes, 0, opcode, payload.length, compressed);
  bytes.set(payload, header);
  return bytes;
}

/** The code to answer a close frame with: its own, if it may be on the wire (RFC 6455, 7.4). */
function closeCodeOf(payload: Uint8Array): number {
  if (payload.length === 0) return CLOSE.noStatus;
  if (payload.length === 1) throw new FrameError(CLOSE.protocolError, "close frame of one byte");
  const code = payload[0]! * 256 + payload[1]!;
  const known = (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) ||
    (code >= 3000 && code <= 4999);
  if (!known) throw new FrameError(CLOSE.protocolError, `close code ${code} is not allowed`);
  checkUtf8(new TextDecoder("utf-8", { fatal: true }), payload.subarray(2), false);
  return code;
}

function checkUtf8(decoder: TextDecoder, bytes: Uint8Array, more: boolean): void {
  try {
    decoder.decode(bytes, { stream: more });
  } catch {
    throw new FrameError(CLOSE.invalidText, "text is not valid UTF-8");
  }
}
