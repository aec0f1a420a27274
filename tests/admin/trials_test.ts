/** Logins and permissions that are tried and explained without a connection being made. */
import assert from "node:assert/strict";
import { LOGIN_TRIAL_MS_MAX } from "../../gateway/compose/control_access.ts";
import { RawNats } from "../kit/raw_nats.ts";
import { type AdminWorld, startWorld } from "./kit.ts";

const PATH = ["gateway", "nats", "authentication"];

function draft(world: AdminWorld, value: unknown, login = { username: "ann", password: "right" }) {
  const edits = [{ path: PATH, value }];
  const question = { clientId: "c", ...login };
  return world.deps.control.tryDraft({ chain: "nats:global", index: 0, edits }, question);
}

/** A server that answers as told, on a port of its own. */
function authServer(answer: (url: URL) => Response | Promise<Response>) {
  return Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    (request) => answer(new URL(request.url)),
  );
}

Deno.test("an authenticator is tried before it is there, and nothing is changed", async () => {
  await using world = await startWorld();
  await using server = authServer((url) =>
    Response.json({ result: url.searchParams.get("p") === "right" ? "allow" : "deny" })
  );
  const http = {
    mechanism: "password_based",
    backend: "http",
    method: "get",
    url: `http://127.0.0.1:${server.addr.port}/`,
    body: { u: "${username}", p: "${password}" },
  };
  const { config } = world.deps.control;
  const before = config.version;
  const allowed = await draft(world, http);
  assert.equal(allowed.result, "allow");
  const denied = await draft(world, http, { username: "ann", password: "wrong" });
  assert.equal(denied.result, "deny");
  assert.equal(config.effective(PATH), undefined);
  assert.equal(config.version, before);
  await assert.rejects(draft(world, { ...http, url: "no url" }), /authentication\.url/);
});

Deno.test("a backend that cannot be reached is named with its reason", async () => {
  await using world = await startWorld();
  const { result, reason, duration_ms } = await draft(world, {
    mechanism: "password_based",
    backend: "http",
    method: "get",
    url: "http://127.0.0.1:1/",
  });
  assert.equal(result, "ignore");
  assert.match(reason!, /^password_based:http gave no usable answer: .*refused/i);
  assert(duration_ms < LOGIN_TRIAL_MS_MAX);
});

Deno.test("the status of an authenticator and of a source says how their backend is, and why", async () => {
  await using world = await startWorld();
  const http = { backend: "http", method: "get", url: "http://127.0.0.1:1/" };
  const authenticator = { mechanism: "password_based", ...http };
  await world.get("gateways/nats/authentication", { json: authenticator });
  const { backend: _, ...rest } = http;
  await world.get("authorization/sources", { json: { type: "http", ...rest } });
  const places = ["gateways/nats/authentication/status", "authorization/sources/http/status"];
  const statuses = async () => {
    const all = [];
    for (const place of places) all.push((await world.get(place))[1]);
    return all;
  };
  assert.deepEqual((await statuses()).map(({ status }) => status), ["connecting", "connecting"]);
  for (let i = 0; i < 3; i++) {
    await world.get("gateways/nats/authentication/test", { json: { username: "ann" } });
    const json = { clientid: `c${i}`, action: "publish", topic: "a" };
    await world.get("authorization/test", { json });
  }
  for (const { status, resource_metrics, node_error: [{ error }] } of await statuses()) {
    assert.equal(status, "disconnected");
    assert.deepEqual(resource_metrics, { matched: 3, success: 0, failed: 3 });
    assert.match(error, /refused/i);
  }
});

Deno.test("what a client may do is listed in the order in which it is asked", async () => {
  await using world = await startWorld(`
[authorization]
no_match = "deny"
[[authorization.sources]]
type = "file"
rules_list = [
  { permission = "deny", action = "publish", topics = ["secret/#"] },
  { permission = "allow", action = "all", topics = ["a/#"], username = "somebody else" },
]
[[authorization.sources]]
type = "built_in_database"
`);
  const { clients, access } = world.deps.control;
  access.rules.put("all", {
    owner: "",
    rules: [{ permission: "allow", action: "all", topic: "t/#" }],
  });
  using client = await RawNats.open(world.gateway.listeners.get("nats:tcp:default")!.port, {});
  await client.flush();
  const { clientId } = clients.list({ protocol: "nats", page: 1, limit: 1 }).data[0]!;
  const lines = await clients.permissions("nats", clientId);
  assert.deepEqual(lines!.map(({ text }) => text), [
    'deny all publish ["secret/#"]',
    'allow all all ["t/#"]',
    "no_match = deny",
  ]);
  const ask = (topic: string) =>
    clients.decide("nats", clientId, { action: "publish", topic, qos: 0, retain: false });
  assert.equal((await ask("secret/x"))!.allowed, false);
  assert.equal((await ask("t/x"))!.allowed, true);
  assert.equal((await ask("+"))!.rule, "this is not a valid topic");
  assert.equal(await clients.permissions("nats", "nobody"), undefined);
});

Deno.test("an import tells how far it is", async () => {
  await using world = await startWorld();
  const users = Array.from({ length: 120 }, (_, i) => ({ user_id: `u${i}`, password: "p" }));
  const seen: string[] = [];
  const result = await world.deps.control.users.import(
    "nats:global",
    JSON.stringify(users),
    "json",
    "plain",
    (done, total) => seen.push(`${done}/${total}`),
  );
  assert.deepEqual(seen, ["0/120", "50/120", "100/120"]);
  assert.equal(result.success, 120);
});
