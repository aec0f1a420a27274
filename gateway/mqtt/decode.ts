/**
 * Bytes of one connection into MQTT packets, one at a time and on demand.
 */
import { assert, ProtocolError } from "../errors.ts";
import { REFERENCE_BYTES } from "../protocol/outbox.ts";
import { PartialFrame } from "../protocol/partial_frame.ts";
import { ReasonCode } from "./codes.ts";
import { decodeConnect, readProtocol } from "./decode_connect.ts";
import { checkCode, decodePacket } from "./decode_packet.ts";
import { AckFrame, PublishFrame } from "./frames.ts";
import {
  NO_PROPERTIES,
  type Packet,
  PacketType,
  type ProtocolVersion,
  type QoS,
} from "./packets.ts";
import { readProperties } from "./properties.ts";
import { malformed, PacketReader, protocolError } from "./reader.ts";

/** Answer of `Decoder.next` when there is no whole packet. */
export const NEED_MORE = 0;
/** Inner answer: a PUBLISH that gets a buffer of its own. */
const LARGE = -1;

/** Who reads: a server gets other packets than a client. */
export type Side = "server" | "client";

/**
 * A decoder that is asked, so that a session can stop between two packets and go on later:
 *
 *     decoder.feed(chunk);
 *     while (ready) {
 *       const type = decoder.next();
 *       if (type === NEED_MORE) break;
 *       if (type === PacketType.Publish) use(decoder.publish);
 *       else if (type >= PacketType.Puback && type <= PacketType.Pubcomp) use(decoder.ack);
 *       else if (type !== PacketType.Pingreq) use(decoder.packet);
 *     }
 *     decoder.keep(); // what was not asked for, as the chunk dies with this turn
 *
 * `next` throws `ProtocolError` with the MQTT 5 reason code; nothing can be read after that.
 */
export class Decoder {
  /**
   * 0 until a CONNECT decided it; a client sets it. When CONNECT is refused with 0x84 (unsupported
   * version) this is the version in which the client understands the answer; 0: it is no MQTT
   * client, say nothing.
   */
  version: ProtocolVersion | 0 = 0;
  /** The PUBLISH that `next` announced; used again for the next one. */
  readonly publish: PublishFrame;
  /** The PUBACK, PUBREC, PUBREL or PUBCOMP that `next` announced; used again for the next one. */
  readonly ack = new AckFrame();
  /** Bit for each packet type that may come. */
  readonly #accepted: number;
  #packet: Packet | undefined = undefined;
  /** The bytes fed last that were not read yet: `#chunk[#at..#end)`. */
  #chunk: Uint8Array = EMPTY;
  #at = 0;
  #end = 0;
  /** Older bytes, copied: read before the chunk. Empty when there are none. */
  #carry: Uint8Array = EMPTY;
  #carryAt = 0;
  #carryEnd = 0;
  /** A large PUBLISH that is being collected. */
  readonly #large = new PartialFrame();
  /** Results of `#parse`: end of the packet, its size, and the least that is missing of it. */
  #parsedTo = 0;
  #size = 0;
  #missing = 0;

  /** `packet_bytes_max`: largest packet, fixed header included; may change at any time. */
  constructor(public packet_bytes_max: number, side: Side = "server") {
    this.#accepted = side === "server" ? TO_SERVER : TO_CLIENT;
    this.publish = new PublishFrame(side === "server");
  }

