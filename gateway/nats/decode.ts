/**
 * NATS bytes to frames. A pull parser: the session feeds a chunk, asks for frames one by one and
 * may stop between them (while a login is being checked). No frame object, no string: the
 * decoder's own fields describe the current frame as offsets into `bytes`.
 */
import { ProtocolError } from "../errors.ts";
import { copyShort, equalShort, viewOf } from "../protocol/copy.ts";
import { REFERENCE_BYTES } from "../protocol/outbox.ts";
import { PartialFrame } from "../protocol/partial_frame.ts";
import {
  isBlank,
  isPub,
  lineTooLong,
  MALFORMED,
  mayBecomeOperation,
  parseSize,
  tokenCount,
  tokenize,
  tokens,
  unknownOperation,
  Word,
  wordAt,
  wrongArguments,
} from "./control_line.ts";
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
  /** A frame whose beginning came in earlier chunks; of known size once its line was read. */
  readonly #partial = new PartialFrame();
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
    this.feed(this.#chunk.slice(this.#at));
  }

  /**
   * Room for the bytes that are missing to the end of a large frame: the next read may go straight
   * there, followed by `filled`. Undefined when an ordinary read is due.
   */
  wanted(): Uint8Array | undefined {
    const { missing } = this.#partial;
    if (missing < DIRECT_READ_BYTES_MIN || this.#at < this.#chunk.length) return undefined;
    return this.#partial.room(DIRECT_READ_BYTES_MIN);
  }

  /** The first `count` bytes of what `wanted` gave have been filled. */
  filled(count: number): void {
    this.#partial.filled(count);
  }

  /** Gives the memory of an unfinished frame back. Nothing can be read after that. */
  release(): void {
    this.#partial.free();
    this.feed(EMPTY);
  }

  /**
   * Finds the next frame and describes it in this object's fields.
   * @throws {ProtocolError} for what no NATS client may send
   */
  next(): Op {
    if (this.#skip > 0 && !this.#skipped()) return Op.None;
    if (this.#partial.length > 0) return this.#fromPartial();
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
    if (isPub(bytes, at)) return this.#pub(at + PUB_BYTES, false);
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
    switch (wordAt(this.bytes, at, lineEnd)) {
      case Word.Pub:
        return this.#pub(at + PUB_BYTES, false);
      case Word.Hpub:
        return this.#pub(at + PUB_BYTES + 1, true);
      case Word.Sub:
        return this.#sub(at + 4);
      case Word.Unsub:
        return this.#unsub(at + 6);
      case Word.Connect:
        return this.#connect(at + 7, lineEnd);
      case Word.Ping:
        return Op.Ping;
      case Word.Pong:
        return Op.Pong;
      case Word.Info:
      case Word.Ok:
        return Op.Ignored;
      case Word.Err:
        throw new ProtocolError("the client sent -ERR", MALFORMED, "");
      default:
        throw unknownOperation();
    }
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
    // Blanks in front do not count.
    while (isBlank(this.bytes[args]!)) args++;
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
    this.#partial.start(rest, size);
    this.#at = this.#chunk.length;
  }

  #fromPartial(): Op {
    const partial = this.#partial;
    if (partial.size === 0 ? !this.#completeLine() : !this.#completeFrame()) return Op.None;
    this.bytes = partial.bytes;
    this.view = undefined;
    this.owned = partial.size > 0;
    const op = this.#read(0);
    if (op === Op.None) {
      // The line is there and says how long the frame is.
      partial.expect(this.#frameEnd);
      return this.#fromPartial();
    }
    partial.clear();
    return op;
  }

  #completeFrame(): boolean {
    this.#at += this.#partial.add(this.#chunk, this.#at, this.#partial.missing);
    return this.#partial.missing === 0;
  }

  #completeLine(): boolean {
    const end = this.#chunk.indexOf(LF, this.#at);
    const count = (end < 0 ? this.#chunk.length : end + 1) - this.#at;
    this.#checkLength(this.#partial.length + count);
    this.#at += this.#partial.add(this.#chunk, this.#at, count);
    if (end < 0) this.#checkUnfinished(this.#partial.bytes);
    return end >= 0;
  }

  /** An unfinished line must still be able to become a legal one. */
  #checkUnfinished(line: Uint8Array): void {
    this.#checkLength(line.length);
    if (!mayBecomeOperation(line)) throw unknownOperation();
  }

  #checkLength(line_bytes: number): void {
    if (line_bytes > this.limits.control_line_bytes_max + OPERATION_BYTES_MAX) throw lineTooLong();
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
/** Below this a copy through the read buffer is cheaper than a read of its own. */
const DIRECT_READ_BYTES_MIN = 16 * 1024;
const BLANK = 0x20, CR = 0x0d, LF = 0x0a, ZERO = 0x30;
