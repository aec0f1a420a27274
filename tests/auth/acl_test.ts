import assert from "node:assert/strict";
import { type AclSettings, Authorization } from "../../gateway/auth/acl.ts";
import { readRules } from "../../gateway/auth/rule_object.ts";
import type { AclAnswer, AclSource, AnswerSource, RuleSource } from "../../gateway/auth/source.ts";
import type { Authorizer, Principal } from "../../gateway/auth/types.ts";
import { compilePermissions } from "../../gateway/auth/nats_permissions.ts";
import { DENIALS_LOGGED_MAX } from "../../gateway/auth/authorizer.ts";
import { toFilter, toTopic } from "../../gateway/core/topic.ts";
import { type Log, type LogFields, silentLog } from "../../gateway/observe/log.ts";
import { peer, StillClock, subjects } from "./kit.ts";

const SETTINGS: AclSettings = {
  no_match: "allow",
  deny_action: "ignore",
  subscribe_deny_overlap: false,
  ignore_backend_failures: false,
  cache: { enable: true, max_size: 2, ttl: 60_000, excludes: [] },
  topic_template_allow: { plus: false, hash: false, slash: false },
};

const reading = { subjects, source: "test", namesAreConditions: true };

function inline(...rules: unknown[]): RuleSource {
  const read = readRules(rules, reading);
  return { kind: "rules", type: "file", remote: false, rules: () => read };
}

const rule = (permission: string, action: string, ...topics: string[]) => ({
  permission,
  action,
  topics,
});

interface World {
  readonly authorizer: Authorizer;
  readonly authorization: Authorization;
  readonly clock: StillClock;
  readonly lines: LogFields[];
}

function world(
  sources: readonly AclSource[],
  settings: Partial<AclSettings> = {},
  principal: Partial<Principal> = {},
  hardened = false,
): World {
  const clock = new StillClock();
  const lines: LogFields[] = [];
  const log: Log = { ...silentLog, warn: (text, fields) => void lines.push({ text, ...fields }) };
  const merged = { ...SETTINGS, ...settings };
  const authorization = new Authorization(merged, sources, hardened, clock, log, subjects);
  const authorizer = authorization.for({
    protocol: "mqtt",
    clientId: "c1",
    peer: peer(),
    principal: { username: "alice", method: "test", superuser: false, ...principal },
  });
  return { authorizer, authorization, clock, lines };
}

const publish = async (w: World, topic: string, qos: 0 | 1 | 2 = 0) =>
  (await w.authorizer.publish(toTopic(topic)!, qos, false)).allowed;

async function subscribe(w: World, filter: string, qos: 0 | 1 | 2 = 0) {
  return await w.authorizer.subscribe({
    filter: toFilter(filter)!,
    oneOrMore: false,
    matchesDollar: false,
    group: undefined,
    qos,
  });
}

Deno.test("the first rule that fits decides, then no_match", async () => {
  const rules = [rule("allow", "publish", "a/b"), rule("deny", "all", "a/#")];
  const w = world([inline(...rules)]);
  assert.equal(await publish(w, "a/b"), true);
  assert.equal(await publish(w, "a/c"), false);
  assert.equal(await publish(w, "x"), true);
  assert.equal(await publish(world([inline(...rules)], { no_match: "deny" }), "x"), false);
  const decision = await w.authorizer.publish(toTopic("a/c")!, 0, false);
  assert.deepEqual(decision, { allowed: false, rule: 'deny all all ["a/#"]', source: "test[2]" });
});

Deno.test("sources are asked in order", async () => {
  const w = world([inline(rule("allow", "all", "a")), inline(rule("deny", "all", "#"))]);
  assert.equal(await publish(w, "a"), true);
  assert.equal(await publish(w, "b"), false);
});

