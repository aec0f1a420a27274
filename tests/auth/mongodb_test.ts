import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { MongodbStandIn } from "../kit/mongodb_stand_in.ts";
import { until } from "../kit/wait.ts";
import { testAccess } from "./config.ts";
import { DOWN, mqttCredentials, principalOf } from "./kit.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const USERS = [
  { username: "alice", password_hash: sha256("NaCla-pass"), salt: "NaCl", is_superuser: true },
  { username: "nohash", salt: "x" },
  { username: "odd", password_hash: 7 },
];

const connection = (port: number) => `
server = "127.0.0.1:${port}"
mongo_type = "single"
database = "mqtt"`;

const config = (where: string) => `
[[authentication]]
mechanism = "password_based"
backend = "mongodb"
collection = "mqtt_user"
filter = { username = "\${username}" }
${where}`;

Deno.test("mongodb (stand-in server, real driver): who is let in", async () => {
  await using server = new MongodbStandIn(USERS);
  await using on = await testAccess(config(connection(server.port)));
  const cases: [string | undefined, string | undefined, string][] = [
    ["alice", "a-pass", "in: alice"],
    ["alice", "wrong", "out: bad_username_or_password"],
    ["alice", "", "out: bad_username_or_password"],
    ["alice", undefined, "out: bad_username_or_password"],
    ["nobody", "a-pass", "out: not_authorized"],
    ["", "a-pass", "out: not_authorized"],
    [undefined, undefined, "out: not_authorized"],
    ["nohash", "a-pass", DOWN],
    ["odd", "7", DOWN],
    ['{"$ne": ""}', "a-pass", "out: not_authorized"],
    ["alice", "a-pass", "in: alice"],
  ];
  for (const [user, password, expected] of cases) {
    assert.equal(await on.login(user, password), expected, `${user} ${password}`);
  }
  const last = server.filters.findLast((filter) => String(filter.username).includes("$ne"));
  assert.deepEqual(last, { username: '{"$ne": ""}' }, "a value stays text");
  const who = on.access.authenticatorFor("mqtt:tcp:default")
    .authenticate(mqttCredentials("alice", "a-pass"));
  assert.equal((await principalOf(who)).superuser, true);
});

Deno.test("mongodb (stand-in server, real driver): a replica set is found by its name", async () => {
  await using server = new MongodbStandIn(USERS, "rs0");
  const rs = (name: string) => `
servers = "127.0.0.1:${server.port}"
mongo_type = "rs"
replica_set_name = "${name}"
database = "mqtt"
topology = { server_selection_timeout_ms = "500ms" }`;
  await using on = await testAccess(config(rs("rs0")));
  assert.equal(await on.login("alice", "a-pass"), "in: alice");
  await using wrong = await testAccess(config(rs("other")));
  assert.equal(await wrong.login("alice", "a-pass"), DOWN);
});

Deno.test("mongodb (stand-in server, real driver): rules; one bad document spoils them", async () => {
  await using server = new MongodbStandIn([
    { username: "alice", permission: "deny", action: "publish", topics: ["a/no"] },
    { username: "alice", permission: "allow", action: "all", topics: ["a/#", "${clientid}/x"] },
    { username: "broken", permission: "allow", action: "all", topics: ["a/#"] },
    { username: "broken", permission: "allow", action: "fly", topics: ["a/#"] },
  ]);
  await using on = await testAccess(`
[authorization]
no_match = "deny"
[[authorization.sources]]
type = "mongodb"
collection = "mqtt_acl"
filter = { username = "\${username}" }
${connection(server.port)}`);
  assert.equal(await on.mayPublish("a/b"), true);
  assert.equal(await on.mayPublish("a/no"), false);
  assert.equal(await on.mayPublish("client-1/x"), true);
  assert.equal(await on.mayPublish("b"), false);
  assert.equal(await on.mayPublish("a/b", { username: "broken" }), false);
});

Deno.test("mongodb (stand-in server, real driver): silent, then back", async () => {
  await using server = new MongodbStandIn(USERS);
  await using on = await testAccess(config(connection(server.port)));
  assert.equal(await on.login("alice", "a-pass"), "in: alice");
  server.silent = true;
  assert.equal(await on.login("alice", "a-pass"), DOWN);
  server.silent = false;
  await until(async () => await on.login("alice", "a-pass") === "in: alice", "mongodb to be back");
});
