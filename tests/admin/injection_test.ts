/** What somebody with bad intentions sends. */
import assert from "node:assert/strict";
import { SESSION_COOKIE } from "../../admin/auth/auth.ts";
import { RawNats } from "../kit/raw_nats.ts";
import { startWorld } from "./kit.ts";

Deno.test("cookies: changes need the token of the page, and come from our own pages", async () => {
  await using world = await startWorld();
  await world.login();
  const login = await world.deps.auth.login("root", "Sesame-open-1", "");
  const put = (headers: Record<string, string>) =>
    world.get("gateways/nats", {
      method: "PUT",
      json: { server_name: "x" },
      authorization: null,
      headers: { cookie: `${SESSION_COOKIE}=${login.token}`, host: "localhost", ...headers },
    });
  const codeOf = ([status, body]: [number, { code: string } | undefined]) => [status, body?.code];
  assert.deepEqual(codeOf(await put({})), [403, "FORBIDDEN"]);
  assert.deepEqual(codeOf(await put({ "x-csrf-token": "guess" })), [403, "FORBIDDEN"]);
  const token = { "x-csrf-token": login.csrf };
  for (const origin of ["http://evil.example", "null", "http://localhost.evil.example"]) {
    assert.deepEqual(codeOf(await put({ ...token, origin })), [403, "FORBIDDEN"], origin);
  }
  assert.deepEqual(codeOf(await put({ ...token, origin: "http://localhost" })), [204, undefined]);
});

Deno.test("a browser that remembers a key does not make changes for other pages", async () => {
  await using world = await startWorld();
  const headers = { origin: "http://evil.example", host: "localhost" };
  const [status] = await world.get("publish", { json: { topic: "a", payload: "" }, headers });
  assert.equal(status, 403);
});

Deno.test("client ids with anything in them are listed, found and kicked by their exact name", async () => {
  await using world = await startWorld(
    '[gateway.nats.clientinfo_override]\nclientid = "${Packet.name}"\n',
  );
  const port = world.gateway.listeners.get("nats:tcp:default")!.port;
  for (
    const name of [
      '<script>alert("1")</script>',
      '!@#$%^&*()_+{}:"<>?/',
      "../../etc/passwd",
      "a\r\nX-Y: z",
    ]
  ) {
    using client = await RawNats.open(port, { name });
    const path = `gateways/nats/clients/${encodeURIComponent(name)}`;
    const response = await world.ask(path);
    assert.equal(response.status, 200, name);
    assert.match(response.headers.get("content-type")!, /^application\/json/);
    assert.equal(response.headers.get("x-content-type-options"), "nosniff");
    assert.equal(response.headers.get("x-y"), null);
    assert.equal((await response.json()).clientid, name);
    assert.equal((await world.get(path, { method: "DELETE" }))[0], 204);
    await client.expect("-ERR Kicked out");
  }
});

Deno.test("bodies: too large, too deep, of another type, or no JSON at all", async () => {
  await using world = await startWorld();
  const put = async (body: BodyInit, type = "application/json") =>
    await world.get("gateways/nats", { method: "PUT", body, headers: { "content-type": type } });
  const large = await put(`{"server_name":"${"x".repeat(2_000_000)}"}`);
  assert.deepEqual([large[0], large[1].code], [413, "EXCEED_LIMIT"]);
  const stream = new ReadableStream({
    pull: (out) => out.enqueue(new Uint8Array(65_536).fill(0x20)),
  });
  assert.equal((await put(stream))[0], 413, "whatever the headers say");
  assert.match((await put("[".repeat(100_000)))[1].message, /nested deeper/);
  assert.match((await put('{"a":'))[1].message, /not valid JSON/);
  assert.equal((await put(new Uint8Array([0x7b, 0xff])))[0], 400);
  assert.equal((await put("[]"))[0], 400);
  assert.equal((await put("a=b", "application/x-www-form-urlencoded"))[0], 415);
  for (const body of ['{"__proto__":{"enable":false}}', '{"protocol":{"__proto__":{"a":1}}}']) {
    assert.match((await put(body))[1].message, /__proto__: unknown key/);
  }
  assert.equal(world.gateway.config.gateway.nats.enable, true);
  assert.equal(({} as { enable?: boolean }).enable, undefined);
});

Deno.test("bodies: thousands of keys are refused before they cost anything", async () => {
  await using world = await startWorld();
  const keys = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 1]));
  const put = (json: unknown) => world.get("gateways/nats", { method: "PUT", json });
  for (
    const [json, words] of [
      [keys(6000), /more than 5000 values/],
      [{ protocol: keys(6000) }, /more than 5000 values/],
      [keys(201), /more than 200 settings/],
      [{ protocol: keys(200) }, /more than 100 problems/],
    ] as const
  ) {
    const [status, { code, message }] = await put(json);
    assert.deepEqual([status, code], [400, "BAD_REQUEST"]);
    assert.match(message, words);
  }
  const [, { message }] = await world.get("publish", { json: Array(100_000).fill(1) });
  assert.ok(message.length < 2000, "no flood of problems");
  const validate = (body: string) => world.get("configs/validate", { method: "POST", body });
  assert.match((await validate("\n".repeat(10_000)))[1].message, /more than 10000 lines/);
  const deep = await validate(`a${".b".repeat(400_000)} = 1`);
  assert.deepEqual([deep[0], deep[1].message], [400, "the body is nested too deep"]);
  const brackets = await validate(`a = ${"[".repeat(50_000)}`);
  assert.equal(brackets[1].valid, false);
});

Deno.test("paths: unknown ones, wrong methods, and attempts to climb", async () => {
  await using world = await startWorld();
  const codeOf = async (path: string, method = "GET") => {
    const [status, body] = await world.get(path, { method });
    return [status, body?.code];
  };
  assert.deepEqual(await codeOf("nothing"), [404, "NOT_FOUND"]);
  assert.deepEqual(await codeOf("gateways", "PUT"), [405, "METHOD_NOT_ALLOWED"]);
  assert.deepEqual(await codeOf("gateway/nats/clients", "POST"), [405, "METHOD_NOT_ALLOWED"]);
  for (
    const path of ["/..%2f..%2fetc%2fpasswd", "/assets/..%2f..%2fconfig.toml", "/api/v5/%2e%2e/x"]
  ) {
    assert.equal((await codeOf(path))[0], 404, path);
  }
});

Deno.test("every answer tells browsers what to refuse", async () => {
  await using world = await startWorld();
  for (const path of ["/livez", "gateways", "nothing"]) {
    const response = await world.ask(path);
    await response.body?.cancel();
    assert.match(response.headers.get("content-security-policy")!, /default-src 'self'/);
    assert.equal(response.headers.get("x-frame-options"), "DENY");
    assert.equal(response.headers.get("access-control-allow-origin"), null);
  }
});
