/**
 * NKeys as text: base32 of a kind byte, 32 bytes of Ed25519 key, and a CRC. Pure; what the keys
 * do is in `auth/nkey.ts`.
 */

/** Whose key it is. */
export type NkeyKind = "user" | "account" | "operator";

/** Why a text is not a public key of the wanted kind; the names are EMQX's. */
export type NkeyProblem =
  | "invalid_nkey_prefix"
  | "invalid_base32_char"
  | "invalid_nkey_size"
  | "invalid_nkey_crc";

/** A public key that was checked. */
export interface PublicNkey {
  readonly kind: NkeyKind;
  /** Canonical text: upper case. */
  readonly text: string;
  /** The 32 bytes of the Ed25519 key. */
  readonly bytes: Uint8Array;
}

/** Characters of a public key. */
export const PUBLIC_LETTERS = 56;

const PREFIX_BYTE: Readonly<Record<NkeyKind, number>> = {
  account: 0x00,
  operator: 0x70,
  user: 0xa0,
};
const LETTER: Readonly<Record<NkeyKind, string>> = { account: "A", operator: "O", user: "U" };
const SEED_BYTE = 0x90;
const KEY_BYTES = 32;

const SEED_LETTERS = 58;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** Reads a public key of one of the kinds, in any case of letters. */
export function parsePublicNkey(
  input: string,
  kinds: readonly NkeyKind[],
): PublicNkey | NkeyProblem {
  const text = input.toUpperCase();
  const kind = kinds.find((candidate) => text.startsWith(LETTER[candidate]));
  if (kind === undefined) return "invalid_nkey_prefix";
  const raw = decodeBase32(text);
  if (raw === undefined) return "invalid_base32_char";
  if (text.length !== PUBLIC_LETTERS) return "invalid_nkey_size";
  // The lower bits of the kind byte do not show in the first letter.
  if (raw[0] !== PREFIX_BYTE[kind]) return "invalid_nkey_prefix";
  const end = 1 + KEY_BYTES;
  if (crc16(raw.subarray(0, end)) !== (raw[end]! | raw[end + 1]! << 8)) return "invalid_nkey_crc";
  return { kind, text, bytes: raw.slice(1, end) };
}

/** Writes the 32 bytes of a public key as text. */
export function formatPublicNkey(kind: NkeyKind, key: Uint8Array): string {
  return withCrc([PREFIX_BYTE[kind], ...key]);
}

/** Reads a seed (`SU…`, `SA…`, `SO…`); undefined when it is none. */
export function parseSeed(
  input: string,
): { readonly kind: NkeyKind; readonly seed: Uint8Array } | undefined {
  const raw = decodeBase32(input.toUpperCase());
  if (raw === undefined || input.length !== SEED_LETTERS) return undefined;
  const end = 2 + KEY_BYTES;
  if (crc16(raw.subarray(0, end)) !== (raw[end]! | raw[end + 1]! << 8)) return undefined;
  if ((raw[0]! & 0xf8) !== SEED_BYTE) return undefined;
  const prefix = (raw[0]! & 0x07) << 5 | raw[1]! >> 3;
  const kinds = Object.keys(PREFIX_BYTE) as NkeyKind[];
  const kind = kinds.find((candidate) => PREFIX_BYTE[candidate] === prefix);
  return kind === undefined ? undefined : { kind, seed: raw.slice(2, end) };
}

/** Writes the 32 bytes of a seed as text. */
export function formatSeed(kind: NkeyKind, seed: Uint8Array): string {
  const prefix = PREFIX_BYTE[kind];
  return withCrc([SEED_BYTE | prefix >> 5, (prefix & 0x1f) << 3, ...seed]);
}

function withCrc(bytes: readonly number[]): string {
  const crc = crc16(Uint8Array.from(bytes));
  return encodeBase32(Uint8Array.from([...bytes, crc & 0xff, crc >> 8]));
}

/** CRC-16/XMODEM: polynomial 0x1021, start 0. */
export function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc << 1 ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return crc;
}

/** Base32 without padding; a last group of fewer than 5 bits is filled up with zeros. */
export function encodeBase32(bytes: Uint8Array): string {
  let text = "", bits = 0, held = 0;
  for (const byte of bytes) {
    held = held << 8 | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[held >> bits & 31];
    }
    held &= (1 << bits) - 1;
  }
  return bits > 0 ? text + ALPHABET[held << 5 - bits & 31] : text;
}

function decodeBase32(text: string): Uint8Array | undefined {
  const bytes: number[] = [];
  let bits = 0, held = 0;
  for (const letter of text) {
    const value = ALPHABET.indexOf(letter);
    if (value < 0) return undefined;
    held = held << 5 | value;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push(held >> bits);
    }
    held &= (1 << bits) - 1;
  }
  return Uint8Array.from(bytes);
}
