import assert from "node:assert/strict";
import { Algorithms, encodeAccount, encodeUser } from "@nats-io/jwt";
import { createAccount, createOperator, createUser } from "@nats-io/nkeys";
import { natsJwtMethod, type NatsJwtOptions } from "../../gateway/auth/nats_jwt.ts";
import type { AuthResult, Principal } from "../../gateway/auth/types.ts";
import {
  KEYS,
  natsCredentials,
  NONCE,
  outcome,
  signNonce,
  spoil,
  subjects,
  toBase64Url,
  writeToken,
} from "./kit.ts";
import {
  account,
  clock,
  NOW_S,
  principal,
  publishes,
  refused,
  signBy,
  subscribes,
  user,
  world,
} from "./nats_tokens.ts";
import { V1, V2, V3, V4, V5, V6 } from "./vectors.ts";

Deno.test("the reference tokens", async () => {
  const who = principal(V2);
  assert.equal(who.username, KEYS.user);
  assert.equal(who.account, KEYS.account);
  assert.equal(who.superuser, false);
  assert.equal(who.expiresAt, undefined);
  assert.equal(publishes(who, "sensors/a"), true);
  assert.equal(publishes(who, "sensors/secret/a"), false);
  assert.equal(publishes(who, "other"), false);
  assert.equal(subscribes(who, "alerts/+")?.allowed, true);
  assert.equal(subscribes(who, "#")?.allowed, false);
  await refused("jwt_expired", V3);
  principal(V5, { account: V4 });
  principal(V6, { account: V4 });
  await refused("jwt_untrusted_signing_key", V5);
  await refused("jwt_untrusted_signing_key", V6);
});

Deno.test("AU-13 AU-14 AU-18 AU-21 every way a token can be wrong has its name", async () => {
  await refused("invalid_jwt_format", "invalid-jwt");
  await refused("invalid_jwt_format", "a..b");
  await refused("invalid_jwt_format", "a.b.c.d");
  await refused("invalid_jwt_base64", V2.replace(/\..*\./, ".!!!."));
  await refused("invalid_jwt_header", `${toBase64Url(new TextEncoder().encode("1"))}.e30.e30`);
  await refused("invalid_jwt_claims", V2.replace(/\..*\./, ".MQ."));
  const unsigned = { sig: undefined };
  await refused("jwt_expired", V3, { fields: unsigned });
  await refused("jwt_not_before", user({}, { nbf: NOW_S + 3600 }), { fields: unsigned });
  await refused("jwt_expired", user({}, { exp: 0 }));
  await refused("jwt_expired", user({}, { exp: "tomorrow" }));
  await refused("invalid_jwt_signature", spoil(V2));
  for (const alg of ["none", "HS256", "", null, 1]) {
    await refused("invalid_jwt_alg", writeToken("account", { sub: KEYS.user }, { alg }));
  }
  await refused("invalid_jwt_issuer", writeToken("account", { iss: undefined, sub: KEYS.user }));
  await refused("jwt_account_not_found", V2, { changes: { resolver: { resolver_preload: [] } } });
  await refused("jwt_untrusted_operator", V2, {
    account: writeToken("signing", { sub: KEYS.account, nats: { type: "account" } }),
  });
  await refused("invalid_jwt_account", V2, { account: "junk" });
  await refused("invalid_jwt_account", V2, { account: account({}, { sub: KEYS.signing }) });
  await refused("invalid_jwt_signature", V2, { account: spoil(V1) });
  await refused("jwt_sig_required", V2, { fields: unsigned });
  await refused("nkey_nonce_unavailable", V2, { fields: { nonce: undefined } });
  await refused("jwt_nkey_mismatch", V2, { fields: { nkey: createUser().getPublicKey() } });
  await refused("invalid_nkey_prefix", V2, { fields: { nkey: KEYS.account } });
  await refused("invalid_nkey_sig", V2, { fields: { nonce: "other" } });
  await refused("invalid_nkey_sig_format", V2, { fields: { sig: "***" } });
  await refused("invalid_jwt_subject", writeToken("account", { nats: { type: "user" } }));
  await refused("invalid_nkey_prefix", user({}, { sub: KEYS.account }), {
    fields: { sig: signNonce(NONCE, "account") },
  });
  await refused("invalid_jwt_type", user({ type: "activation" }));
  await refused("invalid_jwt_alg", user({}), { account: V1, fields: { jwt: "e30.e30.e30" } });
});

