import assert from "node:assert/strict";
import * as v from "valibot";
import { checkRules } from "../../gateway/config/rules.ts";
import { formatPath } from "../../gateway/config/path.ts";
import { configSchema } from "../../gateway/config/schema/root.ts";
import { parse } from "smol-toml";
import type { Config } from "../../gateway/config/types.ts";

/** What the rules say about a configuration that the schema takes. */
function check(text: string): string[] {
  const tree = parse(text);
  const schema = configSchema(tree.security_profile === "hardened" ? "hardened" : "legacy");
  const config = v.parse(schema, tree) as Config;
  return checkRules(config).map(({ severity, path, message }) =>
    `${severity} ${formatPath(path)}: ${message}`
  );
}

const LOGIN = '[[authentication]]\nmechanism = "password_based"\n';
const USERS = 'mechanism = "password_based"\nbackend = "built_in_database"\n';

const CASES: readonly (readonly [name: string, text: string, findings: readonly string[]])[] = [
  ["the defaults", "", []],
  [
    "two listeners on one port, one of them on all addresses",
    '[listeners.tcp.a]\nbind = "127.0.0.1:1"\n[gateway.nats.listeners.tcp.b]\nbind = "[::]:1"\n' +
    "[gateway.nats.authentication]\n" + USERS,
    ["error listeners.tcp.a.bind: mqtt:tcp:a cannot listen on 127.0.0.1:1: nats:tcp:b does so already"],
  ],
  [
    "a listener, the monitor and the dashboard on one port",
    '[gateway.nats]\nmonitor_bind = "127.0.0.1:18083"\n[listeners.tcp.a]\n' +
    'bind = "127.0.0.1:18083"',
    [
      "error gateway.nats.monitor_bind: " +
      "nats:monitor cannot listen on 127.0.0.1:18083: mqtt:tcp:a does so already",
      "error dashboard.listeners.http.bind: " +
      "dashboard:http cannot listen on 127.0.0.1:18083: mqtt:tcp:a does so already",
    ],
  ],
  [
    "free ports, other addresses, other sockets and what is switched off",
    '[listeners.tcp]\na = { bind = "127.0.0.1:0" }\nb = { bind = "127.0.0.1:0" }\n' +
    'c = { bind = "127.0.0.1:1" }\nd = { bind = "127.0.0.2:1" }\n' +
    'e = { bind = "127.0.0.1:1", enable = false }\n' +
    'f = { bind = "unix:/a" }\ng = { bind = "unix:/b" }',
    [],
  ],
  [
    "one Unix socket twice",
    '[listeners.tcp]\nf = { bind = "unix:/a" }\ng = { bind = "unix:/a" }',
    ["error listeners.tcp.g.bind: mqtt:tcp:g cannot listen on unix:/a: mqtt:tcp:f does so already"],
  ],
  [
    "TLS without certificate, without verify, without CA",
    '[listeners.ssl.a]\nbind = "127.0.0.1:1"\nssl_options = { fail_if_no_peer_cert = true }\n' +
    '[gateway.nats.listeners.wss.b]\nbind = "127.0.0.1:2"\n' +
    'ssl_options = { verify = "verify_peer", certfile = "c", keyfile = "k" }',
    [
      "error gateway.nats.listeners.wss.b.ssl_options.cacertfile: " +
      'is required when verify is "verify_peer": whose certificates are accepted',
      "error listeners.ssl.a.ssl_options.fail_if_no_peer_cert: " +
      'verify must be "verify_peer" when fail_if_no_peer_cert is true',
      "error listeners.ssl.a.ssl_options.certfile: is required: mqtt:ssl:a speaks TLS",
      "error listeners.ssl.a.ssl_options.keyfile: is required: mqtt:ssl:a speaks TLS",
    ],
  ],
  [
    "revocation without verify, without lists; suites of no version in use",
    '[listeners.ssl.a]\nbind = "127.0.0.1:1"\n[listeners.ssl.a.ssl_options]\n' +
    'certfile = "c"\nkeyfile = "k"\nenable_crl_check = true\n' +
    'versions = ["tlsv1.3"]\nciphers = ["ecdhe-rsa-aes128-gcm-sha256"]',
    [
      "error listeners.ssl.a.ssl_options.enable_crl_check: " +
      'verify must be "verify_peer" when enable_crl_check is true',
      "error listeners.ssl.a.ssl_options.crlfile: is required when enable_crl_check is true: " +
      "lists are read from a file, not fetched from the address in a certificate",
      "error listeners.ssl.a.ssl_options.ciphers: names no suite of the TLS versions in versions",
    ],
  ],
  [
    "lists that nobody asks for",
    '[listeners.ssl.a]\nbind = "127.0.0.1:1"\n[listeners.ssl.a.ssl_options]\n' +
    'certfile = "c"\nkeyfile = "k"\ncrlfile = "l"',
    [
      "warning listeners.ssl.a.ssl_options.crlfile: is not used: enable_crl_check is false",
    ],
  ],
  [
    "the dashboard's TLS",
    '[dashboard.listeners.https]\nbind = "127.0.0.1:1"\nssl_options.certfile = "c"',
    [
      "error dashboard.listeners.https.ssl_options.keyfile: " +
      "is required: dashboard:https speaks TLS",
    ],
  ],
  [
    "open listeners",
    "[listeners.tcp.a]\nbind = 1\n[gateway.nats.listeners.tcp.b]\nbind = 2\nenable_authn = false",
    [
      "warning gateway.nats.listeners.tcp.b.bind: everyone who reaches 0.0.0.0:2 may connect " +
      "without a login; configure authentication, or bind to 127.0.0.1",
      "warning listeners.tcp.a.bind: everyone who reaches 0.0.0.0:1 may connect " +
      "without a login; configure authentication, or bind to 127.0.0.1",
    ],
  ],
  [
    "an open listener under the hardened profile",
    'security_profile = "hardened"\n[listeners.tcp.a]\nbind = 1\n[listeners.tcp.b]\nbind = 2\n' +
    "enable_authn = false",
    [
      "error listeners.tcp.b.enable_authn: everyone who reaches 0.0.0.0:2 may connect " +
      "without a login, which the hardened profile forbids",
    ],
  ],
  [
    "a listener that is stricter than the rest",
    `[gateway.nats.listeners.tcp.a]\nbind = 1\n[gateway.nats.listeners.tcp.a.authentication]\n` +
    USERS,
    [
      "warning gateway.nats.listeners.tcp.a.authentication: this listener requires a login, " +
      "others do not: there is no authenticator for all",
    ],
  ],
  [
    "a PROXY header from anyone",
    "[listeners.tcp]\na = { bind = 1, proxy_protocol = true }\n" +
    'b = { bind = 2, proxy_protocol = true, proxy_protocol_trusted = ["10.0.0.1"] }\n' +
    "[[authentication]]\n" + USERS,
    [
      "warning listeners.tcp.a.proxy_protocol: everyone who reaches this listener can claim " +
      "any address; name the proxies in proxy_protocol_trusted",
    ],
  ],
  [
    "two authenticators of one kind",
    `[[authentication]]\n${USERS}[[authentication]]\n${USERS}`,
    [
      "error authentication[2]: there is already an authenticator of kind " +
      "password_based:built_in_database",
    ],
  ],
  [
    "a disabled authenticator, and random client ids as users",
    `[gateway.nats.authentication]\n${USERS}enable = false\nuser_id_type = "clientid"`,
    [
      "warning gateway.nats.authentication.enable: a disabled authenticator refuses every " +
      "login; remove it, or set enable_authn = false on the listener, to let everyone in",
      "warning gateway.nats.authentication.user_id_type: client ids of NATS clients are random; " +
      "set gateway.nats.clientinfo_override.clientid",
    ],
  ],
  [
    "HTTP: GET with a content type, https without TLS, http with TLS",
    `${LOGIN}backend = "http"\nmethod = "get"\nurl = "https://x/"\nssl.enable = false\n` +
    'headers = { "Content-Type" = "text/plain" }\n' +
    '[[authorization.sources]]\ntype = "http"\nmethod = "post"\nurl = "http://x/"\n' +
    "ssl.enable = true",
    [
      "error authentication[1].headers.content-type: cannot be sent with GET: it has no body",
      "error authentication[1].ssl.enable: cannot be false: url begins with https://",
      "error authorization.sources[1].ssl.enable: cannot be true: url begins with http://",
    ],
  ],
  [
    "queries without placeholders, an empty filter",
    `${LOGIN}backend = "mysql"\nserver = "x"\ndatabase = "d"\nquery = "SELECT 1"\n` +
    `${LOGIN}backend = "mongodb"\nmongo_type = "rs"\nserver = "x"\ndatabase = "d"\n` +
    'collection = "c"',
    [
      "warning authentication[1].query: holds no placeholder: it is the same for every client",
      'error authentication[2].servers: is required when mongo_type is "rs"',
      'error authentication[2].server: cannot be used when mongo_type is "rs"; use servers',
      'error authentication[2].replica_set_name: is required when mongo_type is "rs"',
      "warning authentication[2].filter: is empty: every client gets the same documents",
    ],
  ],
  [
    "Redis servers",
    ['redis_type = "sentinel"\nserver = "x"', 'redis_type = "cluster"\nservers = "x"\ndatabase = 1']
      .map((redis, i) =>
        i === 0
          ? `${LOGIN}backend = "redis"\ncmd = "HGET k password"\n${redis}\n`
          : `[[authorization.sources]]\ntype = "redis"\ncmd = "HGETALL k:\${username}"\n${redis}\n`
      ).join(""),
    [
      'error authentication[1].servers: is required when redis_type is "sentinel"',
      'error authentication[1].server: cannot be used when redis_type is "sentinel"; use servers',
      'error authentication[1].sentinel: is required when redis_type is "sentinel"',
      "warning authentication[1].cmd: holds no placeholder: it is the same for every client",
      "error authorization.sources[1].database: must be 0: a cluster has one database",
    ],
  ],
  [
    "a JWT secret that is not base64",
    '[[authentication]]\nmechanism = "jwt"\nuse_jwks = false\nalgorithm = "hmac-based"\n' +
    'secret = "?"\nsecret_base64_encoded = true',
    ["error authentication[1].secret: is not base64, but secret_base64_encoded is true"],
  ],
  [
    "two sources of one type, and rules that say too little or too much",
    '[[authorization.sources]]\ntype = "file"\n[[authorization.sources]]\ntype = "file"\n' +
    'path = "x"\n[[authorization.sources.rules_list]]\npermission = "deny"\n' +
    'action = "subscribe"\nretain = true',
    [
      "error authorization.sources[1]: needs path or rules_list",
      "error authorization.sources[2].type: there is already a source of type file",
      "warning authorization.sources[2].rules_list: stands beside path: " +
      "these rules are asked first",
      "error authorization.sources[2].rules_list[1]: needs one of topic and topics",
      "error authorization.sources[2].rules_list[1].retain: only makes sense for publishing",
    ],
  ],
];

for (const [name, text, findings] of CASES) {
  Deno.test(`checkRules: ${name}`, () => assert.deepEqual(check(text), findings));
}

Deno.test("the profile decides defaults, and explicit settings win", () => {
  const parsed = (text: string) => {
    const tree = parse(text);
    return v.parse(configSchema(tree.security_profile as "legacy"), tree) as Config;
  };
  const mysql = `${LOGIN}backend = "mysql"\nserver = "x"\ndatabase = "d"\nquery = "\${username}"`;
  const legacy = parsed(`security_profile = "legacy"\n${mysql}`);
  const hardened = parsed(`security_profile = "hardened"\n${mysql}`);
  assert.equal(legacy.authorization.no_match, "allow");
  assert.equal(hardened.authorization.no_match, "deny");
  const tls = (config: Config) => {
    const [first] = config.authentication;
    assert.ok(first?.mechanism === "password_based" && first.backend === "mysql");
    return first.ssl.verify;
  };
  assert.equal(tls(legacy), "verify_none");
  assert.equal(tls(hardened), "verify_peer");
  const explicit = parsed('security_profile = "hardened"\n[authorization]\nno_match = "allow"');
  assert.equal(explicit.authorization.no_match, "allow");
});
