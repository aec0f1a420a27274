/**
 * Reading and writing of the small binary pieces that records are made of. Numbers are little
 * endian, lengths are varints (7 bits a byte, low bits first), text is UTF-8.
 */

import { crc32 } from "./crc32.ts";

/** A record cannot be read: damaged, or written by a newer version of the program. */
export class RecordError extends Error {
  override readonly name = "RecordError";
}

/** Appends to a buffer that grows as needed and is used again for the next record. */
export class ByteSink {
  /** Bytes written so far. */
  length = 0;
  /** How far the calendar is ahead of the clock whose times are written. */
  ahead_ms = 0;
  #bytes: Uint8Array;
  #view: DataView;

  constructor(size = 4096) {
    this.#bytes = new Uint8Array(size);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Starts over. Lets go of a buffer that one large message has blown up. */
  reset(): void {
    this.length = 0;
    if (this.#bytes.length > SINK_KEPT_BYTES_MAX) this.#resize(SINK_KEPT_BYTES_MAX);
  }

  /** What was written: a view that holds until the next write. */
  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.length++] = value;
  }

  /** A whole number from 0 to 2^53 - 1. */
  varint(value: number): void {
    this.#reserve(8);
    while (value >= 0x80) {
      this.#bytes[this.length++] = (value % 0x80) | 0x80;
      value = Math.floor(value / 0x80);
    }
    this.#bytes[this.length++] = value;
  }

  /** 32 bits, unsigned. */
  u32(value: number): void {
    this.#reserve(4);
    this.#view.setUint32(this.length, value, true);
    this.length += 4;
  }

  /** Writes over four bytes that are there already. */
  u32At(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
  }

  /** Checksum of what was written from `at` on. */
  crcFrom(at: number): number {
    return crc32(this.#bytes, at, this.length);
  }

  /** A time on the scale of `Clock.now`, as a date of the calendar. */
  time(at: number): void {
    this.float(at + this.ahead_ms);
  }

  /** Any number: 64-bit floating point. */
  float(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.length, value, true);
    this.length += 8;
  }

  /** Bytes without their length: the reader must know where they end. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Bytes after their length. */
  bytes(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.raw(bytes);
  }

  /** Text after its length in bytes. */
  text(text: string): void {
    if (text.length < SHORT_TEXT_LENGTH && this.#shortAscii(text)) return;
    this.bytes(ENCODER.encode(text));
  }

  /** Names are short ASCII mostly: a loop is quicker there than the encoder. */
  #shortAscii(text: string): boolean {
    this.#reserve(text.length + 1);
    const bytes = this.#bytes;
    const start = this.length;
    bytes[start] = text.length;
    for (let i = 0; i < text.length; i++) {
      const c = text.charCodeAt(i);
      if (c >= 0x80) return false;
      bytes[start + 1 + i] = c;
    }
    this.length = start + 1 + text.length;
    return true;
  }

  #reserve(bytes: number): void {
    const needed = this.length + bytes;
    if (needed > this.#bytes.length) this.#resize(Math.max(needed, this.#bytes.length * 2));
  }

  #resize(size: number): void {
    const old = this.#bytes.subarray(0, this.length);
    this.#bytes = new Uint8Array(size);
    this.#bytes.set(old);
    this.#view = new DataView(this.#bytes.buffer);
  }
}

/** Reads what `ByteSink` wrote. Every method throws `RecordError` past the end. */
export class ByteSource {
  /** Where the next read begins. */
  at = 0;
  readonly #view: DataView;

  constructor(
    readonly bytes: Uint8Array,
    /** Reads end here; moved to read item by item. */
    public end: number = bytes.length,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  byte(): number {
    this.#need(1);
    return this.bytes[this.at++]!;
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw new RecordError("a number is too long");
  }

  u32(): number {
    this.#need(4);
    this.at += 4;
    return this.#view.getUint32(this.at - 4, true);
  }

  float(): number {
    this.#need(8);
    this.at += 8;
    return this.#view.getFloat64(this.at - 8, true);
  }

  /**
   * A copy of everything up to the end, so that the record's buffer can go. Short ones share
   * buffers: a start reads them by the million, and a buffer for each costs more than all the rest.
   */
  rest(): Uint8Array {
    const start = this.at;
    const size = this.end - start;
    this.at = this.end;
    if (size > SHARED_BYTES_MAX) return this.bytes.slice(start, this.end);
    if (sharedAt + size > shared.length) {
      shared = new Uint8Array(SHARED_BUFFER_BYTES);
      sharedAt = 0;
    }
    const copy = shared.subarray(sharedAt, sharedAt += size);
    for (let i = 0; i < size; i++) copy[i] = this.bytes[start + i]!;
    return copy;
  }

  /** A copy of bytes written by `ByteSink.bytes`. */
  copy(): Uint8Array {
    const length = this.varint();
    this.#need(length);
    this.at += length;
    return this.bytes.slice(this.at - length, this.at);
  }

  text(): string {
    const length = this.varint();
    this.#need(length);
    this.at += length;
    return DECODER.decode(this.bytes.subarray(this.at - length, this.at));
  }

  #need(bytes: number): void {
    if (this.at + bytes > this.end) throw new RecordError("a record ends too early");
  }
}

/** A buffer this large is kept between records; larger ones go. */
const SINK_KEPT_BYTES_MAX = 1 << 20;
/** Texts below this length have a one-byte length when they are ASCII. */
const SHORT_TEXT_LENGTH = 64;
/** What is no longer than this shares a buffer with others. */
const SHARED_BYTES_MAX = 1024;
/** The most that one of them keeps alive. */
const SHARED_BUFFER_BYTES = 8192;
let shared = new Uint8Array(SHARED_BUFFER_BYTES);
let sharedAt = 0;
const ENCODER = new TextEncoder();
// A byte order mark at the start of a text belongs to the text.
const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });
