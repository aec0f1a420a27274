/**
 * NATS bytes to frames. A pull parser: the session feeds a chunk, asks for frames one by one and
 * may stop between them (while a login is being checked). No frame object, no string: the
 * decoder's own fields describe the current frame as offsets into `bytes`.
 */
import { ProtocolError } from "../errors.ts";
import { frameBufferBytes, freeBytes } from "../protocol/bytes.ts";
import { copyShort, equalShort, viewOf } from "../protocol/copy.ts";
import { REFERENCE_BYTES } from "../protocol/outbox.ts";
import { Op } from "./ops.ts";

/** What the decoder enforces. */
export interface DecoderLimits {
  /** Bytes of arguments on one control line, CONNECT included. */
  control_line_bytes_max: number;
  /** Bytes of header block and payload together. */
  payload_bytes_max: number;
}

/**
 * One decoder serves one connection. After a throw it must not be used again. Publishers repeat
 * themselves, so the last control line is remembered with a note of what its user made of it.
 */
export class NatsDecoder<Note = unknown> {
  /** Buffer that the offsets below point into; valid until the next call of `next` or `keep`. */
  bytes: Uint8Array = EMPTY;
  /** True when `bytes` is a buffer of this frame alone, which may be kept without a copy. */
  owned = false;
  subjectStart = 0;
  subjectEnd = 0;
  /** Reply subject of PUB, queue group of SUB; absent when start equals end. */
  extraStart = 0;
  extraEnd = 0;
  /** sid of SUB and UNSUB. */
  sidStart = 0;
  sidEnd = 0;
  /** Second argument of UNSUB; 0 when absent. */
  max = 0;
  /** Bytes of the header block; -1 for PUB. */
  headerSize = -1;
  /** Header block (if any) and payload: `bytes[bodyStart..bodyEnd)`. */
  bodyStart = 0;
  bodyEnd = 0;
  /**
   * Where the text after the subject begins, when a MSG to a subscriber can end in the very same
   * bytes (single blanks, plain numbers); -1 otherwise. It runs to two bytes behind `bodyEnd`.
   */
  tailStart = -1;
  /** A view of all of `bytes`; undefined for frames that came in pieces. */
  view: DataView | undefined = undefined;
  /** True when the control line of this PUB is the remembered one; then `note` is about it. */
  isNoted = false;
  /** Whatever the user of the decoder wants to remember with that line. */
  note: Note | undefined = undefined;
  /** JSON of CONNECT: `bytes[jsonStart..jsonEnd)`. */
  jsonStart = 0;
  jsonEnd = 0;

  #chunk: Uint8Array = EMPTY;
  #chunkView: DataView = EMPTY_VIEW;
  #at = 0;
  /** A frame whose beginning came in earlier chunks; undefined between frames. */
  #partial: Uint8Array<ArrayBuffer> | undefined = undefined;
  #partialLength = 0;
  /** Whole length of the partial frame once its control line was read; 0 before. */
  #partialSize = 0;
  /** Bytes of an oversize body (with CR LF) yet to be thrown away. */
  #skip = 0;
  /** Where the frame that was just read ends in `bytes`, or would end if it were complete. */
  #frameEnd = 0;
  /** The remembered control line, with its CR LF: `PUB subject size`. */
  #line: DataView = EMPTY_VIEW;
  #lineLength = 0;
  #lineSubjectLength = 0;
  #lineSize = 0;
  /** Lines of this chunk that were not the remembered one. */
  #misses = 0;

  constructor(public limits: DecoderLimits) {}

  /** Offers the next bytes. `next` uses them up, or `keep` copies the rest. */
  feed(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#at = 0;
    this.#chunkView = viewOf(chunk);
    this.#misses = 0;
  }

  /** Copies what `next` has not used, because the chunk dies. Called when a session stops early. */
  keep(): void {
    this.#chunk = this.#chunk.slice(this.#at);
    this.#at = 0;
    this.#chunkView = viewOf(this.#chunk);
  }

  /**
   * Room for the bytes that are missing to the end of a large frame: the next read may go straight
   * there, followed by `filled`. Undefined when an ordinary read is due.
   */
  wanted(): Uint8Array | undefined {
    const missing = this.#partialSize - this.#partialLength;
    if (missing < DIRECT_READ_BYTES_MIN || this.#at < this.#chunk.length) return undefined;
    const room = this.#partial!.length - this.#partialLength;
    if (room < DIRECT_READ_BYTES_MIN) this.#growPartial(this.#partialSize);
    return this.#partial!.subarray(this.#partialLength);
  }

  /** The first `count` bytes of what `wanted` gave have been filled. */
  filled(count: number): void {
    this.#partialLength += count;
  }

  /** Gives the memory of an unfinished frame back. Nothing can be read after that. */
  release(): void {
    if (this.#partial !== undefined) freeBytes(this.#partial);
    this.#partial = undefined;
    this.#partialLength = this.#partialSize = 0;
    this.feed(EMPTY);
  }

  /**
   * Finds the next frame and describes it in this object's fields.
   * @throws {ProtocolError} for what no NATS client may send
   */
  next(): Op {
    if (this.#skip > 0 && !this.#skipped()) return Op.None;
    if (this.#partial !== undefined) return this.#fromPartial();
    const at = this.#at;
    if (at >= this.#chunk.length) return Op.None;
    if (this.bytes !== this.#chunk) {
      this.bytes = this.#chunk;
      this.view = this.#chunkView;
      this.owned = false;
    }
    const op = this.#isRepeated(at) ? this.#repeat(at) : this.#read(at);
    if (op === Op.None) {
      this.#startPartial(this.#frameEnd === 0 ? 0 : this.#frameEnd - at);
      return Op.None;
    }
    const frameEnd = this.#frameEnd;
    this.#at = frameEnd;
    if (op === Op.Pub && frameEnd - at >= REFERENCE_BYTES) {
      // Outboxes keep what is this large by reference: it must not stay in the read buffer.
      this.bytes = this.bytes.slice(at, frameEnd);
      this.view = undefined;
      this.owned = true;
      this.#read(0);
    }
    return op;
  }

  /**
   * Reads the frame at `bytes[at..]`. `Op.None`: it is not complete; then `#frameEnd` says where
   * it will end, or is 0 while the control line is not complete.
   */
  #read(at: number): Op {
    const bytes = this.bytes;
    if (at + 4 < bytes.length && (bytes[at]! & UPPER) === P && (bytes[at + 1]! & UPPER) === U) {
      if ((bytes[at + 2]! & UPPER) === B && isBlank(bytes[at + 3]!)) {
        return this.#pub(at + 4, false);
      }
      throw unknownOperation();
    }
    const lineEnd = bytes.indexOf(LF, at);
    this.#frameEnd = lineEnd + 1;
    return lineEnd < 0 ? Op.None : this.#rare(at, lineEnd);
  }

  /** True when the line at `bytes[at..]` is the remembered one. */
  #isRepeated(at: number): boolean {
    const length = this.#lineLength;
    if (length === 0 || this.#misses >= MISSES_MAX || this.view === undefined) return false;
    return at + length <= this.bytes.length && equalShort(this.view, at, this.#line, 0, length);
  }

  /** As `#read`, for a line that is known. */
  #repeat(at: number): Op {
    this.subjectStart = at + PUB_BYTES;
    this.subjectEnd = this.subjectStart + this.#lineSubjectLength;
    this.tailStart = this.subjectEnd + 1;
    this.extraStart = this.extraEnd = 0;
    this.headerSize = -1;
    this.bodyStart = at + this.#lineLength;
    this.isNoted = true;
    return this.#body(this.#lineSize);
  }

  /** Remembers a plain PUB without reply. Not for publishers that never repeat themselves. */
  #remember(at: number, lineEnd: number, size: number): void {
    const length = lineEnd + 1 - at;
    this.isNoted = false;
    if (this.view === undefined || length > LINE_NOTED_BYTES_MAX) return;
    if (++this.#misses >= MISSES_MAX) return;
    if (this.#line === EMPTY_VIEW) this.#line = new DataView(new ArrayBuffer(LINE_NOTED_BYTES_MAX));
    copyShort(this.#line, 0, this.view, at, length);
    this.#lineLength = length;
    this.#lineSubjectLength = this.subjectEnd - this.subjectStart;
    this.#lineSize = size;
    this.note = undefined;
    this.isNoted = true;
  }

  #rare(at: number, lineEnd: number): Op {
    const bytes = this.bytes;
    switch (bytes[at]! & UPPER) {
      case P:
        // Whatever else stands on the line does not matter.
        if (starts(bytes, at, lineEnd, PING)) return Op.Ping;
        if (starts(bytes, at, lineEnd, PONG)) return Op.Pong;
        if (word(bytes, at, lineEnd, PUB)) return this.#pub(at + 4, false);
        break;
      case S:
        if (word(bytes, at, lineEnd, SUB)) return this.#sub(at + 4);
        break;
      case H:
        if (word(bytes, at, lineEnd, HPUB)) return this.#pub(at + 5, true);
        break;
      case U:
        if (word(bytes, at, lineEnd, UNSUB)) return this.#unsub(at + 6);
        break;
      case C:
        if (starts(bytes, at, lineEnd, CONNECT)) return this.#connect(at + 7, lineEnd);
        break;
      case I:
        if (word(bytes, at, lineEnd, INFO)) return Op.Ignored;
        break;
    }
    if (starts(bytes, at, lineEnd, OK)) return Op.Ignored;
    if (starts(bytes, at, lineEnd, ERR)) {
      throw new ProtocolError("the client sent -ERR", MALFORMED, "");
    }
    throw unknownOperation();
  }

  #pub(args: number, headers: boolean): Op {
    const bytes = this.bytes;
    const lineEnd = tokenize(bytes, args);
    if (lineEnd < 0) {
      this.#frameEnd = 0;
      return Op.None;
    }
    this.#checkLine(args, lineEnd);
    const numbers = headers ? 2 : 1;
    const count = tokenCount;
    if (count < numbers + 1 || count > numbers + 2) throw wrongArguments(headers ? "HPUB" : "PUB");
    this.subjectStart = tokens[0]!;
    this.subjectEnd = tokens[1]!;
    const withReply = count === numbers + 2;
    this.extraStart = withReply ? tokens[2]! : 0;
    this.extraEnd = withReply ? tokens[3]! : 0;
    const last = 2 * (count - 1);
    const total = parseSize(bytes, tokens[last]!, tokens[last + 1]!);
    this.headerSize = headers ? parseSize(bytes, tokens[last - 2]!, tokens[last - 1]!) : -1;
    if (total < 0 || (headers && (this.headerSize < 0 || this.headerSize > total))) {
      throw wrongArguments(headers ? "HPUB" : "PUB");
    }
    this.bodyStart = lineEnd + 1;
    this.tailStart = this.#isPlain(lineEnd, headers) ? this.subjectEnd + 1 : -1;
    const plain = this.tailStart >= 0 && count === 2 && this.subjectStart === args;
    if (plain) this.#remember(args - PUB_BYTES, lineEnd, total);
    else this.isNoted = false;
    return this.#body(total);
  }

  /** The body of a PUB or HPUB of `size` bytes, behind its control line. */
  #body(size: number): Op {
    const { bytes, bodyStart } = this;
    if (size > this.limits.payload_bytes_max) {
      this.#skip = size + 2;
      this.#frameEnd = bodyStart;
      return Op.Oversize;
    }
    const bodyEnd = bodyStart + size;
    this.bodyEnd = bodyEnd;
    this.#frameEnd = bodyEnd + 2;
    if (bodyEnd + 2 > bytes.length) return Op.None;
    if (bytes[bodyEnd] !== CR || bytes[bodyEnd + 1] !== LF) throw unknownOperation();
    return Op.Pub;
  }

  /** True when the line behind the subject is what a MSG line would hold, byte for byte. */
  #isPlain(lineEnd: number, headers: boolean): boolean {
    const bytes = this.bytes;
    for (let i = 1; i < tokenCount; i++) {
      const before = tokens[2 * i - 1]!;
      if (tokens[2 * i] !== before + 1 || bytes[before] !== BLANK) return false;
    }
    const last = 2 * (tokenCount - 1);
    if (tokens[last + 1] !== lineEnd - 1) return false;
    const padded = (i: number) => bytes[tokens[i]!] === ZERO && tokens[i + 1]! - tokens[i]! > 1;
    // A header block of no bytes is delivered as MSG.
    return !padded(last) && !(headers && (padded(last - 2) || this.headerSize === 0));
  }

  #sub(args: number): Op {
    this.#arguments(args, 2, 3, "SUB");
    const withQueue = tokenCount === 3;
    this.subjectStart = tokens[0]!;
    this.subjectEnd = tokens[1]!;
    this.extraStart = withQueue ? tokens[2]! : 0;
    this.extraEnd = withQueue ? tokens[3]! : 0;
    this.sidStart = tokens[withQueue ? 4 : 2]!;
    this.sidEnd = tokens[withQueue ? 5 : 3]!;
    return Op.Sub;
  }

  #unsub(args: number): Op {
    this.#arguments(args, 1, 2, "UNSUB");
    this.sidStart = tokens[0]!;
    this.sidEnd = tokens[1]!;
    // A bad number means "now", as it does for nats-server.
    this.max = tokenCount === 2 ? Math.max(0, parseSize(this.bytes, tokens[2]!, tokens[3]!)) : 0;
    return Op.Unsub;
  }