Deno.test("AU-22 fractions of seconds, and times on the edge", async () => {
  await refused("jwt_expired", user({}, { exp: NOW_S + 0.9 }));
  assert.equal(principal(user({}, { exp: NOW_S + 1.9 })).expiresAt, (NOW_S + 1) * 1000);
  principal(user({}, { nbf: NOW_S }));
  principal(user({}, { nbf: NOW_S + 0.9 }));
});

Deno.test("AU-15 AU-16 where permissions are read from", () => {
  const permissions = { pub: { allow: ["a", 7, ""] }, subscribe: { deny: ["b.>"] } };
  const old = principal(user({}, { permissions }));
  assert.equal(publishes(old, "a"), true);
  assert.equal(publishes(old, "7"), true);
  assert.equal(publishes(old, "c"), false);
  assert.equal(subscribes(old, "b/c")?.allowed, false);
  const both = principal(
    user({ pub: { allow: ["x"] }, publish: { allow: ["y"] } }, { permissions }),
  );
  assert.equal(publishes(both, "x"), true);
  assert.equal(publishes(both, "y"), false);
  assert.equal(publishes(both, "a"), false);
  assert.equal(publishes(principal(user({ pub: {} }, { permissions })), "c"), false);
});

Deno.test("signing keys, the operator's too, and operator tokens, made with @nats-io/jwt", async () => {
  const made = await world();
  const jwt = await encodeUser("u", made.user, made.account, {}, { signer: made.signer });
  const login = (changes: Partial<NatsJwtOptions>) => outcome(made.ask(jwt, changes));
  assert.equal(await login({ trusted_operators: [made.operatorSigner.getPublicKey()] }), made.in);
  assert.equal(
    await login({ trusted_operators: [made.operator.getPublicKey()] }),
    "out: jwt_untrusted_operator",
  );
  assert.equal(await login({ trusted_operators: [made.operatorJwt] }), made.in);
  assert.equal(
    await login({ trusted_operators: [spoil(made.operatorJwt)] }),
    "out: jwt_trusted_operators_required",
  );
});

Deno.test("version 1 tokens, from operator to user", async () => {
  const [operator, acc, usr] = [createOperator(), createAccount(), createUser()];
  const v1 = { algorithm: Algorithms.v1 };
  const accountJwt = await encodeAccount("a", acc, {}, { ...v1, signer: operator });
  const userJwt = await encodeUser("u", usr, acc, { pub: { allow: ["ok"], deny: [] } }, v1);
  const sign = (jwt: string) =>
    natsJwtMethod(
      {
        trusted_operators: [operator.getPublicKey()],
        resolver: { resolver_preload: [{ pubkey: acc.getPublicKey(), jwt: accountJwt }] },
      },
      subjects,
      clock,
    ).authenticate(natsCredentials({ jwt, nonce: NONCE, sig: signBy(usr) })) as AuthResult;
  const result = sign(userJwt) as { principal: Principal };
  assert.equal(publishes(result.principal, "ok"), true);
  assert.equal(publishes(result.principal, "no"), false);
  assert.equal(await outcome(sign(spoil(userJwt))), "out: invalid_jwt_signature");
});

