import assert from "node:assert/strict";
import {
  type CryptoKey,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  type JWK,
  type JWTPayload,
  SignJWT,
} from "jose";
import { HttpService, json } from "../kit/http_service.ts";
import { testAccess } from "./config.ts";
import { DOWN, mqttCredentials, principalOf, StillClock } from "./kit.ts";

const SECRET = "a-secret-of-more-than-32-bytes-for-hmac";
const NOW_S = Math.floor(Date.now() / 1000);
const hmac = (changes = "", profile = "legacy") =>
  `security_profile = "${profile}"
[[authentication]]
mechanism = "jwt"
use_jwks = false
algorithm = "hmac-based"
secret = "${SECRET}"
${changes}`;

const byKey = (pem: string) =>
  `[[authentication]]
mechanism = "jwt"
use_jwks = false
algorithm = "public-key"
public_key = """
${pem}"""`;

const byKeySet = (url: string, changes = "") =>
  `[[authentication]]
mechanism = "jwt"
use_jwks = true
endpoint = "${url}"
${changes}`;

type Key = CryptoKey | Uint8Array;

function sign(
  claims: JWTPayload,
  key: Key = new TextEncoder().encode(SECRET),
  alg = "HS256",
  kid?: string,
) {
  return new SignJWT(claims).setProtectedHeader({ alg, ...(kid ? { kid } : {}) }).sign(key);
}

Deno.test("jwt: HS256, HS384 and HS512 by secret, plain or base64", async () => {
  await using on = await testAccess(hmac());
  for (const alg of ["HS256", "HS384", "HS512"]) {
    const key = new TextEncoder().encode(SECRET);
    assert.equal(await on.login("alice", await sign({}, key, alg)), "in: alice", alg);
  }
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  await using base64 = await testAccess(
    hmac().replace(SECRET, btoa(String.fromCharCode(...bytes))) + "\nsecret_base64_encoded = true",
  );
  assert.equal(await base64.login("alice", await sign({}, bytes)), "in: alice");
});

Deno.test("jwt: RS256, PS256, ES256, ES384 and EdDSA by public key; none by another's", async () => {
  const other = await generateKeyPair("RS256");
  for (const alg of ["RS256", "PS256", "ES256", "ES384", "EdDSA"]) {
    const pair = await generateKeyPair(alg, { extractable: true });
    await using on = await testAccess(byKey(await exportSPKI(pair.publicKey)));
    const good = await sign({}, pair.privateKey, alg);
    assert.equal(await on.login("alice", good), "in: alice", alg);
    assert.equal(
      await on.login("alice", await sign({}, other.privateKey, "RS256")),
      "out: not_authorized",
    );
    const [head, body] = good.split(".");
    assert.equal(await on.login("alice", `${head}.${body}.`), "out: not_authorized");
  }
});

Deno.test("jwt: a public key is no HMAC secret, and `none` is no algorithm", async () => {
  const pair = await generateKeyPair("RS256", { extractable: true });
  const pem = await exportSPKI(pair.publicKey);
  await using on = await testAccess(byKey(pem));
  for (const secret of [pem, pem.trim(), `${pem}\n`]) {
    const forged = await sign({}, new TextEncoder().encode(secret), "HS256");
    assert.equal(await on.login("alice", forged), "out: not_authorized");
  }
  const part = (value: unknown) => btoa(JSON.stringify(value)).replace(/=+$/, "");
  for (const alg of ["none", "None", "", null]) {
    const naked = `${part({ alg })}.${part({ sub: "alice" })}.`;
    assert.equal(await on.login("alice", naked), "out: not_authorized");
  }
});

Deno.test("jwt: what counts as no token at all", async () => {
  for (const action of ["ignore", "deny"]) {
    await using on = await testAccess(hmac(`on_missing_jwt = "${action}"`));
    for (const text of [undefined, "", "a", "a.b.c", "..", "x".repeat(100_000)]) {
      assert.equal(await on.login("alice", text), "out: not_authorized", `${text?.slice(0, 9)}`);
    }
  }
});