  #connect(args: number, lineEnd: number): Op {
    this.#checkLine(args, lineEnd);
    this.jsonStart = args;
    this.jsonEnd = this.bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    return Op.Connect;
  }

  #arguments(args: number, min: number, max: number, op: string): void {
    const lineEnd = tokenize(this.bytes, args);
    this.#checkLine(args, lineEnd);
    if (tokenCount < min || tokenCount > max) throw wrongArguments(op);
  }

  #checkLine(args: number, lineEnd: number): void {
    if (lineEnd - args > this.limits.control_line_bytes_max + 1) throw lineTooLong();
  }

  /** Moves the rest of the chunk to a buffer of its own; `size`: of the whole frame, 0 unknown. */
  #startPartial(size: number): void {
    const rest = this.#chunk.subarray(this.#at);
    if (size === 0) this.#checkUnfinished(rest);
    this.#partial = new Uint8Array(
      size > 0 ? frameBufferBytes(size, rest.length) : Math.max(LINE_BYTES_MIN, rest.length * 2),
    );
    this.#partial.set(rest);
    this.#partialLength = rest.length;
    this.#partialSize = size;
    this.#at = this.#chunk.length;
  }

  #fromPartial(): Op {
    const complete = this.#partialSize === 0 ? this.#completeLine() : this.#completeFrame();
    if (!complete) return Op.None;
    this.bytes = this.#partial!.subarray(0, this.#partialLength);
    this.view = undefined;
    this.owned = this.#partialSize > 0;
    const op = this.#read(0);
    if (op === Op.None) {
      // The line is there and says how long the frame is.
      this.#partialSize = this.#frameEnd;
      this.#growPartial(frameBufferBytes(this.#partialSize, this.#partialLength));
      return this.#fromPartial();
    }
    this.#partial = undefined;
    this.#partialLength = this.#partialSize = 0;
    return op;
  }

  #completeFrame(): boolean {
    this.#absorb(this.#partialSize - this.#partialLength);
    return this.#partialLength === this.#partialSize;
  }

  #completeLine(): boolean {
    const end = this.#chunk.indexOf(LF, this.#at);
    const count = (end < 0 ? this.#chunk.length : end + 1) - this.#at;
    const length = this.#partialLength + count;
    if (length > this.#partial!.length) {
      if (length > this.limits.control_line_bytes_max + OPERATION_BYTES_MAX) throw lineTooLong();
      this.#growPartial(length * 2);
    }
    this.#absorb(count);
    if (end < 0) this.#checkUnfinished(this.#partial!.subarray(0, this.#partialLength));
    return end >= 0;
  }

  /** An unfinished line must still be able to become a legal one. */
  #checkUnfinished(line: Uint8Array): void {
    if (line.length > this.limits.control_line_bytes_max + OPERATION_BYTES_MAX) throw lineTooLong();
    if (!OPERATIONS.some((name) => beginsAlike(line, name))) throw unknownOperation();
  }

  #growPartial(size: number): void {
    const grown = new Uint8Array(size);
    grown.set(this.#partial!.subarray(0, this.#partialLength));
    this.#partial = grown;
  }

  /** Moves up to `count` bytes of the chunk into the partial frame. */
  #absorb(count: number): void {
    const take = Math.min(count, this.#chunk.length - this.#at);
    if (take <= 0) return;
    if (this.#partialLength + take > this.#partial!.length) this.#growPartial(this.#partialSize);
    this.#partial!.set(this.#chunk.subarray(this.#at, this.#at + take), this.#partialLength);
    this.#partialLength += take;
    this.#at += take;
  }

  /** Throws away an oversize body; true once all of it is gone. */
  #skipped(): boolean {
    const take = Math.min(this.#skip, this.#chunk.length - this.#at);
    this.#skip -= take;
    this.#at += take;
    return this.#skip === 0;
  }
}