Deno.test("scoped signing keys: the template rules, its functions are filled in", async () => {
  const made = await world({
    pub: {
      allow: ["{{name()}}.out", "{{tag(team)}}.x", "{{account-tag(zone)}}.z"].concat(
        ["{{ NAME() }}.up", "{{account-name()}}.{{tag(team)}}.two", "{{what()}}.no"],
      ),
      deny: [],
    },
    sub: { allow: ["{{subject()}}.>", "acc.{{account-subject()}}"], deny: ["{{name()}}.secret"] },
    subs: 7,
  });
  const scoped = { scopedUser: true, signer: made.signer };
  const jwt = await encodeUser("dev1", made.user, made.account, {
    tags: ["team:red", "team:blue"],
  } as never, scoped);
  const result = made.ask(jwt) as { principal: Principal };
  assert.equal(await outcome(result as never), made.in);
  const who = result.principal;
  for (const topic of ["dev1/out", "red/x", "blue/x", "eu/z", "dev1/up", "acc/blue/two"]) {
    assert.equal(publishes(who, topic), true, topic);
  }
  for (const topic of ["/no", "what/no", "{{what()}}/no"]) {
    assert.equal(publishes(who, topic), false, topic);
  }
  assert.equal(publishes(who, "green/x"), false);
  assert.equal(subscribes(who, `${made.user.getPublicKey()}/#`)?.allowed, true);
  assert.equal(subscribes(who, `acc/${made.account.getPublicKey()}`)?.allowed, true);
  assert.equal(who.limits?.subscriptions, 7);

  const greedy = await encodeUser("dev1", made.user, made.account, {
    pub: { allow: [">"], deny: [] },
  } as never, scoped);
  assert.equal(await outcome(made.ask(greedy)), "out: jwt_scoped_user_has_permissions");
  const wide = await encodeUser("*", made.user, made.account, {} as never, scoped);
  assert.equal(
    await outcome(made.ask(wide)),
    "out: jwt_scope_template",
    "a name that is a wildcard must not lift the deny",
  );
});

Deno.test("a scope of which no allow entry can be filled in allows nothing", async () => {
  const made = await world({ pub: { allow: ["{{tag(none)}}.x"], deny: [] } });
  const jwt = await encodeUser("dev1", made.user, made.account, {} as never, {
    scopedUser: true,
    signer: made.signer,
  });
  const { principal: who } = made.ask(jwt) as { principal: Principal };
  assert.equal(publishes(who, "a"), false);
});

Deno.test("bearer tokens need no signature, unless the account disallows them", async () => {
  const bearer = { fields: { sig: undefined, nonce: undefined } };
  principal(user({ bearer_token: true }), bearer);
  for (const value of [false, null, 0, "yes", {}]) {
    await refused("jwt_sig_required", user({ bearer_token: value }), bearer);
  }
  const strict = account({ limits: { disallow_bearer: true } });
  await refused("jwt_bearer_not_allowed", user({ bearer_token: true }), {
    ...bearer,
    account: strict,
  });
});

Deno.test("revoked users, by key or all at once", async () => {
  const issued = 1_700_000_000;
  for (const key of [KEYS.user, "*", KEYS.user.toLowerCase()]) {
    const revoked = account({ revocations: { [key]: issued } });
    await refused("jwt_revoked", user(), { account: revoked });
    principal(user({}, { iat: issued + 1 }), { account: revoked });
  }
  await refused("jwt_revoked", user({}, { iat: undefined }), {
    account: account({ revocations: { "*": issued } }),
  });
  await refused("jwt_revoked", user(), { account: account({ revocations: { "*": "junk" } }) });
  principal(user(), { account: account({ revocations: { [KEYS.signing]: issued } }) });
});

Deno.test("the connection ends with the first of user, account and time window", async () => {
  const soon = NOW_S + 100, later = NOW_S + 200;
  const ends = (u?: number, a?: number) =>
    principal(user({}, u ? { exp: u } : {}), { account: account({}, a ? { exp: a } : {}) })
      .expiresAt;
  assert.equal(ends(soon, later), soon * 1000);
  assert.equal(ends(later, soon), soon * 1000);
  assert.equal(ends(undefined, soon), soon * 1000);
  await refused("jwt_account_expired", user(), { account: account({}, { exp: NOW_S }) });
  await refused("jwt_account_not_before", user(), { account: account({}, { nbf: NOW_S + 1 }) });
});

