import assert from "node:assert/strict";
import { type Asked, HttpService, json } from "../kit/http_service.ts";
import { until } from "../kit/wait.ts";
import { testAccess } from "./config.ts";
import { DOWN, mqttCredentials, principalOf } from "./kit.ts";

function config(service: HttpService, changes = "", profile = "legacy"): string {
  return `security_profile = "${profile}"
[[authentication]]
mechanism = "password_based"
backend = "http"
${changes.includes("method =") ? "" : 'method = "post"'}
${changes.includes("url =") ? "" : `url = "${service.url}/login"`}
request_timeout = "3s"
body = { username = "\${username}", password = "\${password}", clientid = "\${clientid}" }
${changes}`;
}

Deno.test("http: POST with JSON, POST with a form, GET with a query", async () => {
  await using service = await HttpService.start(() => ({ status: 204 }));
  const ask = async (changes: string): Promise<Asked> => {
    await using on = await testAccess(config(service, changes));
    assert.equal(await on.login('al"ice&=\u00e9', "p w+"), 'in: al"ice&=\u00e9');
    return service.asked.at(-1)!;
  };
  const sent = { username: 'al"ice&=\u00e9', password: "p w+", clientid: "client-1" };
  const asJson = await ask("");
  assert.equal(asJson.method, "POST");
  assert.equal(asJson.headers["content-type"], "application/json");
  assert.deepEqual(JSON.parse(asJson.body), sent);
  const asForm = await ask('headers = { "content-type" = "application/x-www-form-urlencoded" }');
  assert.deepEqual(Object.fromEntries(new URLSearchParams(asForm.body)), sent);
  const get = await ask(`method = "get"\nurl = "${service.url}/u/\${username}/x?a=1"`);
  assert.equal(get.method, "GET");
  const [path, query] = get.url.split("?");
  assert.equal(path, "/u/al%22ice%26%3D%C3%A9/x");
  assert.deepEqual(Object.fromEntries(new URLSearchParams(query)), { a: "1", ...sent });
  const header = await ask('headers = { "x-user" = "${clientid}" }');
  assert.equal(header.headers["x-user"], "client-1");
});

Deno.test("http: a name that would break out of a header stays out, and nothing is sent", async () => {
  await using service = await HttpService.start(() => ({ status: 204 }));
  await using on = await testAccess(config(service, 'headers = { "x-user" = "${username}" }'));
  for (const name of ["a\r\nx-admin: 1", "a\nb", "a\0b", "\u7530"]) {
    assert.equal(await on.login(name, "x"), "out: bad_username_or_password");
  }
  assert.equal(service.asked.length, 0);
  assert.equal(await on.login("alice", "x"), "in: alice");
});

Deno.test("http: what each answer means, for each profile", async () => {
  const ignored = "out: not_authorized";
  const cases: [ReturnType<typeof json>, string, string][] = [
    [{ status: 204 }, "in: alice", "in: alice"],
    [json({ result: "allow" }), "in: alice", "in: alice"],
    [json({ result: "deny" }), ignored, ignored],
    [json({ result: "ignore" }), ignored, ignored],
    [json({}), ignored, ignored],
    [json({ result: true }), ignored, ignored],
    [json({ result: "allow" }, 401), ignored, ignored],
    [json({ result: "allow" }, 403), ignored, ignored],
    [json({ result: "allow" }, 500), ignored, ignored],
    [json({ result: "allow" }, 302), ignored, ignored],
    [
      { status: 200, type: "application/x-www-form-urlencoded", body: "result=allow" },
      "in: alice",
      "in: alice",
    ],
    [{ status: 200, type: "text/html", body: "<p>allow" }, DOWN, DOWN],
    [{ status: 200, type: "application/json", body: "{" }, DOWN, DOWN],
    [{ status: 200, type: "application/json", body: '["allow"]' }, DOWN, DOWN],
    [
      { status: 200, type: "application/json; charset=utf-8", body: '{"result":"allow"}' },
      "in: alice",
      "in: alice",
    ],
    [json({ result: "allow", padding: "x".repeat(2_000_000) }), DOWN, DOWN],
    [json({ result: "allow" }), "in: alice", "in: alice"],
  ];
  await using service = await HttpService.start(() => undefined);
  for (const [profile, column] of [["legacy", 1], ["hardened", 2]] as const) {
    await using on = await testAccess(config(service, "", profile));
    for (const row of cases) {
      service.answer = () => row[0];
      assert.equal(
        await on.login("alice", "x"),
        row[column],
        `${profile} ${JSON.stringify(row[0])?.slice(0, 60)}`,
      );
    }
  }
});