const EMPTY = new Uint8Array(0);
const EMPTY_VIEW = viewOf(EMPTY);
/** Longer control lines are not remembered. */
const LINE_NOTED_BYTES_MAX = 128;
/** So many other lines in one chunk: this publisher does not repeat itself. */
const MISSES_MAX = 4;
/** `PUB` and a blank. */
const PUB_BYTES = 4;
/** `CONNECT` is the longest operation; a blank and CR LF may come on top. */
const OPERATION_BYTES_MAX = 10;
const LINE_BYTES_MIN = 64;
/** Below this a copy through the read buffer is cheaper than a read of its own. */
const DIRECT_READ_BYTES_MIN = 16 * 1024;
/** MQTT's number for a malformed packet; NATS has texts only. */
const MALFORMED = 0x81;
const BLANK = 0x20, TAB = 0x09, CR = 0x0d, LF = 0x0a, ZERO = 0x30;
/** Clears the bit that tells small letters from capitals. */
const UPPER = 0xdf;
const B = 0x42, C = 0x43, H = 0x48, I = 0x49, P = 0x50, S = 0x53, U = 0x55;
/** Operation names with each letter's case bit cleared, as `starts` compares. */
const name = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0) & UPPER);
const PUB = name("PUB"), HPUB = name("HPUB"), SUB = name("SUB"), UNSUB = name("UNSUB");
const CONNECT = name("CONNECT"), INFO = name("INFO"), PING = name("PING"), PONG = name("PONG");
const OK = name("+OK"), ERR = name("-ERR");
const OPERATIONS = [PUB, HPUB, SUB, UNSUB, CONNECT, INFO, PING, PONG, OK, ERR];

