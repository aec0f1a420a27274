/**
 * Certificate revocation lists (RFC 5280, section 5). The runtime never consults them, so a
 * client's certificates are looked up here, after the handshake.
 */
import { verify, type X509Certificate } from "node:crypto";
import { derChildren, type DerElement, derElement, objectIdText, subjectOf } from "./der.ts";

/** A list as one authority has signed it. */
export interface RevocationList {
  /** The authority's name, for people. */
  readonly issuer: string;
  /** Its name as encoded, in hexadecimal: what certificates are matched by. */
  readonly issuerName: string;
  /** Serial numbers in hexadecimal, without leading zeros. */
  readonly serials: ReadonlySet<string>;
  /** Milliseconds since the epoch after which it says nothing any more; Infinity for never. */
  readonly nextUpdate: number;
  /** What was signed, how, and the signature. */
  readonly body: Uint8Array;
  readonly hash: string | undefined;
  readonly signature: Uint8Array;
}

/** Signature algorithms; undefined: the key says which hash (Ed25519, Ed448). */
const HASHES: Readonly<Record<string, string | undefined>> = {
  "1.2.840.113549.1.1.11": "sha256",
  "1.2.840.113549.1.1.12": "sha384",
  "1.2.840.113549.1.1.13": "sha512",
  "1.2.840.10045.4.3.2": "sha256",
  "1.2.840.10045.4.3.3": "sha384",
  "1.2.840.10045.4.3.4": "sha512",
  "1.3.101.112": undefined,
  "1.3.101.113": undefined,
};

const TAG = {
  integer: 0x02,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  extensions: 0xa0,
};

/**
 * The lists in a file: PEM with any number of them, or DER with one.
 * @throws Error that says what it is that cannot be used
 */
export function parseRevocationLists(file: Uint8Array): RevocationList[] {
  const text = new TextDecoder("latin1").decode(file);
  if (!text.includes("-----BEGIN ")) return [parseRevocationList(file)];
  const blocks = text.matchAll(/-----BEGIN X509 CRL-----([^-]+)-----END X509 CRL-----/g);
  return [...blocks].map(([, base64]) => parseRevocationList(Uint8Array.fromBase64(base64!)));
}

function parseRevocationList(der: Uint8Array): RevocationList {
  const [body, algorithm, signature] = derChildren(der, derElement(der, 0));
  if (body === undefined || algorithm === undefined || signature === undefined) {
    throw new Error("is no revocation list");
  }
  const fields = derChildren(der, body);
  // version and nextUpdate may be left out, revoked certificates and extensions, too.
  if (fields[0]?.tag === TAG.integer) fields.shift();
  const [, issuer, thisUpdate, ...rest] = fields;
  if (issuer === undefined || thisUpdate === undefined || !isTime(thisUpdate)) {
    throw new Error("is no revocation list");
  }
  const next = rest[0] !== undefined && isTime(rest[0]) ? rest.shift() : undefined;
  const revoked = rest[0]?.tag === TAG.sequence ? rest.shift() : undefined;
  const extensions = rest.find(({ tag }) => tag === TAG.extensions);
  if (extensions !== undefined) refuseCritical(der, derElement(der, extensions.from));
  const name = der.subarray(issuer.start, issuer.end);
  return {
    issuer: commonNameOf(der, issuer),
    issuerName: name.toHex(),
    serials: revoked === undefined ? new Set() : serialsOf(der, revoked),
    nextUpdate: next === undefined ? Infinity : timeOf(der, next),
    body: der.slice(body.start, body.end),
    hash: hashOf(der, algorithm),
    // The first byte of a bit string says how many bits of the last are not used: none.
    signature: der.slice(signature.from + 1, signature.end),
  };
}

function hashOf(der: Uint8Array, algorithm: DerElement): string | undefined {
  const [id] = derChildren(der, algorithm);
  const name = id === undefined ? "" : objectIdText(der.subarray(id.from, id.end));
  if (!(name in HASHES)) throw new Error(`is signed in a way that is not known here (${name})`);
  return HASHES[name];
}

