/**
 * Authorization sources of every type in one configuration, against the real server of each
 * (MongoDB: a stand-in): they are asked in the order in which they are written.
 */
import assert from "node:assert/strict";
import { Redis } from "ioredis";
import { toTopic } from "../../gateway/core/topic.ts";
import {
  SERVICE_PASSWORD,
  startMariadb,
  startPostgres,
  startRedis,
  startSlapd,
} from "../kit/databases.ts";
import { HttpService, json } from "../kit/http_service.ts";
import { MongodbStandIn } from "../kit/mongodb_stand_in.ts";
import { PROGRAMS } from "../kit/services.ts";
import { type TestAccess, testAccess } from "./config.ts";
import { peer } from "./kit.ts";

/** Each source denies `t/<its type>`, allows `a/<its type>`, and says nothing of the rest. */
const rulesOf = (type: string) =>
  [["deny", `t/${type}`], ["allow", `a/${type}`]].map(([permission, topic]) => ({
    username: "alice",
    permission,
    action: "all",
    topic,
  }));

const table = (type: string) =>
  `CREATE TABLE acl (id int, username varchar(9), permission varchar(9), action varchar(9), topic varchar(40));
${
    rulesOf(type).map(({ permission, topic }, i) =>
      `INSERT INTO acl VALUES (${i}, 'alice', '${permission}', 'all', '${topic}');\n`
    ).join("")
  }`;

const sql = (type: string, port: number) =>
  `[[authorization.sources]]
type = "${type}"
server = "127.0.0.1:${port}"
database = "mqtt"
username = "gate"
password = "${SERVICE_PASSWORD}"
query = "SELECT * FROM acl WHERE username = \${username} ORDER BY id"
`;

// The directory is the last to be asked, and allows all that the others deny.
const LDIF = `dn: uid=alice,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
objectClass: mqttUser
cn: alice
sn: alice
uid: alice
mqttAclRule: {"permission": "allow", "action": "all", "topic": "t/#"}
`;

/** The decision on a publish: what, and by which source. */
async function decide(on: TestAccess, topic: string): Promise<string> {
  const authorizer = on.access.authorizerFor({
    protocol: "nats",
    clientId: "c1",
    peer: peer(),
    principal: { username: "alice", method: "test", superuser: false },
  });
  const { allowed, source } = await authorizer.publish(toTopic(topic)!, 0, false);
  return `${allowed ? "allow" : "deny"} by ${source.replace(/[[ :].*/, "")}`;
}

const { postgres, mariadb, redis, slapd } = PROGRAMS;
const ignore = [postgres, mariadb, redis, slapd].includes(undefined);

Deno.test({
  name: "sources of every type are asked in their order" +
    (ignore ? " (a database is not installed)" : ""),
  ignore,
  async fn() {
    await using stack = new AsyncDisposableStack();
    const mysqlServer = stack.use(await startMariadb(table("mysql")));
    const postgresServer = stack.use(await startPostgres(table("postgresql")));
    const redisServer = stack.use(await startRedis());
    const ldapServer = stack.use(await startSlapd(LDIF));
    const mongodb = stack.use(new MongodbStandIn(rulesOf("mongodb")));
    const http = stack.use(
      await HttpService.start(({ body }) => {
        const { topic } = JSON.parse(body);
        const result = topic === "t/http" ? "deny" : topic === "a/http" ? "allow" : "ignore";
        return json({ result });
      }),
    );
    const client = new Redis({ port: redisServer.port, password: SERVICE_PASSWORD });
    await client.hset("acl:alice", "a/redis", "all");
    client.disconnect();
    const rules = rulesOf("file").map((rule) =>
      `{ ${Object.entries(rule).map(([name, value]) => `${name} = "${value}"`).join(", ")} }`
    );
    const sources: Record<string, string> = {
      file: `[[authorization.sources]]\ntype = "file"\nrules_list = [${rules.join(", ")}]\n`,
      built_in_database: '[[authorization.sources]]\ntype = "built_in_database"\n',
      mysql: sql("mysql", mysqlServer.port),
      postgresql: sql("postgresql", postgresServer.port),
      mongodb: `[[authorization.sources]]
type = "mongodb"
mongo_type = "single"
server = "127.0.0.1:${mongodb.port}"
database = "mqtt"
collection = "acl"
filter = { username = "\${username}" }
`,
      redis: `[[authorization.sources]]
type = "redis"
server = "127.0.0.1:${redisServer.port}"
password = "${SERVICE_PASSWORD}"
cmd = "HGETALL acl:\${username}"
`,
      http: `[[authorization.sources]]
type = "http"
method = "post"
url = "${http.url}"
body = { topic = "\${topic}" }
`,
      ldap: `[[authorization.sources]]
type = "ldap"
server = "127.0.0.1:${ldapServer.port}"
username = "cn=gate,dc=example,dc=com"
password = "${SERVICE_PASSWORD}"
base_dn = "ou=people,dc=example,dc=com"
filter = "(uid=\${username})"
`,
    };
    const types = Object.keys(sources);
    const inOrder = async (order: readonly string[], profile = "legacy") => {
      const on = await testAccess(
        `security_profile = "${profile}"\n[authorization]\nno_match = "deny"\n` +
          order.map((type) => sources[type]).join(""),
      );
      on.access.rules.put("users", { owner: "alice", rules: rulesOf("built_in_database") });
      return on;
    };
    {
      await using on = await inOrder(types);
      for (const type of types.filter((one) => one !== "ldap")) {
        const place = type === "file" ? "rules_list" : type;
        assert.equal(await decide(on, `a/${type}`), `allow by ${place}`);
        const isDenied = type !== "redis";
        assert.equal(
          await decide(on, `t/${type}`),
          isDenied ? `deny by ${place}` : "allow by ldap",
          "redis can only allow",
        );
      }
      assert.equal(await decide(on, "t/of nobody"), "allow by ldap");
      assert.equal(await decide(on, "other"), "deny by authorization");
    }
    {
      await using on = await inOrder([...types].reverse());
      for (const type of types) {
        assert.equal(await decide(on, `t/${type}`), "allow by ldap", "it is the first now");
      }
      assert.equal(await decide(on, "a/file"), "allow by rules_list");
    }
    // One that does not answer is passed over, or stops everything when hardened.
    await http[Symbol.asyncDispose]();
    {
      await using on = await inOrder(types);
      assert.equal(await decide(on, "t/http"), "allow by ldap");
      assert.equal(await decide(on, "a/mysql"), "allow by mysql");
    }
    {
      await using on = await inOrder(types, "hardened");
      assert.equal(await decide(on, "t/of nobody"), "deny by http");
      assert.equal(await decide(on, "a/mysql"), "allow by mysql", "it is asked before");
    }
  },
});