Deno.test("jwt: times may be numbers of any kind or texts, and nothing else", async () => {
  await using on = await testAccess(hmac());
  const cases: [Record<string, unknown>, boolean][] = [
    [{ exp: NOW_S + 100 }, true],
    [{ exp: NOW_S + 100.5 }, true],
    [{ exp: `${NOW_S + 100}` }, true],
    [{ exp: NOW_S - 1 }, false],
    [{ exp: 0 }, false],
    [{ exp: "soon" }, false],
    [{ exp: null }, false],
    [{ exp: {} }, false],
    [{ nbf: NOW_S - 1 }, true],
    [{ nbf: NOW_S + 100 }, false],
    [{ nbf: "x" }, false],
    [{ iat: NOW_S + 1000 }, true],
  ];
  for (const [claims, good] of cases) {
    const expected = good ? "in: alice" : "out: bad_username_or_password";
    // jose refuses to write odd times; this is what others write.
    const token = await sign({ ...claims } as JWTPayload);
    assert.equal(await on.login("alice", token), expected, JSON.stringify(claims));
  }
});

Deno.test("jwt: the claims that must hold", async () => {
  await using on = await testAccess(
    hmac('verify_claims = { aud = "nats", sub = "${username}", cid = "${clientid}" }'),
  );
  const claims = { aud: "nats", sub: "alice", cid: "client-1" };
  assert.equal(await on.login("alice", await sign(claims)), "in: alice");
  assert.equal(await on.login("alice", await sign({ ...claims, aud: ["a", "nats"] })), "in: alice");
  for (
    const bad of [
      { ...claims, aud: [] },
      { ...claims, aud: "other" },
      { ...claims, sub: "bob" },
      { aud: "nats", sub: "alice" },
      { ...claims, cid: { x: 1 } },
    ]
  ) {
    const token = await sign(bad as JWTPayload);
    assert.equal(
      await on.login("alice", token),
      "out: bad_username_or_password",
      JSON.stringify(bad),
    );
  }
});

Deno.test("jwt: superuser, attributes, ACL and the end of the connection", async () => {
  await using on = await testAccess(`${hmac()}\n[authorization]\nno_match = "deny"`);
  const who = async (claims: JWTPayload) =>
    principalOf(
      on.access.authenticatorFor("mqtt:tcp:default")
        .authenticate(mqttCredentials("alice", await sign(claims))),
    );
  const exp = NOW_S + 1000;
  const rich = await who({
    exp,
    is_superuser: false,
    client_attrs: { g: "x", "no good": "y" },
    acl: [
      { permission: "deny", action: "publish", topic: "a/no" },
      { permission: "allow", action: "all", topics: ["a/#", "${username}/#"] },
    ],
  } as JWTPayload);
  assert.equal(rich.expiresAt, exp * 1000);
  assert.deepEqual({ ...rich.attributes }, { g: "x" });
  assert.equal(await on.mayPublish("a/b", rich), true);
  assert.equal(await on.mayPublish("alice/b", rich), true);
  assert.equal(await on.mayPublish("a/no", rich), false);
  assert.equal(await on.mayPublish("b", rich), false);
  const old = await who({ acl: { pub: ["p/#"], sub: ["s/#"], all: ["eq x/#"] } } as JWTPayload);
  assert.equal(await on.mayPublish("p/1", old), true);
  assert.equal(await on.mayPublish("s/1", old), false);
  assert.equal((await who({ is_superuser: true } as JWTPayload)).superuser, true);
  for (const acl of ["all", 7, [{ permission: "allow" }], { pub: "x" }, { pub: [7] }]) {
    const token = await sign({ acl } as JWTPayload);
    assert.equal(
      await on.login("alice", token),
      "out: bad_username_or_password",
      JSON.stringify(acl),
    );
  }
  await using stays = await testAccess(hmac("disconnect_after_expire = false"));
  const kept = await principalOf(
    stays.access.authenticatorFor("mqtt:tcp:default").authenticate(
      mqttCredentials("alice", await sign({ exp, acl: [] } as JWTPayload)),
    ),
  );
  assert.equal(kept.expiresAt, undefined);
  assert.equal(kept.rules?.expiresAt, exp * 1000, "its rules end all the same");
});

