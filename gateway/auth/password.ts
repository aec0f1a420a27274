/**
 * Password hashes: the algorithms that EMQX knows, bit for bit. The quick ones are computed here;
 * bcrypt and pbkdf2 go through `hasher.ts`, off the main thread.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** `password_hash_algorithm` of an authenticator. */
export type HashAlgorithm =
  | { readonly name: "plain" | QuickHash; readonly salt_position: SaltPosition }
  | {
    readonly name: "bcrypt";
    /** log2 of the rounds for new hashes; checking reads them from the stored hash. */
    readonly salt_rounds: number;
  }
  | {
    readonly name: "pbkdf2";
    readonly mac_fun: MacFunction;
    readonly iterations: number;
    /** Bytes; the digest's own size when absent. */
    readonly dk_length?: number | undefined;
  };

/** Digests that cost microseconds. */
export type QuickHash = "md5" | "sha" | "sha256" | "sha512";
/** Where the salt goes: before or after the password, or nowhere. */
export type SaltPosition = "prefix" | "suffix" | "disable";
/** Digest of pbkdf2; `sha` is SHA-1. */
export type MacFunction = "sha" | "sha224" | "sha256" | "sha384" | "sha512";

/** A password as it is kept: the salt is used as its text, never decoded. */
export interface StoredPassword {
  readonly hash: string;
  readonly salt: string;
}

/** What an authenticator without `password_hash_algorithm` uses. */
export const DEFAULT_ALGORITHM: HashAlgorithm = { name: "sha256", salt_position: "prefix" };

/** Digest size in bytes by the name that `mac_fun` has. */
export const MAC_BYTES: Readonly<Record<MacFunction, number>> = {
  sha: 20,
  sha224: 28,
  sha256: 32,
  sha384: 48,
  sha512: 64,
};

/** True for algorithms that must not run on the main thread. */
export function isSlow(
  algorithm: HashAlgorithm,
): algorithm is Extract<HashAlgorithm, { name: "bcrypt" | "pbkdf2" }> {
  return algorithm.name === "bcrypt" || algorithm.name === "pbkdf2";
}

/** True for the text of a bcrypt hash in any of the forms `$2a$`, `$2b$`, `$2y$`. */
export function isBcrypt(text: string): boolean {
  return /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/.test(text);
}

/** The name that node:crypto has for a digest: `sha` is SHA-1. */
export function digestName(name: QuickHash | MacFunction): string {
  return name === "sha" ? "sha1" : name;
}

/** Checks a password against a quick hash, in constant time. */
export function verifyQuick(
  algorithm: Exclude<HashAlgorithm, { name: "bcrypt" | "pbkdf2" }>,
  password: Uint8Array,
  stored: StoredPassword,
): boolean {
  const salted = withSalt(algorithm.salt_position, password, stored.salt);
  if (algorithm.name === "plain") return equalBytes(salted, utf8.encode(stored.hash));
  return equalText(quickHash(algorithm.name, salted), stored.hash.toLowerCase());
}

/** A new stored password under a quick algorithm. The salt is 16 random bytes as 32 hex digits. */
export function hashQuick(
  algorithm: Exclude<HashAlgorithm, { name: "bcrypt" | "pbkdf2" }>,
  password: Uint8Array,
  salt: string = algorithm.name === "plain" || algorithm.salt_position === "disable"
    ? ""
    : newSalt(),
): StoredPassword {
  const salted = withSalt(algorithm.salt_position, password, salt);
  const hash = algorithm.name === "plain"
    ? new TextDecoder().decode(salted)
    : quickHash(algorithm.name, salted);
  return { hash, salt };
}

/** 16 random bytes as 32 hex digits. */
export function newSalt(): string {
  return randomBytes(16).toString("hex");
}

/** Compares two texts in a time that does not tell where they differ, nor their lengths. */
export function equalText(a: string, b: string): boolean {
  return equalBytes(utf8.encode(a), utf8.encode(b));
}

/** Compares bytes in a time that does not tell where they differ, nor their lengths. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  const digest = (bytes: Uint8Array) => createHmac("sha256", COMPARE_KEY).update(bytes).digest();
  return timingSafeEqual(digest(a), digest(b));
}

// Comparing keyed digests hides lengths; the key keeps the digests from being guessed.
const COMPARE_KEY = randomBytes(32);
const utf8 = new TextEncoder();

function quickHash(name: QuickHash, bytes: Uint8Array): string {
  return createHash(digestName(name)).update(bytes).digest("hex");
}

function withSalt(position: SaltPosition, password: Uint8Array, salt: string): Uint8Array {
  if (position === "disable" || salt === "") return password;
  const bytes = utf8.encode(salt);
  const joined = new Uint8Array(password.length + bytes.length);
  joined.set(position === "prefix" ? bytes : password, 0);
  joined.set(
    position === "prefix" ? password : bytes,
    position === "prefix" ? bytes.length : password.length,
  );
  return joined;
}
