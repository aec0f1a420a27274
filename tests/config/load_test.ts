import assert from "node:assert/strict";
import { createUser } from "@nats-io/nkeys";
import { formatIssues, loadConfig } from "../../gateway/config/load.ts";

/** A bad configuration and what must be said about it, as `line:column path: message (hint)`. */
interface Case {
  readonly name: string;
  readonly text: string;
  readonly issues: readonly string[];
}

const JWT = 'mechanism = "jwt"\nuse_jwks = false\nalgorithm = "hmac-based"\n';
const NKEYS = '[[gateway.nats.internal_authn]]\ntype = "nkey"\n';

const RESERVED = "this name is JavaScript's own and cannot be used here; choose another";

const CASES: readonly Case[] = [
  {
    name: "no TOML",
    text: "[gateway\nnats = 1",
    issues: ["1:9 : is not valid TOML: illegal character in key"],
  },
  {
    name: "an unknown setting, with the nearest name",
    text: '[gateway.nats]\nserver_nam = "x"\n',
    issues: ['2:1 gateway.nats.server_nam: unknown setting (did you mean "server_name"?)'],
  },
  {
    name: "every unknown setting of one table, and a section",
    text: "[mqtt]\nfoo = 1\nmax_inflght = 2\nconstructor = 3\n[retaner]\nenable = true",
    issues: [
      "2:1 mqtt.foo: unknown setting",
      '3:1 mqtt.max_inflght: unknown setting (did you mean "max_inflight"?)',
      "4:1 mqtt.constructor: unknown setting",
      '5:2 retaner: unknown setting (did you mean "retainer"?)',
    ],
  },
  {
    name: "names that would be left out without a word",
    text: "[listeners.tcp.constructor]\nbind = 1884\n[listeners.ws]\nprototype.bind = 1885\n" +
      '[gateway.nats.listeners.tcp.toString]\nbind = "127.0.0.1:4223"\n',
    issues: [
      "1:16 listeners.tcp.constructor: " + RESERVED,
      "4:1 listeners.ws.prototype: " + RESERVED,
    ],
  },
  {
    name: "an unknown setting named __proto__",
    text: "[mqtt]\n__proto__ = 1",
    issues: ["2:1 mqtt.__proto__: unknown setting"],
  },
  {
    name: "values of the wrong type",
    text: [
      "node = 1",
      "[gateway.nats]",
      'enable = "yes"',
      'idle_timeout = "5 s"',
      "server_name = 5",
      "protocol = [1]",
      "[mqtt]",
      "max_qos_allowed = 3",
      'max_inflight = "x"',
      "max_topic_levels = 0",
      "max_topic_alias = 1.5",
    ].join("\n"),
    issues: [
      "1:1 node: expected a table, got 1",
      '3:1 gateway.nats.enable: expected true or false, got "yes"',
      '4:1 gateway.nats.idle_timeout: expected a duration such as "30s" or "1h30m", 1 ms or more, ' +
      'got "5 s"',
      "5:1 gateway.nats.server_name: expected text, got 5",
      "6:1 gateway.nats.protocol: expected a table, got an array",
      "8:1 mqtt.max_qos_allowed: expected 0, 1 or 2, got 3",
      '9:1 mqtt.max_inflight: expected a whole number from 1 to 65535, got "x"',
      "10:1 mqtt.max_topic_levels: expected a whole number from 1 to 65535, got 0",
      "11:1 mqtt.max_topic_alias: expected a whole number from 0 to 65535, got 1.5",
    ],
  },
  {
    name: "a word that is none of the choices",
    text: '[gateway.nats]\ntopic_mapping = "lossles"\n[store]\nsync = "always"',
    issues: [
      '2:1 gateway.nats.topic_mapping: expected "lossless" or "plain", got "lossles" ' +
      '(did you mean "lossless"?)',
      '4:1 store.sync: expected "full" or "normal" or "off", got "always"',
    ],
  },
  {
    name: "listeners without bind, with a bad one, and with a bad name",
    text: "[listeners.tcp.a]\nenable = true\n[listeners.tcp.b]\nbind = 70000\n" +
      "[listeners.tcp.1c]\nbind = 1",
    issues: [
      "1:16 listeners.tcp.a.bind: is required",
      '4:1 listeners.tcp.b.bind: expected where to listen, such as 4222, "127.0.0.1:4222", ' +
      '"[::1]:4222" or "unix:/run/x.sock", got 70000',
      "5:16 listeners.tcp.1c: is no name for a listener: " +
      "a letter, then letters, digits, - and _",
    ],
  },
  {
    name: "internal_authn",
    text: [
      '[[gateway.nats.internal_authn]]\ntype = "token"\ntoken = ""',
      '[[gateway.nats.internal_authn]]\ntype = "nkey"\nnkeys = []',
      '[[gateway.nats.internal_authn]]\ntype = "nkey"\nnkeys = ["UABC"]',
      '[[gateway.nats.internal_authn]]\ntype = "jwt"',
      '[[gateway.nats.internal_authn]]\ntype = "jwt"\ntrusted_operators = []',
      'resolver = { type = "memory", resolver_preload = [] }',
      '[[gateway.nats.internal_authn]]\ntype = "password"',
      "[[gateway.nats.internal_authn]]\ntoken = 1",
    ].join("\n"),
    issues: [
      "3:1 gateway.nats.internal_authn[1].token: must not be empty",
      "6:1 gateway.nats.internal_authn[2].nkeys: must not be empty",
      "9:10 gateway.nats.internal_authn[3].nkeys[1]: must be a valid user NKey: " +
      "expected 56 characters of A-Z and 2-7 that begin with U",
      "10:16 gateway.nats.internal_authn[4].trusted_operators: is required",
      "10:16 gateway.nats.internal_authn[4].resolver: is required",
      "14:1 gateway.nats.internal_authn[5].trusted_operators: must not be empty",
      "15:31 gateway.nats.internal_authn[5].resolver.resolver_preload: " +
      "must not be empty: it holds the account JWTs",
      '17:1 gateway.nats.internal_authn[6].type: expected "token" or "nkey" or "jwt", ' +
      'got "password"',
      '18:16 gateway.nats.internal_authn[7].type: is required: "token" or "nkey" or "jwt"',
    ],
  },
  {
    name: "an NKey with a wrong checksum, and one of the wrong kind",
    text:
      `${NKEYS}nkeys = ["${brokenKey()}", "ODUYQXZ5JQLZATKHB6LVYWIFULXDOOHWKKHGYGFIMLRJAFGO3HAUYBIQ"]`,
    issues: [
      "3:10 gateway.nats.internal_authn[1].nkeys[1]: must be a valid user NKey: " +
      "its checksum is wrong",
      "3:70 gateway.nats.internal_authn[1].nkeys[2]: must be a valid user NKey: " +
      "the key does not begin with U",
    ],
  },
  {
    name: "an operator that is neither a key nor a JWT",
    text: '[[gateway.nats.internal_authn]]\ntype = "jwt"\ntrusted_operators = ["a.b"]\n' +
      'resolver = { type = "memory", resolver_preload = [] }',
    issues: [
      "3:22 gateway.nats.internal_authn[1].trusted_operators[1]: must be a valid operator NKey: " +
      "expected 56 characters of A-Z and 2-7 that begin with O",
      "4:31 gateway.nats.internal_authn[1].resolver.resolver_preload: " +
      "must not be empty: it holds the account JWTs",
    ],
  },
  {
    name: "scram under the gateway",
    text: '[gateway.nats.authentication]\nmechanism = "scram"\nbackend = "built_in_database"',
    issues: [
      '2:1 gateway.nats.authentication.mechanism: "scram" needs an exchange that NATS clients ' +
      'do not have; it is not usable here; expected "password_based" or "jwt"',
    ],
  },
  {
    name: "an unknown backend, and none",
    text: '[[authentication]]\nmechanism = "password_based"\nbackend = "mysq"\n' +
      '[[authentication]]\nmechanism = "password_based"',
    issues: [
      '3:1 authentication[1].backend: expected "built_in_database" or "mysql" or "postgresql" ' +
      'or "mongodb" or "redis" or "http" or "ldap", got "mysq" (did you mean "mysql"?)',
      '4:3 authentication[2].backend: is required: "built_in_database" or "mysql" or ' +
      '"postgresql" or "mongodb" or "redis" or "http" or "ldap"',
    ],
  },
  {
    name: "Redis commands",
    text: ["GET x", "HGET k salt", "HMGET k password_hash foo", "HGET k password salt"].map((cmd) =>
      `[[authentication]]\nmechanism = "password_based"\nbackend = "redis"\n` +
      `server = "r"\ncmd = "${cmd}"\n`
    ).join(""),
    issues: [
      '5:1 authentication[1].cmd: expected "HGET key field" or "HMGET key field...", got "GET x"',
      '10:1 authentication[2].cmd: must ask for password_hash or password, got "HGET k salt"',
      '15:1 authentication[3].cmd: cannot use the field foo in "HMGET k password_hash foo"; ' +
      "known are password_hash, password, salt, is_superuser, clientid_override",
      '20:1 authentication[4].cmd: HGET takes one field, got "HGET k password salt"; ' +
      "use HMGET for more",
    ],
  },
  {
    name: "claims that are checked anyway",
    text: `[[authentication]]\n${JWT}secret = "s"\nverify_claims = { exp = "1" }`,
    issues: [
      "6:1 authentication[1].verify_claims: must not name exp, iat, nbf or an empty claim; " +
      "times are always checked",
    ],
  },
  {
    name: "URLs",
    text: ["ftp://x", "http://u:p@x/", "http://${username}.x/"].map((url) =>
      '[[authentication]]\nmechanism = "password_based"\nbackend = "http"\nmethod = "post"\n' +
      `url = "${url}"\n`
    ).join(""),
    issues: [
      '5:1 authentication[1].url: expected a URL such as "https://auth.example.com/login", ' +
      'got "ftp://x"',
      "10:1 authentication[2].url: must not hold a user name and password; " +
      "send a header instead",
      "15:1 authentication[3].url: must have a fixed host: " +
      "placeholders may only stand in path and query",
    ],
  },
  {
    name: "placeholders",
    text: '[gateway.nats]\nmountpoint = "${usernme}/"\n[gateway.nats.clientinfo_override]\n' +
      'clientid = "${Paket.name}"\n' +
      '[[authorization.sources]]\ntype = "mysql"\nserver = "x"\ndatabase = "d"\n' +
      'query = "SELECT ${password} ${$}{free}"',
    issues: [
      "2:1 gateway.nats.mountpoint: unknown placeholder ${usernme} in a mountpoint, " +
      "did you mean ${username}? (write ${$}{usernme} for the text itself)",
      "4:1 gateway.nats.clientinfo_override.clientid: unknown placeholder ${Paket.name} in " +
      "clientinfo_override (write ${$}{Paket.name} for the text itself)",
      "9:1 authorization.sources[1].query: unknown placeholder ${password} in an " +
      "authorization source (write ${$}{password} for the text itself)",
    ],
  },
  {
    name: "access rules",
    text: "[gateway.nats.listeners.tcp.default]\n" +
      'access_rules = ["allow all", "deny 10.0.0.0/33", "permit all"]',
    issues: [1, 2].map((i) =>
      `2:${i === 1 ? 30 : 50} gateway.nats.listeners.tcp.default.access_rules[${i + 1}]: ` +
      'expected "allow" or "deny" and an address, a network or "all", such as ' +
      `"deny 10.0.0.0/8", got ${i === 1 ? '"deny 10.0.0.0/33"' : '"permit all"'}`
    ),
  },
  {
    name: "a secret of the wrong type is not shown",
    text: '[[gateway.nats.internal_authn]]\ntype = "token"\ntoken = 12345',
    issues: ["3:1 gateway.nats.internal_authn[1].token: expected text"],
  },
  {
    name: "old TLS and weak dashboard passwords",
    text: '[dashboard]\ndefault_password = "public"\n[dashboard.listeners.https.ssl_options]\n' +
      'versions = ["tlsv1.1"]',
    issues: [
      "2:1 dashboard.default_password: must have 8 to 64 ASCII characters of at least two " +
      "kinds (lower case, upper case, digits, others)",
      '4:13 dashboard.listeners.https.ssl_options.versions[1]: expected "tlsv1.3" or "tlsv1.2" ' +
      '(older versions are not safe), got "tlsv1.1" (did you mean "tlsv1.3"?)',
    ],
  },
];

