/** Changes through the API: several at once, over a restart, on a full disk, and who made them. */
import assert from "node:assert/strict";
import { createAdminApp } from "../../admin/app.ts";
import { SESSION_COOKIE } from "../../admin/auth/auth.ts";
import { pages } from "../../admin/pages/mod.tsx";
import { CSRF_FIELD } from "../../admin/security.ts";
import { VERSION } from "../../gateway/version.ts";
import { setSession } from "../../admin/routes/login.ts";
import { RawNats } from "../kit/raw_nats.ts";
import { type AdminWorld, startWorld } from "./kit.ts";

const BUILT_IN = { mechanism: "password_based", backend: "built_in_database" };
const JWT = { mechanism: "jwt", use_jwks: false, algorithm: "hmac-based", secret: "s3cret" };
const OWN = "gateways/nats/listeners/nats:tcp:default/authentication";

/** Sends all of them and expects that each is done. */
async function make(world: AdminWorld, changes: readonly (readonly [string, string, unknown])[]) {
  for (const [method, path, json] of changes) {
    const [status, body] = await world.get(path, { method, json });
    assert.ok(status < 300, `${method} ${path}: ${status} ${JSON.stringify(body)}`);
  }
}

Deno.test("changes: of two editors of one version, one is told", async () => {
  await using world = await startWorld();
  const response = await world.ask("gateways/nats");
  await response.body?.cancel();
  const headers = { "if-match": response.headers.get("etag")! };
  const names = ["a", "b", "c", "d", "e"];
  const answers = await Promise.all(
    names.map((server_name) =>
      world.get("gateways/nats", { method: "PUT", json: { server_name }, headers })
    ),
  );
  assert.deepEqual(answers.map(([status]) => status).sort(), [204, 412, 412, 412, 412]);
  const toml = (text: string) =>
    world.get("configs", {
      method: "PUT",
      body: text,
      headers: { ...headers, "content-type": "application/toml" },
    });
  assert.equal((await toml('[gateway.nats]\nserver_name = "x"\n'))[0], 412);
});

Deno.test("changes: what is added at the same moment is all there", async () => {
  await using world = await startWorld();
  const sources = [
    { type: "built_in_database" },
    { type: "file", rules: "{allow, all}." },
    { type: "http", method: "get", url: "http://127.0.0.1:1/", enable: false },
  ];
  await Promise.all([
    ...[BUILT_IN, JWT].map((json) => make(world, [["POST", "authentication", json]])),
    ...sources.map((json) => make(world, [["POST", "authorization/sources", json]])),
    ...["x", "y", "z"].map((name) =>
      make(world, [["POST", "listeners", { type: "tcp", name, bind: "127.0.0.1:0" }]])
    ),
  ]);
  assert.equal((await world.get("authentication"))[1].length, 2);
  assert.equal((await world.get("authorization/sources"))[1].sources.length, 3);
  for (const name of ["x", "y", "z"]) {
    assert.equal((await world.get(`listeners/mqtt:tcp:${name}`))[1].running, true);
  }
  const twice = await Promise.all(
    [1, 2].map(() => world.get("gateways/nats/authentication", { json: JWT })),
  );
  assert.deepEqual(twice.map(([status]) => status).sort(), [201, 400]);
});

/** Whatever shows what was changed below. */
const SHOWN = [
  "gateways/nats",
  "gateways/nats/authentication",
  "gateways/nats/authentication/users",
  OWN,
  `${OWN}/users`,
  "authentication",
  "authentication/settings",
  "authorization/settings",
  "authorization/sources",
  "authorization/sources/built_in_database/rules/users",
  "authorization/sources/built_in_database/rules/clients",
  "authorization/sources/built_in_database/rules/all",
  "banned",
  "mqtt/retainer",
  "mqtt/retainer/messages",
  "configs",
  "configs/overlay",
];

