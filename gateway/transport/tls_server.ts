/**
 * The TLS side of a listener: handshakes on accepted connections, client certificates, several
 * certificates by name, and new ones while it runs.
 */
import type { Socket } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import type { Clock } from "../clock.ts";
import { adopt, type Adopted } from "./adopt.ts";
import { Gate } from "./gate.ts";
import type { TlsMaterial } from "./tls_material.ts";
import { closeQuietly } from "./stream.ts";
import { NamedContexts, serverOptions } from "./tls_contexts.ts";
import { TlsJudge, type TlsRules } from "./tls_judge.ts";
import { TlsStream } from "./tls_stream.ts";

/**
 * Handshakes that run at once on one listener, each about a millisecond of computing: in a storm
 * of them the others' traffic still gets its turn.
 */
const HANDSHAKES_MAX = 16;
/** A handshake that takes longer waits for its client, not for us: others may begin. */
const HANDSHAKE_HOLD_MS = 50;

/** A handshake under way. */
interface Handshake {
  readonly below: Adopted;
  readonly done: PromiseWithResolvers<TlsStream>;
}

/** Does the handshakes of one listener. */
export class TlsServer {
  #rules: TlsRules;
  #material: TlsMaterial;
  readonly #clock: Clock;
  readonly #gate: Gate;
  /** Never listens; made anew for other certificates. */
  #server: ReturnType<typeof createServer>;
  readonly #contexts = new NamedContexts();
  readonly #handshakes = new Map<Socket, Handshake>();
  readonly #judge: TlsJudge;

  constructor(rules: TlsRules, material: TlsMaterial, clock: Clock) {
    this.#rules = rules;
    this.#material = material;
    this.#clock = clock;
    this.#judge = new TlsJudge(rules, material, () => clock.calendar());
    this.#gate = new Gate(HANDSHAKES_MAX, HANDSHAKE_HOLD_MS, clock);
    this.#contexts.use(rules, material);
    this.#server = this.#newServer();
  }

  /** The certificates in use, the default first. */
  get material(): TlsMaterial {
    return this.#material;
  }

  /** Milliseconds that a client has for its handshake. */
  get handshakeTimeoutMs(): number {
    return this.#rules.handshake_timeout;
  }

  /** Takes on new certificates, keys and authorities; connections and handshakes go on. */
  use(material: TlsMaterial): void {
    this.#material = material;
    this.#judge.use(material);
    this.#contexts.use(this.#rules, material);
    this.#server = this.#newServer();
  }

  /**
   * Does the handshake on an accepted connection; no read or write may be under way on it. Call it
   * when the client has begun, or silent clients keep others waiting.
   * @param prefix Bytes that were read already and belong to the handshake.
   * @throws Error that says why it failed; the connection is closed.
   */
  async handshake(conn: Deno.Conn, prefix: Uint8Array): Promise<TlsStream> {
    const leave = await this.#gate.enter();
    try {
      return await this.#handshake(conn, prefix);
    } finally {
      leave();
    }
  }

  async #handshake(conn: Deno.Conn, prefix: Uint8Array): Promise<TlsStream> {
    let adopted: Adopted;
    try {
      adopted = adopt(conn, prefix);
    } catch (error) {
      closeQuietly(conn);
      throw error;
    }
    const { socket } = adopted;
    const done = Promise.withResolvers<TlsStream>();
    this.#handshakes.set(socket, { below: adopted, done });
    const timeout = this.#rules.handshake_timeout;
    const timer = this.#clock.at(this.#clock.now() + timeout, () => {
      this.#fail(socket, new Error(`the TLS handshake took more than ${timeout} ms`));
    });
    socket.once("close", () => {
      // The runtime does not say that it has refused a certificate; it just closes.
      const refused = this.#rules.verify === "verify_peer"
        ? "the client's certificate is not trusted, or the client gave up"
        : "the client gave up";
      this.#fail(socket, new Error(`the connection ended in the TLS handshake: ${refused}`));
    });
    this.#server.emit("connection", socket);
    try {
      return await done.promise;
    } finally {
      timer.cancel();
    }
  }

  #secured(socket: TLSSocket): void {
    const handshake = this.#handshakes.get(below(socket));
    if (handshake === undefined) {
      socket.destroy();
      return;
    }
    const refusal = this.#judge.refusal(socket);
    if (refusal !== undefined) {
      socket.on("error", () => {});
      socket.destroy();
      this.#fail(below(socket), new Error(refusal));
      return;
    }
    this.#handshakes.delete(below(socket));
    handshake.done.resolve(new TlsStream(socket, handshake.below));
  }

  #fail(socket: Socket, reason: Error): void {
    const handshake = this.#handshakes.get(socket);
    if (handshake === undefined) return;
    this.#handshakes.delete(socket);
    socket.destroy();
    handshake.done.reject(reason);
  }

  #newServer(): ReturnType<typeof createServer> {
    // To be asked for the name costs a sixth of a handshake.
    const contexts = this.#contexts.size > 0 ? this.#contexts : undefined;
    const server = createServer(serverOptions(this.#rules, this.#material, contexts));
    server.on("secureConnection", (socket) => this.#secured(socket));
    server.on("tlsClientError", (error, socket) => {
      this.#fail(below(socket), handshakeError(error));
    });
    return server;
  }
}

/** The socket that a TLS socket was put on. Not in the types, but where Node keeps it. */
function below(socket: TLSSocket): Socket {
  return (socket as unknown as { readonly _parent: Socket })._parent;
}

/** A failed handshake in words. */
function handshakeError(error: Error & { readonly code?: string }): Error {
  // The first byte was of no TLS record. The code of the error stands for other mistakes, too.
  if (/InvalidContentType/.test(error.message)) return new Error("plain text on a TLS port");
  switch (error.code) {
    case "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE":
      return new Error("the client showed no certificate");
    case "ECONNRESET":
      return new Error("the client ended the TLS handshake");
    default:
      return new Error(`the TLS handshake failed: ${error.message}`);
  }
}
