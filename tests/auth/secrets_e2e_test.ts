/**
 * Secrets stay where they are: everything that a gateway writes at level debug, everything that its
 * API answers and its pages show, and what `natsgate check` prints, is looked through for them.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { encodeAccount, encodeUser } from "@nats-io/jwt";
import { createAccount, createOperator, createUser } from "@nats-io/nkeys";
import { type GatewayProcess, startGateway } from "../kit/gateway.ts";
import { RawMqtt } from "../kit/raw_mqtt.ts";
import { RawNats } from "../kit/raw_nats.ts";
import { until, within } from "../kit/wait.ts";

/** A secret that nothing else contains. */
const secret = (name: string) =>
  `sEcr3t-${createHash("sha256").update(name).digest("hex").slice(0, 24)}`;

const [operator, account, user] = [createOperator(), createAccount(), createUser()];
const accountJwt = await encodeAccount("a", account, {}, { signer: operator });
const userJwt = await encodeUser("u", user, account, {}, { exp: 1 });

/** Secrets of the configuration, by what they are for. */
const CONFIGURED = {
  token: secret("token"),
  mysql: secret("mysql"),
  postgresql: secret("postgresql"),
  redis: secret("redis"),
  sentinel: secret("sentinel"),
  ldap: secret("ldap"),
  mongodb: secret("mongodb"),
  header: secret("header"),
  hmac: secret("hmac"),
  inFile: secret("file"),
  dashboard: secret("dashboard"),
};
/** What clients present, all of it wrong, and what nobody else may see of them. */
const PRESENTED = {
  token: secret("client token"),
  password: secret("client password"),
  mqtt: secret("mqtt password"),
  broken: secret("broken connect"),
  jwt: userJwt.split(".")[1]!,
  jwtSignature: userJwt.split(".")[2]!,
  nonceSignature: btoa(secret("sig")),
};
const SECRETS = [...Object.values(CONFIGURED), ...Object.values(PRESENTED)];

const SQL = `server = "127.0.0.1:1"
database = "mqtt"
username = "gate"
query = "SELECT password_hash FROM mqtt_user WHERE username = \${username}"`;

function config(secretFile: string): string {
  return `
[log.console]
level = "debug"
[authentication_settings.login_throttle]
enable = false
[dashboard]
default_username = "root"
default_password = "${CONFIGURED.dashboard}"
[[gateway.nats.internal_authn]]
type = "token"
token = "${CONFIGURED.token}"
[[gateway.nats.internal_authn]]
type = "jwt"
trusted_operators = ["${operator.getPublicKey()}"]
[gateway.nats.internal_authn.resolver]
type = "memory"
resolver_preload = [{ pubkey = "${account.getPublicKey()}", jwt = "${accountJwt}" }]
[gateway.nats.authentication]
mechanism = "password_based"
backend = "mysql"
${SQL}
password = "${CONFIGURED.mysql}"
[[authentication]]
mechanism = "password_based"
backend = "postgresql"
${SQL}
password = "${CONFIGURED.postgresql}"
[[authentication]]
mechanism = "password_based"
backend = "redis"
redis_type = "sentinel"
servers = "127.0.0.1:1"
sentinel = "gate"
sentinel_password = "${CONFIGURED.sentinel}"
password = "${CONFIGURED.redis}"
cmd = "HGET mqtt_user:\${username} password_hash"
[[authentication]]
mechanism = "password_based"
backend = "ldap"
server = "127.0.0.1:1"
username = "cn=gate"
password = "${CONFIGURED.ldap}"
base_dn = "uid=\${username},dc=example"
method = { type = "bind" }
[[authentication]]
mechanism = "password_based"
backend = "http"
method = "get"
url = "http://127.0.0.1:1/login"
headers = { "x-api-key" = "${CONFIGURED.header}", authorization = "Bearer ${CONFIGURED.header}" }
body = { username = "\${username}", password = "\${password}" }
[[authentication]]
mechanism = "jwt"
use_jwks = false
algorithm = "hmac-based"
secret = "${CONFIGURED.hmac}"
verify_claims = { sub = "\${username}" }
[[authorization.sources]]
type = "mongodb"
mongo_type = "single"
server = "127.0.0.1:1"
username = "gate"
password = "${CONFIGURED.mongodb}"
database = "mqtt"
collection = "acl"
filter = { username = "\${username}" }
topology = { server_selection_timeout_ms = "200ms" }
[[authorization.sources]]
type = "redis"
server = "127.0.0.1:1"
password = "file://${secretFile}"
cmd = "HGETALL mqtt_acl:\${username}"
[gateway.nats.listeners.tcp.open]
bind = "127.0.0.1:0"
enable_authn = false
`;
}

