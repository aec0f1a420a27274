import assert from "node:assert/strict";
import { RawNats } from "../kit/raw_nats.ts";
import { startWorld } from "./kit.ts";

Deno.test("gateways: listed, read, changed under both paths, and changes survive a restart", async () => {
  let dir: string;
  {
    const world = await startWorld();
    dir = world.dir;
    const [status, list] = await world.get("gateways");
    assert.equal(status, 200);
    assert.deepEqual(list.map((one: { name: string; status: string }) => [one.name, one.status]), [
      ["nats", "running"],
    ]);
    assert.deepEqual((await world.get("gateways?status=stopped"))[1], []);
    assert.equal((await world.get("gateways?status=RUNNING"))[0], 400);
    assert.equal((await world.get("gateways/coap"))[0], 400);

    const put = { method: "PUT", json: { name: "nats", server_name: "edge", idle_timeout: "10s" } };
    assert.deepEqual(await world.get("gateway/nats", put), [204, undefined]);
    const [, settings] = await world.get("gateways/nats");
    assert.equal(settings.server_name, "edge");
    assert.equal(settings.idle_timeout, "10s");
    assert.equal(settings.auth_timeout, "5s", "defaults are filled in");
    assert.equal(world.gateway.nats.options.serverName, "edge");
    await world.stop();
  }
  const again = await startWorld("", dir);
  assert.equal((await again.get("gateways/nats"))[1].server_name, "edge");
  await again[Symbol.asyncDispose]();
});

Deno.test("gateways: what is wrong is named, and nothing of it is taken on", async () => {
  await using world = await startWorld();
  for (
    const [json, words] of [
      [{ mountpont: "a/" }, /gateway\.nats\.mountpont.*unknown setting/],
      [{ server_name: "b", idle_timeout: "soon" }, /gateway\.nats\.idle_timeout.*duration/],
      [{ listeners: [{ type: "udp", name: "a", bind: 1 }] }, /listeners\[0\]\.type/],
      [{ listeners: [{ type: "tcp", name: "9", bind: 1 }] }, /listeners\[0\]\.name/],
      [{ listeners: [{ type: "tcp", name: "a" }] }, /listeners\[0\]\.bind is required/],
      [{ listeners: {} }, /listeners: expected an array/],
    ] as const
  ) {
    const [status, { code, message }] = await world.get("gateways/nats", { method: "PUT", json });
    assert.deepEqual([status, code], [400, "BAD_REQUEST"], message);
    assert.match(message, words);
  }
  assert.equal(world.gateway.config.gateway.nats.server_name, "emq_nats_gateway");
});

Deno.test("gateways: a secret reads back as stars, and stars keep it", async () => {
  await using world = await startWorld();
  const put = async (json: unknown) => await world.get("gateways/nats", { method: "PUT", json });
  await put({ internal_authn: [{ type: "token", token: "s3cret" }] });
  const [, { internal_authn }] = await world.get("gateways/nats");
  assert.deepEqual(internal_authn, [{ type: "token", token: "******" }]);
  assert.deepEqual(await put({ internal_authn }), [204, undefined]);
  const token = () => world.gateway.config.gateway.nats.internal_authn[0] as { token: string };
  assert.equal(token().token, "s3cret");
  const [status, { message }] = await put({
    internal_authn: [{ type: "token", token: "******" }, { type: "token", token: "******" }],
  });
  assert.equal(status, 400);
  assert.match(message, /internal_authn\[2\]\.token/);
});

Deno.test("gateways: whoever edits an old version is told", async () => {
  await using world = await startWorld();
  const response = await world.ask("gateways/nats");
  await response.body?.cancel();
  const etag = response.headers.get("etag")!;
  const put = (server_name: string) => ({
    method: "PUT",
    json: { server_name },
    headers: { "if-match": etag },
  });
  assert.equal((await world.get("gateways/nats", put("one")))[0], 204);
  const [status, problem] = await world.get("gateways/nats", put("two"));
  assert.deepEqual([status, problem.code], [412, "CONFLICT"]);
  assert.equal(world.gateway.config.gateway.nats.server_name, "one");
});

