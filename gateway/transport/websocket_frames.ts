/**
 * WebSocket frames as a server sees them (RFC 6455, section 5). Pure: bytes in, calls out.
 */

/** Frame types (RFC 6455, 5.2). */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Close codes this server sends (RFC 6455, 7.4.1). */
export const CLOSE = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  unsupportedData: 1003,
  noStatus: 1005,
  invalidText: 1007,
  policy: 1008,
  tooBig: 1009,
  internalError: 1011,
} as const;

/** The peer broke the WebSocket protocol; `code` goes into the close frame. */
export class FrameError extends Error {
  override readonly name = "FrameError";
  constructor(readonly code: number, message: string) {
    super(message);
  }
}

/** What a parser reports. */
export interface FrameSink {
  /** Unmasked bytes of a data message, in order: `bytes[from..to)`, valid during the call. */
  payload(bytes: Uint8Array, from: number, to: number): void;
  /** The message whose bytes came is complete. */
  messageEnd(): void;
  /** A whole control frame, valid during the call. False: take no more frames. */
  control(opcode: number, payload: Uint8Array): boolean;
}

/** Rules that differ between connections. */
export interface FrameRules {
  /** False only where masking was negotiated away (`Nats-No-Masking`). */
  readonly maskRequired: boolean;
  /** True when permessage-deflate was negotiated: messages may be marked as compressed. */
  readonly compression: boolean;
  /** Payload of one message, all its frames together, as sent. */
  readonly messageBytesMax: number;
}

/** Longest header: 2 bytes, 8 of length, 4 of mask. */
const HEADER_BYTES_MAX = 14;
const CONTROL_BYTES_MAX = 125;
const NO_WORDS = new Uint32Array(0);

/** Finds the frames in a stream, however it is cut, and unmasks them where they lie. */
export class FrameParser {
  /** About the message whose payload is being reported. */
  text = false;
  compressed = false;

  #rules: FrameRules;
  #sink: FrameSink;
  /** The start of a header whose rest has not come yet. */
  #head = new Uint8Array(HEADER_BYTES_MAX);
  #headAt = 0;
  /** The frame whose payload is being read; meaningful while `#inFrame`. */
  #inFrame = false;
  #opcode = 0;
  #final = false;
  #remaining = 0;
  #mask = 0;
  #maskPhase = 0;
  #inMessage = false;
  #messageBytes = 0;
  #control: Uint8Array | undefined = undefined;
  #controlAt = 0;
  #stopped = false;
  /** The buffer at hand as words, for unmasking four bytes a step; and where the bytes lie in it. */
  #words: Uint32Array = NO_WORDS;
  #offset = 0;

  constructor(rules: FrameRules, sink: FrameSink) {
    this.#rules = rules;
    this.#sink = sink;
  }