function lookThrough(text: string, where: string): void {
  for (const one of SECRETS) {
    const at = text.indexOf(one);
    assert.ok(at < 0, `${where} shows ${one}: ...${text.slice(Math.max(0, at - 200), at + 60)}`);
  }
}

async function knockOnNats(gateway: GatewayProcess, connect: string): Promise<void> {
  using raw = await RawNats.connect(gateway.nats);
  await raw.send(`CONNECT ${connect}\r\n`);
  while (await raw.line() !== null);
}

async function knockOnMqtt(gateway: GatewayProcess, password: string): Promise<void> {
  using raw = await RawMqtt.connect(gateway.mqtt, 5);
  await raw.send({
    cmd: "connect",
    protocolId: "MQTT",
    protocolVersion: 5,
    clean: true,
    keepalive: 60,
    clientId: "c1",
    username: "alice",
    password: Buffer.from(password),
  });
  await raw.rest();
}

/** Everybody who tries something wrong. */
async function knockEverywhere(gateway: GatewayProcess): Promise<void> {
  for (
    const fields of [
      { auth_token: PRESENTED.token },
      { user: "alice", pass: PRESENTED.password },
      { user: "alice", pass: [PRESENTED.password] },
      { jwt: userJwt, sig: PRESENTED.nonceSignature, nkey: user.getPublicKey() },
      { jwt: `x${userJwt}`, sig: PRESENTED.nonceSignature },
    ]
  ) await knockOnNats(gateway, JSON.stringify({ verbose: true, ...fields }));
  await knockOnNats(gateway, `{"verbose":true,"pass":"${PRESENTED.broken}"`);
  await knockOnNats(gateway, `{"verbose":"no","pass":"${PRESENTED.broken}"}`);
  await knockOnMqtt(gateway, PRESENTED.mqtt);
  await knockOnMqtt(gateway, userJwt);
  using broken = await RawMqtt.connect(gateway.mqtt, 5);
  await broken.sendBytes(
    Uint8Array.of(0x10, 60, 0, 4, ...new TextEncoder().encode(`MQTT\x05\xc6${PRESENTED.broken}`)),
  );
  // Somebody who is in, and asks sources that are not there.
  using inside = await RawNats.connect(gateway.port("nats:tcp:open"));
  await inside.send(`CONNECT {"verbose":true,"pass":"${PRESENTED.password}"}\r\nPUB a 1\r\nx\r\n`);
  await inside.expect("+OK");
  await inside.line();
}

