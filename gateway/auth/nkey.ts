/** NKeys at work: signatures by the runtime's own Ed25519. Their text is in `nkey_text.ts`. */
import { Buffer } from "node:buffer";
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";
import { formatPublicNkey, formatSeed, type NkeyKind, type PublicNkey } from "../nkey_text.ts";

const KEY_BYTES = 32;

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

/** The public key text that belongs to a seed. */
export function publicNkeyOfSeed(kind: NkeyKind, seed: Uint8Array): string {
  return formatPublicNkey(kind, publicKeyOf(seed));
}

/** Signs with the 32 bytes of a seed. */
export function signWithSeed(seed: Uint8Array, data: Uint8Array): Uint8Array {
  return new Uint8Array(sign(null, data, toPrivateKey(seed)));
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
