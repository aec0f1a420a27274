import assert from "node:assert/strict";
import { accessIssues } from "../../gateway/auth/check.ts";
import { createMapping } from "../../gateway/nats/subject.ts";
import { configOf } from "./config.ts";
import { KEYS, spoil } from "./kit.ts";
import { account } from "./nats_tokens.ts";
import { V1, V2 } from "./vectors.ts";

/** Problems as `severity path: message`. */
function issues(text: string): string[] {
  return accessIssues(configOf(text), createMapping)
    .map(({ severity, path, message }) => `${severity} ${path}: ${message}`);
}

/** The text has exactly one problem, which fits. */
function one(text: string, expected: RegExp): void {
  const found = issues(text);
  assert.equal(found.length, 1, `${text}\n${found.join("\n")}`);
  assert.match(found[0]!, expected);
}

const natsJwt = (operator: string, jwt: string, pubkey = KEYS.account) => `
[[gateway.nats.internal_authn]]
type = "jwt"
trusted_operators = ["${operator}"]
[gateway.nats.internal_authn.resolver]
type = "memory"
resolver_preload = [{ pubkey = "${pubkey}", jwt = "${jwt}" }]`;

const rules = (...list: string[]) =>
  `[[authorization.sources]]\ntype = "file"\nrules_list = [${list.join(", ")}]\n`;

Deno.test("nothing is wrong with the defaults, nor with a good NATS JWT method", () => {
  assert.deepEqual(issues(""), []);
  assert.deepEqual(issues(natsJwt(KEYS.operator, V1)), []);
});

Deno.test("NATS methods that do not do what they seem to", () => {
  one(
    natsJwt(KEYS.operator, spoil(V1)),
    /^error .*resolver_preload\[1\]\.jwt: .*invalid_jwt_signature/,
  );
  one(natsJwt(KEYS.operator, V2), /another account/);
  one(natsJwt(KEYS.operator, V1, KEYS.signing), /another account/);
  one(natsJwt(KEYS.operator, "junk"), /invalid_jwt_format/);
  one(natsJwt(KEYS.operator, account({}, { exp: 1 })), /expired/);
  const found = issues(natsJwt(V1, V1));
  assert.match(found[0]!, /trusted_operators\[1\]: is no operator JWT/);
  const token = (text: string) =>
    `[[gateway.nats.internal_authn]]\ntype = "token"\ntoken = '${text}'\n`;
  one(token("$2x$10$abc"), /^warning .*\[1\]\.token: looks like a bcrypt hash/);
  one(token("a") + token("b"), /^warning .*internal_authn\[2\]: there is a token method before it/);
});

Deno.test("authenticators that let in more, or fewer, than they seem to", () => {
  const auth = (text: string) => `[[authentication]]\nmechanism = "password_based"\n${text}\n`;
  const ldap =
    'backend = "ldap"\nserver = "x"\nusername = "cn=x"\npassword = "y"\nbase_dn = "uid=${username},dc=x"\n';
  one(auth(`${ldap}method = { type = "bind", bind_password = "" }`), /^error .*bind_password/);
  one(
    auth(`${ldap}method = { type = "bind", bind_password = "same" }`),
    /^error .*never be looked at/,
  );
  one(
    auth(`${ldap.replace('password = "y"\n', "")}method = { type = "hash" }`),
    /^warning .*anonymous/,
  );
  assert.deepEqual(issues(auth(`${ldap}method = { type = "bind" }`)), []);
  one(
    auth('backend = "http"\nmethod = "post"\nurl = "http://x/"\nbody = { u = "${username}" }'),
    /^warning authentication\[1\]: the password is never sent/,
  );
  one(auth('backend = "built_in_database"\nenable = false'), /^warning authentication: every/);
  one(auth('backend = "built_in_database"\nbootstrap_file = "/nowhere.csv"'), /is not there/);
  const jwt = '[[authentication]]\nmechanism = "jwt"\nuse_jwks = false\n' +
    'verify_claims = { sub = "${username}" }\n';
  one(`${jwt}algorithm = "hmac-based"\nsecret = "short"`, /^warning .*can be guessed/);
  one(
    `${jwt}algorithm = "hmac-based"\nsecret = "-----BEGIN PUBLIC KEY-----xxxxxxxxxxxx"`,
    /^error .*is a public key/,
  );
  one(`${jwt}algorithm = "public-key"\npublic_key = "/nowhere.pem"`, /^error .*no readable file/);
});