Deno.test("an allow must cover the whole subscription", async () => {
  const w = world([inline(rule("allow", "subscribe", "a/+", "n/b"))], { no_match: "deny" });
  for (const filter of ["a/b", "a/+", "n/b"]) {
    assert.equal((await subscribe(w, filter)).allowed, true);
  }
  for (const filter of ["a/#", "+/b", "#", "n/+", "a/+/#"]) {
    assert.equal((await subscribe(w, filter)).allowed, false, filter);
  }
});

Deno.test("a deny inside a wider subscription is taken out of it, message by message", async () => {
  const w = world([inline(
    rule("allow", "subscribe", "a/b/open"),
    rule("deny", "subscribe", "a/b/#"),
    rule("allow", "subscribe", "a/#"),
    rule("deny", "subscribe", "a/late"),
  )], { no_match: "deny" });
  const wide = await subscribe(w, "a/#");
  assert.equal(wide.allowed, true);
  const permits = (topic: string) => wide.sieve!.permits(toTopic(topic)!);
  assert.equal(permits("a/x"), true);
  assert.equal(permits("a/b/secret"), false);
  assert.equal(permits("a/b/open"), true, "an earlier allow wins");
  assert.equal(permits("a/late"), true, "a rule after the decision has no say");
  assert.equal((await subscribe(w, "a/b/+")).allowed, false);
  assert.equal((await subscribe(w, "a/x")).sieve, undefined, "nothing to take out");
});

Deno.test("a deny in one source is a sieve for what a later source, or no_match, allows", async () => {
  const w = world([inline(rule("deny", "subscribe", "a/b")), inline(rule("allow", "all", "a/#"))]);
  assert.equal((await subscribe(w, "a/#")).sieve!.permits(toTopic("a/b")!), false);
  assert.equal((await subscribe(w, "#")).sieve!.permits(toTopic("a/b")!), false);
  assert.equal((await subscribe(w, "#")).sieve!.permits(toTopic("z")!), true);
});

Deno.test("subscribe_deny_overlap refuses the whole subscription instead", async () => {
  const w = world([inline(rule("deny", "subscribe", "a/b"))], { subscribe_deny_overlap: true });
  assert.equal((await subscribe(w, "a/#")).allowed, false);
  assert.equal((await subscribe(w, "b/#")).allowed, true);
});

Deno.test("eq names the filter itself", async () => {
  const w = world([inline(rule("deny", "subscribe", "eq #", "eq +/#"))]);
  assert.equal((await subscribe(w, "#")).allowed, false);
  assert.equal((await subscribe(w, "+/#")).allowed, false);
  assert.equal((await subscribe(w, "a/#")).allowed, true);
});

Deno.test("rules that only speak of one QoS", async () => {
  const w = world([inline({ ...rule("deny", "all", "a"), qos: [1, 2] })]);
  assert.equal(await publish(w, "a", 0), true);
  assert.equal(await publish(w, "a", 1), false);
  assert.equal((await subscribe(w, "a", 0)).allowed, true);
  assert.equal((await subscribe(w, "a", 2)).allowed, false);
});

Deno.test("a superuser passes all rules, not its NATS permissions", async () => {
  const denyAll = [inline(rule("deny", "all", "#"))];
  assert.equal(await publish(world(denyAll, {}, { superuser: true }), "a"), true);
  const permissions = {
    publish: { allow: [], deny: ["a"] },
    subscribe: { allow: [], deny: [] },
    responses: undefined,
  };
  const acl = compilePermissions(permissions, subjects, "jwt");
  assert.equal(await publish(world([], {}, { superuser: true, acl }), "a"), false);
});

