/**
 * Who is let in over the wire, for every backend that passwords can be checked with: each way to
 * get it right or wrong, over NATS and MQTT, against the real server of each (MongoDB: a stand-in).
 */
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync } from "node:crypto";
import { Redis } from "ioredis";
import { type CryptoKey, exportJWK, exportSPKI, importPKCS8, SignJWT } from "jose";
import { Client as LdapClient } from "ldapts";
import mysql from "mysql2/promise";
import postgres from "postgres";
import { type Gateway, startGateway } from "../../gateway/gateway.ts";
import { SERVICE_PASSWORD } from "../kit/databases.ts";
import { startMariadb, startPostgres, startRedis, startSlapd } from "../kit/databases.ts";
import { HttpService, json } from "../kit/http_service.ts";
import { MongodbStandIn } from "../kit/mongodb_stand_in.ts";
import { RawMqtt } from "../kit/raw_mqtt.ts";
import { RawNats } from "../kit/raw_nats.ts";
import { PROGRAMS, type Service } from "../kit/services.ts";
import { within } from "../kit/wait.ts";
import { configOf, recordingLog } from "./config.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const RIGHT = "a-pass-right";
const HASH = sha256(`NaCl${RIGHT}`);

/** What a client presents; undefined: absent. NATS can say anything in JSON, MQTT only bytes. */
interface Presented {
  readonly user?: unknown;
  readonly pass?: unknown;
}

/** A way to check passwords, on listeners of its own. */
interface Backend {
  readonly name: string;
  /** Fields of the authenticator. */
  readonly fields: string;
  /** Takes alice away; undefined: nothing can be taken away. */
  readonly revoke?: () => unknown;
  /** Cases beside those of all. The value: let in or not. */
  readonly more?: readonly (readonly [string, Presented, boolean])[];
  /** What alice presents. */
  readonly right?: string;
}

const alice = (pass: unknown): Presented => ({ user: "alice", pass });

/** Everything that keeps a client out, whatever the backend. */
function wrongs(right: string): [string, Presented, boolean][] {
  const cases: [string, Presented][] = [
    ["wrong", alice("b-pass-wrong")],
    ["other capitals", alice(right.toUpperCase())],
    ["absent", {}],
    ["no password", { user: "alice" }],
    ["empty password", alice("")],
    ["both empty", { user: "", pass: "" }],
    ["null as password", alice(null)],
    ["null as both", { user: null, pass: null }],
    ["a number", alice(7)],
    ["true", alice(true)],
    ["a list", alice([right])],
    ["an object", alice({ $ne: "" })],
    ["an object as both", { user: { $ne: null }, pass: { $ne: null } }],
    ["oversize", alice("x".repeat(3000))],
    ["more oversize", alice("x".repeat(60_000))],
    ["right, and then something", alice(`${right}\0`)],
    ["the text undefined", { user: "undefined", pass: "undefined" }],
    ["the text null", { user: "null", pass: "null" }],
  ];
  return cases.map(([name, presented]) => [name, presented, false]);
}

/** What only names can get wrong; a JWT alone says who may come in. */
function wrongNames(right: string): [string, Presented, boolean][] {
  const names: unknown[] = [
    ...["bob", "", "*", "alice)(uid=*", "alice' OR '1'='1", "alice'; DROP TABLE mqtt_user; --"],
    ...[
      "alice\0",
      '{"$ne": ""}',
      "alice password_hash\r\nFLUSHALL\r\n",
      "../alice",
      "x".repeat(3000),
    ],
    ...[null, 7, ["alice"], { $ne: "" }],
  ];
  return [
    ["no user", { pass: right }, false],
    ...names.map((user): [string, Presented, boolean] => [
      `user ${JSON.stringify(user)?.slice(0, 40)}`,
      { user, pass: right },
      false,
    ]),
  ];
}