function serialsOf(der: Uint8Array, revoked: DerElement): Set<string> {
  const serials = new Set<string>();
  for (const entry of derChildren(der, revoked)) {
    const [serial, , extensions] = derChildren(der, entry);
    if (serial === undefined) throw new Error("has an entry without a serial number");
    if (extensions !== undefined) refuseCritical(der, extensions);
    serials.add(plainSerial(der.subarray(serial.from, serial.end).toHex()));
  }
  return serials;
}

/**
 * A critical extension changes what the list means: only some certificates, only changes since
 * another list, certificates of other authorities (RFC 5280, 5.2).
 */
function refuseCritical(der: Uint8Array, extensions: DerElement): void {
  for (const extension of derChildren(der, extensions)) {
    const [id, critical] = derChildren(der, extension);
    if (critical?.tag !== 0x01 || der[critical.from] === 0) continue;
    const name = objectIdText(der.subarray(id!.from, id!.end));
    throw new Error(`is partial or about others (critical extension ${name}); name a full list`);
  }
}

function isTime({ tag }: DerElement): boolean {
  return tag === TAG.utcTime || tag === TAG.generalizedTime;
}

/** `YYMMDDHHMMSSZ`, of 1950 to 2049, or with four digits for the year. */
function timeOf(der: Uint8Array, element: DerElement): number {
  const text = new TextDecoder("latin1").decode(der.subarray(element.from, element.end));
  const century = Number(text.slice(0, 2)) < 50 ? "20" : "19";
  const digits = element.tag === TAG.utcTime ? century + text : text;
  const time = Date.parse(digits.replace(
    /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/,
    "$1-$2-$3T$4:$5:$6Z",
  ));
  if (Number.isNaN(time)) throw new Error("has a time that is none");
  return time;
}

/** The text of the last part of a name, which is its most specific. */
function commonNameOf(der: Uint8Array, name: DerElement): string {
  const last = derChildren(der, name).at(-1);
  const [pair] = last === undefined ? [] : derChildren(der, last);
  const value = pair === undefined ? undefined : derChildren(der, pair)[1];
  return value === undefined
    ? "nobody"
    : new TextDecoder().decode(der.subarray(value.from, value.end));
}

function plainSerial(hex: string): string {
  return hex.toLowerCase().replace(/^0+(?=.)/, "");
}

/** Whether a certificate's key has signed the list. */
export function isSignedBy(list: RevocationList, issuer: X509Certificate): boolean {
  if (list.issuerName !== subjectOf(issuer.raw).toHex()) return false;
  try {
    return verify(list.hash, list.body, issuer.publicKey, list.signature);
  } catch {
    // A key of another kind than the signature.
    return false;
  }
}

/**
 * Why a certificate does not count: it, or one between it and its authority, is revoked, or
 * nobody can say. Undefined when all are good.
 * @param path From the client's certificate to the authority's, as `trustPath` gives it.
 * @param now Milliseconds since the epoch.
 */
export function revocation(
  path: readonly X509Certificate[],
  lists: readonly RevocationList[],
  now: number,
): string | undefined {
  for (const [index, issuer] of path.slice(1).entries()) {
    const certificate = path[index]!;
    const name = nameOf(issuer);
    const own = lists.filter((list) => isSignedBy(list, issuer));
    if (own.length === 0) return `there is no revocation list of ${name} in crlfile`;
    if (own.every(({ nextUpdate }) => nextUpdate < now)) {
      return `the revocation list of ${name} in crlfile has expired`;
    }
    const serial = plainSerial(certificate.serialNumber);
    if (own.some(({ serials }) => serials.has(serial))) {
      return `the certificate of ${nameOf(certificate)} is revoked`;
    }
  }
  return undefined;
}

function nameOf(certificate: X509Certificate): string {
  return certificate.subject.replaceAll("\n", ", ");
}
