/**
 * The PROXY protocol, versions 1 and 2: a load balancer's note in front of the stream about who
 * is behind it (HAProxy's proxy-protocol.txt). The parser is pure.
 */
import { isIP } from "node:net";
import type { Clock } from "../clock.ts";
import { type ByteStream, closeQuietly, LeftSilently } from "./stream.ts";

/** No header is longer: version 2 could be 64 KiB, but nobody sends that, except to waste memory. */
export const PROXY_HEADER_BYTES_MAX = 4096;

/** What a header says. */
export interface ProxyHeader {
  /** Bytes of the header; the stream proper begins after them. */
  readonly length: number;
  /** Absent for LOCAL and UNKNOWN: the proxy speaks for itself (a health check). */
  readonly source?: ProxyEndpoint;
  readonly destination?: ProxyEndpoint;
  /** Name the client asked for by SNI, if the proxy ended TLS. */
  readonly authority?: string;
  /** Common name of the client certificate that the proxy has verified. */
  readonly commonName?: string;
}

/** One end of the proxied connection. A Unix socket has an empty address and port 0. */
export interface ProxyEndpoint {
  readonly address: string;
  readonly port: number;
}

/** Either the header, or that more bytes are needed, or what is wrong. */
export type ProxyResult =
  | { readonly kind: "header"; readonly header: ProxyHeader }
  | { readonly kind: "incomplete" }
  | { readonly kind: "invalid"; readonly reason: string };

/**
 * Reads the header off the front of a stream, however it is cut into pieces.
 * @returns What it says, and what was read beyond it.
 * @throws Error with the reason when there is no valid header in time; the stream is closed.
 */
export async function readProxyHeader(
  stream: ByteStream,
  timeoutMs: number,
  clock: Clock,
): Promise<{ readonly header: ProxyHeader; readonly rest: Uint8Array }> {
  let late = false;
  const timer = clock.at(clock.now() + timeoutMs, () => {
    late = true;
    stream.close();
  });
  const bytes = new Uint8Array(PROXY_HEADER_BYTES_MAX);
  try {
    for (let length = 0;;) {
      const count = await stream.read(bytes.subarray(length));
      if (count === null && length === 0) throw new LeftSilently();
      if (count === null) throw new Error("the connection ended inside its PROXY header");
      length += count;
      const result = parseProxyHeader(bytes.subarray(0, length));
      if (result.kind === "invalid") throw new Error(result.reason);
      if (result.kind === "header") {
        return { header: result.header, rest: bytes.slice(result.header.length, length) };
      }
    }
  } catch (error) {
    closeQuietly(stream);
    throw late ? new Error(`no PROXY header within ${timeoutMs} ms`) : error;
  } finally {
    timer.cancel();
  }
}

const SIGNATURE_V1 = ascii("PROXY ");
const SIGNATURE_V2 = new Uint8Array([13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10]);
/** The longest line of version 1, CRLF included (section 2.1). */
const LINE_BYTES_MAX = 107;
const INCOMPLETE: ProxyResult = { kind: "incomplete" };

/** Looks for a header at the start of what has been received so far. */
export function parseProxyHeader(bytes: Uint8Array): ProxyResult {
  if (beginsAs(bytes, SIGNATURE_V1)) {
    return bytes.length < SIGNATURE_V1.length ? INCOMPLETE : parseLine(bytes);
  }
  if (beginsAs(bytes, SIGNATURE_V2)) {
    return bytes.length < 16 ? INCOMPLETE : parseBinary(bytes);
  }
  return invalid("the connection does not begin with a PROXY header");
}

function parseLine(bytes: Uint8Array): ProxyResult {
  const end = bytes.subarray(0, LINE_BYTES_MAX).indexOf(10);
  if (end < 0) {
    return bytes.length < LINE_BYTES_MAX ? INCOMPLETE : invalid("PROXY line without an end");
  }
  if (bytes[end - 1] !== 13) return invalid("PROXY line that does not end with CRLF");
  const line = new TextDecoder("latin1").decode(bytes.subarray(SIGNATURE_V1.length, end - 1));
  const length = end + 1;
  const [family, ...fields] = line.split(" ");
  if (family === "UNKNOWN") return { kind: "header", header: { length } };
  const version = family === "TCP4" ? 4 : family === "TCP6" ? 6 : 0;
  if (version === 0) return invalid("PROXY line for neither TCP4, TCP6 nor UNKNOWN");
  const [from = "", to = "", fromPort = "", toPort = ""] = fields;
  if (fields.length !== 4 || isIP(from) !== version || isIP(to) !== version) {
    return invalid("PROXY line with a bad address");
  }
  if (!isPort(fromPort) || !isPort(toPort)) return invalid("PROXY line with a bad port");
  return {
    kind: "header",
    header: {
      length,
      source: { address: from, port: Number(fromPort) },
      destination: { address: to, port: Number(toPort) },
    },
  };
}

