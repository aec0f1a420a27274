/**
 * Digests of random texts: those are long, so that one round of SHA-256 is as good as many.
 * Passwords of people go through the gateway's hasher.
 */
import { createHash, timingSafeEqual } from "node:crypto";

/** A salted digest, as hexadecimal text. */
export function digest(text: string, salt = ""): string {
  return createHash("sha256").update(salt).update("\0").update(text).digest("hex");
}

/** Compares in a time that says nothing about where the texts differ. */
export function sameText(one: string, other: string): boolean {
  const [a, b] = [digest(one), digest(other)].map((text) => new TextEncoder().encode(text));
  return timingSafeEqual(a!, b!);
}
