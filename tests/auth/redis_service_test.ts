import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Redis } from "ioredis";
import { SERVICE_PASSWORD, startRedis, startSentinel } from "../kit/databases.ts";
import { freePort } from "../kit/conn.ts";
import { PROGRAMS, type Service, skipNote } from "../kit/services.ts";
import { until } from "../kit/wait.ts";
import { checkSilence, testAccess } from "./config.ts";
import { DOWN, mqttCredentials, principalOf } from "./kit.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const ignore = PROGRAMS.redis === undefined;
const note = skipNote(PROGRAMS.redis, "redis-server");
async function fill(port: number): Promise<void> {
  const client = new Redis({ host: "127.0.0.1", port, password: SERVICE_PASSWORD });
  try {
    await client.hset("mqtt_user:alice", {
      password_hash: sha256("NaCla-pass"),
      salt: "NaCl",
      is_superuser: "1",
    });
    await client.hset("mqtt_user:nohash", { salt: "NaCl" });
    await client.hset("mqtt user:two words", { password: "w-pass" });
    await client.hset("mqtt_acl:alice", {
      "a/#": "publish",
      "b/+": '{"action": "all", "qos": [0]}',
      "${username}/x": "all",
    });
    await client.hset("mqtt_acl:broken", { "a/#": "everything" });
    await client.set("mqtt_user:text", "no hash");
  } finally {
    client.disconnect();
  }
}

function config(service: Service, changes = ""): string {
  const cmd = changes.includes("cmd =")
    ? ""
    : 'cmd = "HMGET mqtt_user:${username} password_hash salt is_superuser"';
  const server = changes.includes("redis_type") || changes.includes("server =")
    ? ""
    : `server = "127.0.0.1:${service.port}"`;
  return `
[[authentication]]
mechanism = "password_based"
backend = "redis"
password = "${SERVICE_PASSWORD}"
connect_timeout = "3s"
${cmd}
${server}
${changes}`;
}

Deno.test({
  name: `redis: logins, rules, TLS and failures, on a real server${note}`,
  ignore,
  async fn(t) {
    await using service = await startRedis();
    await fill(service.port);
    await t.step("who is let in", async () => {
      await using on = await testAccess(config(service));
      const cases: [string | undefined, string | undefined, string][] = [
        ["alice", "a-pass", "in: alice"],
        ["alice", "wrong", "out: bad_username_or_password"],
        ["alice", "", "out: bad_username_or_password"],
        ["alice", undefined, "out: bad_username_or_password"],
        ["nobody", "a-pass", "out: not_authorized"],
        ["", "", "out: not_authorized"],
        [undefined, undefined, "out: not_authorized"],
        ["nohash", "a-pass", "out: not_authorized"],
        ["alice password_hash\r\nFLUSHALL\r\n", "a-pass", "out: not_authorized"],
        ["text", "a-pass", DOWN],
        ["alice", "a-pass", "in: alice"],
      ];
      for (const [user, password, expected] of cases) {
        assert.equal(await on.login(user, password), expected, `${user} ${password}`);
      }
      const who = on.access.authenticatorFor("mqtt:tcp:default")
        .authenticate(mqttCredentials("alice", "a-pass"));
      assert.equal((await principalOf(who)).superuser, true);
    });
    await t.step("HGET, a quoted key, and plain passwords", async () => {
      await using on = await testAccess(config(
        service,
        `cmd = 'HGET "mqtt user:\${username}" password'
password_hash_algorithm = { name = "plain", salt_position = "disable" }`,
      ));
      assert.equal(await on.login("two words", "w-pass"), "in: two words");
      assert.equal(await on.login("two words", "W-pass"), "out: bad_username_or_password");
    });
    await t.step("TLS", async () => {
      const login = async (ssl: string) => {
        const server = `server = "127.0.0.1:${service.tlsPort}"`;
        await using on = await testAccess(config(service, `${server}\nssl = ${ssl}`));
        return await on.login("alice", "a-pass");
      };
      const ca = `cacertfile = "${service.dir}/ca.pem"`;
      assert.equal(await login(`{ enable = true, verify = "verify_peer", ${ca} }`), "in: alice");
      assert.equal(await login('{ enable = true, verify = "verify_none" }'), "in: alice");
      assert.equal(await login('{ enable = true, verify = "verify_peer" }'), DOWN);
    });
    await t.step("rules can only allow", async () => {
      await using on = await testAccess(`
[authorization]
no_match = "deny"
[[authorization.sources]]
type = "redis"
server = "127.0.0.1:${service.port}"
password = "${SERVICE_PASSWORD}"
cmd = "HGETALL mqtt_acl:\${username}"`);
      assert.equal(await on.mayPublish("a/b"), true);
      assert.equal(await on.mayPublish("b/c"), true);
      assert.equal(await on.mayPublish("alice/x"), true);
      assert.equal(await on.mayPublish("c"), false);
      assert.equal(await on.mayPublish("a/b", { username: "broken" }), false);
      assert.ok(on.lines.some((line) => line.includes("no usable answer")));
    });
    await t.step("a sentinel knows where the master is", async () => {
      await using sentinel = await startSentinel(service);
      await using on = await testAccess(config(
        service,
        `redis_type = "sentinel"
servers = "127.0.0.1:${sentinel.port}"
sentinel = "gate"`,
      ));
      assert.equal(await on.login("alice", "a-pass"), "in: alice");
      assert.equal(await on.login("alice", "wrong"), "out: bad_username_or_password");
    });
    await t.step("a server that goes away and comes back", async () => {
      await using on = await testAccess(config(service));
      await checkSilence(on, service);
      assert.ok(!on.lines.join("\n").includes(SERVICE_PASSWORD));
    });
  },
});