/**
 * Token offsets of the last line that was split: start, end, start, end... Shared by all
 * decoders, since a line is split and used within one call.
 */
const TOKENS_MAX = 5;
const tokens = new Int32Array(2 * TOKENS_MAX);
let tokenCount = 0;

/**
 * Splits the line at `bytes[from..]` at runs of blanks and tabs, in one pass. Returns the index of
 * its LF, or -1 when there is none. More tokens than any operation takes are counted only.
 */
function tokenize(bytes: Uint8Array, from: number): number {
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

function isBlank(byte: number): boolean {
  return byte === BLANK || byte === TAB;
}

/** True when `bytes[at..lineEnd)` begins with the name, in any mix of case. */
function starts(bytes: Uint8Array, at: number, lineEnd: number, name: Uint8Array): boolean {
  if (at + name.length > lineEnd) return false;
  for (let i = 0; i < name.length; i++) if ((bytes[at + i]! & UPPER) !== name[i]) return false;
  return true;
}

/** As `starts`, and a blank follows. */
function word(bytes: Uint8Array, at: number, lineEnd: number, name: Uint8Array): boolean {
  return starts(bytes, at, lineEnd, name) && isBlank(bytes[at + name.length]!);
}

/** True when an unfinished line may become a line of this operation. */
function beginsAlike(line: Uint8Array, name: Uint8Array): boolean {
  const count = Math.min(line.length, name.length);
  for (let i = 0; i < count; i++) if ((line[i]! & UPPER) !== name[i]) return false;
  return true;
}

/** 1 to 9 digits as a number, else -1. */
function parseSize(bytes: Uint8Array, start: number, end: number): number {
  if (start >= end || end - start > 9) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = bytes[i]! - ZERO;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

function unknownOperation(): ProtocolError {
  return new ProtocolError("unknown operation", MALFORMED, "Unknown Protocol Operation");
}

function lineTooLong(): ProtocolError {
  return new ProtocolError("control line too long", MALFORMED, "maximum control line exceeded");
}

/** nats-server closes without a word here, and so do we; the log says why. */
function wrongArguments(op: string): ProtocolError {
  return new ProtocolError(`wrong arguments of ${op}`, MALFORMED, "");
}