Deno.test("http: what comes with an allow", async () => {
  await using service = await HttpService.start(() => undefined);
  await using on = await testAccess(`${config(service)}
[authorization]
no_match = "deny"`);
  const answer = (extra: unknown) =>
    service.answer = () => json({ result: "allow", ...extra as object });
  const who = () =>
    principalOf(
      on.access.authenticatorFor("mqtt:tcp:default").authenticate(mqttCredentials("alice", "x")),
    );
  const later = Math.floor(Date.now() / 1000) + 100;
  answer({
    is_superuser: false,
    client_attrs: { group: "g1", "bad name": "x", number: 7 },
    expire_at: later,
    acl: [{ permission: "allow", action: "publish", topic: "${client_attrs.group}/#" }],
    clientid_override: "other",
  });
  const principal = await who();
  assert.equal(principal.expiresAt, later * 1000);
  assert.deepEqual({ ...principal.attributes }, { group: "g1" });
  assert.equal(principal.clientId, "other");
  assert.equal(await on.mayPublish("g1/x", principal), true);
  assert.equal(await on.mayPublish("g2/x", principal), false);
  answer({ is_superuser: "true" });
  assert.equal((await who()).superuser, true);
  for (
    const bad of [
      { expire_at: later - 1000 },
      { expire_at: later * 1000 },
      { expire_at: "soon" },
      { acl: {} },
      { acl: [{ permission: "allow" }] },
      { acl: "all" },
    ]
  ) {
    answer(bad);
    assert.equal(
      await on.login("alice", "x"),
      "out: bad_username_or_password",
      JSON.stringify(bad),
    );
  }
});

Deno.test("http: TLS with a known, an unknown and no verified authority", async () => {
  await using service = await HttpService.start(() => ({ status: 204 }), true);
  const ca = Deno.makeTempFileSync();
  Deno.writeTextFileSync(ca, service.ca);
  try {
    const login = async (ssl: string) => {
      await using on = await testAccess(config(service, `ssl = ${ssl}`));
      return await on.login("alice", "x");
    };
    assert.equal(await login(`{ verify = "verify_peer", cacertfile = "${ca}" }`), "in: alice");
    assert.equal(await login('{ verify = "verify_none" }'), "in: alice");
    assert.equal(await login('{ verify = "verify_peer" }'), DOWN);
    assert.equal(await login('{ verify = "verify_peer", cacertfile = "/nowhere" }'), DOWN);
  } finally {
    Deno.removeSync(ca);
  }
});

Deno.test("http: a service that is silent is not waited for, and is found again", async () => {
  await using service = await HttpService.start(() => undefined);
  await using on = await testAccess(config(service));
  const all = await Promise.all(Array.from({ length: 10 }, () => on.login("alice", "x")));
  assert.deepEqual(new Set(all), new Set([DOWN]));
  const asked = service.asked.length;
  assert.equal(await on.login("alice", "x"), DOWN);
  assert.equal(service.asked.length, asked, "the breaker is open: not even asked");
  service.answer = () => ({ status: 204 });
  await until(async () => await on.login("alice", "x") === "in: alice", "the breaker to close");
  assert.equal(on.lines.filter((line) => line.includes("answers again")).length, 1);
  const [numbers] = on.metrics.backends();
  assert.equal(numbers!.chain, "mqtt:global");
  assert.equal(numbers!.backend, "password_based:http");
  assert.deepEqual([numbers!.up, numbers!.success, numbers!.failed > 10], [true, 1, true]);
});

Deno.test("http: nobody there", async () => {
  const service = await HttpService.start(() => undefined);
  const text = config(service);
  await service[Symbol.asyncDispose]();
  await using on = await testAccess(text);
  assert.equal(await on.login("alice", "secret-pass"), DOWN);
  assert.ok(!on.lines.join("\n").includes("secret-pass"));
});

Deno.test("http: permissions", async () => {
  await using service = await HttpService.start(() => undefined);
  const text = (profile: string) =>
    `security_profile = "${profile}"
[authorization]
no_match = "deny"
cache = { enable = false }
[[authorization.sources]]
type = "http"
method = "post"
url = "${service.url}/acl"
request_timeout = "3s"
body = { u = "\${username}", t = "\${topic}", a = "\${action}", q = "\${qos}", r = "\${retain}", p = "\${proto_name}", x = "\${access}" }`;
  for (const profile of ["legacy", "hardened"]) {
    await using on = await testAccess(text(profile));
    const cases: [ReturnType<typeof json>, boolean][] = [
      [{ status: 204 }, true],
      [json({ result: "allow" }), true],
      [json({ result: "deny" }), false],
      [json({ result: "ignore" }), false],
      [json({ result: "allow" }, 403), false],
      [{ status: 200, type: "text/html", body: "x" }, false],
    ];
    for (const [answer, expected] of cases) {
      service.answer = () => answer;
      assert.equal(await on.mayPublish("a/b"), expected, JSON.stringify(answer));
    }
    assert.deepEqual(JSON.parse(service.asked.at(-1)!.body), {
      u: "alice",
      t: "a/b",
      a: "publish",
      q: "0",
      r: "false",
      p: "MQTT",
      x: "2",
    });
  }
});