Deno.test({
  name: `redis: a sentinel gives another master when the first one is gone${note}`,
  ignore,
  async fn() {
    const auth = `masterauth ${SERVICE_PASSWORD}`;
    await using master = await startRedis(auth);
    await fill(master.port);
    await using replica = await startRedis(auth, `replicaof 127.0.0.1 ${master.port}`);
    const client = new Redis({ port: replica.port, password: SERVICE_PASSWORD });
    await until(
      async () => String(await client.info("replication")).includes("master_link_status:up"),
      "the replica to have what the master has",
    );
    client.disconnect();
    await using sentinel = await startSentinel(
      master,
      "sentinel down-after-milliseconds gate 500",
      "sentinel failover-timeout gate 3000",
    );
    const watch = new Redis({ port: sentinel.port });
    await until(
      async () => String(await watch.info("sentinel")).includes("slaves=1"),
      "the sentinel to know the replica",
    );
    watch.disconnect();
    await using on = await testAccess(config(
      master,
      `redis_type = "sentinel"
servers = "127.0.0.1:${sentinel.port}"
sentinel = "gate"`,
    ));
    assert.equal(await on.login("alice", "a-pass"), "in: alice");
    await master.stop();
    await until(
      async () => await on.login("alice", "a-pass") === "in: alice",
      "the gateway to find the new master",
      30_000,
    );
    assert.equal(await on.login("alice", "wrong"), "out: bad_username_or_password");
  },
});

Deno.test({
  name: `redis: a cluster, users on each of three nodes, and one that goes away${note}`,
  ignore,
  async fn() {
    await using stack = new AsyncDisposableStack();
    const nodes: { service: Service; bus: number; admin: Redis }[] = [];
    for (let i = 0; i < 3; i++) {
      const bus = freePort();
      const service = stack.use(
        await startRedis(
          ...["cluster-enabled yes", "cluster-announce-ip 127.0.0.1", `cluster-port ${bus}`],
          ...["cluster-require-full-coverage no", "cluster-node-timeout 2000"],
        ),
      );
      const admin = new Redis({ port: service.port, password: SERVICE_PASSWORD });
      admin.on("error", () => {});
      stack.defer(() => admin.disconnect());
      nodes.push({ service, bus, admin });
    }
    const [first, second, third] = nodes as [typeof nodes[0], typeof nodes[0], typeof nodes[0]];
    const ranges = [[0, 5460], [5461, 10922], [10923, 16383]];
    for (const [i, { service, bus, admin }] of nodes.entries()) {
      await admin.call("CLUSTER", "ADDSLOTSRANGE", ...ranges[i]!.map(String));
      if (i === 0) continue;
      await first.admin.call("CLUSTER", "MEET", "127.0.0.1", String(service.port), String(bus));
    }
    for (const { admin } of nodes) {
      await until(
        async () => {
          const info = String(await admin.call("CLUSTER", "INFO"));
          return info.includes("cluster_state:ok") && info.includes("cluster_slots_assigned:16384");
        },
        "the cluster to be whole",
      );
    }
    // Keys whose slots lie on one node each.
    const users = new Map<Redis, string>();
    for (let i = 0; users.size < 3; i++) {
      const slot = Number(await first.admin.call("CLUSTER", "KEYSLOT", `mqtt_user:u${i}`));
      const at = ranges.findIndex(([from, to]) => slot >= from! && slot <= to!);
      const { admin } = nodes[at]!;
      if (users.has(admin)) continue;
      users.set(admin, `u${i}`);
      await admin.hset(`mqtt_user:u${i}`, { password_hash: sha256("NaClu-pass"), salt: "NaCl" });
    }
    await using on = await testAccess(config(
      first.service,
      `redis_type = "cluster"
servers = ["127.0.0.1:${first.service.port}", "127.0.0.1:${second.service.port}"]`,
    ));
    for (const user of users.values()) {
      assert.equal(await on.login(user, "u-pass"), `in: ${user}`);
      assert.equal(await on.login(user, "wrong"), "out: bad_username_or_password");
    }
    assert.equal(await on.login("nobody", "u-pass"), "out: not_authorized");
    await third.service.stop();
    const [onFirst, , onThird] = nodes.map(({ admin }) => users.get(admin)!);
    assert.equal(await on.login(onThird!, "u-pass"), DOWN);
    assert.equal(await on.login(onFirst!, "u-pass"), `in: ${onFirst}`, "the others still answer");
  },
});
