/**
 * Accepts connections on one address and gives each a session. What lies between the socket and
 * the session (PROXY header, TLS, WebSocket) is stacked by `prepare`.
 */
import { OperationalError } from "../errors.ts";
import type { Log } from "../observe/log.ts";
import type { PeerInfo, Session } from "../protocol/session.ts";
import { type AccessRule, allowed, plainAddress } from "./access_rules.ts";
import { Connection, type ConnectionParts } from "./connection.ts";
import { type Rate, TokenBucket } from "./rate_limit.ts";
import type { ByteStream } from "./stream.ts";

/** Where to listen. */
export type Bind = { readonly host: string; readonly port: number } | { readonly path: string };

/** Settings of a listener that apply to connections accepted from now on. */
export interface ListenerOptions {
  /** `nats:tcp:default` */
  readonly id: string;
  readonly transport: PeerInfo["transport"];
  readonly bind: Bind;
  /** Connections at the same time; further ones are closed at once and counted. */
  readonly connections_max: number;
  /** Connections accepted per second; further ones wait in the backlog of the system. */
  readonly connection_rate: Rate;
  readonly accessRules: readonly AccessRule[];
  /** Connections that may wait to be accepted. */
  readonly backlog: number;
  readonly nodelay: boolean;
}

/** A connection made ready for its session. */
export interface Prepared {
  readonly stream: ByteStream;
  /** What a PROXY header or a WebSocket request says of the client. */
  readonly peer?: Partial<PeerInfo>;
}

/** What a listener is given. */
export interface ListenerParts extends ConnectionParts {
  /** A new connection id. */
  readonly nextId: () => number;
  /** Stacks streams on the socket; rejects when the peer does not do its part. */
  readonly prepare: (stream: ByteStream, peer: PeerInfo) => Promise<Prepared>;
  readonly createSession: (connection: Connection) => Session;
}

/** Counters of a listener. */
export interface ListenerStats {
  accepted: number;
  /** Closed at once because there were `connections_max` already. */
  refusedFull: number;
  /** Closed at once because of the access rules. */
  refusedAccess: number;
  /** Ended before the session began: PROXY header, TLS or WebSocket handshake. */
  failedHandshakes: number;
}

/** Milliseconds to wait after the system refused to hand out a connection (out of files). */
const ACCEPT_PAUSE_MS = 100;

/** One listening socket and its connections. */
export class Listener {
  readonly connections = new Set<Connection>();
  readonly stats: ListenerStats = {
    accepted: 0,
    refusedFull: 0,
    refusedAccess: 0,
    failedHandshakes: 0,
  };
  #options: ListenerOptions;
  readonly #parts: ListenerParts;
  readonly #log: Log;
  #rate: TokenBucket;
  #socket: Deno.Listener | undefined;
  /** Connections whose handshake is under way. */
  readonly #preparing = new Set<ByteStream>();
  #outOfFiles = false;

  constructor(options: ListenerOptions, parts: ListenerParts) {
    this.#options = options;
    this.#parts = parts;
    this.#log = parts.log;
    this.#rate = new TokenBucket(options.connection_rate, parts.now());
  }

  get options(): ListenerOptions {
    return this.#options;
  }

  get isRunning(): boolean {
    return this.#socket !== undefined;
  }

