import assert from "node:assert/strict";
import { prepareCredentials } from "../../admin/auth/first_start.ts";
import { readBootstrap } from "../../admin/auth/keys.ts";
import { Lockout, LOCKOUT_MS } from "../../admin/auth/lockout.ts";
import { startWorld } from "./kit.ts";
import { until } from "../kit/wait.ts";

const codeOf = ([status, body]: [number, { code: string }]) => [status, body.code];

Deno.test("credentials: missing, unreadable and wrong ones are told apart", async () => {
  await using world = await startWorld();
  const ask = async (authorization: string | null) =>
    codeOf(await world.get("gateways", { authorization }));
  assert.deepEqual(await ask(null), [401, "AUTHORIZATION_HEADER_ERROR"]);
  assert.deepEqual(await ask("Digest x"), [401, "AUTHORIZATION_HEADER_ERROR"]);
  assert.deepEqual(await ask("Basic *"), [401, "AUTHORIZATION_HEADER_ERROR"]);
  assert.deepEqual(await ask(`Basic ${btoa("a:b")}`), [401, "BAD_API_KEY_OR_SECRET"]);
  assert.deepEqual(await ask("Bearer x"), [401, "BAD_TOKEN"]);
  const challenge = await world.ask("gateways", { authorization: null });
  await challenge.body?.cancel();
  assert.match(challenge.headers.get("www-authenticate")!, /^Basic/);
});

Deno.test("keys: disabled, expired, viewing, publishing and confined ones", async () => {
  await using world = await startWorld();
  const ask = async (settings: Parameters<typeof world.keyFor>[0], path: string, json?: unknown) =>
    (await world.get(path, {
      authorization: world.keyFor(settings),
      ...(json !== undefined && { json }),
    }))[0];
  assert.equal(await ask({ enable: false }, "gateways"), 401);
  const soon = world.keyFor({ expiresAt: world.gateway.clock.now() + 20 }, "soon");
  await until(() => world.deps.auth.keys.get("soon")!.expired, "the key to expire");
  assert.equal((await world.get("gateways", { authorization: soon }))[0], 401);

  const message = { topic: "a", payload: "" };
  assert.equal(await ask({ role: "viewer" }, "gateways"), 200);
  assert.equal(await ask({ role: "viewer" }, "publish", message), 403);
  assert.equal(await ask({ role: "publisher" }, "gateways"), 403);
  assert.equal(await ask({ role: "publisher" }, "publish", message), 202);
  assert.equal(await ask({ scopes: ["monitoring"] }, "stats"), 200);
  assert.equal(await ask({ scopes: ["monitoring"] }, "gateways"), 403);
});

Deno.test("keys: only who has logged in makes them; the secret is shown once and not kept", async () => {
  await using world = await startWorld();
  const json = { name: "ci", role: "viewer" };
  assert.deepEqual(codeOf(await world.get("api_key", { json })), [401, "API_KEY_NOT_ALLOW"]);
  const authorization = await world.login();
  const [status, made] = await world.get("api_key", { json, authorization });
  assert.equal(status, 200);
  assert.match(made.api_secret, /^[0-9A-Za-z]{43}$/);
  assert.equal((await world.get("api_key", { json, authorization }))[0], 400, "the name is taken");
  const [, listed] = await world.get("api_key/ci", { authorization });
  assert.equal(listed.api_secret, undefined);
  const stored = JSON.stringify(world.gateway.store.documents.list("api key", { limit: 10 }));
  assert.ok(!stored.includes(made.api_secret));
  const used = `Basic ${btoa(`${made.api_key}:${made.api_secret}`)}`;
  assert.equal((await world.get("gateways", { authorization: used }))[0], 200);
  const put = { method: "PUT", json: { expired_at: "2001-01-01T00:00:00Z" }, authorization };
  assert.equal((await world.get("api_key/ci", put))[0], 400);
  assert.equal((await world.get("api_key/ci", { method: "DELETE", authorization }))[0], 204);
  assert.equal((await world.get("gateways", { authorization: used }))[0], 401);
  assert.equal((await world.get("api_key/ci", { authorization }))[0], 404);
});