Deno.test("source networks", async () => {
  const from = (address: string) => ({ from: { address } });
  const inside = user({ src: ["10.0.0.0/8", "2001:db8::/32"] });
  principal(inside, from("10.9.8.7"));
  principal(inside, from("::ffff:10.9.8.7"));
  principal(inside, from("2001:db8::1"));
  await refused("jwt_source_not_allowed", inside, from("11.0.0.1"));
  await refused("jwt_source_not_allowed", inside, from("unix"));
  principal(user({ src: "192.0.2.7,10.0.0.0/8" }), from("192.0.2.7"));
  for (const src of [["junk"], 7, [null], {}]) {
    await refused("jwt_source_not_allowed", user({ src }), from("10.0.0.1"));
  }
  principal(user({ src: [] }), from("11.0.0.1"));
});

Deno.test("windows of the day, over midnight and in a time zone", async () => {
  // The clock stands at 2025-06-15 15:06:40 UTC, which is 11:06:40 in New York.
  const day = Date.UTC(2025, 5, 15);
  const times = (start: string, end: string, times_location?: string) =>
    user({ times: [{ start, end }], times_location });
  assert.equal(principal(times("15:00:00", "16:00:00")).expiresAt, day + 16 * 3_600_000);
  await refused("jwt_time_not_allowed", times("16:00:00", "17:00:00"));
  assert.equal(principal(times("14:00:00", "02:00:00")).expiresAt, day + 26 * 3_600_000);
  await refused("jwt_time_not_allowed", times("22:00:00", "02:00:00"));
  principal(times("11:00:00", "12:00:00", "America/New_York"));
  await refused("jwt_time_not_allowed", times("15:00:00", "16:00:00", "America/New_York"));
  await refused("jwt_time_not_allowed", times("15:00:00", "16:00:00", "Mars/Olympus"));
  for (const junk of [[{}], "always", [{ start: "25:00:00", end: "26:00:00" }], [7]]) {
    await refused("jwt_time_not_allowed", user({ times: junk }));
  }
});

Deno.test("connection types", async () => {
  const only = (...allowed_connection_types: string[]) => user({ allowed_connection_types });
  principal(only("STANDARD"));
  principal(only("standard", "MQTT"));
  principal(only("WEBSOCKET"), { from: { transport: "wss" } });
  await refused("jwt_connection_type_not_allowed", only("WEBSOCKET"));
  await refused("jwt_connection_type_not_allowed", only("STANDARD"), { from: { transport: "ws" } });
  await refused("jwt_connection_type_not_allowed", only("LEAFNODE", "SOMETHING"));
});

Deno.test("limits: the lower of user and account, -1 for none", () => {
  const limits = (u: object, a: object) =>
    principal(user({ ...u }), { account: account({ limits: a }) }).limits;
  assert.deepEqual(limits({ subs: 5, payload: 100, data: -1 }, { subs: 3, payload: -1, data: 9 }), {
    subscriptions: 3,
    payloadBytes: 100,
    dataBytes: 9,
  });
  assert.equal(limits({ subs: -1, payload: -1, data: -1 }, {}), undefined);
  assert.deepEqual(limits({ data: 0 }, { data: 9 }), { dataBytes: 0 });
  assert.deepEqual(limits({ conn: 1 }, { conn: 9 }), { accountConnections: 9 });
});

Deno.test("default permissions of the account stand in for a user who has none", () => {
  const defaults = account({ default_permissions: { pub: { allow: ["d"] } } });
  assert.equal(publishes(principal(user(), { account: defaults }), "x"), false);
  const own = principal(user({ sub: { allow: ["s"] } }), { account: defaults });
  assert.equal(publishes(own, "x"), undefined);
});
