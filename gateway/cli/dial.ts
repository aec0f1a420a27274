/**
 * Opens the byte stream under a test client: TCP or TLS, with a WebSocket on top where asked.
 */
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";
import type { Socket } from "node:net";
import { formatBind, parseAddress } from "../address.ts";
import { EXIT, OperationalError } from "../errors.ts";
import { ChunkQueue } from "../transport/chunk_queue.ts";
import type { ByteStream } from "../transport/stream.ts";
import { openWebSocket } from "./client_websocket.ts";
import type { Target } from "./target.ts";

/** How the test client wants TLS. PEM texts. */
export interface TlsWishes {
  /** Certificates to trust instead of those of the system. */
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** Take any certificate. */
  readonly insecure: boolean;
  /** NATS: TLS from the first byte, not after INFO. */
  readonly first: boolean;
}

/** A stream that can be switched to TLS in place. */
export interface DialedStream extends ByteStream {
  startTls?(): Promise<void>;
}

/** Connects. TLS of a NATS client waits for its `startTls`, unless wished otherwise. */
export async function dial(
  target: Target,
  wishes: TlsWishes,
  timeout_ms: number,
): Promise<DialedStream> {
  const upgrades = target.protocol === "nats" && target.transport !== "wss" && !wishes.first;
  const encrypted = target.transport === "tls" || target.transport === "wss";
  try {
    if (target.transport === "tcp" || target.transport === "ws" || upgrades) {
      const plain = new PlainStream(await dialTcp(target, timeout_ms), target, wishes);
      return target.transport === "ws" ? await openWebSocket(plain, target) : plain;
    }
    const socket = connectTls({ ...tlsOptions(target, wishes), port: target.port });
    const secure = await secured(socket, timeout_ms);
    return encrypted && target.transport === "wss" ? await openWebSocket(secure, target) : secure;
  } catch (error) {
    throw unreachable(target, error);
  }
}

async function dialTcp(target: Target, timeout_ms: number): Promise<Deno.TcpConn> {
  const connection = await Deno.connect({
    hostname: target.host,
    port: target.port,
    signal: AbortSignal.timeout(timeout_ms),
  });
  connection.setNoDelay(true);
  return connection;
}

/** TCP, which may become TLS. */
class PlainStream implements DialedStream {
  #stream: ByteStream;
  #plain: Deno.TcpConn | undefined;
  #isClosed = false;
  constructor(connection: Deno.TcpConn, readonly target: Target, readonly wishes: TlsWishes) {
    this.#stream = connection;
    this.#plain = connection;
  }

  read(into: Uint8Array): Promise<number | null> {
    return this.#stream.read(into);
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#stream.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.#stream.closeWrite();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      this.#stream.close();
    } catch {
      // A failed handshake has closed it.
    }
  }

  async startTls(): Promise<void> {
    const plain = this.#plain;
    if (plain === undefined) return;
    this.#plain = undefined;
    const { ca, cert, key, insecure } = this.wishes;
    try {
      if (cert !== undefined || key !== undefined || insecure) {
        throw new OperationalError(
          "client certificates and --insecure need TLS from the first byte: add --tls-first",
        );
      }
      const secure = await Deno.startTls(plain, {
        hostname: this.target.host,
        ...(ca === undefined ? {} : { caCerts: [ca] }),
      });
      await secure.handshake();
      this.#stream = secure;
    } catch (error) {
      throw unreachable(this.target, error);
    }
  }
}

function tlsOptions(target: Target, { ca, cert, key, insecure }: TlsWishes): ConnectionOptions {
  return {
    host: target.host,
    // An address is no name to ask for (RFC 6066, section 3).
    ...(parseAddress(target.host) === undefined ? { servername: target.host } : {}),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    rejectUnauthorized: !insecure,
  };
}

/** Waits for the handshake. */
function secured(socket: TLSSocket, timeout_ms: number): Promise<ByteStream> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error("the TLS handshake took too long"));
    }, timeout_ms);
    socket.once("secureConnect", () => {
      clearTimeout(timer);
      socket.setNoDelay(true);
      resolve(new SocketStream(socket));
    });
    socket.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}

/** A `node:net` socket as a byte stream. */
class SocketStream implements ByteStream {
  readonly #chunks = new ChunkQueue();
  #ended = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;
  constructor(readonly socket: Socket) {
    socket.on("data", (chunk: Uint8Array) => {
      this.#chunks.push(chunk);
      socket.pause();
      this.#wake?.();
    });
    socket.on("error", (error: Error) => this.#end(error));
    socket.on("end", () => this.#end(undefined));
    socket.on("close", () => this.#end(undefined));
  }

  async read(into: Uint8Array): Promise<number | null> {
    while (this.#chunks.bytes === 0) {
      if (this.#error !== undefined) throw this.#error;
      if (this.#ended) return null;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.socket.resume();
      });
    }
    return this.#chunks.take(into);
  }

  write(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      this.socket.write(bytes, (error) => error ? reject(error) : resolve(bytes.length));
    });
  }

  closeWrite(): Promise<void> {
    return new Promise((resolve) => this.socket.end(() => resolve()));
  }

  close(): void {
    this.socket.destroy();
  }

  #end(error: Error | undefined): void {
    this.#ended = true;
    this.#error ??= error;
    this.#wake?.();
  }
}

function unreachable({ host, port }: Target, error: unknown): OperationalError {
  if (error instanceof OperationalError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new OperationalError(
    `Cannot connect to ${formatBind({ host, port })}: ${reason}`,
    EXIT.unavailable,
    {
      cause: error,
    },
  );
}
