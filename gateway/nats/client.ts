/**
 * The client's side of the NATS protocol, for the test client and the tests: what a server sends
 * into frames, what a client sends into an outbox.
 */
import { ProtocolError } from "../errors.ts";
import { writeDecimal } from "../protocol/bytes.ts";
import type { Outbox } from "../protocol/outbox.ts";
import { PING, PONG } from "./encode.ts";

/** What a server sent. */
export const ServerOp = {
  /** The bytes so far hold no further complete frame. */
  None: 0,
  Info: 1,
  /** MSG and HMSG: `headerSize` tells them apart. */
  Msg: 2,
  Ping: 3,
  Pong: 4,
  Ok: 5,
  Err: 6,
} as const;
/** One of the above. */
export type ServerOp = (typeof ServerOp)[keyof typeof ServerOp];

/** Longest line a server may send: INFO of a large cluster. */
const LINE_BYTES_MAX = 1024 * 1024;

/**
 * Bytes of a server to frames. Feed a chunk, then call `next` until it answers `None`. The fields
 * describe the frame as offsets into `bytes` and are valid until the next call.
 */
export class NatsClientDecoder {
  bytes: Uint8Array = EMPTY;
  subjectStart = 0;
  subjectEnd = 0;
  replyStart = 0;
  replyEnd = 0;
  /** The sid of a MSG; the client only makes numbers. */
  sid = 0;
  /** Bytes of the header block, which comes first in the body; -1 for MSG. */
  headerSize = -1;
  bodyStart = 0;
  bodyEnd = 0;
  /** JSON of INFO, text of -ERR. */
  textStart = 0;
  textEnd = 0;
  #at = 0;
  #end = 0;
  /** Bytes that were left over, with room behind them. */
  #carry: Uint8Array = EMPTY;