async function overNats(port: number, { user, pass }: Presented): Promise<boolean> {
  using raw = await RawNats.connect(port);
  const fields = { verbose: true, pedantic: false, user, pass };
  await raw.send(`CONNECT ${JSON.stringify(fields)}\r\n`);
  const answer = await within(raw.line(), "an answer to CONNECT");
  if (answer === "+OK") return true;
  assert.match(answer ?? "closed", /^-ERR '|^closed$/);
  return false;
}

/** Undefined: MQTT cannot say that. */
async function overMqtt(port: number, { user, pass }: Presented): Promise<boolean | undefined> {
  const parts = [user, pass].map((part) => part === null ? undefined : part);
  if (!parts.every((part) => part === undefined || typeof part === "string")) return undefined;
  using raw = await RawMqtt.connect(port, 5);
  await raw.sendBytes(mqttConnect(parts as (string | undefined)[]));
  const answer = await raw.packet();
  if (answer?.cmd === "connack" && answer.reasonCode === 0) return true;
  assert.ok(answer === undefined || answer.cmd === "connack", JSON.stringify(answer));
  return false;
}

/** A CONNECT of MQTT 5.0 with any fields, or none: libraries refuse some of them. */
function mqttConnect([user, pass]: readonly (string | undefined)[]): Uint8Array {
  const field = (text: string) => {
    const bytes = new TextEncoder().encode(text);
    return [bytes.length >> 8, bytes.length & 0xff, ...bytes];
  };
  const flags = 0x02 | (user === undefined ? 0 : 0x80) | (pass === undefined ? 0 : 0x40);
  const body = [...field("MQTT"), 5, flags, 0, 60, 0, ...field("")];
  if (user !== undefined) body.push(...field(user));
  if (pass !== undefined) body.push(...field(pass));
  const length: number[] = [];
  for (let rest = body.length; length.length === 0 || rest > 0; rest >>= 7) {
    length.push(rest & 0x7f | (rest > 0x7f ? 0x80 : 0));
  }
  return Uint8Array.of(0x10, ...length, ...body);
}

const SQL = `
CREATE TABLE mqtt_user (username varchar(100) PRIMARY KEY, password_hash varchar(200), salt varchar(40));
INSERT INTO mqtt_user VALUES ('alice', '${HASH}', 'NaCl'), ('nohash', NULL, NULL);
`;

function sqlBackend(name: "mysql" | "postgresql", service: Service): Backend {
  const remove = "DELETE FROM mqtt_user WHERE username = 'alice'";
  const where = { host: "127.0.0.1", port: service.port, database: "mqtt" };
  return {
    name,
    fields: `mechanism = "password_based"
backend = "${name}"
server = "127.0.0.1:${service.port}"
database = "mqtt"
username = "gate"
password = "${SERVICE_PASSWORD}"
query = "SELECT password_hash, salt FROM mqtt_user WHERE username = \${username}"`,
    more: [["no hash in the row", { user: "nohash", pass: RIGHT }, false]],
    async revoke() {
      if (name === "mysql") {
        const client = await mysql.createConnection({
          ...where,
          user: "gate",
          password: SERVICE_PASSWORD,
        });
        await client.query(remove);
        await client.end();
      } else {
        const client = postgres({ ...where, username: "gate", password: SERVICE_PASSWORD });
        await client.unsafe(remove);
        await client.end();
      }
    },
  };
}

async function redisBackend(service: Service): Promise<Backend> {
  const use = async (job: (client: Redis) => Promise<unknown>) => {
    const client = new Redis({ port: service.port, password: SERVICE_PASSWORD });
    await job(client);
    client.disconnect();
  };
  await use((client) => client.hset("mqtt_user:alice", { password_hash: HASH, salt: "NaCl" }));
  return {
    name: "redis",
    fields: `mechanism = "password_based"
backend = "redis"
server = "127.0.0.1:${service.port}"
password = "${SERVICE_PASSWORD}"
cmd = "HMGET mqtt_user:\${username} password_hash salt"`,
    revoke: () => use((client) => client.del("mqtt_user:alice")),
  };
}

const SSHA = `{SSHA}${btoa(createHash("sha1").update(`${RIGHT}NaCl`).digest("latin1") + "NaCl")}`;
const LDIF = `dn: uid=alice,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
cn: alice
sn: alice
uid: alice
userPassword: ${SSHA}
`;

function ldapBackends(service: Service): Backend[] {
  const fields = (method: string) =>
    `mechanism = "password_based"
backend = "ldap"
server = "127.0.0.1:${service.port}"
username = "cn=gate,dc=example,dc=com"
password = "${SERVICE_PASSWORD}"
base_dn = "ou=people,dc=example,dc=com"
filter = "(uid=\${username})"
method = ${method}`;
  return [
    { name: "ldap_hash", fields: fields('{ type = "hash" }') },
    {
      name: "ldap_bind",
      fields: fields('{ type = "bind" }'),
      async revoke() {
        const client = new LdapClient({ url: `ldap://127.0.0.1:${service.port}` });
        await client.bind("cn=gate,dc=example,dc=com", SERVICE_PASSWORD);
        await client.del("uid=alice,ou=people,dc=example,dc=com");
        await client.unbind();
      },
    },
  ];
}

function mongodbBackend(server: MongodbStandIn, documents: unknown[]): Backend {
  return {
    name: "mongodb",
    fields: `mechanism = "password_based"
backend = "mongodb"
mongo_type = "single"
server = "127.0.0.1:${server.port}"
database = "mqtt"
collection = "mqtt_user"
filter = { username = "\${username}" }`,
    revoke: () => documents.length = 0,
  };
}

async function httpBackend(): Promise<{ service: HttpService; backend: Backend }> {
  let known = true;
  const service = await HttpService.start(({ body }) => {
    const { username, password } = JSON.parse(body);
    if (!known || username !== "alice") return json({ result: "ignore" });
    const now_s = Math.floor(Date.now() / 1000);
    if (password === "expired-pass") return json({ result: "allow", expire_at: now_s - 1 });
    return json({ result: password === RIGHT ? "allow" : "deny" });
  });
  const backend: Backend = {
    name: "http",
    fields: `mechanism = "password_based"
backend = "http"
method = "post"
url = "${service.url}"
body = { username = "\${username}", password = "\${password}" }`,
    more: [["expired", alice("expired-pass"), false]],
    revoke: () => known = false,
  };
  return { service, backend };
}

const HMAC = "hmac-secret-of-at-least-32-bytes!";

type SigningKey = CryptoKey | Uint8Array;

async function tokensOf(key: SigningKey, alg: string, other: SigningKey) {
  const now_s = Math.floor(Date.now() / 1000);
  const sign = (claims: Record<string, unknown>, by = key) =>
    new SignJWT({ sub: "alice", ...claims }).setProtectedHeader({ alg, kid: "k1" }).sign(by);
  const right = await sign({ exp: now_s + 600 });
  const none = `${btoa('{"alg":"none"}').replaceAll("=", "")}.${right.split(".")[1]}.`;
  const more: [string, Presented, boolean][] = [
    ["expired", alice(await sign({ exp: now_s - 1 })), false],
    ["not yet", alice(await sign({ nbf: now_s + 600 })), false],
    ["an end that is no time", alice(await sign({ exp: "soon" })), false],
    ["another's", alice(await sign({ exp: now_s + 600 }, other)), false],
    ["another subject", { user: "bob", pass: right }, false],
    ["a subject that is a list with the name", alice(await sign({ sub: ["x", "alice"] })), true],
    ["a subject that is an object", alice(await sign({ sub: { alice: 1 } })), false],
    ["no algorithm", alice(none), false],
    ["spoiled", alice(right.slice(0, -6) + "AAAAAA"), false],
    ["two parts", alice(right.split(".").slice(0, 2).join(".")), false],
    ["only dots", alice(".."), false],
  ];
  return { right, more };
}

async function jwtBackends(): Promise<{ service: HttpService; backends: Backend[] }> {
  const pair = async () => {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const pem = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
    return { key: await importPKCS8(pem, "ES256"), publicKey };
  };
  const [own, other] = [await pair(), await pair()];
  const bytes = (text: string) => new TextEncoder().encode(text);
  const jwk = { ...await exportJWK(own.publicKey), kid: "k1" };
  const service = await HttpService.start(() => json({ keys: [jwk] }));
  const pem = JSON.stringify(await exportSPKI(own.publicKey as unknown as CryptoKey));
  const signed = await tokensOf(own.key, "ES256", other.key);
  const hmac = await tokensOf(bytes(HMAC), "HS256", bytes(HMAC.toUpperCase()));
  const claims = 'verify_claims = { sub = "${username}" }';
  return {
    service,
    backends: [
      {
        name: "jwt_hmac",
        fields: `mechanism = "jwt"\nuse_jwks = false\nalgorithm = "hmac-based"
secret = "${HMAC}"\n${claims}`,
        ...hmac,
      },
      {
        name: "jwt_key",
        fields: `mechanism = "jwt"\nuse_jwks = false\nalgorithm = "public-key"
public_key = ${pem}\n${claims}`,
        ...signed,
      },
      {
        name: "jwt_jwks",
        fields: `mechanism = "jwt"\nuse_jwks = true\nendpoint = "${service.url}"\n${claims}`,
        ...signed,
      },
    ],
  };
}

function configFor(backends: readonly Backend[]): string {
  return `store = { type = "memory" }
dashboard.listeners.http.bind = 0
[authentication_settings.login_throttle]
enable = false
[gateway.nats.listeners.tcp.default]
enable = false
[listeners.tcp.default]
enable = false
[gateway.nats.listeners.ws.default]
enable = false
[listeners.ws.default]
enable = false
` + backends.map(({ name, fields }) =>
    `[gateway.nats.listeners.tcp.${name}]
bind = "127.0.0.1:0"
[gateway.nats.listeners.tcp.${name}.authentication]
${fields}
[listeners.tcp.${name}]
bind = "127.0.0.1:0"
[[listeners.tcp.${name}.authentication]]
${fields}
`
  ).join("");
}

async function check(
  gateway: Gateway,
  backend: Backend,
  cases: readonly (readonly [string, Presented, boolean])[],
): Promise<void> {
  const port = (protocol: string) => gateway.listeners.get(`${protocol}:tcp:${backend.name}`)!.port;
  for (const [name, presented, expected] of cases) {
    assert.equal(await overNats(port("nats"), presented), expected, `NATS: ${name}`);
    const mqtt = await overMqtt(port("mqtt"), presented);
    if (mqtt !== undefined) assert.equal(mqtt, expected, `MQTT: ${name}`);
  }
}

Deno.test("who is let in, by every backend, over NATS and MQTT; what they presented is not logged", async (t) => {
  await using stack = new AsyncDisposableStack();
  const backends: Backend[] = [];
  const users = Deno.makeTempFileSync({ suffix: ".csv" });
  stack.defer(() => Deno.remove(users));
  Deno.writeTextFileSync(users, `user_id,password\nalice,${RIGHT}\n`);
  let gateway: Gateway | undefined = undefined;
  backends.push({
    name: "built_in",
    fields: `mechanism = "password_based"\nbackend = "built_in_database"
bootstrap_file = "${users}"`,
    revoke: () =>
      ["nats", "mqtt"].forEach((one) =>
        gateway!.access.users(`${one}:tcp:built_in`).delete("alice")
      ),
  });
  if (PROGRAMS.postgres) {
    backends.push(sqlBackend("postgresql", stack.use(await startPostgres(SQL))));
  }
  if (PROGRAMS.mariadb) backends.push(sqlBackend("mysql", stack.use(await startMariadb(SQL))));
  if (PROGRAMS.redis) backends.push(await redisBackend(stack.use(await startRedis())));
  if (PROGRAMS.slapd) backends.push(...ldapBackends(stack.use(await startSlapd(LDIF))));
  const documents = [{ username: "alice", password_hash: HASH, salt: "NaCl" }];
  backends.push(mongodbBackend(stack.use(new MongodbStandIn(documents)), documents));
  const http = await httpBackend();
  stack.use(http.service);
  backends.push(http.backend);
  const jwt = await jwtBackends();
  stack.use(jwt.service);
  backends.push(...jwt.backends);

  const lines: string[] = [];
  gateway = await startGateway(configOf(configFor(backends)), { log: recordingLog(lines) });
  stack.defer(() => gateway!.stop(Date.now() + 2000));
  for (const backend of backends) {
    const isToken = backend.right !== undefined;
    const right = backend.right ?? RIGHT;
    await t.step(backend.name, () =>
      check(gateway!, backend, [
        ["right", alice(right), true],
        ...wrongs(right),
        ...(isToken ? [] : wrongNames(right)),
        ...backend.more ?? [],
        // Nothing of that has spoiled anything for the others.
        ["right, once more", alice(right), true],
      ]));
  }
  for (const backend of backends) {
    if (backend.revoke === undefined) continue;
    await t.step(`${backend.name}: taken away`, async () => {
      await backend.revoke!();
      await check(gateway!, backend, [["revoked", alice(RIGHT), false]]);
    });
  }
  const log = lines.join("\n");
  assert.match(log, /login refused/);
  const secrets = [RIGHT, "b-pass-wrong", SERVICE_PASSWORD, HASH, SSHA, HMAC];
  const tokens = jwt.backends.flatMap(({ right }) => right!.split(".").slice(1));
  for (const secret of [...secrets, ...tokens]) assert.ok(!log.includes(secret), secret);
});
