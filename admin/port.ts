/**
 * One admin port: Node's HTTP server in front of an application, because it bounds connections
 * and, with TLS, can verify clients. Requests and answers are turned into the web's own.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { Readable } from "node:stream";
import type { Server as TlsServer, TLSSocket } from "node:tls";
import type { Bind } from "../gateway/address.ts";
import { NamedContexts, secureOptions, serverOptions } from "../gateway/transport/tls_contexts.ts";
import { TlsJudge, type TlsRules } from "../gateway/transport/tls_judge.ts";
import type { TlsMaterial } from "../gateway/transport/tls_material.ts";
import { REQUEST_LIMITS, RequestDeadlines } from "./request_deadlines.ts";

/** Who answers: a request, and where it came from. */
export type Answer = (
  request: Request,
  from: { readonly address: string; readonly secure: boolean },
) => Response | Promise<Response>;

/** TLS of a port. */
export interface PortTls {
  readonly rules: TlsRules;
  readonly material: TlsMaterial;
}

/** Milliseconds that requests under way have when the port is closed. */
const GRACE_MS = 1000;
/** What a host with its port may consist of (RFC 3986, 3.2.2, without user information). */
const HOST = /^[\w.:[\]%~-]+$/;

/** An open admin port. */
export class AdminPort {
  readonly #server: Server;
  readonly #answer: Answer;
  #tls: PortTls | undefined;
  readonly #judge: TlsJudge | undefined;
  readonly #contexts = new NamedContexts();
  /** Connections that were found good. */
  readonly #trusted = new WeakSet<object>();

  constructor(answer: Answer, tls?: PortTls, limits = REQUEST_LIMITS) {
    this.#answer = answer;
    this.#tls = tls;
    this.#judge = tls && new TlsJudge(tls.rules, tls.material, Date.now);
    const handle = (message: IncomingMessage, reply: ServerResponse) => {
      this.#handle(message, reply).catch(() => reply.destroy());
    };
    this.#server = tls === undefined ? createServer(handle) : this.#secureServer(tls, handle);
    new RequestDeadlines(this.#server, tls ? "secureConnection" : "connection", limits);
    // Whoever does not finish a handshake; the connection is closed by the runtime.
    this.#server.on("tlsClientError", () => {});
  }

  #secureServer({ rules, material }: PortTls, handle: Parameters<typeof createServer>[1]): Server {
    this.#contexts.use(rules, material);
    return createSecureServer({
      ...serverOptions(rules, material, this.#contexts),
      handshakeTimeout: rules.handshake_timeout,
    }, handle);
  }

  /** The certificates in use; undefined without TLS. */
  get material(): TlsMaterial | undefined {
    return this.#tls?.material;
  }

  /** Takes on new certificates and authorities; connections stay. Only with TLS. */
  use(material: TlsMaterial): void {
    const { rules } = this.#tls!;
    this.#tls = { rules, material };
    this.#judge!.use(material);
    this.#contexts.use(rules, material);
    (this.#server as unknown as TlsServer).setSecureContext(secureOptions(rules, material));
  }

  /** Connections at the same time; further ones are closed at once. */
  set connectionsMax(count: number) {
    this.#server.maxConnections = count;
  }

  /** Port in use; 0 for a Unix socket. */
  get port(): number {
    const address = this.#server.address();
    return address !== null && typeof address === "object" ? address.port : 0;
  }

  /**
   * Starts to listen.
   * @throws Error of the system when the address cannot be had
   */
  async listen(bind: Bind): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    if ("path" in bind) this.#server.listen({ path: bind.path }, resolve);
    else this.#server.listen({ host: bind.host, port: bind.port }, resolve);
    await promise;
    this.#server.off("error", reject);
  }

  /** Stops listening, and ends the connections as soon as they are idle or out of time. */
  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeIdleConnections();
    const timer = setTimeout(() => {
      this.#server.closeAllConnections();
      resolve();
    }, GRACE_MS);
    await promise;
    clearTimeout(timer);
  }

  async #handle(message: IncomingMessage, reply: ServerResponse): Promise<void> {
    if (this.#judge !== undefined && !this.#isTrusted(this.#judge, message.socket)) {
      message.socket.destroy();
      return;
    }
    const gone = new AbortController();
    reply.once("close", () => gone.abort());
    const secure = this.#tls !== undefined;
    const request = toRequest(message, secure, gone.signal);
    // A body that nobody reads is passed over, so that its end is seen.
    if (!request?.body) message.resume();
    const response = request === undefined
      ? new Response("This is no request that can be understood.\n", { status: 400 })
      : await this.#answer(request, { address: message.socket.remoteAddress ?? "", secure });
    await send(response, reply, message.method === "HEAD");
  }

  /** The runtime has refused what is plainly bad; this is about the rest. */
  #isTrusted(judge: TlsJudge, socket: object): boolean {
    if (this.#trusted.has(socket)) return true;
    if (judge.refusal(socket as TLSSocket) !== undefined) return false;
    this.#trusted.add(socket);
    return true;
  }
}

/** Undefined: it is malformed. */
function toRequest(
  message: IncomingMessage,
  secure: boolean,
  signal: AbortSignal,
): Request | undefined {
  const { method = "GET", url = "/", rawHeaders } = message;
  const host = message.headers.host ?? "localhost";
  if (!url.startsWith("/") || !HOST.test(host)) return undefined;
  const hasBody = method !== "GET" && method !== "HEAD";
  try {
    const headers = new Headers();
    for (let i = 0; i < rawHeaders.length; i += 2) {
      headers.append(rawHeaders[i]!, rawHeaders[i + 1]!);
    }
    return new Request(`${secure ? "https" : "http"}://${host}${url}`, {
      method,
      headers,
      signal,
      ...(hasBody && { body: Readable.toWeb(message) as ReadableStream<Uint8Array> }),
    });
  } catch {
    return undefined;
  }
}

async function send(response: Response, reply: ServerResponse, isHead: boolean): Promise<void> {
  reply.statusCode = response.status;
  for (const [name, value] of response.headers) {
    if (name !== "set-cookie") reply.setHeader(name, value);
  }
  const cookies = response.headers.getSetCookie();
  if (cookies.length > 0) reply.setHeader("set-cookie", cookies);
  if (response.body === null || isHead) {
    await response.body?.cancel();
    reply.end();
    return;
  }
  const reader = response.body.getReader();
  const stop = () => reader.cancel().catch(() => {});
  if (reply.destroyed) return await stop();
  reply.once("close", stop);
  // An answer that goes on for long is begun at once: its reader waits for that.
  reply.flushHeaders();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (!reply.write(value)) await writable(reply);
  }
  reply.end();
}

/** Waits until more may be written, or nobody reads any more. */
function writable(reply: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      reply.off("drain", done);
      reply.off("close", done);
      resolve();
    };
    reply.on("drain", done);
    reply.on("close", done);
  });
}
