import assert from "node:assert/strict";
import { createHash, pbkdf2Sync } from "node:crypto";
import bcrypt from "bcryptjs";
import { SERVICE_PASSWORD, startMariadb, startPostgres } from "../kit/databases.ts";
import { PROGRAMS, type Service, skipNote } from "../kit/services.ts";
import { checkSilence, type TestAccess, testAccess } from "./config.ts";
import { DOWN, mqttCredentials, principalOf } from "./kit.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const BCRYPT = bcrypt.hashSync("b-pass", 5);
const PBKDF2 = pbkdf2Sync("p-pass", "salt", 100, 32, "sha256").toString("hex");

const TABLES = `
CREATE TABLE mqtt_user (
  username varchar(100) PRIMARY KEY, password_hash varchar(200), salt varchar(40),
  is_superuser SUPER, algorithm varchar(10), ipaddress varchar(60)
);
INSERT INTO mqtt_user VALUES
  ('alice', '${sha256("a-passNaCl")}', 'NaCl', FALSE, 'sha', NULL),
  ('root', '${sha256("r-pass")}', NULL, TRUE, 'sha', NULL),
  ('nohash', NULL, NULL, FALSE, 'sha', NULL),
  ('o''brien', '${sha256("o-pass")}', '', FALSE, 'sha', NULL),
  ('bob', '${BCRYPT}', '', FALSE, 'bcrypt', NULL),
  ('paul', '${PBKDF2}', 'salt', FALSE, 'pbkdf2', NULL);
CREATE TABLE mqtt_acl (
  id int, username varchar(100), permission varchar(10), action varchar(9), topic varchar(100),
  qos smallint, retain smallint, ipaddress varchar(60)
);
INSERT INTO mqtt_acl VALUES
  (1, 'alice', 'deny', 'publish', 'a/secret', NULL, NULL, NULL),
  (2, 'alice', 'allow', 'all', 'a/#', NULL, NULL, NULL),
  (3, 'alice', 'allow', 'publish', '\${username}/x', NULL, 0, NULL),
  (1, 'broken', 'allow', 'publish', 'a/#', NULL, NULL, NULL),
  (2, 'broken', 'permit', 'publish', 'a/#', NULL, NULL, NULL);
`;

interface Database {
  readonly name: "mysql" | "postgresql";
  readonly program: string | undefined;
  start(): Promise<Service>;
}

const DATABASES: readonly Database[] = [
  {
    name: "postgresql",
    program: PROGRAMS.postgres,
    start: () => startPostgres(TABLES.replace("SUPER", "boolean")),
  },
  {
    name: "mysql",
    program: PROGRAMS.mariadb,
    start: () => startMariadb(TABLES.replace("SUPER", "tinyint")),
  },
];

const QUERY = "SELECT password_hash, salt, is_superuser FROM mqtt_user " +
  "WHERE username = '${username}' LIMIT 1";
const RULES = "SELECT * FROM mqtt_acl WHERE username = ${username} ORDER BY id";

function connection(service: Service, changes: string): string {
  return `
server = "127.0.0.1:${service.port}"
database = "mqtt"
username = "gate"
password = "${SERVICE_PASSWORD}"
query_timeout = "3s"
connect_timeout = "3s"
${changes}`;
}

function loginConfig(name: string, service: Service, changes = "", profile = "legacy"): string {
  const algorithm = changes.includes("password_hash_algorithm")
    ? ""
    : 'password_hash_algorithm = { name = "sha256", salt_position = "suffix" }';
  const query = changes.includes("query =") ? "" : `query = "${QUERY}"`;
  return `security_profile = "${profile}"
[[authentication]]
mechanism = "password_based"
backend = "${name}"
${algorithm}
${query}
${connection(service, changes)}`;
}

for (const { name, program, start } of DATABASES) {
  const ignore = program === undefined;
  Deno.test({
    name: `${name}: logins, rules, TLS and failures, on a real server${skipNote(program, name)}`,
    ignore,
    async fn(t) {
      await using service = await start();
      await t.step("who is let in", () => logins(name, service));
      await t.step("hash algorithms", () => algorithms(name, service));
      await t.step("without prepared statements", async () => {
        await using on = await testAccess(
          loginConfig(name, service, "disable_prepared_statements = true"),
        );
        assert.equal(await on.login("o'brien", "o-pass"), "in: o'brien");
        assert.equal(await on.login("alice' OR '1'='1", "a-pass"), "out: not_authorized");
      });
      await t.step("TLS", () => tls(name, service));
      await t.step("rules", () => rules(name, service));
      await t.step("a server that falls silent, and comes back", () => silence(name, service));
      await t.step("nonsense", async () => {
        await using on = await testAccess(
          loginConfig(name, service, 'query = "SELECT nothing FROM nowhere WHERE x = ${username}"'),
        );
        assert.equal(await on.login("alice", "a-pass"), DOWN);
        assert.ok(on.lines.some((line) => line.includes("backend gave no usable answer")));
      });
      await t.step("a complaint that repeats the client's password", async () => {
        if (name === "mysql") return; // Says nothing of the value.
        const cast = "CAST(${password} AS int)";
        await using on = await testAccess(loginConfig(
          name,
          service,
          `query = "SELECT * FROM mqtt_user WHERE username = \${username} AND ${cast} IS NULL"`,
        ));
        assert.equal(await on.login("alice", "my-Pr1vate-word"), DOWN);
        assert.ok(on.lines.some((line) => line.includes("backend gave no usable answer")));
        assert.ok(!on.lines.join("\n").includes("my-Pr1vate-word"), on.lines.join("\n"));
      });
    },
  });
}