  /** The last packet that is neither PUBLISH nor an acknowledgement of one nor a ping. */
  get packet(): Packet {
    assert(this.#packet !== undefined, "no packet was decoded yet");
    return this.#packet;
  }

  /** Bytes that are held between turns. */
  get keptBytes(): number {
    return this.#carryEnd - this.#carryAt + this.#large.length;
  }

  /** Gives the next bytes; they are not touched after the next `keep` or NEED_MORE. */
  feed(chunk: Uint8Array): void {
    assert(this.#at === this.#end, "the last chunk was neither read to its end nor kept");
    this.#chunk = chunk;
    this.#at = 0;
    this.#end = chunk.length;
  }

  /**
   * Copies what was not read yet and lets go of the chunk and of `publish.bytes`, so that an idle
   * client pins no buffer. To be called when the session stops before NEED_MORE.
   */
  keep(): void {
    this.#carryMore(this.#end - this.#at);
    this.#chunk = EMPTY;
    this.#at = this.#end = 0;
    this.publish.bytes = EMPTY;
  }

  /** Gives the memory of an unfinished packet back. Nothing can be read after that. */
  release(): void {
    this.#large.free();
    this.#carry = EMPTY;
    this.#carryAt = this.#carryEnd = 0;
    this.#chunk = EMPTY;
    this.#at = this.#end = 0;
  }

  /**
   * Reads the next packet and says which type it is; where its content is, the class says. What
   * came before is no longer valid then. Throws `ProtocolError`.
   */
  next(): PacketType | typeof NEED_MORE {
    if (this.#large.length > 0) return this.#fillLarge();
    if (this.#carry !== EMPTY) return this.#nextOfCarry();
    if (this.#at < this.#end) {
      const type = this.#parse(this.#chunk, this.#at, this.#end);
      if (type > 0) {
        this.#at = this.#parsedTo;
        return type as PacketType;
      }
      if (type === LARGE) return this.#startLarge();
    }
    return this.#needMore();
  }

  #needMore(): typeof NEED_MORE {
    this.keep();
    return NEED_MORE;
  }

  #nextOfCarry(): PacketType | typeof NEED_MORE {
    for (;;) {
      const type = this.#parse(this.#carry, this.#carryAt, this.#carryEnd);
      if (type > 0) {
        this.#carryAt = this.#parsedTo;
        this.#dropEmptyCarry();
        return type as PacketType;
      }
      if (type === LARGE) return this.#startLarge();
      // Only what the packet needs is copied; the rest of the chunk is read in place.
      const more = Math.min(this.#missing, this.#end - this.#at);
      if (more === 0) return this.#needMore();
      this.#carryMore(more);
    }
  }

  #startLarge(): PacketType | typeof NEED_MORE {
    // Bytes that were kept come before the chunk; a packet that begins in them may end in them.
    const kept = this.#carry.subarray(this.#carryAt, this.#carryEnd).subarray(0, this.#size);
    this.#carryAt += kept.length;
    this.#dropEmptyCarry();
    this.#large.start(kept, this.#size, kept.length + this.#end - this.#at);
    return this.#fillLarge();
  }

  #fillLarge(): PacketType | typeof NEED_MORE {
    this.#at += this.#large.add(this.#chunk, this.#at, this.#large.missing);
    if (this.#large.missing > 0) return this.#needMore();
    const large = this.#large.bytes;
    this.#large.clear();
    let body = 1;
    while (large[body++]! >= 0x80);
    this.#parsePublish(large, large[0]!, body, large.length);
    this.publish.owned = true;
    return PacketType.Publish;
  }

  /** Moves bytes from the chunk to the carry. */
  #carryMore(size: number): void {
    if (size === 0) return;
    const kept = this.#carryEnd - this.#carryAt;
    if (this.#carryEnd + size > this.#carry.length) {
      const grown = new Uint8Array(Math.max(CARRY_BYTES_MIN, 2 * (kept + size)));
      grown.set(this.#carry.subarray(this.#carryAt, this.#carryEnd));
      this.#carry = grown;
      this.#carryAt = 0;
      this.#carryEnd = kept;
    }
    this.#carry.set(this.#chunk.subarray(this.#at, this.#at + size), this.#carryEnd);
    this.#carryEnd += size;
    this.#at += size;
  }

  #dropEmptyCarry(): void {
    if (this.#carryAt !== this.#carryEnd) return;
    this.#carry = EMPTY;
    this.#carryAt = this.#carryEnd = 0;
  }

  /**
   * Reads the packet at the start of `bytes[at..end)` if it is all there. Size and type are
   * checked as soon as the fixed header is there, before anything is collected.
   */
  #parse(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < 2) {
      this.#missing = 2 - (end - at);
      return NEED_MORE;
    }
    const first = bytes[at]!;
    let body = at + 2;
    let length = bytes[at + 1]!;
    if (length >= 0x80) {
      length &= 0x7f;
      for (let shift = 7;; shift += 7) {
        if (shift === 28) throw malformed("remaining length of more than four bytes");
        if (body === end) {
          this.#missing = 1;
          return NEED_MORE;
        }
        const byte = bytes[body++]!;
        length |= (byte & 0x7f) << shift;
        if (byte >= 0x80) continue;
        if (byte === 0 && this.version === 5) throw malformed("remaining length is not minimal");
        break;
      }
    }
    const type = first >> 4 as PacketType;
    this.#checkHeader(type, first, body - at + length);
    const to = body + length;
    if (type === PacketType.Publish && to - at >= REFERENCE_BYTES) {
      // An outbox keeps large payloads by reference, so this one must outlive the chunk.
      this.#size = to - at;
      return LARGE;
    }
    if (to > end) {
      this.#missing = to - end;
      return NEED_MORE;
    }
    this.#parsedTo = to;
    if (type === PacketType.Publish) {
      this.#parsePublish(bytes, first, body, to);
      this.publish.owned = false;
    } else if (type >= PacketType.Puback && type <= PacketType.Pubcomp) {
      this.#parseAck(type, bytes, body, to);
    } else this.#parseOther(type, first, bytes, body, to);
    return type;
  }