Deno.test("jwt: in the user name it is never shown", async () => {
  await using on = await testAccess(hmac('from = "username"'));
  const token = await sign({ sub: "alice" });
  assert.equal(await on.login(token, "anything"), "in: alice");
  assert.equal(await on.login(`${token}x`, undefined), "out: not_authorized");
  assert.ok(on.lines.some((line) => line.includes("login refused")));
  assert.ok(!on.lines.join("\n").includes(token.slice(0, 30)));
});

Deno.test("jwks: the right key by kid, a new key at once, unusable keys passed over", async () => {
  const [one, two] = [await keyOf("RS256", "k1"), await keyOf("ES256", "k2")];
  let keys: JWK[] = [{ kty: "oct", k: "c2VjcmV0", kid: "k0" }, { kty: "XX" }, one.jwk];
  await using service = await HttpService.start(() => json({ keys }));
  const clock = new StillClock(Date.now());
  await using on = await testAccess(byKeySet(`${service.url}/jwks`), clock);
  assert.equal(await on.login("alice", await sign({}, one.key, "RS256", "k1")), "in: alice");
  assert.equal(await on.login("alice", await sign({}, one.key, "RS256")), "in: alice", "no kid");
  assert.equal(service.asked.length, 1);
  const fresh = await sign({}, two.key, "ES256", "k2");
  assert.equal(await on.login("alice", fresh), "out: not_authorized");
  keys = [two.jwk];
  assert.equal(await on.login("alice", fresh), "out: not_authorized", "not asked every time");
  clock.advance(11_000);
  assert.equal(await on.login("alice", fresh), "in: alice");
  assert.equal(
    await on.login("alice", await sign({}, one.key, "RS256", "k1")),
    "out: not_authorized",
  );
  const forged = await sign({}, new TextEncoder().encode("secret"), "HS256", "k0");
  assert.equal(await on.login("alice", forged), "out: not_authorized");
});

Deno.test("jwks: the server is verified unless told otherwise", async () => {
  const one = await keyOf("ES256", "k1");
  await using service = await HttpService.start(() => json({ keys: [one.jwk] }), true);
  const token = await sign({}, one.key, "ES256", "k1");
  const login = async (ssl: string) => {
    await using on = await testAccess(byKeySet(`${service.url}/jwks`, ssl));
    return await on.login("alice", token);
  };
  assert.equal(await login(""), DOWN);
  assert.equal(await login('ssl = { verify = "verify_none" }'), "in: alice");
  const ca = service.ca.replaceAll("\n", "\\n");
  assert.equal(await login(`ssl = { cacertfile = "${ca}" }`), "in: alice");
});

Deno.test("jwks: down, slow and nonsense; then it works by itself", async () => {
  const one = await keyOf("EdDSA", "k1");
  await using service = await HttpService.start(() => ({ status: 500 }));
  const clock = new StillClock(Date.now());
  await using on = await testAccess(byKeySet(`${service.url}/jwks`), clock);
  const token = await sign({}, one.key, "EdDSA", "k1");
  assert.equal(await on.login("alice", token), DOWN);
  for (const body of ["", "{}", '{"keys":7}', "[]"]) {
    service.answer = () => ({ status: 200, body });
    clock.advance(60_000);
    assert.equal(await on.login("alice", token), DOWN);
  }
  clock.advance(60_000);
  service.answer = () => json({ keys: [one.jwk] });
  assert.equal(await on.login("alice", token), "in: alice");
  service.answer = () => ({ status: 500 });
  clock.advance(3_600_000);
  assert.equal(await on.login("alice", token), "in: alice", "the old set is kept");
});

async function keyOf(alg: string, kid: string): Promise<{ key: CryptoKey; jwk: JWK }> {
  const pair = await generateKeyPair(alg, { extractable: true });
  return { key: pair.privateKey, jwk: { ...await exportJWK(pair.publicKey), kid, alg } };
}
