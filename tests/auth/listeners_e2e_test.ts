/**
 * The rows of the acceptance list on `internal_authn`, each over every kind of listener: nats.js
 * presents what a row says, and is let in or not.
 */
import assert from "node:assert/strict";
import bcrypt from "bcryptjs";
import { WebSocket as WebSocketClient } from "ws";
import { type Auth, type NatsConnection, wsconnect } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import { issueCertificate } from "../../gateway/transport/issue_certificate.ts";
import { type GatewayProcess, startGateway } from "../kit/gateway.ts";
import { KEYS, signNonce, spoil, writeToken } from "./kit.ts";
import { V1, V2, V3 } from "./vectors.ts";

const hour_ms = 3_600_000;
const certificate = issueCertificate({
  commonName: "localhost",
  hosts: ["127.0.0.1"],
  notBefore: new Date(Date.now() - hour_ms),
  notAfter: new Date(Date.now() + hour_ms),
});
const TLS = `ssl_options = { certfile = ${JSON.stringify(certificate.certificate)}, ` +
  `keyfile = ${JSON.stringify(certificate.key)} }`;
const LISTENERS = ["ws", "ssl", "wss"].map((type) => `
[gateway.nats.listeners.${type}.more]
bind = "127.0.0.1:0"
${type === "ws" ? "" : TLS}`).join("") +
  "\n[authentication_settings.login_throttle]\nenable = false\n";

const method = (type: string, fields: string) =>
  `[[gateway.nats.internal_authn]]\ntype = "${type}"\n${fields}\n`;
const TOKEN = method("token", 'token = "t0ken"');
const BCRYPT = method("token", `token = "${bcrypt.hashSync("t0ken", 5)}"`);
const NKEY = method("nkey", `nkeys = ["${KEYS.user}"]`);
const JWT = method("jwt", `trusted_operators = ["${KEYS.operator}"]`) +
  `[gateway.nats.internal_authn.resolver]
type = "memory"
resolver_preload = [{ pubkey = "${KEYS.account}", jwt = "${V1}" }]
`;
const users = Deno.makeTempFileSync({ suffix: ".csv" });
Deno.writeTextFileSync(users, "user_id,password\nalice,right\n");
const PASSWORD = `[gateway.nats.authentication]
mechanism = "password_based"
backend = "built_in_database"
bootstrap_file = "${users}"
`;
Deno.test.afterAll(() => Deno.removeSync(users));

/** What a client presents; it gets the nonce to sign. */
type Present = (nonce: string) => Record<string, unknown>;

async function isLetIn(gateway: GatewayProcess, type: string, present: Present): Promise<boolean> {
  const port = type === "tcp" ? gateway.nats : gateway.port(`nats:${type}:more`);
  const options = {
    reconnect: false,
    authenticator: (nonce?: string) => present(nonce ?? "") as unknown as Auth,
  };
  let client: NatsConnection;
  try {
    client = await (type === "ws"
      ? wsconnect({ ...options, servers: `ws://127.0.0.1:${port}` })
      : type === "wss"
      ? wsconnect({
        ...options,
        servers: `wss://127.0.0.1:${port}`,
        wsFactory: (url: string) => {
          const socket = new WebSocketClient(url, { ca: certificate.certificate });
          return Promise.resolve({ socket: socket as unknown as WebSocket, encrypted: true });
        },
      })
      : connect({
        ...options,
        servers: `127.0.0.1:${port}`,
        ...(type === "ssl" ? { tls: { ca: certificate.certificate } } : {}),
      }));
  } catch (error) {
    assert.match(String(error), /authorization violation/i);
    return false;
  }
  await client.close();
  return true;
}

const good = { user: "alice", pass: "right" };
const early = writeToken("account", {
  sub: KEYS.user,
  nbf: Math.floor(Date.now() / 1000) + 3600,
  nats: { type: "user", version: 2 },
});
const jwt: Present = (nonce) => ({ jwt: V2, sig: signNonce(nonce) });
const nkey: Present = (nonce) => ({ nkey: KEYS.user, sig: signNonce(nonce) });
const withToken = (token: string, present: Present): Present => (nonce) => ({
  auth_token: token,
  ...present(nonce),
});

const ROWS: readonly [rows: string, methods: string, cases: Record<string, [boolean, Present]>][] =
  [
    ["PR-22 PR-23", PASSWORD, {
      right: [true, () => good],
      wrong: [false, () => ({ ...good, pass: "wrong" })],
      nothing: [false, () => ({})],
    }],
    ["PR-28 PR-29 PR-30 PR-31", TOKEN + PASSWORD, {
      "right token": [true, () => ({ auth_token: "t0ken" })],
      "wrong token": [false, () => ({ auth_token: "wrong" })],
      "wrong token, right password": [false, () => ({ auth_token: "wrong", ...good })],
      "no token, right password": [true, () => good],
    }],
    ["PR-32", BCRYPT, {
      right: [true, () => ({ auth_token: "t0ken" })],
      wrong: [false, () => ({ auth_token: "wrong" })],
    }],
    ["PR-33..PR-38", JWT, {
      right: [true, jwt],
      missing: [false, () => ({})],
      expired: [false, (nonce) => ({ jwt: V3, sig: signNonce(nonce) })],
      "not yet": [false, (nonce) => ({ jwt: early, sig: signNonce(nonce) })],
      "no dots": [false, (nonce) => ({ jwt: "nodots", sig: signNonce(nonce) })],
      spoiled: [false, (nonce) => ({ jwt: spoil(V2), sig: signNonce(nonce) })],
    }],
    ["PR-39 PR-40", TOKEN + JWT, {
      "wrong token, right jwt": [false, withToken("wrong", jwt)],
      "no token, right jwt": [true, jwt],
    }],
    ["PR-41..PR-44", TOKEN + NKEY, {
      "wrong token, right nkey": [false, withToken("wrong", nkey)],
      "no token, right nkey": [true, nkey],
      "wrong signature": [false, () => ({ nkey: KEYS.user, sig: signNonce("another") })],
    }],
    ["PR-45 PR-46", NKEY + JWT, {
      "nkey with wrong signature, right jwt": [
        false,
        () => ({ nkey: KEYS.user, jwt: V2, sig: signNonce("another") }),
      ],
      "jwt without nkey": [true, jwt],
      "jwt with its nkey": [true, (nonce) => ({ ...nkey(nonce), ...jwt(nonce) })],
    }],
  ];

for (const [rows, methods, cases] of ROWS) {
  Deno.test(`${rows} on tcp, ssl, ws and wss`, async () => {
    await using gateway = await startGateway({ config: methods + LISTENERS });
    for (const type of ["tcp", "ssl", "ws", "wss"]) {
      for (const [name, [expected, present]] of Object.entries(cases)) {
        assert.equal(await isLetIn(gateway, type, present), expected, `${type}: ${name}`);
      }
    }
  });
}