Deno.test("questions that are the same for every client, and tokens that are good for anybody", () => {
  const auth = (text: string) => `[[authentication]]\nmechanism = "password_based"\n${text}\n`;
  const ldap = 'backend = "ldap"\nserver = "x"\nusername = "cn=x"\npassword = "y"\n' +
    'base_dn = "dc=x"\nmethod = { type = "hash" }\n';
  one(auth(ldap), /^warning .*every client gets the same entry/);
  assert.deepEqual(issues(auth(`${ldap}filter = "(uid=\${username})"`)), []);
  const mongodb = 'backend = "mongodb"\nmongo_type = "single"\nserver = "x"\ndatabase = "d"\n' +
    'collection = "c"\n';
  one(auth(`${mongodb}filter = { kind = "device" }`), /^warning .*the same documents/);
  assert.deepEqual(issues(auth(`${mongodb}filter = { user = "\${username}" }`)), []);
  one(
    auth('backend = "http"\nmethod = "post"\nurl = "http://x/"\nbody = { p = "${password}" }'),
    /^warning .*\.body: never says who the client is/,
  );
  const jwt = (more: string) =>
    `[[authentication]]\nmechanism = "jwt"\nuse_jwks = true\nendpoint = "https://x/"\n${more}`;
  one(jwt(""), /^warning .*verify_claims: ties no claim to the client/);
  one(jwt('verify_claims = { aud = "nats" }'), /ties no claim/);
  assert.deepEqual(issues(jwt('verify_claims = { sub = "${clientid}" }')), []);
  assert.deepEqual(issues(jwt('from = "username"')), [], "its subject is the name");
});

Deno.test("TLS to backends that trusts anybody, or cannot work", () => {
  const sql = (ssl: string) =>
    `[[authorization.sources]]\ntype = "mysql"\nserver = "x"\ndatabase = "d"
query = "SELECT * FROM acl WHERE u = \${username}"\nssl = { ${ssl} }`;
  one(sql("enable = true"), /^warning authorization.sources\[1\]\.ssl\.verify: .*answer for it/);
  one(
    sql('enable = true, verify = "verify_peer", cacertfile = "/nowhere.pem"'),
    /^error .*\.ssl: a file of .* cannot be read/,
  );
  assert.deepEqual(issues(sql('enable = true, verify = "verify_peer"')), []);
  assert.deepEqual(issues(sql('enable = false, cacertfile = "/nowhere.pem"')), []);
  assert.deepEqual(issues(sql("enable = true").replace("type =", "enable = false\ntype =")), []);
});

Deno.test("rules that cannot be read, and denials that come too late", () => {
  const allowAll = '{ permission = "allow", action = "all", topic = "nats:>" }';
  const denySys = '{ permission = "deny", action = "subscribe", topic = "$SYS/#" }';
  const allowHash = '{ permission = "allow", action = "all", topic = "#" }';
  const denyUser = '{ permission = "deny", action = "all", topic = "${username}/x" }';
  one(rules(allowAll, denySys), /^warning .*rules_list\[2\]: never denies anything/);
  one(rules(allowAll, denyUser), /never denies/);
  assert.deepEqual(issues(rules(allowHash, denySys)), [], "# takes no $ names");
  assert.deepEqual(issues(rules(denySys, allowAll)), []);
  const some = '{ permission = "allow", action = "all", topic = "nats:>", username = "root" }';
  assert.deepEqual(issues(rules(some, denySys)), []);
  one(
    rules('{ permission = "allow", action = "all", topic = "a/#/b" }'),
    /^error .*\[1\]: .*no valid/,
  );
  one(
    '[[authorization.sources]]\ntype = "file"\npath = "/nowhere.conf"',
    /^error .*cannot be read/,
  );
  one(
    '[[authorization.sources]]\ntype = "redis"\nserver = "x"\ncmd = "HGETALL a:${username}"',
    /changes nothing/,
  );
});

Deno.test("a rule file is read to its end, and what stands behind it is looked at", () => {
  const path = Deno.makeTempFileSync();
  const file = `[[authorization.sources]]\ntype = "file"\npath = "${path}"\n`;
  try {
    Deno.writeTextFileSync(path, '{allow, nobody}.\n\n{deny, {usr, "x"}}.\n');
    const found = issues(file);
    assert.equal(found.length, 2);
    assert.ok(found[1]!.includes(`${path}:3:8: unknown condition`), found.join());
    Deno.writeTextFileSync(path, '{allow, all}.\n{deny, {user, "x"}, all, ["a"]}.\n');
    const late = issues(`${file}[[authorization.sources]]\ntype = "built_in_database"\n`);
    assert.equal(late.length, 2);
    assert.match(late[0]!, /never denies anything/);
    assert.match(late[1]!, /sources\[2\]: is never asked/);
  } finally {
    Deno.removeSync(path);
  }
});
