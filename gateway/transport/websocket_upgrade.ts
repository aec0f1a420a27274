/**
 * The HTTP request that turns a connection into a WebSocket (RFC 6455, section 4), and the answer.
 * Pure, apart from `upgradeWebSocket`, which reads the one and writes the other.
 */
import { isIP } from "node:net";
import { createHash } from "node:crypto";
import type { Clock } from "../clock.ts";
import { type ByteStream, closeQuietly, LeftSilently, withPrefix, writeAll } from "./stream.ts";
import { WebSocketStream } from "./websocket.ts";
import { type Deflate, type DeflateOptions, negotiateDeflate } from "./websocket_deflate.ts";

/** Request line and headers together; long enough for a JWT in a cookie. */
export const REQUEST_BYTES_MAX = 16 * 1024;

/** What a `ws` or `wss` listener asks of a request; the names are those of the configuration. */
export interface WebSocketOptions {
  /** The path itself and everything below it; empty for any. */
  readonly path: string;
  /** Subprotocols that are understood; the first that the client offers is taken. */
  readonly supportedSubprotocols: readonly string[];
  readonly failIfNoSubprotocol: boolean;
  /** Undefined: `check_origin_enable` is off. */
  readonly checkOrigins: readonly string[] | undefined;
  readonly allowOriginAbsence: boolean;
  /** Negotiate permessage-deflate; undefined: `compress` is off. */
  readonly deflate: DeflateOptions | undefined;
  /** Bytes of one message; Infinity for no limit. */
  readonly maxFrameSize: number;
  /** Infinity for never. */
  readonly idleTimeoutMs: number;
  /** From accept to the whole request. */
  readonly upgradeTimeoutMs: number;
  /** Lower-case names of the headers that a trusted proxy names its client in; empty for none. */
  readonly proxyAddressHeader: string;
  readonly proxyPortHeader: string;
  /** Name of the cookie that holds a client's JWT; empty for none. */
  readonly jwtCookie: string;
  /** Whose headers are believed. */
  readonly isTrustedProxy: (address: string) => boolean;
  /** Text messages are taken too (NATS), or refused [MQTT-6.0.0-1]. */
  readonly textAllowed: boolean;
  /** Clients may ask to send unmasked frames by `Nats-No-Masking`. */
  readonly noMaskingAllowed: boolean;
}

/** A parsed request; header names in lower case, repeated headers joined. */
export interface UpgradeRequest {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  readonly headers: ReadonlyMap<string, string>;
}

/** The answer to a request. */
export type UpgradeAnswer =
  | {
    readonly kind: "accept";
    /** The whole response, ready to be sent. */
    readonly response: string;
    readonly deflate: Deflate | undefined;
    readonly maskRequired: boolean;
  }
  | {
    readonly kind: "refuse";
    readonly response: string;
    /** For the log. */
    readonly reason: string;
  };

/** An upgraded connection. */
export interface Upgraded {
  readonly stream: WebSocketStream;
  /** The client behind a trusted proxy; undefined when it is the peer itself. */
  readonly forwarded: { readonly address: string; readonly port: number } | undefined;
  /** The JWT in the configured cookie. */
  readonly jwt: string | undefined;
}

/**
 * Upgrades a connection on which nothing has been read yet.
 * @param peerAddress Who is at the other end, as far as the layers below know.
 * @throws Error with the reason, for the log; the refusal has been sent and the stream closed.
 */
export async function upgradeWebSocket(
  stream: ByteStream,
  peerAddress: string,
  options: WebSocketOptions,
  clock: Clock,
): Promise<Upgraded> {
  let late = false;
  const timer = clock.at(clock.now() + options.upgradeTimeoutMs, () => {
    late = true;
    stream.close();
  });
  try {
    const { head, rest } = await readHead(stream);
    const request = parseRequest(head);
    const answer = request === undefined
      ? refuse(400, "bad_request", "not an HTTP request")
      : answerUpgrade(request, options);
    await writeAll(stream, new TextEncoder().encode(answer.response));
    if (answer.kind === "refuse") {
      await stream.closeWrite();
      throw new Error(answer.reason);
    }
    const { deflate, maskRequired } = answer;
    const rules = {
      maskRequired,
      deflate,
      textAllowed: options.textAllowed,
      messageBytesMax: options.maxFrameSize,
      idleTimeoutMs: options.idleTimeoutMs,
    };
    return {
      stream: new WebSocketStream(withPrefix(rest, stream), rules, clock),
      forwarded: forwardedPeer(request!.headers, peerAddress, options),
      jwt: cookieOf(request!.headers.get("cookie"), options.jwtCookie),
    };
  } catch (error) {
    closeQuietly(stream);
    throw late ? new Error("no upgrade request in time") : error;
  } finally {
    timer.cancel();
  }
}

