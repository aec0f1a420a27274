import assert from "node:assert/strict";
import { networksMatcher } from "../../gateway/address.ts";
import { allowed, parseAccessRule, plainAddress } from "../../gateway/transport/access_rules.ts";

function rules(...texts: string[]) {
  return texts.map((text) => {
    const rule = parseAccessRule(text);
    assert(rule !== undefined, text);
    return rule;
  });
}

Deno.test("access_rules: the first rule that matches decides", () => {
  const list = rules("deny 10.1.0.0/16", "allow 10.0.0.0/8", "allow ::1", "deny all");
  assert.equal(allowed(list, "10.1.2.3"), false);
  assert.equal(allowed(list, "10.2.2.3"), true);
  assert.equal(allowed(list, "::1"), true);
  assert.equal(allowed(list, "192.0.2.1"), false);
  assert.equal(allowed(list, "fd00::1"), false);
});

Deno.test("access_rules: without a match the address is let in", () => {
  assert.equal(allowed([], "192.0.2.1"), true);
  assert.equal(allowed(rules("deny 10.0.0.0/8"), "192.0.2.1"), true);
});

Deno.test("access_rules: IPv4 and IPv6 blocks do not match each other", () => {
  assert.equal(allowed(rules("deny 0.0.0.0/0"), "2001:db8::1"), true);
  assert.equal(allowed(rules("deny ::/0"), "192.0.2.1"), true);
  assert.equal(allowed(rules("deny 2001:db8::/32"), "2001:db8:1::2"), false);
});

Deno.test("access_rules: what is not a rule is told apart", () => {
  for (
    const text of [
      "",
      "allow",
      "permit all",
      "deny 10.0.0.0/33",
      "deny ::/129",
      "deny 10.0.0/8",
      "deny 10.0.0.0/",
      "allow all of them",
      "deny 10.0.0.0/+8",
    ]
  ) assert.equal(parseAccessRule(text), undefined, text);
});

Deno.test("access_rules: a Unix socket's peer is in no block but is in all", () => {
  assert.equal(allowed(rules("deny 0.0.0.0/0", "deny ::/0"), ""), true);
  assert.equal(allowed(rules("deny all"), ""), false);
  assert.equal(networksMatcher(["0.0.0.0/0"])?.(""), false);
});

Deno.test("access_rules: an IPv4 peer of an IPv6 socket is spelled as IPv4", () => {
  assert.equal(plainAddress("::ffff:192.0.2.1"), "192.0.2.1");
  assert.equal(plainAddress("::FFFF:192.0.2.1"), "192.0.2.1");
  assert.equal(plainAddress("2001:db8::1"), "2001:db8::1");
});
