/**
 * The TLS side of a listener: handshakes on accepted connections, client certificates, several
 * certificates by name, and new ones while it runs.
 */
import type { Socket } from "node:net";
import { createSecureContext, createServer, type SecureContext, type TLSSocket } from "node:tls";
import type { Clock } from "../clock.ts";
import { adopt, type Adopted } from "./adopt.ts";
import { Gate } from "./gate.ts";
import type { TlsMaterial } from "./tls_material.ts";
import { closeQuietly } from "./stream.ts";
import { TlsJudge, type TlsRules, versionLimits } from "./tls_judge.ts";
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
  /** Contexts by lower-case host name; those with `*.` stand for one label. */
  #contexts: ReadonlyMap<string, SecureContext>;
  readonly #handshakes = new Map<Socket, Handshake>();
  readonly #judge: TlsJudge;

  constructor(rules: TlsRules, material: TlsMaterial, clock: Clock) {
    this.#rules = rules;
    this.#material = material;
    this.#clock = clock;
    this.#judge = new TlsJudge(rules, material, () => clock.calendar());
    this.#gate = new Gate(HANDSHAKES_MAX, HANDSHAKE_HOLD_MS, clock);
    this.#contexts = this.#namedContexts();
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
    this.#contexts = this.#namedContexts();
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
    const { verify, fail_if_no_peer_cert } = this.#rules;
    const server = createServer({
      ...secureOptions(this.#rules, this.#material),
      requestCert: verify === "verify_peer",
      // Without this flag a bad certificate still arrives as `authorized: false`.
      rejectUnauthorized: verify === "verify_peer" && fail_if_no_peer_cert,
      // To be asked for the name costs a sixth of a handshake.
      ...(this.#contexts.size > 0 && {
        SNICallback: (name: string, answer: (error: null, context?: SecureContext) => void) =>
          answer(null, this.#contextFor(name)),
      }),
    });
    server.on("secureConnection", (socket) => this.#secured(socket));
    server.on("tlsClientError", (error, socket) => {
      this.#fail(below(socket), handshakeError(error));
    });
    return server;
  }

  #namedContexts(): Map<string, SecureContext> {
    const contexts = new Map<string, SecureContext>();
    const [, ...named] = this.#material.identities;
    for (const identity of named) {
      const context = createSecureContext(secureOptions(this.#rules, this.#material, identity));
      for (const host of identity.hosts) contexts.set(host, context);
    }
    return contexts;
  }

  /** Undefined: the default. */
  #contextFor(name: string): SecureContext | undefined {
    const host = name.toLowerCase();
    return this.#contexts.get(host) ?? this.#contexts.get(host.replace(/^[^.]+/, "*"));
  }
}

function secureOptions(rules: TlsRules, material: TlsMaterial, identity = material.identities[0]) {
  const { cert, key } = identity;
  return {
    cert,
    key,
    ...(material.ca !== undefined && { ca: [...material.ca] }),
    ...versionLimits(rules),
  };
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