Deno.test("gateways: stopped and started, unloaded and loaded again", async () => {
  await using world = await startWorld();
  const put = async (path: string) => (await world.get(path, { method: "PUT" }))[0];
  assert.equal(await put("gateways/nats/enable/false"), 204);
  assert.equal((await world.get("gateways"))[1][0].status, "stopped");
  assert.equal(world.gateway.listeners.get("nats:tcp:default"), undefined);
  assert.equal(await put("gateways/nats/enable/maybe"), 400);
  assert.equal(await put("gateways/nats/enable/true"), 204);
  assert.equal(world.gateway.listeners.get("nats:tcp:default")?.isRunning, true);

  assert.equal((await world.get("gateways/nats", { method: "DELETE" }))[0], 204);
  assert.deepEqual((await world.get("gateways/nats"))[1], { name: "nats", status: "unloaded" });
  assert.equal(await put("gateways/nats/enable/true"), 404);
  const listeners = [{ type: "tcp", name: "back", bind: "127.0.0.1:0" }];
  assert.equal((await world.get("gateways/nats", { method: "PUT", json: { listeners } }))[0], 204);
  const [, { status, listeners: made }] = await world.get("gateways/nats");
  assert.equal(status, "running");
  assert.deepEqual(made.map((one: { id: string }) => one.id), ["nats:tcp:back"]);
});

Deno.test("listeners: added, read, replaced, stopped, deleted; others are not disturbed", async () => {
  await using world = await startWorld();
  using bystander = await RawNats.connect(
    world.gateway.listeners.get("nats:tcp:default")!.port,
  );
  const base = "gateways/nats/listeners";
  const json = { type: "tcp", name: "extra", bind: "127.0.0.1:0", max_connections: 5 };
  const [status, made] = await world.get(base, { json });
  assert.equal(status, 201);
  assert.deepEqual([made.id, made.running, made.bind], ["nats:tcp:extra", true, "127.0.0.1:0"]);
  assert.equal((await world.get(base, { json }))[0], 400, "the name is taken");
  assert.equal((await world.get(base, { json: { type: "tcp", name: "x" } }))[0], 400);

  const one = `${base}/nats%3Atcp%3Aextra`;
  assert.equal((await world.get(`${base}/nats:tcp:extra`))[1].max_connections, 5);
  const put = await world.get(one, { method: "PUT", json: { bind: "127.0.0.1:0", id: "ignored" } });
  assert.equal(put[0], 200);
  assert.equal(put[1].max_connections, 1_024_000, "left out: the default again");
  assert.equal((await world.get(`${one}/stop`, { method: "POST" }))[0], 204);
  assert.equal((await world.get(one))[1].running, false);
  assert.equal((await world.get(`${one}/start`, { method: "POST" }))[0], 204);
  assert.equal((await world.get(one))[1].running, true);
  assert.equal((await world.get(one, { method: "DELETE" }))[0], 204);
  assert.equal((await world.get(one))[0], 404);
  assert.equal((await world.get(one, { method: "DELETE" }))[0], 404);
  assert.equal((await world.get(one, { method: "PUT", json: { bind: 1 } }))[0], 400);

  await bystander.send("PING\r\n");
  await bystander.expect("PONG");
});

Deno.test("listeners: an address that is taken is refused and changes nothing", async () => {
  await using world = await startWorld();
  const port = world.gateway.listeners.get("nats:tcp:default")!.port;
  const json = { type: "tcp", name: "late", bind: `127.0.0.1:${port}` };
  const [status, { message }] = await world.get("gateways/nats/listeners", { json });
  assert.equal(status, 400);
  assert.match(message, /Cannot listen/);
  assert.equal((await world.get("gateways/nats/listeners/nats:tcp:late"))[0], 404);
});

