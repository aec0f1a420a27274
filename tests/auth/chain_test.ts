import assert from "node:assert/strict";
import bcrypt from "bcryptjs";
import {
  type ChainOptions,
  judge,
  loginRequired,
  type Provider,
} from "../../gateway/auth/chain.ts";
import { natsJwtMethod } from "../../gateway/auth/nats_jwt.ts";
import { nkeyMethod } from "../../gateway/auth/nkey_method.ts";
import { tokenMethod } from "../../gateway/auth/token.ts";
import type { AuthResult } from "../../gateway/auth/types.ts";
import {
  KEYS,
  natsCredentials,
  NONCE,
  outcome,
  principalOf,
  signNonce,
  spoil,
  StillClock,
  subjects,
  testHasher,
} from "./kit.ts";
import { V1, V2, V3 } from "./vectors.ts";

const clock = new StillClock();

const plainHasher = testHasher();
const token = (text = "s3cret", hasher = plainHasher) => tokenMethod({ token: text }, hasher);
const nkey = (...nkeys: string[]) => nkeyMethod({ nkeys: nkeys.length ? nkeys : [KEYS.user] });
const jwt = (changes: Partial<Parameters<typeof natsJwtMethod>[0]> = {}) =>
  natsJwtMethod(
    {
      trusted_operators: [KEYS.operator],
      resolver: { resolver_preload: [{ pubkey: KEYS.account, jwt: V1 }] },
      ...changes,
    },
    subjects,
    clock,
  );
const provider = (result: AuthResult): Provider => ({ id: "test", authenticate: () => result });
const alice: AuthResult = {
  kind: "allow",
  principal: { username: "alice", method: "test", superuser: false },
};

const chain = (...methods: ChainOptions["methods"]): ChainOptions => ({
  methods,
  providers: undefined,
  hardened: false,
  enabled: true,
});
const withProviders = (options: ChainOptions, ...results: AuthResult[]): ChainOptions => ({
  ...options,
  providers: results.map(provider),
});
const login = (
  options: ChainOptions,
  ...credentials: Parameters<typeof natsCredentials>
) => outcome(judge(options, natsCredentials(...credentials)));

const signed = { jwt: V2, sig: signNonce(), nonce: NONCE };

Deno.test("AU-01 who must log in", () => {
  const none = chain();
  assert.equal(loginRequired(none), false);
  assert.equal(loginRequired({ ...none, hardened: true }), true);
  assert.equal(loginRequired(withProviders(none, alice)), true);
  assert.equal(loginRequired(withProviders(none)), true, "configured, all disabled");
  assert.equal(loginRequired(chain(token())), true);
  assert.equal(loginRequired({ ...chain(token()), hardened: true, enabled: false }), false);
});

Deno.test("AU-02 the nonce is there for nkey and jwt", () => {
  assert.equal(token().needsNonce, false);
  assert.equal(nkey().needsNonce, true);
  assert.equal(jwt().needsNonce, true);
});

Deno.test("AU-03 PR-28 PR-29 a plain token, whatever else the client says", async () => {
  const options = chain(token());
  assert.equal(
    await login(options, { authToken: "s3cret", jwt: "bogus", user: "root" }),
    "in: token",
  );
  for (const wrong of ["S3cret", "s3cret ", "s3cre", "s3crets", "\0", "x".repeat(100_000)]) {
    assert.equal(await login(options, { authToken: wrong }), "out: invalid_token");
  }
  const who = await principalOf(judge(options, natsCredentials({ authToken: "s3cret" })));
  assert.deepEqual(who, { username: "token", method: "token", superuser: false });
});

Deno.test("AU-04 PR-32 a bcrypt token; its hash opens nothing", async () => {
  using hasher = testHasher();
  const hash = bcrypt.hashSync("s3cret", 5).replace("$2b$", "$2y$");
  const options = chain(token(hash, hasher));
  assert.equal(await login(options, { authToken: "s3cret" }), "in: token");
  assert.equal(await login(options, { authToken: hash }), "out: invalid_token");
  assert.equal(await login(options, { authToken: "wrong" }), "out: invalid_token");
});

Deno.test("an empty token lets nobody in", async () => {
  const options = chain(token(""));
  assert.equal(await login(options, { authToken: "x" }), "out: invalid_token");
  assert.equal(await login(options), "out: token_required");
});

Deno.test("AU-05..AU-09 AU-11 PR-39..PR-46 the order of methods", async () => {
  const bad = { authToken: "wrong", ...signed };
  const key = { nkey: KEYS.user, sig: signNonce(), nonce: NONCE };
  assert.equal(await login(chain(token(), jwt()), bad), "out: invalid_token");
  assert.equal(await login(chain(token(), jwt()), signed), `in: ${KEYS.user}`);
  assert.equal(await login(chain(jwt(), token()), bad), `in: ${KEYS.user}`);
  assert.equal(
    await login(chain(token(), nkey()), { authToken: "wrong", ...key }),
    "out: invalid_token",
  );
  assert.equal(await login(chain(token(), nkey()), key), `in: ${KEYS.user}`);
  const forged = { ...signed, nkey: KEYS.user, sig: signNonce("another nonce") };
  assert.equal(await login(chain(nkey(), jwt()), forged), "out: invalid_nkey_sig");
});