/** The request up to its blank line, and what came after it. */
async function readHead(stream: ByteStream): Promise<{ head: string; rest: Uint8Array }> {
  const bytes = new Uint8Array(REQUEST_BYTES_MAX);
  let length = 0;
  while (length < bytes.length) {
    const count = await stream.read(bytes.subarray(length));
    if (count === null && length === 0) throw new LeftSilently();
    if (count === null) throw new Error("the connection ended within its upgrade request");
    const from = Math.max(0, length - 3);
    length += count;
    if (bytes[0] === 0x16) throw new Error("TLS on a plain WebSocket port");
    const end = endOfHead(bytes, from, length);
    if (end > 0) {
      const head = new TextDecoder("latin1").decode(bytes.subarray(0, end));
      return { head, rest: bytes.slice(end, length) };
    }
    // Whatever does not start like a method never becomes a request.
    if (bytes[0]! < 65 || bytes[0]! > 90) throw new Error("not an HTTP request");
  }
  throw new Error(`upgrade request of more than ${REQUEST_BYTES_MAX} bytes`);
}

function endOfHead(bytes: Uint8Array, from: number, to: number): number {
  for (let at = bytes.indexOf(13, from); at >= 0 && at + 3 < to; at = bytes.indexOf(13, at + 1)) {
    if (bytes[at + 1] === 10 && bytes[at + 2] === 13 && bytes[at + 3] === 10) return at + 4;
  }
  return 0;
}

/** Undefined when it is not HTTP/1. */
export function parseRequest(head: string): UpgradeRequest | undefined {
  const [first = "", ...lines] = head.slice(0, -4).split("\r\n");
  const request = /^([A-Z]+) (\S+) HTTP\/(1\.[01])$/.exec(first);
  if (request === null) return undefined;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const header = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(line);
    if (header === null) return undefined;
    const name = header[1]!.toLowerCase();
    const before = headers.get(name);
    const joint = name === "cookie" ? "; " : ", ";
    headers.set(name, before === undefined ? header[2]! : before + joint + header[2]!);
  }
  return { method: request[1]!, target: request[2]!, version: request[3]!, headers };
}