Deno.test("PR-47 NATS permissions and rules must both allow", async () => {
  const permissions = {
    publish: { allow: ["a.>"], deny: ["a.no"] },
    subscribe: { allow: [], deny: ["s.secret"] },
    responses: undefined,
  };
  const acl = compilePermissions(permissions, subjects, "nats jwt");
  const closed = world([inline(rule("deny", "all", "#"))], {}, { acl });
  assert.equal(await publish(closed, "a/x"), false);
  const open = world([inline(rule("deny", "all", "a/shut", "s/shut"))], {}, { acl });
  assert.equal(await publish(open, "a/x"), true);
  assert.equal(await publish(open, "a/no"), false);
  assert.equal(await publish(open, "a/shut"), false);
  assert.equal(await publish(open, "b"), false);
  assert.equal((await subscribe(open, "s/secret")).allowed, false);
  const wide = await subscribe(open, "s/#");
  assert.equal(wide.sieve!.permits(toTopic("s/x")!), true);
  assert.equal(wide.sieve!.permits(toTopic("s/secret")!), false, "the token's sieve");
  assert.equal(wide.sieve!.permits(toTopic("s/shut")!), false, "the rules' sieve");
});

Deno.test("rules of the login come first; a closed list ends there; expired, they deny all", async () => {
  const attached = readRules([rule("allow", "all", "mine"), rule("deny", "all", "not")], reading);
  const denyAll = [inline(rule("deny", "all", "#"))];
  const rules = { rules: attached, final: false, expiresAt: undefined };
  assert.equal(await publish(world(denyAll, {}, { rules }), "mine"), true);
  assert.equal(await publish(world(denyAll, {}, { rules }), "other"), false);
  assert.equal(await publish(world([], {}, { rules }), "not"), false);
  assert.equal(await publish(world([], {}, { rules }), "other"), true);
  assert.equal(await publish(world([], {}, { rules: { ...rules, final: true } }), "other"), false);
  const short = world([], {}, { rules: { ...rules, expiresAt: new StillClock().time + 1000 } });
  const before = short.authorizer.generation;
  assert.equal(await publish(short, "mine"), true);
  assert.equal(short.authorizer.generation, before);
  short.clock.advance(1000);
  assert.notEqual(short.authorizer.generation, before, "remembered answers are void");
  assert.equal(await publish(short, "mine"), false);
  assert.equal(await publish(short, "mine"), false);
});

Deno.test("CH-11 a change of rules, or of nothing, voids what was answered, for connected clients", async () => {
  const w = world([inline(rule("deny", "all", "a"))]);
  const before = w.authorizer.generation;
  assert.equal(await publish(w, "a"), false);
  assert.equal(w.authorizer.generation, before);
  await w.authorization.replace(SETTINGS, [inline(rule("allow", "all", "a"))], false);
  assert.notEqual(w.authorizer.generation, before);
  assert.equal(await publish(w, "a"), true);
  const after = w.authorizer.generation;
  w.authorization.drain();
  assert.notEqual(w.authorizer.generation, after);
  assert.equal(await publish(w, "a"), true);
});

function answering(answers: AclAnswer[]): AnswerSource & { asked: number } {
  return {
    kind: "answers",
    type: "http",
    remote: true,
    asked: 0,
    ask() {
      this.asked++;
      return Promise.resolve(answers.shift() ?? "ignore");
    },
  };
}

Deno.test("answers of a backend are remembered for the ttl, the oldest forgotten first", async () => {
  const source = answering(Array<AclAnswer>(20).fill("allow"));
  const w = world([source], { no_match: "deny" });
  const before = w.authorizer.generation;
  for (const topic of ["a", "a", "b", "a"]) await publish(w, topic);
  assert.equal(source.asked, 2);
  await publish(w, "c");
  await publish(w, "a");
  assert.equal(source.asked, 4, "two entries: a was forgotten for c");
  assert.equal(w.authorizer.generation, before);
  w.clock.advance(60_000);
  assert.notEqual(w.authorizer.generation, before);
  await publish(w, "a");
  assert.equal(source.asked, 5);
  await w.authorization.close();
});

