/**
 * Reads the fields of one packet that is all there; for every packet but the frequent ones.
 */
import { ProtocolError } from "../errors.ts";
import { readU16, readU32, readUtf8 } from "../protocol/bytes.ts";
import { ReasonCode } from "./codes.ts";

/** The error for bytes that are no MQTT packet. [MQTT5 4.13] */
export function malformed(message: string): ProtocolError {
  return new ProtocolError(message, ReasonCode.MalformedPacket, "");
}

/** The error for a packet that can be read and must not be sent. [MQTT5 4.13] */
export function protocolError(message: string): ProtocolError {
  return new ProtocolError(message, ReasonCode.ProtocolError, "");
}

/**
 * A cursor over `bytes[at..end)`. Each method reads one field, moves on, and throws 0x81 when the
 * field is not all there or not allowed. What it returns is a copy and may be kept.
 */
export class PacketReader {
  constructor(public bytes: Uint8Array, public at: number, public end: number) {}

  u8(): number {
    const at = this.#take(1);
    return this.bytes[at]!;
  }

  u16(): number {
    return readU16(this.bytes, this.#take(2));
  }

  u32(): number {
    return readU32(this.bytes, this.#take(4));
  }

  /** A packet identifier, which is never 0. [MQTT-2.2.1-3] [MQTT3 2.3.1-1] */
  packetId(): number {
    const id = this.u16();
    if (id === 0) throw malformed("packet identifier 0");
    return id;
  }

  /** A variable byte integer of MQTT 5: at most four bytes, and no more than needed. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.u8();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        // [MQTT-1.5.5-1]
        if (byte === 0 && shift > 0) throw malformed("variable byte integer is not minimal");
        return value;
      }
    }
    throw malformed("variable byte integer of more than four bytes");
  }

  /** A string: valid UTF-8 without U+0000. [MQTT-1.5.4-1] [MQTT-1.5.4-2] */
  text(): string {
    const length = this.u16();
    const start = this.#take(length);
    const text = readUtf8(this.bytes, start, start + length);
    if (text === undefined) throw malformed("string is not valid UTF-8 or holds U+0000");
    return text;
  }

  /** Binary data with its length in two bytes in front. [MQTT5 1.5.6] */
  binary(): Uint8Array {
    const length = this.u16();
    const start = this.#take(length);
    return this.bytes.slice(start, start + length);
  }

  /** Every byte of the packet must have been read. */
  finish(): void {
    if (this.at !== this.end) throw malformed(`${this.end - this.at} bytes left over`);
  }

  #take(bytes: number): number {
    const at = this.at;
    if (at + bytes > this.end) throw malformed("packet ends in the middle of a field");
    this.at = at + bytes;
    return at;
  }
}
