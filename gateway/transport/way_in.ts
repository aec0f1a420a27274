/**
 * What lies between an accepted connection and its session: PROXY header, TLS, WebSocket, each
 * where the listener has it.
 */
import type { Clock } from "../clock.ts";
import type { PeerCertificate, PeerInfo } from "../protocol/session.ts";
import { type ProxyHeader, readProxyHeader } from "./proxy_protocol.ts";
import { type ByteStream, withPrefix } from "./stream.ts";
import type { TlsServer } from "./tls_server.ts";
import { beginTls, type HandshakeMode } from "./tls_start.ts";
import { upgradeWebSocket, type WebSocketOptions } from "./websocket_upgrade.ts";

/** The layers of one listener, from the socket upwards; undefined: not there. */
export interface WayIn {
  readonly proxy?: {
    readonly timeout_ms: number;
    /** Who may send a header; everyone else is refused. */
    readonly isTrusted: (address: string) => boolean;
  };
  readonly tls?: { readonly server: TlsServer; readonly handshake: HandshakeMode };
  readonly websocket?: WebSocketOptions;
}

/** A connection that is ready for its session. */
export interface Prepared {
  readonly stream: ByteStream;
  /** What a PROXY header or a WebSocket request says of the client. */
  readonly peer: Partial<PeerInfo>;
}

/**
 * Goes through the layers.
 * @param isAllowed Asked for the client's address once it is known, before anything costly.
 * @returns Undefined when that address is not allowed in.
 * @throws Error that says what the peer did wrong. The caller closes the connection.
 */
export async function prepare(
  conn: Deno.Conn,
  address: string,
  way: WayIn,
  isAllowed: (address: string) => boolean,
  clock: Clock,
): Promise<Prepared | undefined> {
  let peer: Partial<PeerInfo> = {};
  let rest: Uint8Array = NOTHING;
  if (way.proxy !== undefined) {
    if (!way.proxy.isTrusted(address)) {
      throw new Error("PROXY header from an address that is not in proxy_protocol_trusted");
    }
    const read = await readProxyHeader(conn, way.proxy.timeout_ms, clock);
    rest = read.rest;
    peer = peerBehind(read.header);
  }
  if (!isAllowed(peer.address ?? address)) return undefined;
  let stream: ByteStream = way.tls === undefined
    ? withPrefix(rest, conn)
    : await beginTls(conn, rest, way.tls.server, way.tls.handshake, clock);
  if (way.websocket !== undefined) {
    const upgraded = await upgradeWebSocket(stream, peer.address ?? address, way.websocket, clock);
    stream = upgraded.stream;
    const { forwarded, jwt } = upgraded;
    peer = { ...peer, ...forwarded, ...(jwt !== undefined && { cookies: { jwt } }) };
  }
  return { stream, peer };
}

const NOTHING = new Uint8Array(0);

function peerBehind(header: ProxyHeader): Partial<PeerInfo> {
  const { source, destination, commonName } = header;
  const certificate: PeerCertificate | undefined = commonName === undefined
    ? undefined
    : { commonName, subject: `CN=${commonName}`, fingerprint256: "" };
  return {
    ...(source !== undefined && { address: source.address, port: source.port }),
    ...(destination !== undefined && {
      localAddress: destination.address,
      localPort: destination.port,
    }),
    ...(certificate !== undefined && { certificate }),
  };
}