  /** Offers the next bytes; they are used up or copied before `next` answers `None`. */
  feed(chunk: Uint8Array): void {
    if (this.#at === this.#end) {
      this.bytes = chunk;
      this.#at = 0;
      this.#end = chunk.length;
      return;
    }
    // Something is left over: it is in the carry already, see `next`.
    const length = this.#end - this.#at;
    if (this.#end + chunk.length > this.#carry.length) {
      const room = new Uint8Array(Math.max(CARRY_BYTES_MIN, 2 * (length + chunk.length)));
      room.set(this.bytes.subarray(this.#at, this.#end));
      this.#carry = room;
      this.#at = 0;
    }
    this.bytes = this.#carry;
    this.bytes.set(chunk, this.#at + length);
    this.#end = this.#at + length + chunk.length;
  }

  /**
   * Finds the next frame.
   * @throws {ProtocolError} for what no server sends
   */
  next(): ServerOp {
    const op = this.#at < this.#end ? this.#read() : ServerOp.None;
    if (op === ServerOp.None && this.#at < this.#end && this.bytes !== this.#carry) {
      const rest = this.bytes.subarray(this.#at, this.#end);
      if (this.#carry.length < rest.length) {
        this.#carry = new Uint8Array(Math.max(CARRY_BYTES_MIN, 2 * rest.length));
      }
      this.#carry.set(rest);
      this.bytes = this.#carry;
      this.#at = 0;
      this.#end = rest.length;
    }
    return op;
  }

  #read(): ServerOp {
    const bytes = this.bytes;
    const start = this.#at;
    const lineEnd = bytes.indexOf(LF, start);
    if (lineEnd < 0 || lineEnd >= this.#end) {
      if (this.#end - start > LINE_BYTES_MAX) throw broken("a line that does not end");
      return ServerOp.None;
    }
    const first = bytes[start]!;
    if (first === M) return this.#message(start + 4, lineEnd, false);
    if (first === H) return this.#message(start + 5, lineEnd, true);
    this.#at = lineEnd + 1;
    this.textEnd = bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    if (first === PLUS) return ServerOp.Ok;
    if (first === P) return bytes[start + 1] === I ? ServerOp.Ping : ServerOp.Pong;
    this.textStart = start + 5;
    if (first === MINUS) return ServerOp.Err;
    if (first === I) return ServerOp.Info;
    throw broken("an operation that is not NATS");
  }

  /** `subject sid [reply] [header size] size`, then the body. */
  #message(args: number, lineEnd: number, headers: boolean): ServerOp {
    const bytes = this.bytes;
    let count = 0;
    for (let i = args, start = args; i <= lineEnd; i++) {
      const c = bytes[i]!;
      if (c !== BLANK && c !== CR && c !== LF) continue;
      if (i > start && count < TOKENS_MAX) {
        tokens[2 * count] = start;
        tokens[2 * count + 1] = i;
        count++;
      }
      start = i + 1;
    }
    const sizes = headers ? 2 : 1;
    if (count !== 2 + sizes && count !== 3 + sizes) throw broken("a MSG with wrong arguments");
    const size = number(bytes, 2 * (count - 1));
    this.bodyStart = lineEnd + 1;
    this.bodyEnd = this.bodyStart + size;
    if (this.bodyEnd + 2 > this.#end) return ServerOp.None;
    this.headerSize = headers ? number(bytes, 2 * (count - 2)) : -1;
    this.subjectStart = tokens[0]!;
    this.subjectEnd = tokens[1]!;
    this.sid = number(bytes, 2);
    const withReply = count === 3 + sizes;
    this.replyStart = withReply ? tokens[4]! : 0;
    this.replyEnd = withReply ? tokens[5]! : 0;
    this.#at = this.bodyEnd + 2;
    return ServerOp.Msg;
  }
}

/** CONNECT with the fields that the caller wants. */
export function encodeConnect(out: Outbox, fields: object): void {
  out.append(encoder.encode(`CONNECT ${JSON.stringify(fields)}\r\n`));
}

/** SUB. */
export function encodeSub(out: Outbox, subject: string, sid: number, queue?: string): void {
  const group = queue === undefined ? "" : `${queue} `;
  out.append(encoder.encode(`SUB ${subject} ${group}${sid}\r\n`));
}

/** UNSUB; with `max` after so many messages. */
export function encodeUnsub(out: Outbox, sid: number, max?: number): void {
  out.append(encoder.encode(`UNSUB ${sid}${max === undefined ? "" : ` ${max}`}\r\n`));
}

/** PING: asks for a PONG, which comes after the answers to everything before. */
export function encodePing(out: Outbox): void {
  out.append(PING);
}

/** PONG: answers a PING of the server. */
export function encodePong(out: Outbox): void {
  out.append(PONG);
}

/** `PUB subject [reply] ` or `HPUB ...` as bytes, to be used again and again. */
export function publishPrefix(subject: string, reply?: string, headers = false): Uint8Array {
  const to = reply === undefined ? "" : `${reply} `;
  return encoder.encode(`${headers ? "HPUB" : "PUB"} ${subject} ${to}`);
}

/**
 * PUB, or HPUB when there is a header block.
 * @param prefix from `publishPrefix`
 */
export function encodePub(
  out: Outbox,
  prefix: Uint8Array,
  payload: Uint8Array,
  header?: Uint8Array,
): void {
  out.reserve(prefix.length + NUMBERS_BYTES_MAX);
  const slab = out.slab;
  slab.set(prefix, out.at);
  let at = out.at + prefix.length;
  if (header !== undefined) {
    at = writeDecimal(slab, at, header.length);
    slab[at++] = BLANK;
  }
  at = writeDecimal(slab, at, payload.length + (header?.length ?? 0));
  slab[at++] = CR;
  slab[at++] = LF;
  out.at = at;
  if (header !== undefined) out.append(header);
  out.append(payload);
  out.append(CRLF);
}

const encoder = new TextEncoder();
const EMPTY = new Uint8Array(0);
const CRLF = encoder.encode("\r\n");
const BLANK = 0x20, CR = 0x0d, LF = 0x0a, PLUS = 0x2b, MINUS = 0x2d;
const H = 0x48, I = 0x49, M = 0x4d, P = 0x50;
const CARRY_BYTES_MIN = 4096;
/** Two sizes, a blank, CR LF. */
const NUMBERS_BYTES_MAX = 32;
const TOKENS_MAX = 6;
/** Start and end of each token of the line being read. */
const tokens = new Int32Array(2 * TOKENS_MAX);

/** The token at `tokens[index]` as a number. */
function number(bytes: Uint8Array, index: number): number {
  let value = 0;
  for (let i = tokens[index]!; i < tokens[index + 1]!; i++) {
    const digit = bytes[i]! - 0x30;
    if (digit < 0 || digit > 9 || value > 1e9) throw broken("a MSG with a bad number");
    value = value * 10 + digit;
  }
  return value;
}

function broken(what: string): ProtocolError {
  return new ProtocolError(`the server sent ${what}`, 0x81, "");
}
