/**
 * Checks the text of NATS public keys, so that a slip in the file is found at load. Signatures
 * are not this file's business.
 */

/** What a public key stands for, by its prefix byte. */
const KINDS: ReadonlyMap<number, string> = new Map([
  [0x00, "account"],
  [0x70, "operator"],
  [0xa0, "user"],
]);

/** Whose public key it is. */
export type KeyKind = "account" | "operator" | "user";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/** Prefix byte, 32 bytes of Ed25519 public key, 2 bytes of CRC16. */
const KEY_BYTES = 35;
const KEY_CHARACTERS = 56;

/** Why the text is not a public key of this kind; undefined when it is. */
export function keyProblem(text: string, kind: KeyKind): string | undefined {
  const letter = kind[0]!.toUpperCase();
  const bytes = text.length === KEY_CHARACTERS ? base32(text.toUpperCase()) : undefined;
  if (bytes === undefined) {
    return `expected ${KEY_CHARACTERS} characters of A-Z and 2-7 that begin with ${letter}`;
  }
  if (KINDS.get(bytes[0]!) !== kind) return `the key does not begin with ${letter}`;
  const sum = bytes[KEY_BYTES - 2]! | bytes[KEY_BYTES - 1]! << 8;
  if (sum !== crc16(bytes.subarray(0, KEY_BYTES - 2))) return "its checksum is wrong";
  return undefined;
}

/** RFC 4648 base32 without padding; undefined for a character that is not in it. */
function base32(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length * 5 >> 3);
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const character of text) {
    const value = ALPHABET.indexOf(character);
    if (value < 0) return undefined;
    bits = (bits << 5 | value) & 0xfff;
    held += 5;
    if (held < 8) continue;
    held -= 8;
    bytes[at++] = bits >> held & 0xff;
  }
  return bytes;
}

/** CRC16 XMODEM: polynomial 0x1021, from 0. */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1) & 0xffff;
  }
  return crc;
}