Deno.test("a client with jwt and nkey is judged by the jwt method, wherever it stands", async () => {
  const creds = { ...signed, nkey: KEYS.user };
  for (const options of [chain(nkey(KEYS.signing), jwt()), chain(jwt(), nkey(KEYS.signing))]) {
    assert.equal(await login(options, creds), `in: ${KEYS.user}`);
    assert.equal(await login(options, { ...creds, jwt: V3 }), "out: jwt_expired");
  }
  assert.equal(
    await login(chain(nkey()), creds),
    `in: ${KEYS.user}`,
    "no jwt method: the key counts",
  );
});

Deno.test("AU-10 AU-12 AU-20 PR-43 PR-44 nkey", async () => {
  const key = { nkey: KEYS.user, sig: signNonce(), nonce: NONCE };
  assert.equal(
    await login(chain(nkey()), { ...key, jwt: "bogus", user: "root" }),
    `in: ${KEYS.user}`,
  );
  assert.equal(
    await login(chain(nkey()), { ...key, nkey: KEYS.user.toLowerCase() }),
    `in: ${KEYS.user}`,
  );
  assert.equal(await login(chain(nkey(), jwt()), signed), `in: ${KEYS.user}`);
  const { sig: _, ...unsigned } = key;
  assert.equal(await login(chain(nkey(), jwt()), unsigned), "out: nkey_sig_required");
  assert.equal(
    await login(chain(nkey()), { nkey: KEYS.user, sig: key.sig }),
    "out: nkey_nonce_unavailable",
  );
  assert.equal(await login(chain(nkey()), { ...key, nkey: "UABC" }), "out: invalid_nkey");
  assert.equal(await login(chain(nkey()), { ...key, sig: "***" }), "out: invalid_nkey_sig_format");
  assert.equal(await login(chain(nkey()), { ...key, sig: "////" }), "out: invalid_nkey_sig");
  assert.equal(await login(chain(nkey()), { ...key, nonce: "other" }), "out: invalid_nkey_sig");
  assert.equal(
    await login(chain(nkey(KEYS.account)), { ...key, nkey: KEYS.account }),
    "out: invalid_nkey_prefix",
  );
});

Deno.test("AU-17 AU-19 AU-20 what an absent credential means at the end of the list", async () => {
  assert.equal(await login(chain(token())), "out: token_required");
  assert.equal(await login(chain(nkey())), "out: nkey_required");
  assert.equal(await login(chain(jwt())), "out: jwt_required");
  assert.equal(await login(withProviders(chain(jwt()), alice)), "in: alice");
  assert.equal(
    await login(withProviders(chain(token()), { kind: "ignore" })),
    "out: not_authorized",
  );
  const halfJwt = chain(jwt({ trusted_operators: [] }));
  assert.equal(await login(halfJwt), "out: jwt_required");
  assert.equal(await login(halfJwt, signed), "out: jwt_trusted_operators_required");
});

Deno.test("PR-30 PR-31 a wrong token is final though the password is right", async () => {
  const options = withProviders(chain(token()), alice);
  const user = { user: "alice", pass: "right" };
  assert.equal(await login(options, { ...user, authToken: "wrong" }), "out: invalid_token");
  assert.equal(await login(options, user), "in: alice");
});

Deno.test("PR-25 PR-26 PR-27 nothing configured", async () => {
  assert.equal(await login(chain(), { user: "u" }), "in: u");
  assert.equal(await login({ ...chain(), hardened: true }), "out: not_authorized");
  assert.equal(await login({ ...chain(), hardened: true, enabled: false }), "in: undefined");
  assert.equal(await login({ ...chain(token()), enabled: false }, { user: "u" }), "in: u");
});

Deno.test("the chain of authenticators: ignore goes on, anything else is final", async () => {
  const deny: AuthResult = { kind: "deny", reason: "bad" };
  const ignore: AuthResult = { kind: "ignore" };
  assert.equal(await login(withProviders(chain(), ignore, alice, deny)), "in: alice");
  assert.equal(await login(withProviders(chain(), ignore, deny, alice)), "out: bad");
  assert.equal(await login(withProviders(chain(), ignore, ignore)), "out: not_authorized");
  assert.equal(await login(withProviders(chain())), "out: not_authorized", "all disabled");
  const late = (result: AuthResult): Provider => ({
    id: "late",
    authenticate: () => Promise.resolve(result),
  });
  const mixed = { ...chain(), providers: [late(ignore), provider(ignore), late(alice)] };
  assert.equal(await login(mixed), "in: alice");
});

Deno.test("a spoiled token stays out by whatever road", async () => {
  for (const options of [chain(jwt()), withProviders(chain(jwt()), alice), chain(jwt(), token())]) {
    assert.equal(await login(options, { ...signed, jwt: spoil(V2) }), "out: invalid_jwt_signature");
  }
});