Deno.test("login: a token that works, ends with logout, and is locked after failures", async () => {
  await using world = await startWorld();
  await world.login("root", "Sesame-open-1");
  const login = (password: string, address = "192.0.2.9") =>
    world.get("login", { json: { username: "root", password }, authorization: null, address });
  const [status, { token, role }] = await login("Sesame-open-1");
  assert.deepEqual([status, role], [200, "administrator"]);
  const authorization = `Bearer ${token}`;
  assert.equal((await world.get("users", { authorization }))[0], 200);
  const out = await world.get("logout", { json: { username: "root" }, authorization });
  assert.equal(out[0], 204);
  assert.deepEqual(codeOf(await world.get("users", { authorization })), [401, "BAD_TOKEN"]);

  for (let i = 0; i < 5; i++) {
    assert.deepEqual(codeOf(await login("wrong")), [401, "BAD_USERNAME_OR_PWD"]);
  }
  assert.deepEqual(codeOf(await login("Sesame-open-1")), [401, "LOGIN_LOCKED"]);
  assert.equal((await login("Sesame-open-1", "192.0.2.10"))[0], 200, "others are not locked out");
});

Deno.test("users: made, changed, deleted; the last administrator stays", async () => {
  await using world = await startWorld();
  const authorization = await world.login();
  const ask = (path: string, method: string, json?: unknown) =>
    world.get(path, { method, authorization, ...(json !== undefined && { json }) });
  const joe = { username: "joe", password: "Sesame-open-2", role: "viewer" };
  assert.equal((await ask("users", "POST", { ...joe, password: "simple" }))[0], 400);
  assert.equal((await ask("users", "POST", { ...joe, username: "<b>" }))[0], 400);
  assert.equal((await ask("users", "POST", joe))[0], 200);
  assert.equal((await ask("users", "POST", joe))[0], 400);
  const viewer = (await world.deps.auth.login("joe", joe.password, "")).token;
  const viewed = await world.get("users", {
    json: { ...joe, username: "eve" },
    authorization: `Bearer ${viewer}`,
  });
  assert.deepEqual(codeOf(viewed), [403, "UNAUTHORIZED_ROLE"]);
  assert.equal((await ask("users/root", "DELETE"))[0], 400, "one's own account");
  assert.equal((await ask("users/root", "PUT", { role: "viewer" }))[0], 400, "the last one");
  assert.equal((await ask("users/nobody", "DELETE"))[0], 404);
  const change = { old_pwd: "wrong", new_pwd: "Sesame-open-3" };
  assert.equal((await ask("users/root/change_pwd", "POST", change))[1].code, "ERROR_PWD_NOT_MATCH");
  assert.equal((await ask("users/joe", "DELETE"))[0], 204);
});

Deno.test("the first user is made with the first key, and only once", async () => {
  await using world = await startWorld();
  world.deps.auth.keys.delete("administrator");
  await prepareCredentials(world.deps.auth, world.gateway.config);
  const path = `${world.dir}/data/admin.key`;
  assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
  const [api_key, api_secret] = (await Deno.readTextFile(path)).trim().split(":");
  const json = { api_key, api_secret, username: "root", password: "Sesame-open-1" };
  const setUp = (json: unknown) => world.get("setup", { json, authorization: null });
  assert.equal((await setUp({ ...json, api_secret: "x" }))[0], 401);
  assert.equal((await setUp(json))[0], 200);
  assert.equal((await setUp({ ...json, username: "two" }))[0], 400);
});

Deno.test("bootstrap files: keys with roles and scopes, up to the first bad line", () => {
  const { keys, problems } = readBootstrap(
    "a:s\n\nb:s:viewer\nc:s:publisher:publish,nonsense\nd:s:viewer:\nbad line with s3cret\ne:s\n",
  );
  assert.deepEqual(keys, [
    { key: "a", secret: "s", role: "administrator", scopes: undefined },
    { key: "b", secret: "s", role: "viewer", scopes: undefined },
    { key: "c", secret: "s", role: "publisher", scopes: ["publish"] },
    { key: "d", secret: "s", role: "viewer", scopes: [] },
  ]);
  assert.equal(problems.length, 2);
  assert.match(problems[1]!, /line 6/);
  assert.ok(!problems.join().includes("s3cret"));
});

Deno.test("lock-out: ends after its time, and forgets old failures", () => {
  let now = 0;
  const lockout = new Lockout(() => now);
  for (let i = 0; i < 4; i++) lockout.failed("root", "a");
  now += 6 * 60_000;
  lockout.failed("root", "a");
  assert.equal(lockout.wait_ms("root", "a"), 0);
  for (let i = 0; i < 4; i++) lockout.failed("root", "a");
  assert.equal(lockout.wait_ms("root", "a"), LOCKOUT_MS);
  assert.equal(lockout.wait_ms("root", "b"), 0);
  now += LOCKOUT_MS;
  assert.equal(lockout.wait_ms("root", "a"), 0);
});
