import assert from "node:assert/strict";
import { toTopic } from "../../gateway/core/topic.ts";
import { principal, publishes, subscribes, user } from "./nats_tokens.ts";

Deno.test("allow_responses: defaults, limits, and no other right to publish", () => {
  const responses = (resp: unknown) => principal(user({ resp })).acl?.responses;
  assert.deepEqual(responses({}), { max: 1, expires_ms: 120_000 });
  assert.deepEqual(responses({ max: 3, ttl: 2e9 }), { max: 3, expires_ms: 2000 });
  assert.deepEqual(responses({ max: -1, ttl: -1 }), { max: Infinity, expires_ms: Infinity });
  assert.equal(responses(null), undefined);
  const only = principal(user({ resp: { max: 1 } }));
  assert.equal(publishes(only, "a"), false);
  const listed = principal(user({ resp: { max: 1 }, pub: { allow: ["a"] } }));
  assert.equal(publishes(listed, "a"), true);
});

Deno.test("permissions match as NATS does", () => {
  const who = principal(user({
    pub: { allow: ["foo.>", "$SYS.REQ.>"], deny: ["foo.*.x"] },
    sub: { deny: ["alerts.internal.>", ">.odd"], allow: [] },
  }));
  assert.equal(publishes(who, "foo"), false, "foo.> does not cover foo");
  assert.equal(publishes(who, "foo/a"), true);
  assert.equal(publishes(who, "foo/a/x"), false);
  assert.equal(publishes(who, "$SYS/REQ/a"), true);
  const wide = subscribes(who, "alerts/#")!;
  assert.equal(wide.allowed, true, "wider than a deny: let in, and sieved");
  assert.equal(wide.sieve!.permits(toTopic("alerts/x")!), true);
  assert.equal(wide.sieve!.permits(toTopic("alerts/internal/x")!), false);
  assert.equal(subscribes(who, "alerts/internal/#")!.allowed, false);
  assert.equal(subscribes(who, "other"), undefined);
  const silent = principal(user({ pub: { deny: [">"] } }));
  assert.equal(publishes(silent, "$SYS/x"), false, "> takes $ names in permissions");
});

Deno.test("permissions are told in lines to read", () => {
  const told = (nats: Record<string, unknown>) => principal(user(nats)).acl?.describe();
  assert.deepEqual(told({ pub: { allow: ["a.>", "b"], deny: ["a.x"] }, sub: { deny: ["c"] } }), [
    'deny publish ["a.x"]',
    'allow publish ["a.>","b"], nothing else',
    'deny subscribe ["c"]',
  ]);
  assert.deepEqual(told({ resp: { max: 1 } }), ["allow publish of responses, nothing else"]);
});

Deno.test("queue entries of subscribe permissions", () => {
  const who = principal(user({
    sub: { allow: ["a", "b grp.*", "c", "c only"], deny: ["a bad", "d"] },
  }));
  const may = (filter: string, group?: string) => subscribes(who, filter, group)?.allowed;
  assert.equal(may("a"), true);
  assert.equal(may("a", "any"), true);
  assert.equal(may("a", "bad"), false);
  assert.equal(may("b"), false, "a queue entry is no leave for a plain subscription");
  assert.equal(may("b", "grp.1"), true);
  assert.equal(may("b", "grp"), false);
  assert.equal(may("c"), true);
  assert.equal(may("c", "only"), true);
  assert.equal(may("c", "other"), false);
  assert.equal(may("e"), false);
});
