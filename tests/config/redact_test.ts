import assert from "node:assert/strict";
import { redact, REDACTED, unredact } from "../../gateway/config/redact.ts";

const PEM = "-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----\n";

const CONFIG = {
  gateway: {
    nats: {
      internal_authn: [
        { type: "token", token: "s3cret" },
        { type: "jwt", resolver: { resolver_preload: [{ pubkey: "A1", jwt: "eyJ" }] } },
      ],
      clientinfo_override: { password: "${Packet.pass}" },
      authentication: {
        backend: "http",
        headers: { "x-api-key": "k3y", "Authorization": "Bearer x", accept: "json" },
        body: { password: "${password}", token: "a-${password}" },
      },
    },
  },
  listeners: { ssl: { a: { ssl_options: { keyfile: PEM, certfile: "c.pem", password: "pw" } } } },
  dashboard: { default_password: "file:///run/x", token_expired_time: "60m" },
  authentication: [{ backend: "ldap", method: { password_attribute: "userPassword" } }],
};

Deno.test("redact hides secrets and nothing else", () => {
  assert.deepEqual(redact(CONFIG), {
    gateway: {
      nats: {
        internal_authn: [
          { type: "token", token: REDACTED },
          { type: "jwt", resolver: { resolver_preload: [{ pubkey: "A1", jwt: REDACTED }] } },
        ],
        clientinfo_override: { password: "${Packet.pass}" },
        authentication: {
          backend: "http",
          headers: { "x-api-key": REDACTED, "Authorization": REDACTED, accept: "json" },
          body: { password: "${password}", token: REDACTED },
        },
      },
    },
    listeners: {
      ssl: { a: { ssl_options: { keyfile: REDACTED, certfile: "c.pem", password: REDACTED } } },
    },
    dashboard: { default_password: "file:///run/x", token_expired_time: "60m" },
    authentication: [{ backend: "ldap", method: { password_attribute: "userPassword" } }],
  });
});

Deno.test("redact knows where a part of the configuration stands", () => {
  assert.equal(redact("x", ["api_key", "keys", 0, "secret"]), REDACTED);
  assert.equal(redact("", ["api_key", "keys", 0, "secret"]), "");
  assert.equal(redact("x", ["node", "name"]), "x");
});

Deno.test("writing back what redact shows changes nothing", () => {
  assert.deepEqual(unredact(redact(CONFIG), CONFIG), { value: CONFIG, missing: [] });
});

Deno.test("unredact keeps new secrets and finds those that there never were", () => {
  const next = {
    internal_authn: [{ type: "token", token: "new" }, { type: "token", token: REDACTED }],
    dashboard: { default_password: REDACTED },
    node: { name: REDACTED },
  };
  const previous = { internal_authn: [{ type: "token", token: "old" }, { type: "nkey" }] };
  const { value, missing } = unredact(next, previous);
  assert.deepEqual(value, next);
  assert.deepEqual(missing, ["internal_authn[2].token", "dashboard.default_password"]);
});

Deno.test("a secret does not move to an entry of another kind", () => {
  const next = [{ mechanism: "password_based", backend: "mysql", password: REDACTED }];
  const previous = [{ mechanism: "password_based", backend: "redis", password: "r" }];
  assert.deepEqual(unredact(next, previous, ["authentication"]).missing, [
    "authentication[1].password",
  ]);
});
