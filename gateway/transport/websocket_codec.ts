/**
 * Compressing and decompressing the messages of one WebSocket (RFC 7692, section 7.2). With
 * context takeover an end keeps its state from message to message, about 256 KiB for sending and
 * 40 KiB for receiving; without, it holds nothing in between.
 */
import {
  constants,
  createDeflateRaw,
  createInflateRaw,
  deflateRawSync,
  inflateRawSync,
  type ZlibOptions,
} from "node:zlib";
import type { Deflate, DeflateOptions } from "./websocket_deflate.ts";
import { CLOSE, FrameError } from "./websocket_frames.ts";

/** Messages below this size are sent as they are; compressing them makes them no smaller. */
export const DEFLATE_FROM_BYTES = 64;
/** Every compressed message ends in an empty block that is not sent (7.2.1). */
const TAIL = Uint8Array.of(0, 0, 0xff, 0xff);
/** zlib reads no raw data with a window of 2^8; a larger one reads what was made with it. */
const INFLATE_BITS_MIN = 9;

const LEVEL: Readonly<Record<DeflateOptions["level"], number>> = {
  none: constants.Z_NO_COMPRESSION,
  default: constants.Z_DEFAULT_COMPRESSION,
  best_compression: constants.Z_BEST_COMPRESSION,
  best_speed: constants.Z_BEST_SPEED,
};
const STRATEGY: Readonly<Record<DeflateOptions["strategy"], number>> = {
  default: constants.Z_DEFAULT_STRATEGY,
  filtered: constants.Z_FILTERED,
  huffman_only: constants.Z_HUFFMAN_ONLY,
  rle: constants.Z_RLE,
};

/** The codec of one connection. Each direction does one message at a time. */
export class DeflateCodec {
  readonly #agreed: Deflate;
  #compressor: Channel | undefined = undefined;
  #decompressor: Channel | undefined = undefined;
  #closed = false;

  constructor(agreed: Deflate) {
    this.#agreed = agreed;
  }

  /** The payload of one message, ready for a frame marked as compressed. */
  async compress(bytes: Uint8Array): Promise<Uint8Array> {
    const { options, serverBits, serverTakeover } = this.#agreed;
    const settings: ZlibOptions = {
      windowBits: serverBits,
      level: LEVEL[options.level],
      memLevel: options.mem_level,
      strategy: STRATEGY[options.strategy],
    };
    if (!serverTakeover) {
      const whole = deflateRawSync(bytes, { ...settings, finishFlush: constants.Z_SYNC_FLUSH });
      return whole.subarray(0, whole.length - TAIL.length);
    }
    this.#refuseClosed();
    this.#compressor ??= new Channel(createDeflateRaw(settings));
    const whole = await this.#compressor.run([bytes], Infinity);
    return whole.subarray(0, whole.length - TAIL.length);
  }

  /**
   * The message as it was before compression.
   * @throws FrameError when it is not deflated data, or would be larger than `bytesMax`.
   */
  async decompress(parts: readonly Uint8Array[], bytesMax: number): Promise<Uint8Array> {
    const windowBits = Math.max(this.#agreed.clientBits, INFLATE_BITS_MIN);
    try {
      if (!this.#agreed.clientTakeover) {
        return inflateRawSync(joined([...parts, TAIL]), {
          windowBits,
          finishFlush: constants.Z_SYNC_FLUSH,
          maxOutputLength: bytesMax,
        });
      }
      this.#refuseClosed();
      if (this.#decompressor === undefined || this.#decompressor.ended) {
        this.#decompressor?.close();
        this.#decompressor = new Channel(createInflateRaw({ windowBits }));
      }
      return await this.#decompressor.run([...parts, TAIL], bytesMax);
    } catch (error) {
      if (error instanceof RangeError) {
        throw new FrameError(CLOSE.tooBig, `compressed message of more than ${bytesMax} bytes`);
      }
      if (this.#closed) throw error;
      throw new FrameError(CLOSE.invalidText, "message is not valid deflate data");
    }
  }

  /** Gives back its memory; a message under way fails. */
  close(): void {
    this.#closed = true;
    this.#compressor?.close();
    this.#decompressor?.close();
  }

  #refuseClosed(): void {
    if (this.#closed) throw new Error("the WebSocket is closed");
  }
}

/** A compressor or decompressor that goes on where the last message ended. */
class Channel {
  /** A final block came: what follows is for another one. */
  ended = false;
  readonly #stream: ReturnType<typeof createDeflateRaw> | ReturnType<typeof createInflateRaw>;
  #out: Uint8Array[] = [];
  #bytes = 0;
  #bytesMax = Infinity;
  #job: PromiseWithResolvers<Uint8Array> | undefined = undefined;

  constructor(stream: ReturnType<typeof createDeflateRaw> | ReturnType<typeof createInflateRaw>) {
    this.#stream = stream;
    stream.on("data", (bytes: Uint8Array) => this.#take(bytes));
    stream.on("error", (error: Error) => this.#fail(error));
    stream.on("end", () => this.ended = true);
  }

  /**
   * What all of the parts become.
   * @throws RangeError when it is more than `bytesMax`; the channel is closed then.
   */
  run(parts: readonly Uint8Array[], bytesMax: number): Promise<Uint8Array> {
    const job = Promise.withResolvers<Uint8Array>();
    this.#job = job;
    this.#out = [];
    this.#bytes = 0;
    this.#bytesMax = bytesMax;
    for (const part of parts) this.#stream.write(part);
    // Not in the types: the callback is told of a mistake, before the event is.
    this.#stream.flush(constants.Z_SYNC_FLUSH, (...[error]: unknown[]) => {
      if (this.#job !== job) return;
      const failure = error instanceof Error ? error : this.#stream.errored;
      if (failure !== null && failure !== undefined) return this.#fail(failure);
      this.#job = undefined;
      job.resolve(joined(this.#out));
      this.#out = [];
    });
    return job.promise;
  }

  close(): void {
    this.#fail(new Error("the WebSocket is closed"));
  }

  #take(bytes: Uint8Array): void {
    if (this.#job === undefined) return;
    this.#out.push(bytes);
    this.#bytes += bytes.length;
    if (this.#bytes > this.#bytesMax) this.#fail(new RangeError("too large"));
  }

  #fail(error: Error): void {
    const job = this.#job;
    this.#job = undefined;
    this.#out = [];
    this.#stream.close();
    job?.reject(error);
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
