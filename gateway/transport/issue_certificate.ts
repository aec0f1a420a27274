/**
 * Makes X.509 certificates (RFC 5280) without any other program: `natsgate cert self-signed` and
 * the tests need no more than EC keys and a handful of extensions.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
} from "node:crypto";
import { isIP } from "node:net";
import { subjectOf } from "./der.ts";

/** What the certificate is to say. */
export interface CertificateRequest {
  readonly commonName: string;
  /** Host names and addresses it is valid for. */
  readonly hosts?: readonly string[];
  /** May sign others. */
  readonly ca?: boolean;
  /** Who may show it; `both` unless told. */
  readonly usage?: "server" | "client" | "both";
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** A certificate and its private key, as PEM text. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

/** Makes a P-256 key and a certificate for it, signed by `issuer` or, without one, by itself. */
export function issueCertificate(request: CertificateRequest, issuer?: Issued): Issued {
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const publicKey = pair.publicKey.export({ type: "spki", format: "der" });
  const subject = commonName(request.commonName);
  const ca = issuer === undefined ? undefined : derOf(issuer.certificate);
  const body = sequence(
    explicit(0, integer(Uint8Array.of(2))),
    integer(serialNumber()),
    ECDSA_WITH_SHA256,
    ca === undefined ? subject : subjectOf(ca),
    sequence(time(request.notBefore), time(request.notAfter)),
    subject,
    publicKey,
    explicit(
      3,
      sequence(
        ...extensions(
          request,
          publicKey,
          issuer === undefined ? publicKey : publicKeyOf(issuer.key),
        ),
      ),
    ),
  );
  const signature = sign("sha256", body, createPrivateKey(issuer?.key ?? key));
  const certificate = sequence(body, ECDSA_WITH_SHA256, bitString(signature));
  return { certificate: pem("CERTIFICATE", certificate), key };
}

/** What is between the lines of the first PEM block; older runtimes cannot give it. */
function derOf(certificate: string): Uint8Array {
  const [, base64 = ""] = /-----BEGIN CERTIFICATE-----([^-]+)/.exec(certificate) ?? [];
  return Uint8Array.from(atob(base64.replace(/\s+/g, "")), (char) => char.charCodeAt(0));
}

function publicKeyOf(key: string): Uint8Array {
  return createPublicKey(createPrivateKey(key)).export({ type: "spki", format: "der" });
}

function extensions(
  request: CertificateRequest,
  publicKey: Uint8Array,
  issuerPublicKey: Uint8Array,
): Uint8Array[] {
  const { ca = false, usage = "both", hosts = [] } = request;
  // keyUsage: keyCertSign and cRLSign, or digitalSignature; the first bit is the highest.
  const keyUsage = ca ? Uint8Array.of(1, 0x06) : Uint8Array.of(7, 0x80);
  const list = [
    extension("2.5.29.19", true, sequence(...(ca ? [element(0x01, [0xff])] : []))),
    extension("2.5.29.15", true, element(0x03, keyUsage)),
    extension("2.5.29.14", false, element(0x04, keyId(publicKey))),
    extension("2.5.29.35", false, sequence(element(0x80, keyId(issuerPublicKey)))),
  ];
  if (!ca) {
    const server = usage === "client" ? [] : [objectId("1.3.6.1.5.5.7.3.1")];
    const client = usage === "server" ? [] : [objectId("1.3.6.1.5.5.7.3.2")];
    list.push(extension("2.5.29.37", false, sequence(...server, ...client)));
  }
  if (hosts.length > 0) list.push(extension("2.5.29.17", false, sequence(...hosts.map(hostName))));
  return list;
}

function extension(id: string, critical: boolean, value: Uint8Array): Uint8Array {
  const mark = critical ? [element(0x01, [0xff])] : [];
  return sequence(objectId(id), ...mark, element(0x04, value));
}

/** GeneralName: iPAddress or dNSName. */
function hostName(host: string): Uint8Array {
  return isIP(host) === 0 ? element(0x82, utf8(host)) : element(0x87, addressBytes(host));
}

function addressBytes(address: string): number[] {
  if (isIP(address) === 4) return address.split(".").map(Number);
  // The URL parser spells any IPv6 address without dots.
  const [head = "", tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const groups = (text: string) =>
    text === "" ? [] : text.split(":").map((each) => parseInt(each, 16));
  const first = groups(head);
  const last = groups(tail ?? "");
  const zeros = new Array<number>(8 - first.length - last.length).fill(0);
  return [...first, ...zeros, ...last].flatMap((group) => [group >> 8, group & 255]);
}

function commonName(name: string): Uint8Array {
  return sequence(element(0x31, sequence(objectId("2.5.4.3"), element(0x0c, utf8(name)))));
}

/** SHA-1 of the public key, the usual choice (RFC 5280, 4.2.1.2); names it, protects nothing. */
function keyId(publicKey: Uint8Array): Uint8Array {
  return createHash("sha1").update(publicKey).digest();
}

/** Positive and random (RFC 5280, 4.1.2.2). */
function serialNumber(): Uint8Array {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes;
}

// DER (ITU-T X.690); it is read in der.ts.

function element(tag: number, value: ArrayLike<number>): Uint8Array {
  const length: number[] = [];
  if (value.length < 0x80) length.push(value.length);
  else {
    for (let rest = value.length; rest > 0; rest >>= 8) length.unshift(rest & 255);
    length.unshift(0x80 | length.length);
  }
  return Uint8Array.from([tag, ...length, ...Array.from(value)]);
}

function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return element(0x30, parts.flatMap((part) => Array.from(part)));
}

function explicit(number: number, value: Uint8Array): Uint8Array {
  return element(0xa0 | number, value);
}

function integer(bytes: Uint8Array): Uint8Array {
  return element(0x02, bytes);
}

function bitString(bytes: Uint8Array): Uint8Array {
  return element(0x03, [0, ...bytes]);
}

function objectId(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const digits = [arc & 0x7f];
    for (let left = arc >> 7; left > 0; left >>= 7) digits.unshift(0x80 | (left & 0x7f));
    bytes.push(...digits);
  }
  return element(0x06, bytes);
}

/** UTCTime until 2049, GeneralizedTime from then on (RFC 5280, 4.1.2.5). */
function time(date: Date): Uint8Array {
  const digits = date.toISOString().replace(/[-:T]|\.\d+/g, "");
  return date.getUTCFullYear() < 2050
    ? element(0x17, utf8(digits.slice(2)))
    : element(0x18, utf8(digits));
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function pem(label: string, der: Uint8Array): string {
  const base64 = btoa(String.fromCharCode(...der));
  const lines = base64.match(/.{1,64}/g)!.join("\n");
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}

const ECDSA_WITH_SHA256 = sequence(objectId("1.2.840.10045.4.3.2"));
