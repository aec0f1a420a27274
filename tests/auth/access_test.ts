import assert from "node:assert/strict";
import { OperationalError } from "../../gateway/errors.ts";
import { configOf, testAccess } from "./config.ts";
import { mqttCredentials, natsCredentials, outcome } from "./kit.ts";
import { DEFAULT_ALGORITHM } from "../../gateway/auth/password.ts";

const BUILT_IN = 'mechanism = "password_based"\nbackend = "built_in_database"\n';

Deno.test("who must log in, listener by listener", async () => {
  await using on = await testAccess(`
[gateway.nats.listeners.tcp.own]
bind = 1
[gateway.nats.listeners.tcp.own.authentication]
${BUILT_IN}
[gateway.nats.listeners.tcp.open]
bind = 2
[listeners.tcp.own]
bind = 3
[[listeners.tcp.own.authentication]]
${BUILT_IN}
[listeners.tcp.off]
bind = 4
enable_authn = false
[[listeners.tcp.off.authentication]]
${BUILT_IN}`);
  const required = (id: string) => on.access.authenticatorFor(id).required;
  assert.equal(required("nats:tcp:own"), true, "F.1: its own authenticator is enough");
  assert.equal(required("nats:tcp:open"), false);
  assert.equal(required("mqtt:tcp:own"), true);
  assert.equal(required("mqtt:tcp:off"), false);
  assert.equal(required("mqtt:tcp:default"), false);
});

Deno.test("a listener's own authenticator takes the place of the gateway's", async () => {
  await using on = await testAccess(`
[[authentication]]
${BUILT_IN}
[listeners.tcp.own]
bind = 3
[[listeners.tcp.own.authentication]]
${BUILT_IN}user_id_type = "clientid"`);
  const password = new TextEncoder().encode("pw");
  const { hash, salt } = await on.access.hasher.hash(DEFAULT_ALGORITHM, password);
  const record = { password_hash: hash, salt, is_superuser: false, algorithm: DEFAULT_ALGORITHM };
  on.access.users("mqtt:global").put("alice", record);
  on.access.users("mqtt:tcp:own").put("client-1", record);
  const login = (id: string, user: string, clientId: string) =>
    outcome(
      on.access.authenticatorFor(id)
        .authenticate(mqttCredentials(user, "pw", { clientId })),
    );
  assert.equal(await login("mqtt:tcp:default", "alice", "x"), "in: alice");
  assert.equal(await login("mqtt:tcp:own", "alice", "x"), "out: not_authorized");
  assert.equal(await login("mqtt:tcp:own", "bob", "client-1"), "in: bob");
});

Deno.test("F.2 a disabled authenticator refuses everybody; only enable_authn opens a listener", async () => {
  for (const profile of ["legacy", "hardened"]) {
    await using on = await testAccess(`security_profile = "${profile}"
[[authentication]]
${BUILT_IN}enable = false
[gateway.nats.authentication]
${BUILT_IN}enable = false`);
    assert.equal(await on.login("alice", "pw"), "out: not_authorized");
    const nats = on.access.authenticatorFor("nats:tcp:default");
    assert.equal(nats.required, true);
    assert.equal(await outcome(nats.authenticate(natsCredentials())), "out: not_authorized");
  }
});

Deno.test("PR-24 a reload turns logins on and off for the next client", async () => {
  await using on = await testAccess("");
  const nats = on.access.authenticatorFor("nats:tcp:default");
  const login = () => outcome(nats.authenticate(natsCredentials()));
  assert.equal(nats.required, false);
  assert.equal(await login(), "in: undefined");
  await on.access.reload(configOf(`[gateway.nats.authentication]\n${BUILT_IN}`));
  assert.equal(nats.required, true);
  assert.equal(await login(), "out: not_authorized");
  await on.access.reload(configOf('[[gateway.nats.internal_authn]]\ntype = "token"\ntoken = "t"'));
  assert.equal(await login(), "out: token_required");
  await on.access.reload(configOf(""));
  assert.equal(nats.required, false);
});

Deno.test("a reload with a broken rule file changes nothing", async () => {
  const rules = (path: string) => `[[authorization.sources]]\ntype = "file"\npath = "${path}"`;
  const path = Deno.makeTempFileSync();
  try {
    Deno.writeTextFileSync(path, '{deny, all, publish, ["a"]}.');
    await using on = await testAccess(rules(path));
    assert.equal(await on.mayPublish("a"), false);
    assert.equal(await on.mayPublish("b"), true);
    Deno.writeTextFileSync(path, '{deny, all, publish, ["b"]}.\n{oops');
    await assert.rejects(on.access.reload(configOf(rules(path))), OperationalError);
    assert.equal(await on.mayPublish("a"), false);
    assert.equal(await on.mayPublish("b"), true);
    Deno.writeTextFileSync(path, '{deny, all, publish, ["b"]}.');
    await on.access.reload(configOf(rules(path)));
    assert.equal(await on.mayPublish("a"), true);
    assert.equal(await on.mayPublish("b"), false);
    Deno.removeSync(path);
    await assert.rejects(testAccess(rules(path)), /Cannot read the rules/);
  } finally {
    await Deno.remove(path).catch(() => {});
  }
});

Deno.test("rules of the built-in database: client, then user, then all; at most max_rules", async () => {
  await using on = await testAccess(`
[authorization]
no_match = "deny"
[[authorization.sources]]
type = "built_in_database"
max_rules = 2`);
  const { rules } = on.access;
  const rule = (permission: string, topic: string) => ({ permission, action: "publish", topic });
  assert.equal(await on.mayPublish("a"), false);
  rules.put("all", { owner: "", rules: [rule("allow", "#")] });
  assert.equal(await on.mayPublish("a"), true);
  rules.put("users", { owner: "alice", rules: [rule("deny", "a")] });
  assert.equal(await on.mayPublish("a"), false);
  assert.equal(await on.mayPublish("a", { username: "bob" }), true);
  rules.put("clients", { owner: "client-1", rules: [rule("allow", "a")] });
  assert.equal(await on.mayPublish("a"), true);
  const many = [rule("allow", "a"), rule("allow", "b"), rule("allow", "c")];
  assert.throws(() => rules.put("users", { owner: "alice", rules: many }), /max_rules/);
  assert.throws(() => rules.put("users", { owner: "", rules: [] }), /must not be empty/);
  assert.throws(() => rules.put("users", { owner: "alice", rules: [{}] }), /rule 1: permission/);
  assert.deepEqual(rules.list("users").map(({ owner }) => owner), ["alice"]);
  assert.equal(rules.delete("clients", "client-1"), true);
  assert.equal(await on.mayPublish("a"), false);
  rules.clear();
  assert.equal(await on.mayPublish("b", { username: "bob" }), false);
});

Deno.test("a subject and a topic in inline rules, with plain names as conditions", async () => {
  await using on = await testAccess(`
[authorization]
no_match = "deny"
[[authorization.sources]]
type = "file"
rules_list = [
  { permission = "allow", action = "publish", topic = "nats:s.>", username = "alice" },
  { permission = "allow", action = "publish", topics = ["\${clientid}/+"] },
]`);
  assert.equal(await on.mayPublish("s/a/b"), true);
  assert.equal(await on.mayPublish("s"), false);
  assert.equal(await on.mayPublish("s/a", { username: "bob" }), false);
  assert.equal(await on.mayPublish("client-1/x"), true);
});