Deno.test("no secret is in the log at level debug, in answers of the API, in pages, or in what check prints", async () => {
  const dir = Deno.makeTempDirSync();
  const secretFile = `${dir}/secret`;
  Deno.writeTextFileSync(secretFile, `${CONFIGURED.inFile}\n`);
  try {
    await using gateway = await startGateway({ config: config(secretFile) });
    await knockEverywhere(gateway);
    const api = Number(/administration on http:\/\/127\.0\.0\.1:(\d+)/.exec(gateway.log())![1]);
    const key = Deno.readTextFileSync(`${gateway.dir}/data/admin.key`).trim();
    const ask = async (path: string, init: RequestInit = {}) => {
      const headers = { authorization: `Basic ${btoa(key)}`, ...init.headers };
      const url = `http://127.0.0.1:${api}${path}`;
      const answer = await within(fetch(url, { ...init, headers }), path);
      const text = await within(answer.text(), path);
      lookThrough(text, `${init.method ?? "GET"} ${path}`);
      return { status: answer.status, text };
    };
    const { text } = await ask("/api-docs/openapi.json");
    const document = JSON.parse(text) as { paths: Record<string, { get?: object }> };
    const plain = Object.entries(document.paths)
      .filter(([path, { get }]) => get !== undefined && !path.includes("{"))
      .map(([path]) => path.startsWith("/api/v5") ? path : `/api/v5${path}`);
    assert.ok(plain.length > 20, plain.join());
    const asked = await Promise.all([
      ...plain.filter((path) => !/backup|tail/.test(path)),
      "/api/v5/gateways/nats",
      "/api/v5/gateways/nats/authentication",
      "/api/v5/gateways/nats/listeners/nats:tcp:open",
      "/api/v5/gateways/nats/clients",
      "/api/v5/authentication/jwt",
      "/api/v5/authentication/password_based:redis",
      "/api/v5/authentication/password_based:http",
      "/api/v5/authorization/sources/mongodb",
      "/api/v5/authorization/sources/redis",
      "/dashboard",
    ].map((path) => ask(path)));
    assert.ok(asked.filter(({ status }) => status === 200).length > 20);
    // What is written back comes with stars, and what is refused is not repeated.
    const login = { username: "root", password: PRESENTED.password };
    await ask("/api/v5/login", { method: "POST", body: JSON.stringify(login) });
    const odd = { mechanism: "jwt", secret: [CONFIGURED.hmac], password: CONFIGURED.mysql };
    await ask("/api/v5/gateways/nats/authentication", {
      method: "PUT",
      body: JSON.stringify(odd),
      headers: { "content-type": "application/json" },
    });
    // A reload that fails says why, and not with what.
    const path = `${gateway.dir}/config.toml`;
    const good = Deno.readTextFileSync(path);
    Deno.writeTextFileSync(
      path,
      good.replace(`token = "${CONFIGURED.token}"`, (line) => `${line}x`),
    );
    gateway.child.kill("SIGHUP");
    await until(() => /not valid TOML|reload.*fail|not reloaded/i.test(gateway.log()), "an error");
    assert.match(gateway.log(), /DEBUG/);
    assert.match(gateway.log(), /login refused/);
    assert.match(gateway.log(), /no usable answer/);
    assert.equal(await gateway.stop(), 0);
    lookThrough(gateway.log(), "the log");

    const check = async (changed: string) => {
      Deno.writeTextFileSync(path, changed);
      const main = new URL("../../main.ts", import.meta.url).pathname;
      for (const more of [[], ["--json"]]) {
        const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
          args: ["run", "-A", main, "check", "--config", path, ...more],
        }).output();
        const decoder = new TextDecoder();
        lookThrough(decoder.decode(stdout) + decoder.decode(stderr), "natsgate check");
      }
    };
    await check(good);
    await check(good.replaceAll(/"(sEcr3t-\w+)"/g, '["$1"]'));
    await check(good.replaceAll(/^(password|secret|token) =/gm, "pasword ="));
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

/** Subscriptions until the memory of the process is used up; more than that many never fit. */
const SUBSCRIPTIONS_MAX = 2_000_000;
const SUBSCRIPTIONS_AT_ONCE = 5000;

Deno.test("a process that dies of want of memory says so, and nothing of what it knew", async () => {
  const [settings] = config("").split("[[authorization.sources]]");
  await using gateway = await startGateway({
    config: `${settings}[gateway.nats.listeners.tcp.open]\nbind = "127.0.0.1:0"\n` +
      "enable_authn = false\n",
    env: { DENO_V8_FLAGS: "--max-old-space-size=64" },
  });
  await knockOnNats(gateway, JSON.stringify({ auth_token: PRESENTED.token }));
  await knockOnMqtt(gateway, PRESENTED.mqtt);
  using raw = await RawNats.connect(gateway.port("nats:tcp:open"));
  const connect = { verbose: false, user: "u", pass: PRESENTED.password };
  await raw.send(`CONNECT ${JSON.stringify(connect)}\r\n`);
  try {
    for (let first = 0; first < SUBSCRIPTIONS_MAX; first += SUBSCRIPTIONS_AT_ONCE) {
      let lines = "";
      for (let i = first; i < first + SUBSCRIPTIONS_AT_ONCE; i++) lines += `SUB a.${i}.> ${i}\r\n`;
      await raw.send(lines);
    }
  } catch { /* it is gone */ }
  const { success } = await within(gateway.child.status, "the process to die");
  assert.equal(success, false);
  assert.match(gateway.log(), /out of memory/i);
  lookThrough(gateway.log(), "the crash");
});