for (const { name, text, issues } of CASES) {
  Deno.test(`loadConfig finds ${name}`, () => {
    const { config, issues: found } = loadConfig({ text });
    assert.equal(config, undefined);
    const shown = found.filter(({ message }) => !message.includes("not in effect yet"))
      .map(({ line, column, path, message, hint }) =>
        `${line}:${column} ${path}: ${message}${hint === undefined ? "" : ` (${hint})`}`
      );
    assert.deepEqual(shown, issues);
  });
}

Deno.test("loadConfig finds what is wrong in one pass, whatever its kind", () => {
  const text = "[gateway.nats]\nfoo = 1\n[gateway.nats.listeners.tcp.default]\n" +
    'bind = "127.0.0.1:1883"\n[mqtt]\nmax_inflight = 0';
  const { issues } = loadConfig({ text });
  const errors = issues.filter(({ severity }) => severity === "error");
  assert.deepEqual(errors.map(({ path, line }) => [path, line]), [
    ["gateway.nats.foo", 2],
    ["mqtt.max_inflight", 6],
    ["listeners.tcp.default.bind", undefined],
  ]);
});

Deno.test("without a word, the defaults hold", () => {
  const config = loadConfig({}).config!;
  const { nats } = config.gateway;
  assert.deepEqual(nats.listeners.tcp.default?.bind, { host: "127.0.0.1", port: 4222 });
  assert.deepEqual(nats.listeners.ws.default?.bind, { host: "127.0.0.1", port: 9222 });
  assert.deepEqual(config.listeners.tcp.default?.bind, { host: "127.0.0.1", port: 1883 });
  assert.deepEqual(config.listeners.ws.default?.bind, { host: "127.0.0.1", port: 8083 });
  assert.equal(config.listeners.ws.default?.websocket.path, "/mqtt");
  assert.deepEqual(config.dashboard.listeners.http.bind, { host: "127.0.0.1", port: 18083 });
  assert.equal(config.dashboard.listeners.https.bind, undefined);
  assert.equal(nats.server_name, "emq_nats_gateway");
  assert.equal(nats.default_heartbeat_interval, 60_000);
  assert.equal(nats.heartbeat_wait_timeout, 5000);
  assert.equal(nats.idle_timeout, 30_000);
  assert.equal(nats.auth_timeout, 5000);
  assert.equal(nats.mountpoint, "");
  assert.equal(nats.topic_mapping, "lossless");
  assert.equal(nats.max_subscriptions, Infinity);
  assert.equal(nats.max_pending, 64 * 1024 * 1024);
  assert.equal(nats.write_deadline, 10_000);
  assert.deepEqual({ ...nats.protocol }, {
    max_payload_size: 1_048_576,
    max_control_line: 4096,
    oversize: "keep",
  });
  assert.equal(nats.listeners.tcp.default?.max_connections, 1_024_000);
  assert.equal(nats.listeners.tcp.default?.max_conn_rate, 1000);
  assert.equal(nats.monitor_bind, undefined);
  assert.equal(config.authorization.no_match, "allow");
  assert.equal(config.store.type, "sqlite");
  assert.equal(config.store.sync, "normal");
});

