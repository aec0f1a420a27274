/**
 * Writes the parts that packets have in common. Writers return the next position and count on the
 * caller having made room.
 */
import { varintSize, writeU16, writeUtf8, writeVarint } from "../protocol/bytes.ts";
import type { Outbox } from "../protocol/outbox.ts";
import type { PacketType } from "./packets.ts";

/** Bytes of a packet on the wire, given what follows its fixed header. */
export function packetSize(bodyBytes: number): number {
  return 1 + varintSize(bodyBytes) + bodyBytes;
}

/**
 * Makes room for a packet and writes its fixed header. Returns where the body starts in `out.slab`;
 * the caller writes exactly `bodyBytes` there and sets `out.at`.
 */
export function beginPacket(
  out: Outbox,
  type: PacketType,
  flags: number,
  bodyBytes: number,
): number {
  out.reserve(packetSize(bodyBytes));
  out.slab[out.at] = type << 4 | flags;
  return writeVarint(out.slab, out.at + 1, bodyBytes);
}

/** Writes text with its length in two bytes in front. [MQTT5 1.5.4] */
export function writeText(slab: Uint8Array, at: number, text: string): number {
  const end = writeUtf8(slab, at + 2, text);
  writeU16(slab, at, end - at - 2);
  return end;
}

/** Writes bytes with their length in two bytes in front. [MQTT5 1.5.6] */
export function writeBinary(slab: Uint8Array, at: number, bytes: Uint8Array): number {
  writeU16(slab, at, bytes.length);
  slab.set(bytes, at + 2);
  return at + 2 + bytes.length;
}
