/**
 * Bytes that both protocols read and write: big-endian integers, MQTT's variable byte integer,
 * decimal numbers, UTF-8. Pure functions over a slab: writers return the next position and
 * count on the caller having made room.
 */

/** Largest value of a variable byte integer: four bytes of seven bits. [MQTT-1.5.5] */
export const VARINT_MAX = 268_435_455;

/** Reads two bytes, big end first. */
export function readU16(bytes: Uint8Array, at: number): number {
  return bytes[at]! << 8 | bytes[at + 1]!;
}

/** Reads four bytes, big end first, as a number from 0 to 2^32 - 1. */
export function readU32(bytes: Uint8Array, at: number): number {
  return (readU16(bytes, at) << 16 | readU16(bytes, at + 2)) >>> 0;
}

/** Writes two bytes, big end first. */
export function writeU16(slab: Uint8Array, at: number, value: number): number {
  slab[at] = value >>> 8;
  slab[at + 1] = value;
  return at + 2;
}

/** Writes four bytes, big end first. */
export function writeU32(slab: Uint8Array, at: number, value: number): number {
  return writeU16(slab, writeU16(slab, at, value >>> 16), value);
}

/** Bytes that a variable byte integer takes: 1 to 4. [MQTT-1.5.5-1] */
export function varintSize(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : 4;
}

/** Writes a variable byte integer in the fewest bytes. `value`: 0 to `VARINT_MAX`. */
export function writeVarint(slab: Uint8Array, at: number, value: number): number {
  while (value >= 0x80) {
    slab[at++] = value | 0x80;
    value >>>= 7;
  }
  slab[at++] = value;
  return at;
}

/** Digits of a whole number from 0 to 2^32 - 1. */
function decimalSize(value: number): number {
  let size = 1;
  for (let limit = 10; value >= limit; limit *= 10) size++;
  return size;
}

/** Writes a whole number from 0 to 2^32 - 1 in digits. */
export function writeDecimal(slab: Uint8Array, at: number, value: number): number {
  const end = at + decimalSize(value);
  for (let i = end - 1; i >= at; i--) {
    const tens = (value / 10) >>> 0;
    slab[i] = 0x30 + value - tens * 10;
    value = tens;
  }
  return end;
}

/** Bytes that text takes in UTF-8. A lone surrogate counts as the U+FFFD it is written as. */
export function utf8Size(text: string): number {
  let size = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if (unit < 0x800) size += 1;
    else if (isHighSurrogate(unit) && isLowSurrogate(text.charCodeAt(i + 1))) {
      size += 2;
      i++;
    } else size += 2;
  }
  return size;
}

/** Writes text in UTF-8, which is `utf8Size` bytes. */
export function writeUtf8(slab: Uint8Array, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    // Short ASCII is written faster here than by the encoder.
    if (unit < 0x80) slab[at++] = unit;
    else return at + UTF8_ENCODER.encodeInto(text.slice(i), slab.subarray(at)).written;
  }
  return at;
}

/**
 * True when `bytes[start..end)` is well-formed UTF-8: no overlong forms, no surrogates, nothing
 * above U+10FFFF, nothing cut short. [MQTT-1.5.4-1] `nul`: whether U+0000 is let through, which
 * MQTT strings may not hold [MQTT-1.5.4-2] and payloads may.
 */
export function isUtf8(bytes: Uint8Array, start: number, end: number, nul = false): boolean {
  let at = start;
  while (at < end) {
    const lead = bytes[at++]!;
    if (lead < 0x80) {
      if (lead === 0 && !nul) return false;
      continue;
    }
    if (lead < 0xc2 || lead > 0xf4) return false;
    const more = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    if (at + more > end) return false;
    // The second byte's range shuts out overlong forms, surrogates and what is above U+10FFFF.
    const second = bytes[at]!;
    const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    if (second < low || second > high) return false;
    for (let i = 1; i < more; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return false;
    at += more;
  }
  return true;
}

/**
 * Text of `bytes[start..end)`; undefined when that is not well-formed UTF-8 or holds U+0000. A
 * byte order mark is a character like others. [MQTT-1.5.4-3]
 */
export function readUtf8(bytes: Uint8Array, start: number, end: number): string | undefined {
  if (start === end) return "";
  if (!isUtf8(bytes, start, end)) return undefined;
  return UTF8_DECODER.decode(bytes.subarray(start, end));
}

const UTF8_DECODER = new TextDecoder("utf-8", { ignoreBOM: true });
const UTF8_ENCODER = new TextEncoder();

function isHighSurrogate(unit: number): boolean {
  return (unit & 0xfc00) === 0xd800;
}

function isLowSurrogate(unit: number): boolean {
  return (unit & 0xfc00) === 0xdc00;
}