Deno.test("the configuration is frozen all the way down", () => {
  const config = loadConfig({}).config!;
  const seen: unknown[] = [config];
  while (seen.length > 0) {
    const value = seen.pop();
    if (typeof value !== "object" || value === null) continue;
    assert.ok(Object.isFrozen(value));
    seen.push(...Object.values(value));
  }
});

Deno.test("naming a built-in listener changes only what is named", () => {
  const { config } = loadConfig({
    text: "[gateway.nats.listeners.tcp.default]\nmax_connections = 5\n" +
      "[gateway.nats.listeners.tcp.more]\nbind = 0\n[listeners.tcp.default]\nenable = false",
  });
  const { tcp } = config!.gateway.nats.listeners;
  assert.deepEqual(tcp.default?.bind, { host: "127.0.0.1", port: 4222 });
  assert.equal(tcp.default?.max_connections, 5);
  assert.deepEqual(tcp.more?.bind, { host: "0.0.0.0", port: 0 });
  assert.equal(config!.listeners.tcp.default?.enable, false);
});

Deno.test("formatIssues names place, setting and advice", () => {
  const { issues } = loadConfig({ text: "[mqtt]\nmax_inflght = 1", sets: ["mqtt.max_inflight=0"] });
  assert.deepEqual(
    formatIssues(issues.filter(({ severity }) => severity === "error"), "etc/gate.toml"),
    [
      'etc/gate.toml:2:1: error: mqtt.max_inflght: unknown setting (did you mean "max_inflight"?)',
      "--set mqtt.max_inflight: error: mqtt.max_inflight: " +
      "expected a whole number from 1 to 65535, got 0",
    ],
  );
});

Deno.test("raw is what was written, references and all", () => {
  const text = '[dashboard]\ndefault_password = "file:///run/x"';
  const { raw, config } = loadConfig({ text, readFile: () => "Secret-1\n" });
  assert.deepEqual(raw, { dashboard: { default_password: "file:///run/x" } });
  assert.equal(config?.dashboard.default_password, "Secret-1");
});

/** A user key with one letter changed. */
function brokenKey(): string {
  const key = createUser().getPublicKey();
  return key.slice(0, 20) + (key[20] === "A" ? "B" : "A") + key.slice(21);
}