function parseBinary(bytes: Uint8Array): ProxyResult {
  const version = bytes[12]! >> 4;
  const command = bytes[12]! & 15;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = 16 + view.getUint16(14);
  if (version !== 2 || command > 1) return invalid("PROXY header of an unknown version");
  if (length > PROXY_HEADER_BYTES_MAX) {
    return invalid(`PROXY header of more than ${PROXY_HEADER_BYTES_MAX} bytes`);
  }
  if (bytes.length < length) return INCOMPLETE;
  // Addresses of 4, 16 or 108 bytes (AF_INET, AF_INET6, AF_UNIX), source first.
  const family = bytes[13]! >> 4;
  const size = family === 1 ? 4 : family === 2 ? 16 : family === 3 ? 108 : 0;
  const tlvs = 16 + 2 * size + (family === 1 || family === 2 ? 4 : 0);
  if (family > 3 || tlvs > length) return invalid("PROXY header too short for its addresses");
  const extras = readTlvs(bytes.subarray(0, length), tlvs);
  if (extras === undefined) return invalid("PROXY header with broken extensions");
  // LOCAL: addresses, if any, are to be ignored.
  if (command === 0 || size === 0) return { kind: "header", header: { length, ...extras } };
  if (family === 3) {
    const unix = { address: "", port: 0 };
    return {
      kind: "header",
      header: { length, source: unix, destination: unix, ...extras },
    };
  }
  const endpoint = (at: number, portAt: number): ProxyEndpoint => ({
    address: addressText(bytes.subarray(at, at + size)),
    port: view.getUint16(portAt),
  });
  const ports = 16 + 2 * size;
  return {
    kind: "header",
    header: {
      length,
      source: endpoint(16, ports),
      destination: endpoint(16 + size, ports + 2),
      ...extras,
    },
  };
}

type Extras = Pick<ProxyHeader, "authority" | "commonName">;

const TLV_AUTHORITY = 0x02;
const TLV_CRC32C = 0x03;
const TLV_SSL = 0x20;
const TLV_SSL_COMMON_NAME = 0x22;
/** PP2_CLIENT_CERT_CONN and PP2_CLIENT_CERT_SESS: a certificate now, or when the session began. */
const SSL_CERTIFICATE_SHOWN = 0x06;

/** Undefined when they do not fill the header exactly, or its checksum is wrong. */
function readTlvs(header: Uint8Array, start: number): Extras | undefined {
  let extras: Extras = {};
  for (let at = start; at < header.length;) {
    const value = tlvAt(header, at);
    if (value === undefined) return undefined;
    switch (header[at]) {
      case TLV_AUTHORITY:
        extras = { ...extras, authority: new TextDecoder().decode(value) };
        break;
      case TLV_CRC32C:
        if (value.length !== 4 || !checksumHolds(header, at + 3)) return undefined;
        break;
      case TLV_SSL: {
        if (value.length < 5) return undefined;
        const verified = (value[1]! | value[2]! | value[3]! | value[4]!) === 0;
        if (!verified || (value[0]! & SSL_CERTIFICATE_SHOWN) === 0) break;
        for (let inner = 5; inner < value.length;) {
          const part = tlvAt(value, inner);
          if (part === undefined) return undefined;
          if (value[inner] === TLV_SSL_COMMON_NAME) {
            extras = { ...extras, commonName: new TextDecoder().decode(part) };
          }
          inner += 3 + part.length;
        }
        break;
      }
    }
    at += 3 + value.length;
  }
  return extras;
}

function tlvAt(bytes: Uint8Array, at: number): Uint8Array | undefined {
  if (at + 3 > bytes.length) return undefined;
  const end = at + 3 + (bytes[at + 1]! << 8) + bytes[at + 2]!;
  return end > bytes.length ? undefined : bytes.subarray(at + 3, end);
}

/** CRC-32C over the header with the checksum itself taken as zeros (section 2.2.3). */
function checksumHolds(header: Uint8Array, at: number): boolean {
  let crc = 0xffffffff;
  for (let index = 0; index < header.length; index++) {
    crc ^= index >= at && index < at + 4 ? 0 : header[index]!;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  return (~crc >>> 0) === view.getUint32(at);
}

/** Dotted or colon text; IPv6 with its longest run of zero groups left out (RFC 5952). */
function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups: string[] = [];
  for (let at = 0; at < 16; at += 2) groups.push(((bytes[at]! << 8) | bytes[at + 1]!).toString(16));
  const text = groups.join(":");
  let at = 0;
  let length = 0;
  for (const run of text.matchAll(/\b0(?::0)+\b/g)) {
    if (run[0].length > length) [at, length] = [run.index, run[0].length];
  }
  if (length === 0) return text;
  return text.slice(0, at).replace(/:$/, "") + "::" + text.slice(at + length).replace(/^:/, "");
}

function beginsAs(bytes: Uint8Array, signature: Uint8Array): boolean {
  const length = Math.min(bytes.length, signature.length);
  for (let at = 0; at < length; at++) if (bytes[at] !== signature[at]) return false;
  return true;
}

function isPort(text: string): boolean {
  return /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65535;
}

function invalid(reason: string): ProxyResult {
  return { kind: "invalid", reason };
}

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
