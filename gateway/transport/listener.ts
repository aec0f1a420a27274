/**
 * Accepts connections on one address and gives each a session. What lies between the socket and
 * the session (PROXY header, TLS, WebSocket) is in `way_in.ts`.
 */
import { type Bind, formatBind } from "../address.ts";
import type { Clock } from "../clock.ts";
import { EXIT, OperationalError } from "../errors.ts";
import type { Log } from "../observe/log.ts";
import type { PeerInfo, Session } from "../protocol/session.ts";
import { type AccessRule, allowed, plainAddress } from "./access_rules.ts";
import { setKeepAlive } from "./adopt.ts";
import { Connection, type ConnectionParts } from "./connection.ts";
import { type Rate, ReadLimits, TokenBucket } from "./rate_limit.ts";
import { type ByteStream, closeQuietly, LeftSilently, writeAll } from "./stream.ts";
import { prepare, type Prepared, type WayIn } from "./way_in.ts";
import { wrongProtocol } from "./wrong_protocol.ts";

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
  /** Seconds of silence before a TCP keep-alive probe; undefined: no probes. */
  readonly keepalive_s: number | undefined;
  /** The layers between the socket and the session. */
  readonly way: WayIn;
  readonly rates: ListenerRates;
}

/** How fast clients are read from; undefined: as fast as they send. */
export interface ListenerRates {
  /** Of each client. */
  readonly messages?: Rate | undefined;
  readonly bytes?: Rate | undefined;
  /** Of all clients of the listener together. */
  readonly totalMessages?: Rate | undefined;
  readonly totalBytes?: Rate | undefined;
}

/** What a listener is given. */
export interface ListenerParts extends ConnectionParts {
  /** A new connection id. */
  readonly nextId: () => number;
  readonly createSession: (connection: Connection) => Session;
  /** True for addresses that are kept out whatever they say. Absent: nobody is. */
  readonly isBanned?: (address: string) => boolean;
  /** Called for each connection that is turned away before its session. Absent: nobody counts. */
  readonly onRefused?: () => void;
  /** What one that finds no place is told, where that can be; then it is closed. */
  readonly refusal: (peer: PeerInfo) => Uint8Array | undefined;
}

/** Counters of a listener. */
export interface ListenerStats {
  accepted: number;
  /** Closed at once because there were `connections_max` already. */
  refusedFull: number;
  /** Closed at once because of the access rules or a ban. */
  refusedAccess: number;
  /** Ended by a wrong protocol or PROXY header, or in a TLS or WebSocket handshake. */
  failedHandshakes: number;
}