Deno.test("changes: all of them survive a restart", async () => {
  const show = async (world: AdminWorld) => {
    const shown = [];
    for (const path of SHOWN) shown.push([path, (await world.get(path))[1]]);
    const text = JSON.stringify(shown);
    // Ports and times are those of the start.
    return text.replace(/"(created_at|started_at|port|address)":("[^"]*"|\d+)/g, "");
  };
  const rules = [{ topic: "a", permission: "deny", action: "all" }];
  const base = "authorization/sources/built_in_database/rules";
  const first = await startWorld();
  await make(first, [
    ["PUT", "gateways/nats", {
      server_name: "edge",
      internal_authn: [{ type: "token", token: "s3cret" }],
    }],
    ["POST", "gateways/nats/authentication", BUILT_IN],
    ["POST", "gateways/nats/authentication/users", { user_id: "ann", password: "p" }],
    ["POST", OWN, BUILT_IN],
    ["POST", `${OWN}/users`, { user_id: "ben", password: "p", is_superuser: true }],
    ["POST", "gateways/nats/listeners", { type: "ws", name: "x", bind: "127.0.0.1:0" }],
    ["DELETE", "gateways/nats/listeners/nats:ws:default", undefined],
    ["POST", "listeners", { type: "tcp", name: "x", bind: "127.0.0.1:0", max_connections: 3 }],
    ["POST", "listeners/mqtt:tcp:x/stop", undefined],
    ["POST", "authentication", JWT],
    ["PUT", "authentication/settings", { login_throttle: { max_count: 7 } }],
    ["POST", "authorization/sources", { type: "file", rules: "% text\n{allow, all}.\n" }],
    ["POST", "authorization/sources", { type: "built_in_database" }],
    ["PUT", "authorization/settings", { no_match: "deny" }],
    ["POST", `${base}/users`, [{ username: "ann", rules }]],
    ["POST", `${base}/clients`, [{ clientid: "c", rules }]],
    ["POST", `${base}/all`, { rules }],
    ["POST", "banned", { as: "clientid", who: "eve" }],
    ["PUT", "mqtt/retainer", { max_payload_size: "2MB" }],
    ["POST", "publish", { topic: "r", payload: "x", retain: true, qos: 1 }],
  ]);
  const before = await show(first);
  const [, audit] = await first.get("audit");
  await first.stop();

  await using again = await startWorld("", first.dir);
  assert.equal(await show(again), before);
  assert.deepEqual((await again.get("audit"))[1], audit);
  assert.equal((await again.get("listeners/mqtt:tcp:x"))[1].running, false);
  const port = again.gateway.listeners.get("nats:tcp:default")!.port;
  using ben = await RawNats.open(port, { user: "ben", pass: "p" });
  assert.equal(ben.info.auth_required, true);
});

Deno.test("changes: what cannot be written is taken back and said to be nobody's mistake", async () => {
  await using world = await startWorld();
  const data = `${world.dir}/data`;
  // Nothing can be written where a directory is, whoever runs this.
  await Deno.mkdir(`${data}/overlay.toml.partial/x`, { recursive: true });
  const { version } = world.deps.control.config;
  const before = JSON.stringify((await world.get("configs"))[1]);
  const entries = async () => (await world.get("audit"))[1].data.length;
  const noted = await entries();
  for (
    const [method, path, json] of [
      ["PUT", "gateways/nats", { server_name: "edge", mountpoint: "m/" }],
      ["POST", "listeners", { type: "tcp", name: "x", bind: "127.0.0.1:0" }],
      ["DELETE", "gateways/nats/listeners/nats:tcp:default", undefined],
      ["POST", "authorization/sources", { type: "file", rules: "{deny, all}." }],
      ["PUT", "gateways/nats/enable/false", undefined],
    ] as const
  ) {
    const [status, problem] = await world.get(path, { method, json });
    assert.deepEqual([status, problem.code], [503, "SERVICE_UNAVAILABLE"], path);
    assert.match(problem.message, /the change was taken back/);
  }
  assert.equal(JSON.stringify((await world.get("configs"))[1]), before);
  assert.equal(world.deps.control.config.version, version);
  assert.equal(world.gateway.config.gateway.nats.server_name, "emq_nats_gateway");
  assert.equal(world.gateway.listeners.get("mqtt:tcp:x"), undefined);
  assert.deepEqual([...Deno.readDirSync(`${data}/authz`)], [], "no file of rules is left");
  assert.equal(await entries(), noted, "what was not done is not in the audit trail");
  const { port } = world.gateway.listeners.get("nats:tcp:default")!;
  using client = await RawNats.open(port);
  await client.flush();

  await Deno.remove(`${data}/overlay.toml.partial`, { recursive: true });
  await make(world, [["PUT", "gateways/nats", { server_name: "edge" }]]);
  assert.equal((await Deno.stat(`${data}/overlay.toml`)).mode! & 0o777, 0o600);
});

Deno.test("changes: the audit trail says who, what, from where and which settings", async () => {
  await using world = await startWorld();
  const authorization = world.keyFor({}, "robot");
  await world.get("gateway/nats", {
    method: "PUT",
    json: { server_name: "edge" },
    authorization,
    address: "198.51.100.7",
  });
  await world.get("gateways/nats", { method: "PUT", json: { server_name: 7 }, authorization });
  await world.get("banned", { json: { as: "clientid", who: "a\r\nb" } });
  await world.get("banned/clientid/a%0D%0Ab", { method: "DELETE" });
  const owner = "authorization/sources/built_in_database/rules/users";
  await make(world, [["POST", "authorization/sources", { type: "built_in_database" }]]);
  const broken = await world.ask(`${owner}/%FF`, { method: "PUT", json: { rules: [] } });
  assert.equal(broken.status, 204, "a path that cannot be decoded is a name like any other");
  const [, { data }] = await world.get("audit");
  const { at, ...last } = data.at(-1);
  assert.ok(Math.abs(Date.parse(at) - Date.now()) < 60_000);
  assert.deepEqual(last, {
    who: "robot",
    by: "key",
    address: "198.51.100.7",
    what: "PUT /api/v5/gateway/nats",
    note: "gateway.nats.server_name",
  });
  assert.equal(data.length, 5, "what was refused is not in it");
  assert.match(data[2].what, /a%0D%0Ab$/, "no line can be forged");
});

Deno.test("changes: a gateway takes listeners and authentication while it is loaded", async () => {
  await using world = await startWorld();
  const { port } = world.gateway.listeners.get("nats:tcp:default")!;
  using bystander = await RawNats.open(port);
  const [, { listeners }] = await world.get("gateways/nats");
  const added = { type: "tcp", name: "more", bind: "127.0.0.1:0" };
  const json = { authentication: BUILT_IN, listeners: [...listeners, added] };
  await make(world, [["PUT", "gateways/nats", json]]);
  const [, one] = await world.get("gateways/nats");
  assert.equal(one.authentication.backend, "built_in_database");
  assert.equal(one.listeners.length, listeners.length + 1);
  await bystander.flush();
  await make(world, [["PUT", "gateways/nats", { authentication: null, listeners }]]);
  assert.equal((await world.get("gateways/nats/authentication"))[0], 204);
  assert.equal((await world.get("gateways/nats/listeners/nats:tcp:more"))[0], 404);
});

Deno.test("changes: where they are kept cannot be changed with them", async () => {
  await using world = await startWorld();
  const before = world.gateway.config.node.data_dir;
  const [status, { code, message }] = await world.get("configs", {
    method: "PUT",
    body: '[node]\ndata_dir = "elsewhere"\n',
  });
  assert.deepEqual([status, code], [400, "BAD_REQUEST"]);
  assert.match(message, /^node\.data_dir: holds the changes that are made here/);
  assert.equal(world.gateway.config.node.data_dir, before);
});

Deno.test("changes: numbers without an end read back as the word", async () => {
  await using world = await startWorld("[mqtt]\nmax_mqueue_len = inf\n");
  assert.deepEqual(await world.get("configs?path=mqtt.max_mqueue_len"), [200, "infinity"]);
});

Deno.test("older paths: users of a listener and rules under their first names", async () => {
  await using world = await startWorld();
  const listener = "gateway/nats/listeners/nats%3Atcp%3Adefault";
  await make(world, [
    ["POST", `${listener}/authentication`, BUILT_IN],
    ["POST", `${listener}/import_users?type=plain`, [{ user_id: "ann", password: "p" }]],
    ["POST", "authorization/sources", { type: "built_in_database" }],
  ]);
  assert.equal((await world.get(`${listener}/authentication/users/ann`))[0], 200);
  const base = "authorization/sources/built_in_database";
  const rules = [{ topic: "a", permission: "deny", action: "all" }];
  await make(world, [
    ["PUT", `${base}/username/ann`, { rules }],
    ["PUT", `${base}/clientid/c`, { rules }],
    ["POST", `${base}/all`, { rules }],
  ]);
  assert.deepEqual((await world.get(`${base}/rules/users/ann`))[1].rules, rules);
  assert.deepEqual((await world.get(`${base}/rules/clients/c`))[1].rules, rules);
  assert.deepEqual((await world.get(`${base}/rules/all`))[1].rules, rules);
});

Deno.test("cookies: out of reach of scripts and other sites, and of the clear over HTTPS", async () => {
  await using world = await startWorld();
  await world.login();
  const login = await world.deps.auth.login("root", "Sesame-open-1", "");
  for (const secure of [false, true]) {
    const { Hono } = await import("hono");
    const app = new Hono().get("/", (context) => {
      setSession(context as never, login);
      return context.text("");
    });
    const response = await app.request("/", {}, { secure });
    const cookie = response.headers.get("set-cookie")!;
    assert.ok(cookie.startsWith(`${SESSION_COOKIE}=`));
    for (const word of ["HttpOnly", "SameSite=Strict", "Path=/"]) assert.ok(cookie.includes(word));
    assert.equal(cookie.includes("Secure"), secure);
    assert.doesNotMatch(cookie, /Domain=/);
  }
});

Deno.test("nothing but health is there without credentials, whatever the path or method", async () => {
  await using world = await startWorld();
  const open = new Set(["/livez", "/readyz", "/healthz", "/status", "/api/v5/status"]);
  for (const path of open) {
    const [status, body] = await world.get(path, { authorization: null });
    assert.equal(status, 200, path);
    assert.ok(!JSON.stringify(body).includes(VERSION), "what runs here is nobody's business");
  }
  const paths = new Set(
    world.app.routes.filter(({ method }) => method !== "ALL").map(({ path }) => path),
  );
  for (const path of paths) {
    if (open.has(path)) continue;
    const url = path.replaceAll(":", "");
    for (const method of ["GET", "POST", "PUT", "DELETE"]) {
      const [status] = await world.get(url, { method, authorization: null });
      // 404 and 405: there is nothing; 415: a login without a body.
      assert.ok([401, 404, 405, 415].includes(status), `${method} ${url}: ${status}`);
    }
  }
  assert.ok(paths.size > 100);
});

Deno.test("cors: off unless it is switched on, and then without cookies", async () => {
  await using world = await startWorld();
  const origin = { origin: "http://other.example" };
  const headersOf = async (method: string) => {
    const response = await world.ask("gateways", { method, headers: origin });
    await response.body?.cancel();
    return response.headers;
  };
  assert.equal((await headersOf("GET")).get("access-control-allow-origin"), null);
  assert.equal((await headersOf("OPTIONS")).get("access-control-allow-origin"), null);
  const toml = { body: "[dashboard]\ncors = true\n", method: "PUT" };
  assert.equal((await world.get("configs", toml))[0], 200);
  const headers = await headersOf("OPTIONS");
  assert.equal(headers.get("access-control-allow-origin"), "*");
  assert.equal(headers.get("access-control-allow-credentials"), null);
});

Deno.test("pages: of two browsers that add to one list at the same moment, one is told", async () => {
  await using world = await startWorld();
  await world.login();
  const { token, csrf } = await world.deps.auth.login("root", "Sesame-open-1", "");
  const app = createAdminApp(world.deps, pages(world.deps));
  const add = async (secret: string) => {
    const body = new FormData();
    const fields = { [CSRF_FIELD]: csrf, kind: "token", token: secret };
    for (const [name, value] of Object.entries(fields)) body.set(name, value);
    const request = new Request("http://localhost/dashboard/authentication/methods/new", {
      method: "POST",
      body,
      headers: { cookie: `${SESSION_COOKIE}=${token}`, host: "localhost" },
    });
    const response = await app.request(request, undefined, { address: "192.0.2.1" });
    return { status: response.status, text: await response.text() };
  };
  const answers = await Promise.all([add("first-token"), add("second-token")]);
  assert.deepEqual(answers.map(({ status }) => status).sort(), [303, 400]);
  assert.match(answers.find(({ status }) => status === 400)!.text, /somebody else changed/);
  assert.equal(world.gateway.config.gateway.nats.internal_authn.length, 1);
  assert.equal((await add("third-token")).status, 303);
  assert.equal(world.gateway.config.gateway.nats.internal_authn.length, 2);
});