  /** The address in use: `127.0.0.1:4222`, `[::1]:4222` or `unix:/path`. */
  get address(): string {
    const address = this.#socket?.addr;
    if (address === undefined) return describeBind(this.#options.bind);
    if (address.transport === "unix") return `unix:${address.path}`;
    const { hostname, port } = address as Deno.NetAddr;
    return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
  }

  /** The TCP port in use; 0 for a Unix socket. */
  get port(): number {
    const address = this.#socket?.addr;
    return address?.transport === "tcp" ? address.port : 0;
  }

  /**
   * Starts to listen.
   * @throws {OperationalError} the address cannot be had
   */
  start(): void {
    const { bind, backlog, id } = this.#options;
    try {
      this.#socket = "path" in bind
        ? Deno.listen({ transport: "unix", path: bind.path })
        : Deno.listen({ hostname: bind.host, port: bind.port, tcpBacklog: backlog });
    } catch (error) {
      throw new OperationalError(
        `Cannot listen on ${describeBind(bind)} for ${id}: ${
          (error as Error).message
        } (free the address, or set another bind)`,
        69,
        { cause: error },
      );
    }
    this.#acceptLoop(this.#socket);
  }

  /** Applies new settings to connections that come from now on. */
  reconfigure(options: ListenerOptions): void {
    this.#options = options;
    this.#rate = new TokenBucket(options.connection_rate, this.#parts.now());
  }

  /** Stops accepting; connections stay. */
  stop(): void {
    this.#socket?.close();
    this.#socket = undefined;
    for (const stream of this.#preparing) stream.close();
  }

  async #acceptLoop(socket: Deno.Listener): Promise<void> {
    while (this.#socket === socket) {
      const now = this.#parts.now();
      const wait_ms = this.#rate.freeAt(now) - now;
      if (wait_ms > 0) {
        await pause(wait_ms);
        continue;
      }
      try {
        const conn = await socket.accept();
        this.#rate.spend(1, this.#parts.now());
        this.#outOfFiles = false;
        this.#accepted(conn);
      } catch (error) {
        if (this.#socket !== socket) return;
        // Out of file descriptors, mostly. The loop must survive it: what ends frees some.
        if (!this.#outOfFiles) {
          this.#outOfFiles = true;
          const text = "cannot accept connections for now; raise the limit of open files";
          this.#log.error(text, { listener: this.#options.id, error: String(error) });
        }
        await pause(ACCEPT_PAUSE_MS);
      }
    }
  }

  #accepted(conn: Deno.Conn): void {
    const { options, stats } = { options: this.#options, stats: this.stats };
    const peer = peerOf(conn, this.#parts.nextId(), options);
    if (!allowed(options.accessRules, peer.address)) {
      stats.refusedAccess++;
      conn.close();
      return;
    }
    if (this.connections.size + this.#preparing.size >= options.connections_max) {
      stats.refusedFull++;
      conn.close();
      return;
    }
    if (options.nodelay && "setNoDelay" in conn) (conn as Deno.TcpConn).setNoDelay(true);
    const stream = conn as ByteStream;
    this.#preparing.add(stream);
    this.#parts.prepare(stream, peer).then(
      (prepared) => {
        this.#preparing.delete(stream);
        this.#begin(prepared, peer);
      },
      (error) => {
        this.#preparing.delete(stream);
        stats.failedHandshakes++;
        stream.close();
        if (!this.#log.debugs) return;
        const reason = error instanceof Error ? error.message : String(error);
        this.#log.debug("handshake failed", {
          listener: options.id,
          address: peer.address,
          reason,
        });
      },
    );
  }

  #begin(prepared: Prepared, peer: PeerInfo): void {
    const { stream } = prepared;
    if (this.#socket === undefined) {
      stream.close();
      return;
    }
    this.stats.accepted++;
    const connection = new Connection(
      stream,
      withCertificate({ ...peer, ...prepared.peer }, stream),
      this.#parts,
    );
    this.connections.add(connection);
    const session = this.#parts.createSession(connection);
    connection.start(session);
    connection.ended.then(() => this.connections.delete(connection));
  }
}

/** An address in words. */
export function describeBind(bind: Bind): string {
  if ("path" in bind) return `unix:${bind.path}`;
  return bind.host.includes(":") ? `[${bind.host}]:${bind.port}` : `${bind.host}:${bind.port}`;
}

function peerOf(conn: Deno.Conn, id: number, options: ListenerOptions): PeerInfo {
  const remote = conn.remoteAddr as Partial<Deno.NetAddr>;
  const local = conn.localAddr as Partial<Deno.NetAddr>;
  return {
    id,
    listener: options.id,
    transport: options.transport,
    address: plainAddress(remote.hostname ?? "127.0.0.1"),
    port: remote.port ?? 0,
    localAddress: plainAddress(local.hostname ?? "127.0.0.1"),
    localPort: local.port ?? 0,
  };
}

/** The certificate is known only after the handshake, which may come after the greeting. */
function withCertificate(peer: PeerInfo, stream: ByteStream): PeerInfo {
  if (!("certificate" in stream)) return peer;
  return Object.defineProperty(peer, "certificate", { get: () => stream.certificate });
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
