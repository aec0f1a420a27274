/**
 * Random texts, and digests of them. What is digested here is long and random, so that one round
 * of SHA-256 is as good as many; passwords of people go through the gateway's hasher.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** So many letters and digits; each carries just under 6 bits. */
export function randomText(length: number): string {
  let text = "";
  while (text.length < length) {
    // 248 is the largest multiple of 62 in a byte: beyond it some letters would be likelier.
    for (const byte of randomBytes(length)) {
      if (byte < 248 && text.length < length) text += BASE62[byte % 62];
    }
  }
  return text;
}

/** A salted digest, as hexadecimal text. */
export function digest(text: string, salt = ""): string {
  return createHash("sha256").update(salt).update("\0").update(text).digest("hex");
}

/** Compares in a time that says nothing about where the texts differ. */
export function sameText(one: string, other: string): boolean {
  const [a, b] = [digest(one), digest(other)].map((text) => new TextEncoder().encode(text));
  return timingSafeEqual(a!, b!);
}