  #checkHeader(type: PacketType, first: number, size: number): void {
    const version = this.version;
    if (version === 0 ? type !== PacketType.Connect : type === PacketType.Connect) {
      // [MQTT-3.1.0-1] [MQTT-3.1.0-2]
      throw protocolError("CONNECT must be the first packet and come once");
    }
    if ((this.#accepted & 1 << type) === 0) {
      throw protocolError(`packet type ${type} is not for us`);
    }
    if (type !== PacketType.Publish && version >= 4 && (first & 15) !== FLAGS[type]) {
      // [MQTT-2.1.3-1]; MQTT 3.1 has DUP there and leaves the rest open.
      throw malformed(`reserved flags of packet type ${type}`);
    }
    if (size > this.packet_bytes_max) {
      throw new ProtocolError(
        `packet of ${size} bytes, at most ${this.packet_bytes_max} are allowed`,
        ReasonCode.PacketTooLarge,
        "",
      );
    }
  }

  #parsePublish(bytes: Uint8Array, first: number, at: number, end: number): void {
    const frame = this.publish;
    const qos = first >> 1 & 3;
    if (qos === 3) throw malformed("PUBLISH with QoS 3"); // [MQTT-3.3.1-4]
    frame.bytes = bytes;
    frame.qos = qos as QoS;
    frame.retain = (first & 1) !== 0;
    frame.dup = (first & 8) !== 0;
    if (frame.dup && qos === 0 && this.version >= 4) {
      throw malformed("PUBLISH with DUP and QoS 0"); // [MQTT-3.3.1-2]
    }
    if (at + 2 > end) throw malformed("PUBLISH without topic");
    frame.topicStart = at + 2;
    at = frame.topicEnd = at + 2 + (bytes[at]! << 8 | bytes[at + 1]!);
    frame.packetId = 0;
    if (qos > 0) {
      if (at + 2 > end) throw malformed("PUBLISH without packet identifier");
      frame.packetId = bytes[at]! << 8 | bytes[at + 1]!;
      if (frame.packetId === 0) throw malformed("packet identifier 0"); // [MQTT-2.2.1-3]
      at += 2;
    }
    frame.propertiesStart = frame.propertiesEnd = at;
    if (this.version === 5) at = this.#skipProperties(bytes, at, end);
    if (at > end) throw malformed("PUBLISH ends in the middle of a field");
    if (frame.topicStart === frame.topicEnd && !frame.hasProperties) {
      throw protocolError("PUBLISH without topic or topic alias"); // [MQTT-4.7.3-1]
    }
    frame.payloadStart = at;
    frame.payloadEnd = end;
  }

  /** Notes where the properties of the PUBLISH are; the result is where its payload starts. */
  #skipProperties(bytes: Uint8Array, at: number, end: number): number {
    const frame = this.publish;
    let length = at < end ? bytes[at++]! : -1;
    if (length < 0) throw malformed("PUBLISH without property length");
    if (length >= 0x80) {
      const reader = new PacketReader(bytes, at - 1, end);
      length = reader.varint();
      at = reader.at;
    }
    frame.propertiesStart = at;
    frame.propertiesEnd = at + length;
    return at + length;
  }

  #parseAck(type: PacketType, bytes: Uint8Array, at: number, end: number): void {
    const ack = this.ack;
    const size = end - at;
    if (size < 2) throw malformed("acknowledgement without packet identifier");
    ack.packetId = bytes[at]! << 8 | bytes[at + 1]!;
    if (ack.packetId === 0) throw malformed("packet identifier 0"); // [MQTT-2.2.1-3]
    ack.reasonCode = 0;
    ack.properties = NO_PROPERTIES;
    if (size === 2) return;
    if (this.version < 5) throw malformed(`${size - 2} bytes left over`);
    ack.reasonCode = bytes[at + 2]!;
    checkCode(type, ack.reasonCode); // [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1]
    // The property length may be left out when there are none. [MQTT5 3.4.2.2.1]
    if (size === 3) return;
    const reader = new PacketReader(bytes, at + 3, end);
    ack.properties = readProperties(reader, type, 5);
    reader.finish();
  }

  #parseOther(type: PacketType, first: number, bytes: Uint8Array, at: number, end: number): void {
    const reader = new PacketReader(bytes, at, end);
    if (type === PacketType.Connect) {
      this.#packet = this.#parseConnect(reader, first);
      return;
    }
    this.#packet = decodePacket(type, reader, this.version as ProtocolVersion) ?? this.#packet;
    reader.finish();
  }

  #parseConnect(reader: PacketReader, first: number): Packet {
    const protocol = readProtocol(reader);
    if (protocol === undefined) {
      const message = "protocol name of CONNECT is not MQTT"; // [MQTT-3.1.2-1]
      throw new ProtocolError(message, ReasonCode.UnsupportedProtocolVersion, "");
    }
    this.version = protocol.version;
    if (!protocol.supported) {
      const message = "protocol level is not 3 (3.1), 4 (3.1.1) or 5 (5.0)"; // [MQTT-3.1.2-2]
      throw new ProtocolError(message, ReasonCode.UnsupportedProtocolVersion, "");
    }
    if ((first & 15) !== 0 && protocol.version >= 4) throw malformed("reserved flags of CONNECT");
    return decodeConnect(reader, protocol.version);
  }
}

const EMPTY: Uint8Array = new Uint8Array(0);
/** A carry starts with this much room, so that a trickle of bytes does not grow it each time. */
const CARRY_BYTES_MIN = 256;

/** The low half of the first byte, by packet type. */
const FLAGS: readonly number[] = Array.from({ length: 16 }, (_, type) => {
  const acknowledged = type === PacketType.Pubrel || type === PacketType.Subscribe ||
    type === PacketType.Unsubscribe;
  return acknowledged ? 2 : 0;
});

const BOTH_WAYS = 1 << PacketType.Publish | 1 << PacketType.Puback | 1 << PacketType.Pubrec |
  1 << PacketType.Pubrel | 1 << PacketType.Pubcomp | 1 << PacketType.Disconnect |
  1 << PacketType.Auth;
const TO_SERVER = BOTH_WAYS | 1 << PacketType.Connect | 1 << PacketType.Subscribe |
  1 << PacketType.Unsubscribe | 1 << PacketType.Pingreq;
const TO_CLIENT = BOTH_WAYS | 1 << PacketType.Connack | 1 << PacketType.Suback |
  1 << PacketType.Unsuback | 1 << PacketType.Pingresp;
