/** Who is let in over the wire: each way to log in against each way to get it wrong. */
import assert from "node:assert/strict";
import bcrypt from "bcryptjs";
import { encodeAccount, encodeUser } from "@nats-io/jwt";
import { createAccount, createOperator, createUser, type KeyPair } from "@nats-io/nkeys";
import { type GatewayProcess, startGateway } from "../kit/gateway.ts";
import { RawNats } from "../kit/raw_nats.ts";
import { within } from "../kit/wait.ts";

/** What a CONNECT carries; a function signs the nonce with whatever key it likes. */
type Connect = (sign: (pair: KeyPair) => string) => Record<string, unknown>;

/** True: let in. False: turned away, by whatever words. */
async function isLetIn(gateway: GatewayProcess, connect: Connect): Promise<boolean> {
  using raw = await RawNats.connect(gateway.nats);
  const nonce = new TextEncoder().encode(String(raw.info.nonce));
  const sign = (pair: KeyPair) => btoa(String.fromCharCode(...pair.sign(nonce)));
  const fields = { verbose: true, pedantic: false, ...connect(sign) };
  await raw.send(`CONNECT ${JSON.stringify(fields)}\r\n`);
  const answer = await within(raw.line(), "an answer to CONNECT");
  if (answer === "+OK") return true;
  assert.match(answer ?? "closed", /^-ERR '|^closed$/);
  return false;
}

async function check(gateway: GatewayProcess, cases: Record<string, Connect>, good: string[]) {
  for (const [name, connect] of Object.entries(cases)) {
    assert.equal(await isLetIn(gateway, connect), good.includes(name), name);
  }
}

/** Every kind of value that is not the right text. */
function wrongValues(
  field: string,
  more: (sign: (pair: KeyPair) => string) => object = () => ({}),
) {
  const values: Record<string, unknown> = {
    empty: "",
    null: null,
    number: 7,
    true: true,
    array: ["x"],
    object: { x: 1 },
    oversize: "x".repeat(3000),
    "too long for a line": "x".repeat(10_000),
    NUL: "\0",
  };
  return Object.fromEntries(
    Object.entries(values).map(([name, value]): [string, Connect] => [
      `${field}: ${name}`,
      (sign) => ({ ...more(sign), [field]: value }),
    ]),
  );
}

const THROTTLE_OFF = "[authentication_settings.login_throttle]\nenable = false\n";

Deno.test("token, plain and bcrypt", async () => {
  for (const token of ["t0ken", bcrypt.hashSync("t0ken", 5)]) {
    await using gateway = await startGateway({
      config: `${THROTTLE_OFF}[[gateway.nats.internal_authn]]\ntype = "token"\ntoken = "${token}"`,
    });
    await check(gateway, {
      right: () => ({ auth_token: "t0ken" }),
      "right, among others": () => ({ auth_token: "t0ken", user: "x", pass: "y" }),
      wrong: () => ({ auth_token: "T0ken" }),
      absent: () => ({}),
      "as a password": () => ({ user: "token", pass: "t0ken" }),
      "the hash itself": () => ({ auth_token: token === "t0ken" ? "x" : token }),
      ...wrongValues("auth_token"),
    }, ["right", "right, among others"]);
  }
});

Deno.test("user and password", async () => {
  const file = Deno.makeTempFileSync({ suffix: ".csv" });
  Deno.writeTextFileSync(file, "user_id,password\nalice,a-pass\n");
  try {
    await using gateway = await startGateway({
      config: `${THROTTLE_OFF}[gateway.nats.authentication]
mechanism = "password_based"
backend = "built_in_database"
bootstrap_file = "${file}"`,
    });
    await check(gateway, {
      right: () => ({ user: "alice", pass: "a-pass" }),
      wrong: () => ({ user: "alice", pass: "b-pass" }),
      unknown: () => ({ user: "bob", pass: "a-pass" }),
      absent: () => ({}),
      "no password": () => ({ user: "alice" }),
      "no user": () => ({ pass: "a-pass" }),
      ...wrongValues("pass", () => ({ user: "alice" })),
      ...wrongValues("user", () => ({ pass: "a-pass" })),
    }, ["right"]);
  } finally {
    Deno.removeSync(file);
  }
});

Deno.test("nkey", async () => {
  const [key, other] = [createUser(), createUser()];
  const nkey = key.getPublicKey();
  await using gateway = await startGateway({
    config: `${THROTTLE_OFF}[[gateway.nats.internal_authn]]\ntype = "nkey"\nnkeys = ["${nkey}"]`,
  });
  await check(gateway, {
    right: (sign) => ({ nkey, sig: sign(key) }),
    "lower case": (sign) => ({ nkey: nkey.toLowerCase(), sig: sign(key) }),
    "another's signature": (sign) => ({ nkey, sig: sign(other) }),
    "not listed": (sign) => ({ nkey: other.getPublicKey(), sig: sign(other) }),
    "a replayed signature": () => ({ nkey, sig: btoa("x".repeat(64)) }),
    absent: () => ({}),
    "no signature": () => ({ nkey }),
    ...wrongValues("sig", () => ({ nkey })),
    ...wrongValues("nkey", (sign) => ({ sig: sign(key) })),
  }, ["right", "lower case"]);
});

Deno.test("jwt", async () => {
  const [operator, account, key, other, revoked] = [
    createOperator(),
    createAccount(),
    createUser(),
    createUser(),
    createUser(),
  ];
  const accountJwt = await encodeAccount("a", account, {
    revocations: { [revoked.getPublicKey()]: Math.floor(Date.now() / 1000) + 60 },
  }, { signer: operator });
  const now = Math.floor(Date.now() / 1000);
  const jwt = await encodeUser("u", key, account);
  const tokens = {
    expired: await encodeUser("u", key, account, {}, { exp: now - 10 }),
    early: await encodeUser("u", key, account, {}, { nbf: now + 3600 }),
    revoked: await encodeUser("u", revoked, account),
    foreign: await encodeUser("u", key, createAccount()),
    bearer: await encodeUser("u", key, account, { bearer_token: true }),
  };
  await using gateway = await startGateway({
    config: `${THROTTLE_OFF}[[gateway.nats.internal_authn]]
type = "jwt"
trusted_operators = ["${operator.getPublicKey()}"]
[gateway.nats.internal_authn.resolver]
type = "memory"
resolver_preload = [{ pubkey = "${account.getPublicKey()}", jwt = "${accountJwt}" }]`,
  });
  await check(gateway, {
    right: (sign) => ({ jwt, sig: sign(key) }),
    "with its nkey": (sign) => ({ jwt, nkey: key.getPublicKey(), sig: sign(key) }),
    bearer: () => ({ jwt: tokens.bearer }),
    "another's nkey": (sign) => ({ jwt, nkey: other.getPublicKey(), sig: sign(key) }),
    "another's signature": (sign) => ({ jwt, sig: sign(other) }),
    "no signature": () => ({ jwt }),
    expired: (sign) => ({ jwt: tokens.expired, sig: sign(key) }),
    early: (sign) => ({ jwt: tokens.early, sig: sign(key) }),
    revoked: (sign) => ({ jwt: tokens.revoked, sig: sign(revoked) }),
    "a foreign account": (sign) => ({ jwt: tokens.foreign, sig: sign(key) }),
    spoiled: (sign) => ({ jwt: jwt.slice(0, -4) + "AAAA", sig: sign(key) }),
    "no algorithm": (sign) => ({
      jwt: `${btoa('{"typ":"JWT","alg":"none"}')}.${jwt.split(".")[1]}.`,
      sig: sign(key),
    }),
    absent: () => ({}),
    ...wrongValues("sig", () => ({ jwt })),
    ...wrongValues("jwt", (sign) => ({ sig: sign(key) })),
  }, ["right", "with its nkey", "bearer"]);
});
