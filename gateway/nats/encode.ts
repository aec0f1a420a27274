/**
 * NATS frames into an outbox. Small functions that write bytes in place; nothing is joined or
 * copied on the way.
 */
import { writeDecimal } from "../protocol/bytes.ts";
import {
  type ByteRun,
  copyRun,
  copyShort,
  SHORT_COPY_BYTES_MAX,
  viewOf,
} from "../protocol/copy.ts";
import { type Outbox, REFERENCE_BYTES } from "../protocol/outbox.ts";

/** `+OK` */
export const OK = ascii("+OK\r\n");
/** `PING` */
export const PING = ascii("PING\r\n");
/** `PONG` */
export const PONG = ascii("PONG\r\n");

/** Bytes of a text that holds ASCII only. */
export function ascii(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** `-ERR 'text'`; always in single quotes, as client libraries expect. */
export function encodeError(out: Outbox, text: string): void {
  out.append(encoder.encode(errorLine(text)));
}

/** One of the two texts that have no counterpart in nats-server and stand without quotes. */
export function encodeBareError(out: Outbox, text: "Kicked out" | "Discarded"): void {
  out.append(ascii(`-ERR ${text}\r\n`));
}

/** `INFO {...}`, with the blank in front of the CR LF that nats-server sends. */
export function encodeInfo(out: Outbox, info: object): void {
  out.append(encoder.encode(infoLine(info)));
}

/** A greeting that is a farewell as well: INFO and `-ERR`, for who gets no session. */
export function refusalFrames(info: object, text: string): Uint8Array {
  return encoder.encode(infoLine(info) + errorLine(text));
}

function infoLine(info: object): string {
  return `INFO ${JSON.stringify(info)} \r\n`;
}

function errorLine(text: string): string {
  return `-ERR '${text}'\r\n`;
}

/**
 * What stands in front of every message of one subject to one sid: `MSG subject sid ` as bytes.
 * With an `H` before it, it begins an HMSG.
 * @param sid one character for each byte
 */
export function messagePrefix(subject: string, sid: string): DataView {
  const begin = encoder.encode(`MSG ${subject} `);
  const prefix = new Uint8Array(begin.length + sid.length + 1);
  prefix.set(begin);
  for (let i = 0; i < sid.length; i++) prefix[begin.length + i] = sid.charCodeAt(i);
  prefix[prefix.length - 1] = BLANK;
  return viewOf(prefix);
}

/** The rest of a publisher's frame: `bytes[tailStart..tailEnd)`. A `Message` is one. */
export interface TailSource {
  readonly tailStart: number;
  readonly tailEnd: number;
  /** The bytes from start to end. */
  readonly tail: Uint8Array;
  /** All of `bytes`; undefined when there is no such view. */
  readonly view: DataView | undefined;
  /** False: `tail` is shared by several receivers, so making it once is cheapest. */
  readonly single: boolean;
}

/**
 * A MSG or HMSG whose end (`[reply] sizes`, CR LF, body, CR LF) is at hand as it came in.
 * @param prefix from `messagePrefix`
 */
export function encodeTail(
  out: Outbox,
  prefix: DataView,
  source: TailSource,
  headers: boolean,
): void {
  const size = source.tailEnd - source.tailStart;
  const large = size >= REFERENCE_BYTES;
  out.reserve(1 + prefix.byteLength + (large ? 0 : size));
  const slab = out.slab;
  let at = out.at;
  if (headers) slab[at++] = H;
  copyShort(out.view, at, prefix, 0, prefix.byteLength);
  at += prefix.byteLength;
  if (large) {
    out.at = at;
    out.append(source.tail);
    return;
  }
  const { view } = source;
  if (source.single && view !== undefined && size <= SHORT_COPY_BYTES_MAX) {
    copyShort(out.view, at, view, source.tailStart, size);
  } else slab.set(source.tail, at);
  out.at = at + size;
}

/**
 * A MSG (`header` undefined) or HMSG.
 * @param prefix from `messagePrefix`
 * @param reply encoded reply subject, if any
 */
export function encodeMessage(
  out: Outbox,
  prefix: DataView,
  reply: Uint8Array | undefined,
  header: Uint8Array | undefined,
  payload: ByteRun,
): void {
  const headerSize = header === undefined ? 0 : header.length;
  const replySize = reply === undefined ? 0 : reply.length;
  const size = payload.end - payload.start;
  const large = size >= REFERENCE_BYTES;
  out.reserve(prefix.byteLength + replySize + headerSize + FRAME_BYTES_MAX + (large ? 0 : size));
  const slab = out.slab;
  let at = out.at;
  if (header !== undefined) slab[at++] = H;
  copyShort(out.view, at, prefix, 0, prefix.byteLength);
  at += prefix.byteLength;
  if (reply !== undefined) {
    slab.set(reply, at);
    at += replySize;
    slab[at++] = BLANK;
  }
  if (header !== undefined) {
    at = writeDecimal(slab, at, headerSize);
    slab[at++] = BLANK;
  }
  at = writeDecimal(slab, at, headerSize + size);
  slab[at++] = CR;
  slab[at++] = LF;
  if (header !== undefined) {
    slab.set(header, at);
    at += headerSize;
  }
  if (large) {
    out.at = at;
    out.append(payload.payload);
    out.append(CRLF);
    return;
  }
  copyRun(slab, out.view, at, payload);
  at += size;
  slab[at++] = CR;
  slab[at++] = LF;
  out.at = at;
}

const encoder = new TextEncoder();
const CRLF = ascii("\r\n");
const BLANK = 0x20, CR = 0x0d, LF = 0x0a, H = 0x48;
/** `H`, the blank behind a reply, two sizes with their blank, and CR LF twice. */
const FRAME_BYTES_MAX = 32;