Deno.test("a database that is not there: bounded, closed under hardened, and the password is not logged", async () => {
  for (const name of ["mysql", "postgresql"]) {
    const nowhere = { port: 1 } as Service;
    await using legacy = await testAccess(loginConfig(name, nowhere));
    assert.equal(await legacy.login("alice", "a-pass"), DOWN);
    await using hardened = await testAccess(loginConfig(name, nowhere, "", "hardened"));
    assert.match(
      await hardened.login("alice", "a-pass"),
      /^out: not_authorized: .*does not answer/,
    );
    for (const { lines } of [legacy, hardened]) {
      assert.ok(lines.length > 0);
      assert.ok(!lines.join("\n").includes(SERVICE_PASSWORD));
      assert.ok(!lines.join("\n").includes("a-pass"));
    }
  }
});

async function logins(name: string, service: Service): Promise<void> {
  await using on = await testAccess(loginConfig(name, service));
  const cases: [string | undefined, string | undefined, string][] = [
    ["alice", "a-pass", "in: alice"],
    ["alice", "wrong", "out: bad_username_or_password"],
    ["alice", "", "out: bad_username_or_password"],
    ["alice", undefined, "out: bad_username_or_password"],
    ["alice", "x".repeat(70_000), "out: bad_username_or_password"],
    ["ALICE2", "a-pass", "out: not_authorized"],
    ["nobody", "a-pass", "out: not_authorized"],
    ["", "a-pass", "out: not_authorized"],
    [undefined, undefined, "out: not_authorized"],
    ["nohash", "a-pass", "out: not_authorized"],
    ["nohash", "", "out: not_authorized"],
    ["o'brien", "o-pass", "in: o'brien"],
    ["alice'; DROP TABLE mqtt_user; --", "a-pass", "out: not_authorized"],
    ["alice", "a-pass", "in: alice"],
  ];
  for (const [user, password, expected] of cases) {
    assert.equal(await on.login(user, password), expected, `${user} ${password?.slice(0, 20)}`);
  }
  const authenticator = on.access.authenticatorFor("mqtt:tcp:default");
  const root = await principalOf(authenticator.authenticate(mqttCredentials("root", "r-pass")));
  assert.equal(root.superuser, true);
  assert.equal(root.method, name);
}

async function algorithms(name: string, service: Service): Promise<void> {
  const login = async (algorithm: string, user: string, password: string) => {
    await using on = await testAccess(
      loginConfig(name, service, `password_hash_algorithm = ${algorithm}`),
    );
    return await on.login(user, password);
  };
  assert.equal(await login('{ name = "bcrypt" }', "bob", "b-pass"), "in: bob");
  assert.equal(await login('{ name = "bcrypt" }', "bob", "x"), "out: bad_username_or_password");
  const pbkdf2 = '{ name = "pbkdf2", mac_fun = "sha256", iterations = 100, dk_length = 32 }';
  assert.equal(await login(pbkdf2, "paul", "p-pass"), "in: paul");
  assert.equal(await login(pbkdf2, "paul", "x"), "out: bad_username_or_password");
}

async function tls(name: string, service: Service): Promise<void> {
  const login = async (ssl: string) => {
    await using on = await testAccess(loginConfig(name, service, `ssl = ${ssl}`));
    return await on.login("alice", "a-pass");
  };
  const ca = `cacertfile = "${service.dir}/ca.pem"`;
  assert.equal(await login(`{ enable = true, verify = "verify_peer", ${ca} }`), "in: alice");
  assert.equal(await login('{ enable = true, verify = "verify_none" }'), "in: alice");
  assert.equal(
    await login('{ enable = true, verify = "verify_peer" }'),
    DOWN,
    "signed by nobody that is known",
  );
}

async function rules(name: string, service: Service): Promise<void> {
  const config = (profile: string, no_match: string) =>
    `security_profile = "${profile}"
[authorization]
no_match = "${no_match}"
[[authorization.sources]]
type = "${name}"
query = "${RULES}"
${connection(service, "")}`;
  await using on = await testAccess(config("legacy", "deny"));
  assert.equal(await on.mayPublish("a/b"), true);
  assert.equal(await on.mayPublish("a/secret"), false);
  assert.equal(await on.mayPublish("alice/x"), true);
  assert.equal(await on.mayPublish("b"), false);
  assert.equal(await on.mayPublish("a/b", { username: "bob" }), false);
  assert.equal(await on.mayPublish("a/b", { username: "broken" }), false, "one bad row spoils all");
  await using open = await testAccess(config("legacy", "allow"));
  assert.equal(await open.mayPublish("a/b", { username: "broken" }), true, "passed over");
  await using hardened = await testAccess(config("hardened", "allow"));
  assert.equal(await hardened.mayPublish("a/b", { username: "broken" }), false);
}

async function silence(name: string, service: Service): Promise<void> {
  await using on: TestAccess = await testAccess(loginConfig(name, service));
  await checkSilence(on, service);
}
