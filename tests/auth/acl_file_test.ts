import assert from "node:assert/strict";
import fc from "fast-check";
import { parseAclFile } from "../../gateway/auth/acl_file.ts";
import type { Facts } from "../../gateway/auth/facts.ts";
import { bindRules, judgePublish } from "../../gateway/auth/rule.ts";
import { peer, subjects } from "./kit.ts";

const NO = { plus: false, hash: false, slash: false };
const DEFAULT = `
%% the rules that EMQX ships
{allow, {username, {re, "^dashboard$"}}, subscribe, ["$SYS/#"]}.
{allow, {ipaddr, "127.0.0.1"}, all, ["$SYS/#", "#"]}.
{deny, all, subscribe, ["$SYS/#", {eq, "#"}, {eq, "+/#"}]}.
{allow, all}.
`;

function parse(text: string, profile: "legacy" | "hardened" = "legacy") {
  return parseAclFile(text, "acl.conf", subjects, profile);
}

function facts(changes: Partial<Facts> = {}): Facts {
  return {
    protocol: "mqtt",
    username: "alice",
    clientid: "c1",
    peer: peer(),
    attributes: {},
    mountpoint: "",
    password: undefined,
    ...changes,
  };
}

/** Allowed, denied or no rule, for a publish under one rule's condition. */
function fits(who: string, client: Facts, profile: "legacy" | "hardened" = "legacy"): boolean {
  const { rules, problems } = parse(`{allow, ${who}, all, all}.`, profile);
  assert.deepEqual(problems, []);
  return bindRules(rules, client, NO, subjects).length === 1;
}

function publishUnder(
  text: string,
  topic: string,
  client = facts(),
  qos: 0 | 1 | 2 = 0,
  retain = false,
) {
  const { rules, problems } = parse(text);
  assert.deepEqual(problems, []);
  return judgePublish(bindRules(rules, client, NO, subjects), topic, qos, retain);
}

Deno.test("the shipped file is read, each rule with its line", () => {
  const { rules, problems } = parse(DEFAULT);
  assert.deepEqual(problems, []);
  assert.deepEqual(rules.map((rule) => rule.source), [3, 4, 5, 6].map((n) => `file acl.conf:${n}`));
  assert.deepEqual(rules.map((rule) => rule.allow), [true, true, false, true]);
  assert.equal(rules[2]!.text, '{deny, all, subscribe, ["$SYS/#", {eq, "#"}, {eq, "+/#"}]}');
});

Deno.test("conditions on who", () => {
  const none = facts({ username: undefined });
  assert.equal(fits("all", none), true);
  for (const name of ["user", "username"]) {
    assert.equal(fits(`{${name}, "alice"}`, facts()), true);
    assert.equal(fits(`{${name}, "ALICE"}`, facts()), false);
    assert.equal(fits(`{${name}, {re, "lic"}}`, facts()), true, "not anchored");
    assert.equal(fits(`{${name}, {re, ".*"}}`, none), false, "no name, no match");
    assert.equal(fits(`{${name}, ""}`, none), false);
  }
  assert.equal(fits('{clientid, "c1"}', facts()), true);
  assert.equal(fits('{client, {re, "^c\\\\d$"}}', facts()), true);
  assert.equal(fits('{listener, "nats:tcp:default"}', facts()), true);
  assert.equal(fits('{zone, "default"}', facts()), true);
  assert.equal(fits('{client_attr, "g", "x"}', facts({ attributes: { g: "x" } })), true);
  assert.equal(fits('{client_attr, "g", "x"}', facts()), false);
  assert.equal(fits('{ipaddr, "192.0.2.0/24"}', facts()), true);
  assert.equal(fits('{ipaddrs, ["10.0.0.1", "192.0.2.7"]}', facts()), true);
  assert.equal(fits('{ipaddr, "10.0.0.0/8"}', facts()), false);
  assert.equal(fits('{\'and\', [{user, "alice"}, {client, "c2"}]}', facts()), false);
  assert.equal(fits('{\'or\', [{user, "alice"}, {client, "c2"}]}', facts()), true);
  assert.equal(fits("{'and', [all, {user, \"alice\"}]}", facts()), true);
  assert.equal(fits("{security_profile, hardened}", facts()), false);
  assert.equal(fits("{security_profile, hardened}", facts(), "hardened"), true);
});

Deno.test("actions with QoS and retain", () => {
  const rule = '{allow, all, {publish, [{qos, [1, 2]}, {retain, true}]}, ["a"]}.';
  assert.ok(publishUnder(rule, "a", facts(), 1, true));
  assert.equal(publishUnder(rule, "a", facts(), 0, true), undefined);
  assert.equal(publishUnder(rule, "a", facts(), 1, false), undefined);
  assert.equal(publishUnder('{allow, all, subscribe, ["a"]}.', "a"), undefined);
  assert.ok(publishUnder('{allow, all, {all, [{retain, all}, {qos, 0}]}, ["a"]}.', "a"));
});