Deno.test("without cache, and for excluded topics, sessions cannot remember either", async () => {
  const uncached = answering(["allow", "deny"]);
  const w = world([uncached], { cache: { ...SETTINGS.cache, enable: false } });
  assert.equal(await publish(w, "a"), true);
  assert.notEqual(w.authorizer.generation, w.authorizer.generation);
  assert.equal(await publish(w, "a"), false);
  await w.authorization.close();
  const excludes = ["fresh/#", "eq other"];
  const w2 = world([answering(["allow"])], { cache: { ...SETTINGS.cache, excludes } });
  await publish(w2, "kept");
  assert.equal(w2.authorizer.generation, w2.authorizer.generation);
  await publish(w2, "fresh/a");
  assert.notEqual(w2.authorizer.generation, w2.authorizer.generation);
  await w2.authorization.close();
});

Deno.test("a source that fails: passed over, or under hardened a denial; asked again", async () => {
  for (
    const [hardened, ignore, first] of [[false, false, true], [true, false, false], [
      true,
      true,
      true,
    ]] as const
  ) {
    const w = world(
      [answering(["failed", "allow"])],
      { ignore_backend_failures: ignore },
      {},
      hardened,
    );
    assert.equal(await publish(w, "a"), first, `hardened ${hardened}, ignore ${ignore}`);
    assert.equal(await publish(w, "a"), true);
    await w.authorization.close();
  }
});

Deno.test("rules fetched from afar are fetched once a client and generation", async () => {
  let fetched = 0;
  const read = readRules([rule("deny", "all", "a")], reading);
  const source: RuleSource = {
    kind: "rules",
    type: "mysql",
    remote: true,
    rules: () => Promise.resolve(fetched++ === 0 ? "failed" : read),
  };
  const w = world([source]);
  assert.equal(await publish(w, "a"), true, "failed, no_match = allow");
  for (let i = 0; i < 5; i++) assert.equal(await publish(w, "a"), false);
  assert.equal(fetched, 2);
  await w.authorization.close();
});

Deno.test("each denial is logged once with client, user, name and rule, and never without end", async () => {
  const w = world([inline(rule("deny", "all", "#"))]);
  for (let i = 0; i < 3; i++) await publish(w, "a");
  await subscribe(w, "a");
  assert.equal(w.lines.length, 2);
  assert.deepEqual(w.lines[0], {
    text: "denied",
    client: "c1",
    username: "alice",
    peer: "192.0.2.7",
    action: "publish",
    topic: "a",
    rule: 'deny all all ["#"]',
    source: "test[1]",
  });
  for (let i = 0; i < 500; i++) await publish(w, `t/${i}`);
  assert.equal(w.lines.length, DENIALS_LOGGED_MAX);
  assert.match(String(w.lines.at(-1)!.text), /further denials/);
});

Deno.test("malformed rules are refused with the part that is wrong", () => {
  const bad: [unknown, RegExp][] = [
    [7, /an object/],
    [{}, /permission/],
    [{ permission: "allow" }, /action/],
    [rule("allow", "write", "a"), /action/],
    [{ permission: "allow", action: "all" }, /topic/],
    [rule("allow", "all"), /topic/],
    [rule("allow", "all", "a/#/b"), /no valid MQTT/],
    [{ ...rule("allow", "all", "a"), topics: [7] }, /must be text/],
    [{ ...rule("allow", "all", "a"), qos: 3 }, /qos/],
    [{ ...rule("allow", "all", "a"), qos: "" + "x" }, /qos/],
    [{ ...rule("allow", "all", "a"), retain: "maybe" }, /retain/],
    [{ ...rule("allow", "all", "a"), username_re: "(" }, /regular expression/],
    [{ ...rule("allow", "all", "a"), ipaddr: "10.0.0.0/40" }, /no address/],
    [{ ...rule("allow", "all", "a"), ipaddr: 7 }, /must be text/],
  ];
  for (const [value, part] of bad) assert.throws(() => readRules([value], reading), part);
  const good = readRules([{
    permission: "allow",
    action: "pub",
    topic: '["a", "b"]',
    qos: "0, 1",
    retain: "1",
    unknown: 7,
  }], reading)[0]!;
  assert.deepEqual(good.qos, [0, 1]);
  assert.equal(good.retain, true);
  assert.equal(good.topics.length, 2);
});
