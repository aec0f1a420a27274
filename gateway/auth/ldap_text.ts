/**
 * Putting values into LDAP filters and names, and reading stored passwords.
 */
import { createHash } from "node:crypto";
import { Buffer } from "node:buffer";
import { equalBytes } from "./password.ts";

/** Escapes a value for a filter. [RFC 4515, section 3] */
export function escapeFilter(value: string): string {
  // deno-lint-ignore no-control-regex
  return value.replace(/[\\*()\x00]/g, (c) => `\\${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/** Escapes a value for a distinguished name. [RFC 4514, section 2.4] */
export function escapeDn(value: string): string {
  const inner = value
    .replace(/[\\,+"<>;=]/g, "\\$&")
    .replaceAll("\0", "\\00");
  const led = inner.replace(/^[ #]/, "\\$&");
  return value.length > 1 && value.endsWith(" ") ? `${led.slice(0, -1)}\\ ` : led;
}

const DIGESTS: Readonly<Record<string, string>> = {
  MD5: "md5",
  SMD5: "md5",
  SHA: "sha1",
  SSHA: "sha1",
  SHA256: "sha256",
  SSHA256: "sha256",
  SHA384: "sha384",
  SSHA384: "sha384",
  SHA512: "sha512",
  SSHA512: "sha512",
};

/**
 * Checks a password against `{SCHEME}base64`, the digest followed by the salt where the scheme
 * has one. A value without a scheme is decoded once, since some tools store it that way. Undefined
 * when it is neither: plain text is refused.
 */
export function verifyLdapPassword(password: Uint8Array, stored: string): boolean | undefined {
  const value = stored.startsWith("{") ? stored : decodeOnce(stored);
  const match = /^\{(\w+)\}([A-Za-z0-9+/]+={0,2})$/.exec(value.trim());
  const scheme = match?.[1]?.toUpperCase() ?? "";
  const digest = DIGESTS[scheme];
  if (match === null || digest === undefined) return undefined;
  const bytes = new Uint8Array(Buffer.from(match[2]!, "base64"));
  const size = createHash(digest).digest().length;
  const salt = bytes.subarray(size);
  const salted = scheme.startsWith("S") && !/^SHA\d*$/.test(scheme);
  if (bytes.length < size || (!salted && salt.length > 0)) return undefined;
  const made = createHash(digest).update(password).update(salt).digest();
  return equalBytes(made, bytes.subarray(0, size));
}

function decodeOnce(text: string): string {
  return Buffer.from(text, "base64").toString("latin1");
}
