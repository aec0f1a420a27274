/**
 * NKeys: Ed25519 keys as NATS writes them (base32 of a kind byte, the key and a CRC), and
 * signatures by the runtime's own Ed25519.
 */
import { Buffer } from "node:buffer";
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";

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

const PREFIX_BYTE: Readonly<Record<NkeyKind, number>> = {
  account: 0x00,
  operator: 0x70,
  user: 0xa0,
};
const LETTER: Readonly<Record<NkeyKind, string>> = { account: "A", operator: "O", user: "U" };
const SEED_BYTE = 0x90;
const KEY_BYTES = 32;
const PUBLIC_LETTERS = 56;
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

/** True when `signature` is that of `key` over `data`. */
export function verifyNkey(key: PublicNkey, data: Uint8Array, signature: Uint8Array): boolean {
  return signature.length === 64 && verify(null, data, toKeyObject(key.bytes), signature);
}

/** Signature bytes in a CONNECT: URL-safe base64 first, then standard; undefined for neither. */
export function decodeSignature(text: string): Uint8Array | undefined {
  return decodeBase64Url(text) ?? decodeBase64(text, /^[A-Za-z0-9+/]*={0,2}$/);
}

/** URL-safe base64 without padding; undefined when it is not that. */
export function decodeBase64Url(text: string): Uint8Array | undefined {
  return decodeBase64(text, /^[\w-]*$/);
}

/** A new key pair. */
export function generateNkey(
  kind: NkeyKind,
): { readonly seed: string; readonly publicKey: string } {
  const { privateKey } = generateKeyPairSync("ed25519");
  const seed = new Uint8Array(
    privateKey.export({ format: "der", type: "pkcs8" }).subarray(-KEY_BYTES),
  );
  return { seed: formatSeed(kind, seed), publicKey: formatPublicNkey(kind, publicKeyOf(seed)) };
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

/** The public key text that belongs to a seed. */
export function publicNkeyOfSeed(kind: NkeyKind, seed: Uint8Array): string {
  return formatPublicNkey(kind, publicKeyOf(seed));
}

/** Signs with the 32 bytes of a seed. */
export function signWithSeed(seed: Uint8Array, data: Uint8Array): Uint8Array {
  return new Uint8Array(sign(null, data, toPrivateKey(seed)));
}

function formatSeed(kind: NkeyKind, seed: Uint8Array): string {
  const prefix = PREFIX_BYTE[kind];
  return withCrc([SEED_BYTE | prefix >> 5, (prefix & 0x1f) << 3, ...seed]);
}

function publicKeyOf(seed: Uint8Array): Uint8Array {
  const der = createPublicKey(toPrivateKey(seed)).export({ format: "der", type: "spki" });
  return new Uint8Array(der.subarray(-KEY_BYTES));
}

// The fixed DER in front of the 32 bytes of an Ed25519 key. [RFC 8410, sections 4 and 7]
const SPKI_HEAD = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const PKCS8_HEAD = [
  ...[0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22],
  ...[0x04, 0x20],
];

function toKeyObject(key: Uint8Array): KeyObject {
  return createPublicKey({
    key: Buffer.from([...SPKI_HEAD, ...key]),
    format: "der",
    type: "spki",
  });
}

function toPrivateKey(seed: Uint8Array): KeyObject {
  return createPrivateKey({
    key: Buffer.from([...PKCS8_HEAD, ...seed]),
    format: "der",
    type: "pkcs8",
  });
}

function decodeBase64(text: string, shape: RegExp): Uint8Array | undefined {
  const digits = text.replace(/=+$/, "");
  if (!shape.test(text) || digits.length % 4 === 1) return undefined;
  return new Uint8Array(Buffer.from(digits, "base64"));
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