Deno.test("topics: filters, eq, all, nats: and placeholders", () => {
  assert.ok(publishUnder('{deny, all, publish, ["a/+"]}.', "a/b"));
  assert.equal(publishUnder('{deny, all, publish, ["#"]}.', "$SYS/x"), undefined);
  assert.ok(publishUnder("{deny, all, publish, all}.", "$SYS/x"));
  assert.ok(publishUnder("{deny, all}.", "$SYS/x"));
  assert.equal(publishUnder('{deny, all, publish, ["eq a/+"]}.', "a/b"), undefined);
  assert.equal(publishUnder('{deny, all, publish, ["nats:foo.>"]}.', "foo"), undefined);
  assert.ok(publishUnder('{deny, all, publish, ["nats:foo.>"]}.', "foo/a"));
  assert.ok(publishUnder('{deny, all, publish, ["nats:>"]}.', "$SYS/x"));
  assert.ok(publishUnder('{allow, all, publish, ["${username}/x"]}.', "alice/x"));
  assert.ok(
    publishUnder(
      '{allow, all, publish, ["${client_attrs.g}/x"]}.',
      "t/x",
      facts({ attributes: { g: "t" } }),
    ),
  );
});

Deno.test("values that would widen a grant do not fit; in a deny they deny", () => {
  for (const username of ["#", "+", "a/b", "", undefined]) {
    const client = facts({ username });
    assert.equal(
      publishUnder('{allow, all, publish, ["${username}/#"]}.', "a/b/c", client),
      undefined,
    );
    assert.equal(
      publishUnder('{allow, all, publish, ["${username}/#"]}.', "/x", client),
      undefined,
    );
  }
  for (const username of ["*", ">", "a.b", "a b"]) {
    const rule = '{allow, all, publish, ["nats:${username}.>"]}.';
    assert.equal(publishUnder(rule, "a/b/c", facts({ username })), undefined);
  }
  assert.ok(
    publishUnder(
      '{allow, all, publish, ["${username}/#"]}.',
      "a.b@c/x",
      facts({ username: "a.b@c" }),
    ),
  );
  assert.ok(
    publishUnder('{deny, all, publish, ["${username}/x"]}.', "a/b/x", facts({ username: "a/b" })),
  );
});

Deno.test("mistakes are named with line and column, and all rules are looked at", () => {
  const cases: [text: string, line: number, column: number, part: RegExp][] = [
    ["{allow, all}", 1, 13, /ends with a dot/],
    ["{allow}.", 1, 1, /Permission, Who/],
    ["{permit, all}.", 1, 2, /allow or deny/],
    ['\n  {allow, {usr, "x"}, all, ["a"]}.', 2, 11, /unknown condition usr/],
    ['{allow, all, pblish, ["a"]}.', 1, 14, /publish, subscribe or all/],
    ['{allow, all, publish, ["a/#/b"]}.', 1, 24, /no valid MQTT/],
    ['{allow, all, publish, ["nats:a..b"]}.', 1, 24, /no valid NATS/],
    ['{allow, all, publish, "a"}.', 1, 23, /a list/],
    ['{allow, {ipaddr, "10.0.0.0/33"}, all, all}.', 1, 18, /no address/],
    ['{allow, {user, {re, "("}}, all, all}.', 1, 21, /regular expression/],
    ["{allow, all, {publish, [{qos, 3}]}, all}.", 1, 31, /0, 1 or 2/],
    ['{allow, all, publish, ["a]}.', 1, 24, /not closed/],
    ["{allow, all", 1, 12, /expected , or }/],
    ["[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 1, 34, /too deep/],
  ];
  for (const [text, line, column, part] of cases) {
    const { problems } = parse(text);
    assert.equal(problems.length, 1, text);
    assert.match(problems[0]!.message, part);
    assert.deepEqual([problems[0]!.line, problems[0]!.column], [line, column], text);
  }
  assert.equal(parse("{a, b}.\n{allow, all}.\n{c, d}.").problems.length, 2);
});

Deno.test("no text makes the reader throw", () => {
  const piece = fc.constantFrom(
    "{",
    "}",
    "[",
    "]",
    ",",
    ".",
    "allow",
    "all",
    '"a"',
    "'",
    '"',
    "%",
    "\n",
    "<<",
    "1",
  );
  fc.assert(fc.property(fc.array(piece).map((all) => all.join("")), (text) => void parse(text)));
  fc.assert(fc.property(fc.string(), (text) => void parse(text)));
});
