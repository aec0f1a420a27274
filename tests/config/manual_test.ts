/**
 * Configurations of EMQX's manual, translated key by key: what its users have must load. Only
 * what is not in effect yet may be an error.
 */
import assert from "node:assert/strict";
import { createAccount, createOperator, createUser } from "@nats-io/nkeys";
import { loadConfig } from "../../gateway/config/load.ts";

const MANUAL: readonly (readonly [name: string, text: string])[] = [
  [
    "the gateway with one listener",
    '[gateway.nats]\nmountpoint = "nats/"\n[gateway.nats.listeners.tcp.default]\nbind = 4222\n' +
    "acceptors = 16\nmax_connections = 1024000\nmax_conn_rate = 1000",
  ],
  [
    "users of the built-in database",
    '[gateway.nats.authentication]\nbackend = "built_in_database"\nmechanism = "password_based"\n' +
    'user_id_type = "username"\n[gateway.nats.authentication.password_hash_algorithm]\n' +
    'name = "sha256"\nsalt_position = "suffix"',
  ],
  ["a token", '[[gateway.nats.internal_authn]]\ntype = "token"\ntoken = "nats_token"'],
  [
    "NKeys",
    '[[gateway.nats.internal_authn]]\ntype = "nkey"\n' +
    `nkeys = ["${createUser().getPublicKey()}"]`,
  ],
  [
    "JWTs",
    '[[gateway.nats.internal_authn]]\ntype = "jwt"\n' +
    `trusted_operators = ["${createOperator().getPublicKey()}"]\n` +
    '[gateway.nats.internal_authn.resolver]\ntype = "memory"\n' +
    "[[gateway.nats.internal_authn.resolver.resolver_preload]]\n" +
    `pubkey = "${createAccount().getPublicKey()}"\njwt = "<your-account-jwt>"`,
  ],
  [
    "every setting of the settings page",
    '[gateway.nats]\nserver_name = "emq_nats_gateway"\nmountpoint = "nats/"\n' +
    'default_heartbeat_interval = "60s"\nheartbeat_wait_timeout = "5s"\nidle_timeout = "30s"\n' +
    "enable_stats = true\nprotocol.max_payload_size = 1048576\n" +
    '[gateway.nats.clientinfo_override]\nusername = "${Packet.user}"\n' +
    'password = "${Packet.pass}"\nclientid = "${generated}"',
  ],
  [
    "all four listeners",
    "[gateway.nats.listeners]\ntcp.default = { bind = 4222, max_connections = 1024000 }\n" +
    'ssl.default = { bind = 4225, ssl_options = { certfile = "c", keyfile = "k", ' +
    'cacertfile = "ca", verify = "verify_peer", fail_if_no_peer_cert = true } }\n' +
    'ws.default = { bind = 4223, websocket.path = "" }\n' +
    'wss.default = { bind = 4224, ssl_options = { certfile = "c", keyfile = "k" } }',
  ],
];

for (const [name, text] of MANUAL) {
  Deno.test(`the manual's configuration loads: ${name}`, () => {
    const { issues } = loadConfig({ text });
    const errors = issues.filter(({ severity, message }) =>
      severity === "error" && !message.includes("not in effect yet")
    );
    assert.deepEqual(errors, []);
  });
}
