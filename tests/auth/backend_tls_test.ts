/**
 * Whom a backend's client trusts: with `verify_peer` only a server whose certificate is from the
 * authority in `cacertfile`, for the name or address that was connected to. The servers here speak
 * until TLS is up; a client that then says anything has trusted them.
 */
import assert from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import tls from "node:tls";
import type { AddressInfo } from "node:net";
import { issueCertificate } from "../../gateway/transport/issue_certificate.ts";
import { testAccess } from "./config.ts";

const day_ms = 86_400_000;
const times = { notBefore: new Date(Date.now() - day_ms), notAfter: new Date(Date.now() + day_ms) };
const authority = issueCertificate({ commonName: "authority", ca: true, ...times });
const stranger = issueCertificate({ commonName: "authority", ca: true, ...times });
const certificateFor = (host: string, changes = {}) =>
  issueCertificate({ commonName: "server", hosts: [host], ...times, ...changes }, authority);

/** What must be said before TLS; undefined: nothing. Calls `then` when it is time for TLS. */
type Prelude = ((socket: Socket, then: () => void) => void) | undefined;

/** PostgreSQL: an SSLRequest of 8 bytes, answered by `S`. */
const postgresqlPrelude: Prelude = (socket, then) => {
  socket.once("data", () => {
    socket.write("S");
    then();
  });
};

/** MySQL: a greeting of protocol 10 that offers TLS; the client asks for it in 36 bytes. */
const mysqlPrelude: Prelude = (socket, then) => {
  const text = (words: string) => [...new TextEncoder().encode(words), 0];
  // CLIENT_PROTOCOL_41, CLIENT_SSL, CLIENT_SECURE_CONNECTION, CLIENT_PLUGIN_AUTH.
  const [low, high] = [[0x00, 0x8a], [0x08, 0x00]];
  const greeting = [
    ...[10, ...text("8.0.0"), 1, 0, 0, 0, ...text("saltsalt"), ...low!, 45, 2, 0, ...high!, 21],
    ...[...new Uint8Array(10), ...text("saltsaltsalt"), ...text("mysql_native_password")],
  ];
  socket.write(Uint8Array.of(greeting.length, 0, 0, 0, ...greeting));
  socket.once("data", (chunk: Uint8Array) => {
    // The client does not wait: its first TLS record may be in the same chunk.
    socket.pause();
    if (chunk.length > 36) socket.unshift(chunk.subarray(36));
    then();
  });
};

interface Backend {
  readonly prelude?: Prelude;
  /** Fields of the authenticator for a server on a port of 127.0.0.1. */
  readonly fields: (port: number) => string;
}

const password = (backend: string, port: number, rest: string) =>
  `mechanism = "password_based"\nbackend = "${backend}"\nserver = "127.0.0.1:${port}"\n${rest}`;
const SQL = `database = "mqtt"
username = "gate"
query = "SELECT password_hash FROM mqtt_user WHERE username = \${username}"
query_timeout = "3s"`;
// A token that only makes the key set be asked for.
const TOKEN = `${btoa('{"alg":"ES256"}').replaceAll("=", "")}.e30.AAAA`;

const BACKENDS: Readonly<Record<string, Backend>> = {
  postgresql: { prelude: postgresqlPrelude, fields: (port) => password("postgresql", port, SQL) },
  mysql: { prelude: mysqlPrelude, fields: (port) => password("mysql", port, SQL) },
  redis: {
    fields: (port) =>
      password("redis", port, 'cmd = "HGET mqtt_user:${username} password_hash"\npassword = "pw"'),
  },
  ldap: {
    fields: (port) =>
      password(
        "ldap",
        port,
        `username = "cn=gate"\nbase_dn = "dc=example"\nmethod = { type = "bind" }`,
      ),
  },
  mongodb: {
    fields: (port) =>
      password(
        "mongodb",
        port,
        `mongo_type = "single"\ndatabase = "mqtt"\ncollection = "u"
filter = { username = "\${username}" }\ntopology = { server_selection_timeout_ms = "1s" }`,
      ),
  },
  http: {
    fields: (port) =>
      `mechanism = "password_based"\nbackend = "http"\nmethod = "post"
url = "https://127.0.0.1:${port}/"\nbody = { password = "\${password}" }`,
  },
  jwks: {
    fields: (port) => `mechanism = "jwt"\nuse_jwks = true\nendpoint = "https://127.0.0.1:${port}/"`,
  },
};

/** A server that counts the clients which spoke once TLS was up, and hangs up on them. */
class Listener implements AsyncDisposable {
  trusted = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  private constructor(identity: { certificate: string; key: string }, prelude: Prelude) {
    const context = tls.createSecureContext({ cert: identity.certificate, key: identity.key });
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      const secure = () => {
        const over = new tls.TLSSocket(socket, { isServer: true, secureContext: context });
        over.on("error", () => socket.destroy());
        over.once("data", () => {
          this.trusted++;
          over.destroy();
        });
      };
      if (prelude === undefined) secure();
      else prelude(socket, secure);
    });
  }
  static async start(identity: { certificate: string; key: string }, prelude: Prelude) {
    const listener = new Listener(identity, prelude);
    await new Promise<void>((done) => listener.#server.listen(0, "127.0.0.1", done));
    return listener;
  }
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((done) => this.#server.close(() => done()));
  }
}

const pem = (text: string) => JSON.stringify(text);
const PEER = `verify = "verify_peer", cacertfile = ${pem(authority.certificate)}`;
const STRANGER = `verify = "verify_peer", cacertfile = ${pem(stranger.certificate)}`;
const yesterday = new Date(Date.now() - day_ms / 2);

const CASES: readonly [
  name: string,
  ssl: string,
  host: string,
  changes: object,
  trusts: boolean,
][] = [
  ["the authority it knows", PEER, "127.0.0.1", {}, true],
  ["another authority of the same name", STRANGER, "127.0.0.1", {}, false],
  ["the authorities of the system", 'verify = "verify_peer"', "127.0.0.1", {}, false],
  ["a certificate for localhost, at an address", PEER, "localhost", {}, false],
  ["a certificate for another name", PEER, "db.example", {}, false],
  [
    "the name it asks for",
    `${PEER}, server_name_indication = "db.example"`,
    "db.example",
    {},
    true,
  ],
  [
    "another name than it asks for",
    `${PEER}, server_name_indication = "db.example"`,
    "127.0.0.1",
    {},
    false,
  ],
  ["a certificate that has run out", PEER, "127.0.0.1", { notAfter: yesterday }, false],
  ["anybody, without verification", 'verify = "verify_none"', "x", {}, true],
];

for (const [name, { prelude, fields }] of Object.entries(BACKENDS)) {
  Deno.test(`TLS to ${name}: whom it trusts`, async () => {
    for (const [about, ssl, host, changes, trusts] of CASES) {
      await using listener = await Listener.start(certificateFor(host, changes), prelude);
      await using on = await testAccess(
        `[[authentication]]\n${fields(listener.port)}\nssl = { enable = true, ${ssl} }`,
      );
      assert.match(await on.login("alice", name === "jwks" ? TOKEN : "pw"), /does not answer/);
      assert.equal(listener.trusted > 0, trusts, `${about}\n${on.lines.join("\n")}`);
    }
  });
}