Deno.test("authentication: made, read, changed, deleted; its users go with it", async () => {
  await using world = await startWorld();
  const base = "gateway/nats/authentication";
  assert.deepEqual(await world.get(base), [204, undefined]);
  assert.equal((await world.get(`${base}/users`))[0], 404);
  const json = {
    backend: "built_in_database",
    mechanism: "password_based",
    password_hash_algorithm: { name: "sha256", salt_position: "suffix" },
    user_id_type: "username",
  };
  const [status, made] = await world.get(base, { json });
  assert.equal(status, 201);
  assert.equal(made.id, "password_based:built_in_database");
  assert.equal((await world.get(base, { json }))[0], 400, "there is one already");
  assert.equal((await world.get(base, { method: "PUT", json }))[0], 200);
  const other = { mechanism: "jwt", algorithm: "hmac-based", secret: "x", use_jwks: false };
  assert.equal((await world.get(base, { method: "PUT", json: other }))[0], 400);

  const alice = { user_id: "alice", password: "wonderland" };
  assert.deepEqual(await world.get(`${base}/users`, { json: alice }), [201, {
    user_id: "alice",
    is_superuser: false,
  }]);
  assert.equal((await world.get(`${base}/users`, { json: alice }))[0], 409);
  assert.equal((await world.get(`${base}/users`, { json: { ...alice, user_id: "" } }))[0], 400);
  assert.equal((await world.get(`${base}/users`, { json: { user_id: "bob" } }))[0], 400);
  assert.deepEqual((await world.get(`${base}/users?like_user_id=li`))[1], {
    data: [{ user_id: "alice", is_superuser: false }],
    meta: { page: 1, limit: 100, hasnext: false },
  });
  const paging = await world.get(`${base}/users?limit=0`);
  assert.deepEqual([paging[0], paging[1].code], [400, "INVALID_PARAMETER"]);
  const change = { method: "PUT", json: { is_superuser: true } };
  assert.equal((await world.get(`${base}/users/alice`, change))[1].is_superuser, true);
  assert.equal((await world.get(`${base}/users/nobody`, change))[0], 404);
  const login = { json: { username: "alice", password: "wonderland" } };
  assert.equal((await world.get(`${base}/test`, login))[1].result, "allow");

  const form = new FormData();
  form.append("filename", new File(["user_id,password\nbob,builder\n"], "users.csv"));
  const imported = await world.get(`${base}/import_users?type=plain`, { body: form });
  assert.deepEqual(imported, [200, { total: 1, success: 1, override: 0, skipped: 0, failed: 0 }]);

  assert.equal((await world.get(base, { method: "DELETE" }))[0], 204);
  assert.equal((await world.get(base, { method: "DELETE" }))[0], 204);
  await world.get(base, { json });
  assert.deepEqual((await world.get(`${base}/users`))[1].data, []);
});

Deno.test("clients: anonymous ones are listed, subscribed by hand, and kicked", async () => {
  await using world = await startWorld('[gateway.nats]\nmountpoint = "m/"\n');
  using client = await RawNats.connect(world.gateway.listeners.get("nats:tcp:default")!.port);
  const [, { data, meta }] = await world.get("gateways/nats/clients");
  assert.deepEqual(meta, { page: 1, limit: 100, count: 1, hasnext: false });
  const [{ clientid, connected, anonymous, mountpoint }] = data;
  assert.deepEqual([connected, anonymous, mountpoint], [true, true, "m/"]);
  const one = `gateways/nats/clients/${clientid}`;

  const [status, made] = await world.get(`${one}/subscriptions`, {
    json: { topic: "a/+", sub_props: { sid: "9" } },
  });
  assert.deepEqual([status, made.topic, made.sub_props], [201, "m/a/+", {
    sid: "9",
    subject: "a.*",
  }]);
  const again = await world.get(`${one}/subscriptions`, {
    json: { topic: "b", sub_props: { sid: "9" } },
  });
  assert.equal(again[0], 400, "the sid is in use");
  const [published] = await world.get("publish", { json: { topic: "m/a/b", payload: "hi" } });
  assert.equal(published, 200);
  await client.expect("MSG a.b 9 2");
  await client.expect("hi");
  const gone = await world.get(`${one}/subscriptions/${encodeURIComponent("a/+")}`, {
    method: "DELETE",
  });
  assert.equal(gone[0], 204);
  assert.deepEqual((await world.get(`${one}/subscriptions`))[1], []);
  assert.equal((await world.get("publish", { json: { topic: "m/a/b", payload: "hi" } }))[0], 202);

  assert.deepEqual(await world.get(one, { method: "DELETE" }), [204, undefined]);
  await client.expect("-ERR Kicked out");
  assert.equal((await world.get(one))[0], 404);
  assert.equal((await world.get(one, { method: "DELETE" }))[0], 404);
});
