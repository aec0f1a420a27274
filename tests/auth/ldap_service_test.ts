import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { SERVICE_PASSWORD, startSlapd } from "../kit/databases.ts";
import { PROGRAMS, type Service, skipNote } from "../kit/services.ts";
import { escapeDn, escapeFilter, verifyLdapPassword } from "../../gateway/auth/ldap_text.ts";
import { checkSilence, testAccess } from "./config.ts";
import { DOWN, mqttCredentials, principalOf } from "./kit.ts";

const encode = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes));

function hashed(scheme: string, password: string, salt = ""): string {
  const digest = scheme.toUpperCase().replace(/^SS?HA$/, "SHA1").replace(/^SS/, "S");
  const made = createHash(digest).update(password).update(salt).digest();
  return `{${scheme}}${encode(new Uint8Array([...made, ...new TextEncoder().encode(salt)]))}`;
}

function entry(uid: string, password: string, ...lines: string[]): string {
  return [
    `dn: uid=${uid},ou=people,dc=example,dc=com`,
    "objectClass: inetOrgPerson",
    "objectClass: mqttUser",
    `cn: ${uid}`,
    `sn: ${uid}`,
    `uid: ${uid}`,
    `userPassword: ${password}`,
    ...lines,
    "",
    "",
  ].join("\n");
}

const LDIF = [
  entry("alice", hashed("SSHA", "a-pass", "NaCl"), "isSuperuser: TRUE"),
  entry("bob", hashed("SHA", "b-pass"), "isEnabled: FALSE"),
  entry("plain", "p-pass"),
  entry("twin1", hashed("SSHA", "t-pass", "x"), "description: twin"),
  entry("twin2", hashed("SSHA", "t-pass", "y"), "description: twin"),
  entry(
    "ruled",
    hashed("SSHA", "r-pass", "NaCl"),
    "mqttPublishTopic: pub/#",
    "mqttSubscriptionTopic: sub/#",
    "mqttPubSubTopic: both/${username}",
    'mqttAclRule: {"permission": "deny", "action": "all", "topic": "pub/secret"}',
  ),
].join("");

function connection(service: Service, port = service.port): string {
  return `
server = "127.0.0.1:${port}"
username = "cn=gate,dc=example,dc=com"
password = "${SERVICE_PASSWORD}"
base_dn = "ou=people,dc=example,dc=com"
query_timeout = "3s"
request_timeout = "3s"`;
}

function config(service: Service, method: string, changes = "", port = service.port): string {
  const filter = changes.includes("filter =")
    ? ""
    : 'filter = "(&(objectClass=mqttUser)(uid=${username}))"';
  return `
[[authentication]]
mechanism = "password_based"
backend = "ldap"
method = ${method}
${filter}
${connection(service, port)}
${changes}`;
}

const HASH = '{ type = "hash" }';
const BIND = '{ type = "bind" }';

