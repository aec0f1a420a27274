/**
 * The control lines of NATS: which operation one is, and where its arguments are. Makes no string.
 */
import { ProtocolError } from "../errors.ts";

/** The operations by their names on the wire. */
export const Word = {
  Unknown: 0,
  Pub: 1,
  Hpub: 2,
  Sub: 3,
  Unsub: 4,
  Connect: 5,
  Info: 6,
  Ping: 7,
  Pong: 8,
  Ok: 9,
  Err: 10,
} as const;
/** One of the above. */
export type Word = (typeof Word)[keyof typeof Word];

/** MQTT's number for a malformed packet; NATS has texts only. */
export const MALFORMED = 0x81;
/** Clears the bit that tells small letters from capitals. */
const UPPER = 0xdf;

/** Names in any mix of case: each letter with its case bit cleared, as `starts` compares. */
const name = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0) & UPPER);

interface Operation {
  readonly word: Word;
  readonly name: Uint8Array;
  /** True: a blank must follow. False: whatever else stands on the line does not matter. */
  readonly takesArguments: boolean;
}

/** In the order in which they are looked for: what comes with every message first. */
const OPERATIONS: readonly Operation[] = [
  { word: Word.Hpub, name: name("HPUB"), takesArguments: true },
  { word: Word.Pub, name: name("PUB"), takesArguments: true },
  { word: Word.Sub, name: name("SUB"), takesArguments: true },
  { word: Word.Unsub, name: name("UNSUB"), takesArguments: true },
  { word: Word.Ping, name: name("PING"), takesArguments: false },
  { word: Word.Pong, name: name("PONG"), takesArguments: false },
  { word: Word.Connect, name: name("CONNECT"), takesArguments: false },
  { word: Word.Info, name: name("INFO"), takesArguments: true },
  { word: Word.Ok, name: name("+OK"), takesArguments: false },
  { word: Word.Err, name: name("-ERR"), takesArguments: true },
];

/** True when `PUB` and a blank stand at `at`: what nearly every line begins with. */
export function isPub(bytes: Uint8Array, at: number): boolean {
  return at + 3 < bytes.length && (bytes[at]! & UPPER) === P && (bytes[at + 1]! & UPPER) === U &&
    (bytes[at + 2]! & UPPER) === B && isBlank(bytes[at + 3]!);
}

/** The operation of the line at `bytes[at..lineEnd)`. */
export function wordAt(bytes: Uint8Array, at: number, lineEnd: number): Word {
  for (const { word, name, takesArguments } of OPERATIONS) {
    if (!starts(bytes, at, lineEnd, name)) continue;
    if (!takesArguments || isBlank(bytes[at + name.length]!)) return word;
  }
  return Word.Unknown;
}

/** True when an unfinished line can still become a legal one. */
export function mayBecomeOperation(line: Uint8Array): boolean {
  return OPERATIONS.some(({ name }) => beginsAlike(line, name));
}

/** Most tokens that any operation takes. */
const TOKENS_MAX = 5;
/**
 * Token offsets of the last line that was split: start, end, start, end... Shared by all
 * decoders, since a line is split and used within one call.
 */
export const tokens = new Int32Array(2 * TOKENS_MAX);
/** How many tokens that line had; more than `TOKENS_MAX` are counted only. */
export let tokenCount = 0;

/**
 * Splits the line at `bytes[from..]` at runs of blanks and tabs, in one pass. Returns the index of
 * its LF, or -1 when there is none.
 */
export function tokenize(bytes: Uint8Array, from: number): number {
  const limit = bytes.length;
  let count = 0;
  let i = from;
  while (i < limit) {
    const start = i;
    let c = bytes[i]!;
    while (c > BLANK || (c !== BLANK && c !== TAB && c !== LF)) {
      if (++i === limit) return -1;
      c = bytes[i]!;
    }
    const end = c === LF && i > start && bytes[i - 1] === CR ? i - 1 : i;
    if (end > start) {
      if (count < TOKENS_MAX) {
        tokens[2 * count] = start;
        tokens[2 * count + 1] = end;
      }
      count++;
    }
    if (c === LF) {
      tokenCount = count;
      return i;
    }
    i++;
  }
  return -1;
}

/** What separates tokens. */
export function isBlank(byte: number): boolean {
  return byte === BLANK || byte === TAB;
}

/** True when `bytes[at..lineEnd)` begins with the name, in any mix of case. */
function starts(bytes: Uint8Array, at: number, lineEnd: number, name: Uint8Array): boolean {
  if (at + name.length > lineEnd) return false;
  for (let i = 0; i < name.length; i++) if ((bytes[at + i]! & UPPER) !== name[i]) return false;
  return true;
}

/** True when an unfinished line may become a line that begins with the name. */
function beginsAlike(line: Uint8Array, name: Uint8Array): boolean {
  const count = Math.min(line.length, name.length);
  for (let i = 0; i < count; i++) if ((line[i]! & UPPER) !== name[i]) return false;
  return true;
}

/** 1 to 9 digits as a number, else -1. */
export function parseSize(bytes: Uint8Array, start: number, end: number): number {
  if (start >= end || end - start > 9) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = bytes[i]! - ZERO;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** The line is none of the operations. */
export function unknownOperation(): ProtocolError {
  return new ProtocolError("unknown operation", MALFORMED, "Unknown Protocol Operation");
}

/** The line is longer than allowed. */
export function lineTooLong(): ProtocolError {
  return new ProtocolError("control line too long", MALFORMED, "maximum control line exceeded");
}

/**
 * Too few arguments, too many, or numbers that are none. nats-server closes without a word here,
 * and so do we; the log says why.
 */
export function wrongArguments(op: string): ProtocolError {
  return new ProtocolError(`wrong arguments of ${op}`, MALFORMED, "");
}

const BLANK = 0x20, TAB = 0x09, CR = 0x0d, LF = 0x0a, ZERO = 0x30;
const B = 0x42, P = 0x50, U = 0x55;