/** Decides about a request. */
export function answerUpgrade(request: UpgradeRequest, options: WebSocketOptions): UpgradeAnswer {
  const { headers } = request;
  if (!pathMatches(request.target, options.path)) return refuse(404, "not_found", "other path");
  if (request.method !== "GET") return refuse(405, "method_not_allowed", "not GET", ["Allow: GET"]);
  if (!hasToken(headers.get("upgrade"), "websocket")) {
    const upgrade = ["Upgrade: websocket", "Connection: Upgrade"];
    return refuse(426, "upgrade_required", "HTTP request that is no upgrade", upgrade);
  }
  if (request.version !== "1.1" || !hasToken(headers.get("connection"), "upgrade")) {
    return refuse(400, "bad_upgrade", "upgrade without HTTP/1.1 or Connection: Upgrade");
  }
  if (headers.get("sec-websocket-version") !== "13") {
    const version = ["Sec-WebSocket-Version: 13"];
    return refuse(426, "bad_version", "WebSocket version other than 13", version);
  }
  const key = headers.get("sec-websocket-key") ?? "";
  if (!/^[A-Za-z0-9+/]{21}[AQgw]==$/.test(key)) {
    return refuse(400, "bad_key", "Sec-WebSocket-Key is not 16 bytes in base64");
  }
  const origin = headers.get("origin");
  if (options.checkOrigins !== undefined && !originAllowed(origin, options)) {
    const what = origin === undefined ? "no Origin" : `Origin ${JSON.stringify(origin)}`;
    return refuse(403, "origin_not_allowed", `${what} is not allowed (check_origins)`);
  }
  const offered = tokens(headers.get("sec-websocket-protocol"));
  const chosen = offered.find((name) => options.supportedSubprotocols.includes(name));
  if (offered.length === 0 && options.failIfNoSubprotocol) {
    return refuse(400, "no_subprotocol", "no subprotocol offered");
  }
  if (offered.length > 0 && chosen === undefined) {
    return refuse(400, "no_supported_subprotocol", "no supported subprotocol offered");
  }
  const extensions = headers.get("sec-websocket-extensions");
  const deflate = options.deflate && negotiateDeflate(extensions, options.deflate);
  const noMasking = options.noMaskingAllowed &&
    headers.get("nats-no-masking")?.toLowerCase() === "true";
  const lines = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${acceptKey(key)}`,
  ];
  // A subprotocol that was not offered makes browsers and nats.js refuse the connection.
  if (chosen !== undefined) lines.push(`Sec-WebSocket-Protocol: ${chosen}`);
  if (deflate !== undefined) lines.push(`Sec-WebSocket-Extensions: ${deflate.response}`);
  if (noMasking) lines.push("Nats-No-Masking: true");
  const response = lines.join("\r\n") + "\r\n\r\n";
  return { kind: "accept", response, deflate, maskRequired: !noMasking };
}

function pathMatches(target: string, path: string): boolean {
  const asked = target.split("?", 1)[0]!;
  const base = path.replace(/\/+$/, "");
  return base === "" || asked === base || asked.startsWith(base + "/");
}

function originAllowed(origin: string | undefined, options: WebSocketOptions): boolean {
  if (origin === undefined) return options.allowOriginAbsence;
  const asked = origin.toLowerCase();
  return options.checkOrigins!.some((allowed) => allowed.toLowerCase() === asked);
}

function acceptKey(key: string): string {
  return createHash("sha1").update(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest("base64");
}

const STATUS: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  426: "Upgrade Required",
};

function refuse(
  status: number,
  body: string,
  reason: string,
  headers: readonly string[] = [],
): UpgradeAnswer {
  const lines = [
    `HTTP/1.1 ${status} ${STATUS[status]}`,
    ...headers,
    ...(headers.some((header) => header.startsWith("Connection:")) ? [] : ["Connection: close"]),
    "Content-Type: text/plain",
    `Content-Length: ${body.length}`,
  ];
  return { kind: "refuse", reason, response: lines.join("\r\n") + "\r\n\r\n" + body };
}

function tokens(header: string | undefined): string[] {
  return header?.split(",").map((token) => token.trim()).filter((token) => token !== "") ?? [];
}

function hasToken(header: string | undefined, token: string): boolean {
  return tokens(header).some((each) => each.toLowerCase() === token);
}

/**
 * Who a trusted proxy says its client is. The list is read from its end, where the proxies wrote;
 * what stands before the first address that is not a trusted proxy may be made up.
 */
export function forwardedPeer(
  headers: ReadonlyMap<string, string>,
  peerAddress: string,
  options: Pick<WebSocketOptions, "proxyAddressHeader" | "proxyPortHeader" | "isTrustedProxy">,
): { address: string; port: number } | undefined {
  if (options.proxyAddressHeader === "" || !options.isTrustedProxy(peerAddress)) return undefined;
  const addresses = tokens(headers.get(options.proxyAddressHeader));
  let client: string | undefined;
  for (const entry of addresses.reverse()) {
    const address = entry.replace(/^\[(.*)\]$/, "$1");
    if (isIP(address) === 0) break;
    client = address;
    if (!options.isTrustedProxy(address)) break;
  }
  if (client === undefined) return undefined;
  const port = tokens(headers.get(options.proxyPortHeader)).at(0) ?? "";
  const known = /^\d{1,5}$/.test(port) && Number(port) <= 65535;
  return { address: client, port: known ? Number(port) : 0 };
}

/** The value of a cookie; the first of the name counts. An empty name finds nothing. */
export function cookieOf(header: string | undefined, name: string): string | undefined {
  if (header === undefined || name === "") return undefined;
  for (const pair of header.split(";")) {
    const at = pair.indexOf("=");
    if (at < 0 || pair.slice(0, at).trim() !== name) continue;
    return pair.slice(at + 1).trim().replace(/^"(.*)"$/, "$1");
  }
  return undefined;
}