Deno.test({
  name: `ldap: logins, rules, TLS and failures, on a real server${
    skipNote(PROGRAMS.slapd, "slapd")
  }`,
  ignore: PROGRAMS.slapd === undefined,
  async fn(t) {
    await using service = await startSlapd(LDIF);
    for (const [name, method] of [["hash", HASH], ["bind", BIND]] as const) {
      await t.step(`who is let in: ${name}`, async () => {
        await using on = await testAccess(config(service, method));
        const cases: [string | undefined, string | undefined, string][] = [
          ["alice", "a-pass", "in: alice"],
          ["alice", "wrong", "out: bad_username_or_password"],
          ["alice", "", "out: bad_username_or_password"],
          ["alice", undefined, "out: bad_username_or_password"],
          ["alice", "x".repeat(5000), "out: bad_username_or_password"],
          ["nobody", "a-pass", "out: not_authorized"],
          ["*", "a-pass", "out: not_authorized"],
          ["alice)(uid=*", "a-pass", "out: not_authorized"],
          ["bob", "b-pass", name === "hash" ? "out: bad_username_or_password" : "in: bob"],
          ["plain", "p-pass", name === "hash" ? DOWN : "in: plain"],
          ["alice", "a-pass", "in: alice"],
        ];
        for (const [user, password, expected] of cases) {
          assert.equal(await on.login(user, password), expected, `${user} ${password}`);
        }
        const who = on.access.authenticatorFor("mqtt:tcp:default")
          .authenticate(mqttCredentials("alice", "a-pass"));
        assert.equal((await principalOf(who)).superuser, true);
      });
    }
    await t.step("a constant bind password that is empty lets nobody in", async () => {
      const method = '{ type = "bind", bind_password = "" }';
      await using on = await testAccess(config(service, method));
      assert.equal(await on.login("alice", "a-pass"), "out: bad_username_or_password");
    });
    await t.step("several entries for one client are refused", async () => {
      await using on = await testAccess(config(service, HASH, 'filter = "(description=twin)"'));
      assert.equal(await on.login("twin1", "t-pass"), "out: not_authorized");
    });
    await t.step("TLS", async () => {
      const login = async (ssl: string) => {
        const text = config(service, HASH, `ssl = ${ssl}`, service.tlsPort);
        await using on = await testAccess(text);
        return await on.login("alice", "a-pass");
      };
      const ca = `cacertfile = "${service.dir}/ca.pem"`;
      assert.equal(await login(`{ enable = true, verify = "verify_peer", ${ca} }`), "in: alice");
      assert.equal(await login('{ enable = true, verify = "verify_peer" }'), DOWN);
    });
    await t.step("rules", async () => {
      await using on = await testAccess(`
[authorization]
no_match = "deny"
[[authorization.sources]]
type = "ldap"
filter = "(uid=\${username})"
${connection(service)}`);
      const ruled = { username: "ruled" };
      assert.equal(await on.mayPublish("pub/a", ruled), true);
      assert.equal(await on.mayPublish("pub/secret", ruled), false);
      assert.equal(await on.mayPublish("sub/a", ruled), false);
      assert.equal(await on.mayPublish("both/ruled", ruled), true);
      assert.equal(await on.mayPublish("pub/a", { username: "nobody" }), false);
    });
    await t.step("a server that falls silent, and comes back", async () => {
      await using on = await testAccess(config(service, BIND));
      await checkSilence(on, service);
      assert.ok(!on.lines.join("\n").includes(SERVICE_PASSWORD));
    });
  },
});

Deno.test("LDAP password schemes", () => {
  const password = new TextEncoder().encode("pw");
  for (const scheme of ["MD5", "SHA", "SHA256", "SHA384", "SHA512"]) {
    assert.equal(verifyLdapPassword(password, hashed(scheme, "pw")), true, scheme);
    assert.equal(verifyLdapPassword(password, hashed(scheme, "px")), false);
    assert.equal(verifyLdapPassword(password, hashed(scheme.toLowerCase(), "pw")), true);
  }
  for (const scheme of ["SSHA", "SSHA256", "SSHA384", "SSHA512"]) {
    assert.equal(verifyLdapPassword(password, hashed(scheme, "pw", "salt")), true, scheme);
    assert.equal(verifyLdapPassword(password, hashed(scheme, "px", "salt")), false);
  }
  assert.equal(verifyLdapPassword(password, btoa(hashed("SSHA", "pw", "salt"))), true, "twice");
  for (
    const odd of ["pw", "", "{SHA}", "{SHA}!!", "{CRYPT}abc", "{SHA}AAAA", hashed("SHA", "pw", "s")]
  ) {
    assert.equal(verifyLdapPassword(password, odd), undefined, odd);
  }
});

Deno.test("values are escaped for filters and names", () => {
  assert.equal(escapeFilter("a*(b)\\\0"), "a\\2a\\28b\\29\\5c\\00");
  assert.equal(escapeDn(' #a,b+c"d\\e<f>g;h=i '), '\\ #a\\,b\\+c\\"d\\\\e\\<f\\>g\\;h\\=i\\ ');
  assert.equal(escapeDn("#a"), "\\#a");
  assert.equal(escapeDn(" "), "\\ ");
});