/** Milliseconds to wait after the system refused to hand out a connection (out of files). */
const ACCEPT_PAUSE_MS = 100;
/** Milliseconds that one without a place has to take notice of it. */
const REFUSAL_LINGER_MS = 1000;
const REFUSAL_READ_BYTES = 4096;

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
  /** Shared by all connections, while there are such limits. */
  #totalMessages: TokenBucket | undefined;
  #totalBytes: TokenBucket | undefined;
  #socket: Deno.Listener | undefined;
  /** Connections whose handshake is under way. */
  readonly #preparing = new Set<Deno.Conn>();
  #outOfFiles = false;

  constructor(options: ListenerOptions, parts: ListenerParts) {
    this.#options = options;
    this.#parts = parts;
    this.#log = parts.log;
    const now = parts.now();
    this.#rate = new TokenBucket(options.connection_rate, now);
    this.#totalMessages = changed(undefined, options.rates.totalMessages, now);
    this.#totalBytes = changed(undefined, options.rates.totalBytes, now);
  }

  get options(): ListenerOptions {
    return this.#options;
  }

  get isRunning(): boolean {
    return this.#socket !== undefined;
  }

  /** The address in use: `127.0.0.1:4222`, `[::1]:4222` or `unix:/path`. */
  get address(): string {
    return formatBind(this.bind);
  }

  /** The same in its parts. */
  get bind(): Bind {
    const address = this.#socket?.addr;
    return address?.transport === "tcp"
      ? { host: address.hostname, port: address.port }
      : this.#options.bind;
  }

  /** The TCP port in use; 0 for a Unix socket. */
  get port(): number {
    return "port" in this.bind ? this.bind.port : 0;
  }

  /**
   * Starts to listen.
   * @throws {OperationalError} the address cannot be had
   */
  async start(): Promise<void> {
    const { bind, backlog, id } = this.#options;
    try {
      this.#socket = "path" in bind
        ? await listenUnix(bind.path)
        : Deno.listen({ hostname: bind.host, port: bind.port, tcpBacklog: backlog });
    } catch (error) {
      throw new OperationalError(
        `Cannot listen on ${formatBind(bind)} for ${id}: ${
          messageOf(error)
        } (free the address, or set another bind)`,
        EXIT.unavailable,
        { cause: error },
      );
    }
    this.#acceptLoop(this.#socket);
  }

  /** Applies new settings to connections that come from now on. */
  reconfigure(options: ListenerOptions): void {
    const now = this.#parts.now();
    this.#options = options;
    this.#rate.configure(options.connection_rate, now);
    this.#totalMessages = changed(this.#totalMessages, options.rates.totalMessages, now);
    this.#totalBytes = changed(this.#totalBytes, options.rates.totalBytes, now);
  }

  /** Stops accepting; connections stay. */
  stop(): void {
    const address = this.#socket?.addr;
    this.#socket?.close();
    this.#socket = undefined;
    if (address?.transport === "unix") removeQuietly(address.path);
    for (const conn of this.#preparing) closeQuietly(conn);
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
    const { stats } = this;
    const options = this.#options;
    const peer = peerOf(conn, this.#parts.nextId(), options);
    if (this.connections.size + this.#preparing.size >= options.connections_max) {
      stats.refusedFull++;
      this.#parts.onRefused?.();
      refuse(conn, this.#parts.refusal(peer), this.#parts.clock);
      return;
    }
    if ("setNoDelay" in conn && !setOptions(conn as Deno.TcpConn, options)) return;
    this.#preparing.add(conn);
    const isAllowed = (address: string) =>
      allowed(options.accessRules, address) && !this.#parts.isBanned?.(address);
    prepare(conn, peer.address, options.way, isAllowed, this.#parts.clock).then(
      (prepared) => {
        this.#preparing.delete(conn);
        if (prepared !== undefined) return this.#begin(prepared, peer);
        stats.refusedAccess++;
        this.#parts.onRefused?.();
        closeQuietly(conn);
      },
      (error) => {
        this.#preparing.delete(conn);
        closeQuietly(conn);
        this.#refused(error, peer);
      },
    );
  }

  /** Who left without a word is no news: health checks of balancers do. */
  #refused(error: unknown, { listener, address }: PeerInfo): void {
    if (error instanceof LeftSilently || error instanceof Deno.errors.ConnectionReset) return;
    this.stats.failedHandshakes++;
    this.#parts.onRefused?.();
    this.#log.warn(`refused a connection: ${messageOf(error)}`, { listener, address });
  }

  #limits(): ReadLimits | undefined {
    const now = this.#parts.now();
    const { messages, bytes } = this.#options.rates;
    const present = (...buckets: (TokenBucket | undefined)[]) =>
      buckets.filter((bucket) => bucket !== undefined);
    const limits = new ReadLimits(
      present(messages && new TokenBucket(messages, now), this.#totalMessages),
      present(bytes && new TokenBucket(bytes, now), this.#totalBytes),
    );
    return limits.messages.length + limits.bytes.length > 0 ? limits : undefined;
  }

  #begin(prepared: Prepared, peer: PeerInfo): void {
    const { stream } = prepared;
    if (this.#socket === undefined) {
      closeQuietly(stream);
      return;
    }
    this.stats.accepted++;
    const connection = new Connection(
      stream,
      withCertificate({ ...peer, ...prepared.peer }, stream),
      this.#parts,
      this.#limits(),
    );
    this.connections.add(connection);
    const session = this.#parts.createSession(connection);
    connection.start(session);
    connection.ended.then(() => {
      this.connections.delete(connection);
      const { upgradeFailure, peer, firstWord } = connection;
      const wrong = firstWord !== undefined && wrongProtocol(session.protocol, firstWord);
      if (upgradeFailure !== undefined) this.#refused(upgradeFailure, peer);
      else if (wrong) this.#refused(wrong, peer);
    });
  }
}

/**
 * A path that is left from a process that died is taken over: nobody answers there. One that
 * answers belongs to somebody.
 */
async function listenUnix(path: string): Promise<Deno.UnixListener> {
  try {
    return Deno.listen({ transport: "unix", path });
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    const other = await Deno.connect({ transport: "unix", path }).catch((refused) => {
      if (!(refused instanceof Deno.errors.ConnectionRefused)) throw error;
    });
    if (other !== undefined) {
      other.close();
      throw error;
    }
    await Deno.remove(path);
    return Deno.listen({ transport: "unix", path });
  }
}

function removeQuietly(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // Somebody else has cleaned up.
  }
}

/** A shared limit after a change of its rate. */
function changed(
  bucket: TokenBucket | undefined,
  rate: Rate | undefined,
  now: number,
): TokenBucket | undefined {
  if (rate === undefined) return undefined;
  if (bucket === undefined) return new TokenBucket(rate, now);
  bucket.configure(rate, now);
  return bucket;
}

/** False: the connection has gone already, and is closed. */
function setOptions(conn: Deno.TcpConn, { nodelay, keepalive_s }: ListenerOptions): boolean {
  try {
    if (nodelay) conn.setNoDelay(true);
    if (keepalive_s !== undefined) setKeepAlive(conn, keepalive_s);
    return true;
  } catch {
    closeQuietly(conn);
    return false;
  }
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
  const told = peer.certificate;
  return Object.defineProperty(peer, "certificate", { get: () => stream.certificate ?? told });
}

/**
 * Says why, if there is a way to say it, and closes: once the client has answered, because many
 * libraries look at nothing more when they find the connection ended.
 */
async function refuse(conn: Deno.Conn, text: Uint8Array | undefined, clock: Clock): Promise<void> {
  if (text === undefined) return closeQuietly(conn);
  const timer = clock.at(clock.now() + REFUSAL_LINGER_MS, () => closeQuietly(conn));
  try {
    await writeAll(conn, text);
    await conn.read(new Uint8Array(REFUSAL_READ_BYTES));
    await conn.closeWrite();
  } catch {
    // It has gone by itself, or was too slow.
  }
  timer.cancel();
  closeQuietly(conn);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