  /**
   * Takes `bytes[from..to)`; payloads in it are unmasked in place.
   * @throws FrameError when the peer breaks the rules; the parser is of no use afterwards.
   */
  push(bytes: Uint8Array, from: number, to: number): void {
    if (this.#words.buffer !== bytes.buffer) {
      this.#words = new Uint32Array(bytes.buffer, 0, bytes.buffer.byteLength >> 2);
    }
    this.#offset = bytes.byteOffset;
    let at = from;
    while (at < to && !this.#stopped) {
      if (!this.#inFrame) {
        at = this.#readHeader(bytes, at, to);
        if (!this.#inFrame) return;
      }
      const end = Math.min(to, at + this.#remaining);
      if (end > at) this.#readPayload(bytes, at, end);
      at = end;
      if (this.#remaining === 0) this.#endFrame();
    }
  }

  /** Returns the position behind the header; `#inFrame` says whether it is complete. */
  #readHeader(bytes: Uint8Array, at: number, to: number): number {
    if (this.#headAt === 0) {
      const size = to - at < 2 ? HEADER_BYTES_MAX : headerBytes(bytes[at + 1]!);
      if (to - at >= size) {
        this.#beginFrame(bytes, at, size);
        return at + size;
      }
    }
    while (at < to) {
      this.#head[this.#headAt++] = bytes[at++]!;
      if (this.#headAt < 2 || this.#headAt < headerBytes(this.#head[1]!)) continue;
      const size = this.#headAt;
      this.#headAt = 0;
      this.#beginFrame(this.#head, 0, size);
      return at;
    }
    return at;
  }

  #beginFrame(bytes: Uint8Array, at: number, size: number): void {
    const first = bytes[at]!;
    const second = bytes[at + 1]!;
    const masked = (second & 0x80) !== 0;
    let length = second & 0x7f;
    if (length === 126) length = bytes[at + 2]! * 256 + bytes[at + 3]!;
    else if (length === 127) {
      // The length has 63 bits (RFC 6455, 5.2).
      if ((bytes[at + 2]! & 0x80) !== 0) {
        throw new FrameError(CLOSE.protocolError, "frame length with its highest bit set");
      }
      length = 0;
      for (let index = at + 2; index < at + 10; index++) length = length * 256 + bytes[index]!;
    }
    this.#opcode = first & 0x0f;
    this.#final = (first & 0x80) !== 0;
    this.#checkFrame(first & 0x70, length);
    if (masked) {
      const end = at + size;
      this.#mask = bytes[end - 4]! | (bytes[end - 3]! << 8) | (bytes[end - 2]! << 16) |
        (bytes[end - 1]! << 24);
    } else {
      if (this.#rules.maskRequired) throw new FrameError(CLOSE.protocolError, "unmasked frame");
      this.#mask = 0;
    }
    this.#maskPhase = 0;
    this.#remaining = length;
    this.#inFrame = true;
  }

  #checkFrame(reserved: number, length: number): void {
    const opcode = this.#opcode;
    if (opcode >= 8) {
      if (opcode > OPCODE.pong) throw new FrameError(CLOSE.protocolError, "unknown opcode");
      if (reserved !== 0) throw new FrameError(CLOSE.protocolError, "reserved bit set");
      if (!this.#final) throw new FrameError(CLOSE.protocolError, "fragmented control frame");
      if (length > CONTROL_BYTES_MAX) {
        throw new FrameError(CLOSE.protocolError, "control frame of more than 125 bytes");
      }
      this.#controlAt = 0;
      return;
    }
    if (opcode > OPCODE.binary) throw new FrameError(CLOSE.protocolError, "unknown opcode");
    const isFirst = opcode !== OPCODE.continuation;
    if (isFirst === this.#inMessage) {
      const what = isFirst ? "new message inside a message" : "continuation without a beginning";
      throw new FrameError(CLOSE.protocolError, what);
    }
    const compressed = reserved === 0x40;
    if (reserved !== 0 && !(compressed && isFirst && this.#rules.compression)) {
      throw new FrameError(CLOSE.protocolError, "reserved bit set");
    }
    if (isFirst) {
      this.#inMessage = true;
      this.#messageBytes = 0;
      this.text = opcode === OPCODE.text;
      this.compressed = compressed;
    }
    this.#messageBytes += length;
    if (this.#messageBytes > this.#rules.messageBytesMax) {
      throw new FrameError(
        CLOSE.tooBig,
        `message of more than ${this.#rules.messageBytesMax} bytes (max_frame_size)`,
      );
    }
  }

  #readPayload(bytes: Uint8Array, from: number, to: number): void {
    if (this.#mask !== 0) this.#unmask(bytes, from, to);
    this.#remaining -= to - from;
    if (this.#opcode < 8) {
      this.#sink.payload(bytes, from, to);
      return;
    }
    this.#control ??= new Uint8Array(CONTROL_BYTES_MAX);
    this.#control.set(bytes.subarray(from, to), this.#controlAt);
    this.#controlAt += to - from;
  }

  #endFrame(): void {
    this.#inFrame = false;
    if (this.#opcode >= 8) {
      const payload = this.#control?.subarray(0, this.#controlAt) ?? new Uint8Array(0);
      this.#stopped = !this.#sink.control(this.#opcode, payload);
    } else if (this.#final) {
      this.#inMessage = false;
      this.#sink.messageEnd();
    }
  }

  #unmask(bytes: Uint8Array, from: number, to: number): void {
    const offset = this.#offset;
    let at = from;
    let mask = rotate(this.#mask, this.#maskPhase);
    for (; at < to && ((offset + at) & 3) !== 0; at++) {
      bytes[at]! ^= mask;
      mask = rotate(mask, 1);
    }
    const words = this.#words;
    const lastWord = (offset + to) >> 2;
    let word = (offset + at) >> 2;
    if (word < lastWord) {
      for (; word < lastWord; word++) words[word]! ^= mask;
      at = lastWord * 4 - offset;
    }
    for (; at < to; at++) {
      bytes[at]! ^= mask;
      mask = rotate(mask, 1);
    }
    this.#maskPhase = (this.#maskPhase + to - from) & 3;
  }
}

/** Turns a mask so that its byte `steps` comes first (bytes lie low to high in the word). */
function rotate(mask: number, steps: number): number {
  return steps === 0 ? mask : (mask >>> (8 * steps)) | (mask << (32 - 8 * steps));
}

function headerBytes(second: number): number {
  const length = second & 0x7f;
  return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + (second & 0x80 ? 4 : 0);
}

/** Bytes of the header of an unmasked frame with so much payload. */
export function frameHeaderBytes(payloadBytes: number): number {
  return payloadBytes < 126 ? 2 : payloadBytes < 65536 ? 4 : 10;
}

/**
 * Writes the header of a final, unmasked frame at `into[at]`.
 * @param compressed The payload is deflated (permessage-deflate, RFC 7692, section 6).
 */
export function writeFrameHeader(
  into: Uint8Array,
  at: number,
  opcode: number,
  payloadBytes: number,
  compressed = false,
): void {
  into[at] = 0x80 | (compressed ? 0x40 : 0) | opcode;
  if (payloadBytes < 126) into[at + 1] = payloadBytes;
  else if (payloadBytes < 65536) {
    into[at + 1] = 126;
    into[at + 2] = payloadBytes >> 8;
    into[at + 3] = payloadBytes;
  } else {
    into[at + 1] = 127;
    let rest = payloadBytes;
    for (let index = at + 9; index >= at + 2; index--) {
      into[index] = rest % 256;
      rest = Math.floor(rest / 256);
    }
  }
}
