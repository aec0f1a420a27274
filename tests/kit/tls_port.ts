/**
 * A TLS listener and its clients, for tests of what happens between them.
 */
import tls from "node:tls";
import { realClock } from "../../gateway/clock.ts";
import { type ByteStream, closeQuietly } from "../../gateway/transport/stream.ts";
import { loadTlsMaterial, type TlsSources } from "../../gateway/transport/tls_material.ts";
import type { TlsRules } from "../../gateway/transport/tls_judge.ts";
import { TlsServer } from "../../gateway/transport/tls_server.ts";
import { testAuthority } from "./certs.ts";

/** Signs everything unless a test says otherwise. */
export const authority = testAuthority();
/** The server's certificate unless a test says otherwise. */
export const identity = authority.server();
/** Nothing was read before the handshake. */
export const NOTHING = new Uint8Array(0);
/** Rules of a listener that asks for no certificate. */
export const LAX: TlsRules = {
  verify: "verify_none",
  fail_if_no_peer_cert: false,
  depth: 10,
  versions: ["tlsv1.3", "tlsv1.2"],
  ciphers: [],
  enable_crl_check: false,
  handshake_timeout: 5000,
};
/** Rules of a listener that insists on one. */
export const STRICT: TlsRules = { ...LAX, verify: "verify_peer", fail_if_no_peer_cert: true };

/** The listener's certificates, with changes. */
export function sources(rules: TlsRules, changes: Partial<TlsSources> = {}): TlsSources {
  return {
    certfile: identity.certificate,
    keyfile: identity.key,
    cacertfile: authority.ca,
    verify: rules.verify,
    fail_if_no_peer_cert: rules.fail_if_no_peer_cert,
    enable_crl_check: rules.enable_crl_check,
    sni: [],
    ...changes,
  };
}

/** A server by the rules. */
export async function makeServer(
  rules: TlsRules,
  changes?: Partial<TlsSources>,
): Promise<TlsServer> {
  return new TlsServer(rules, await loadTlsMaterial(sources(rules, changes), "x"), realClock());
}

/** A listening port whose connections are handed over one by one. */
export class TlsPort implements Disposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #clients: tls.TLSSocket[] = [];
  readonly #streams: ByteStream[] = [];
  /** Where to connect to. */
  get number(): number {
    return this.#listener.addr.port;
  }
  /** The next connection, before any handshake. */
  accept(): Promise<Deno.Conn> {
    return this.#listener.accept();
  }
  /** One accepted connection, or why there is none. */
  async next(server: TlsServer): Promise<ByteStream | string> {
    try {
      const stream = await server.handshake(await this.accept(), NOTHING);
      this.#streams.push(stream);
      return stream;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
  /** A client that is about to connect. */
  client(options: tls.ConnectionOptions = {}): tls.TLSSocket {
    const socket = tls.connect({
      host: "127.0.0.1",
      port: this.number,
      ca: authority.ca,
      ...options,
    });
    socket.on("error", () => {});
    this.#clients.push(socket);
    return socket;
  }
  [Symbol.dispose](): void {
    for (const client of this.#clients) client.destroy();
    for (const stream of this.#streams) closeQuietly(stream);
    this.#listener.close();
  }
}

/** Sends back what comes first. */
export async function echoOnce(stream: ByteStream): Promise<void> {
  const into = new Uint8Array(100);
  const count = await stream.read(into) ?? 0;
  await stream.write(into.subarray(0, count));
}
