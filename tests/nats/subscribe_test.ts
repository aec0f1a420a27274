import assert from "node:assert/strict";
import type { Authorizer, SubscribeDecision, SubscribeRequest } from "../../gateway/auth/types.ts";
import { Message } from "../../gateway/core/message.ts";
import { topic } from "../core/kit.ts";
import { except } from "../core/kit.ts";
import { NatsWorld } from "../kit/nats_world.ts";

/** Publishes from inside the gateway, as another protocol would. */
function publish(world: NatsWorld, name: string, payload: string, retain = false): void {
  const route = world.router.route(topic(name));
  const message = new Message(route, new TextEncoder().encode(payload));
  message.owned = true;
  message.retain = retain;
  world.router.publish(message);
}

function asks(answer: (request: SubscribeRequest) => SubscribeDecision): Authorizer {
  return {
    generation: 0,
    denyAction: "ignore",
    publish: () => ({ allowed: true, rule: "", source: "" }),
    subscribe: answer,
  };
}

Deno.test("one copy for each sid; a sid in use stays with its first subject", () => {
  const client = new NatsWorld().open({ verbose: true });
  client.read();
  client.send("SUB a 1\r\nSUB a 2\r\nSUB b 1\r\n");
  assert.equal(client.read(), "+OK\r\n".repeat(3));
  client.send("PUB a 0\r\n\r\nPUB b 0\r\n\r\n");
  assert.equal(client.read(), "+OK\r\nMSG a 1 0\r\n\r\nMSG a 2 0\r\n\r\n+OK\r\n");
  assert.equal(client.session.info.subscriptions, 2);
});

Deno.test("sids are any bytes and come back as they are", () => {
  const client = new NatsWorld().open();
  client.read();
  client.send("SUB a ü\r\nSUB a 'x,{}'\r\nPUB a 0\r\n\r\n");
  assert.equal(client.read(), "MSG a ü 0\r\n\r\nMSG a 'x,{}' 0\r\n\r\n");
  client.send("UNSUB ü\r\nPUB a 0\r\n\r\n");
  assert.equal(client.read(), "MSG a 'x,{}' 0\r\n\r\n");
});

Deno.test("invalid subjects: the words, the sid stays free, the connection too", () => {
  const client = new NatsWorld().open();
  client.read();
  for (const subject of ["a..b", ".a", "a.", "a.>.b", ">.a", "a\0"]) {
    client.send(`SUB ${subject} 1\r\n`);
    assert.equal(client.read(), "-ERR 'Invalid Subject'\r\n", subject);
  }
  client.send("SUB a*.>b 1\r\nPUB a*.>b 0\r\n\r\n");
  assert.equal(client.read(), "MSG a*.>b 1 0\r\n\r\n", "wildcards inside tokens are letters");
});

Deno.test("UNSUB max counts from the SUB, frees the sid, and a later UNSUB overrides it", () => {
  const client = new NatsWorld().open();
  client.read();
  const pub = (count: number) => client.send("PUB a 0\r\n\r\n".repeat(count)).read();
  const msg = "MSG a 1 0\r\n\r\n";
  client.send("SUB a 1\r\n");
  assert.equal(pub(2), msg.repeat(2));
  client.send("UNSUB 1 3\r\n");
  assert.equal(pub(5), msg, "one was left of three");
  assert.equal(client.session.info.subscriptions, 0);
  client.send("SUB a 1\r\n");
  assert.equal(pub(3), msg.repeat(3), "the sid is free, the count new");
  client.send("UNSUB 1 2\r\n");
  assert.equal(pub(1), "", "more than that were delivered already");
  client.send("SUB a 1\r\nUNSUB 1 5\r\nUNSUB 1 1\r\n");
  assert.equal(pub(3), msg);
  client.send("SUB a 1\r\nUNSUB 1 5\r\nUNSUB 1\r\n");
  assert.equal(pub(1), "");
  client.send("SUB a 1\r\nUNSUB 1 -3\r\n");
  assert.equal(pub(1), "", "a bad number means now");
});

Deno.test("UNSUB max in a queue group is each member's own", () => {
  const client = new NatsWorld().open();
  client.read();
  client.send("SUB a g 1\r\nSUB a g 2\r\nUNSUB 1 1\r\nUNSUB 2 1\r\n");
  client.send("PUB a 0\r\n\r\n".repeat(4));
  assert.deepEqual(client.read().split("\r\n\r\n").sort(), ["", "MSG a 1 0", "MSG a 2 0"]);
});

Deno.test("subscriptions_max: the words, and that SUB does not hold", () => {
  const client = new NatsWorld({ options: { subscriptions_max: 2 } }).open({ verbose: true });
  client.read();
  client.send("SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nUNSUB 1\r\nSUB c 3\r\n");
  assert.equal(
    client.read(),
    "+OK\r\n+OK\r\n-ERR 'maximum subscriptions exceeded'\r\n+OK\r\n+OK\r\n",
  );
});

Deno.test("> wants one more level; $ names stay closed unless dollar_topics says otherwise", () => {
  for (const dollarTopics of [false, true]) {
    const world = new NatsWorld({ options: { dollarTopics } });
    const client = world.open();
    client.read();
    client.send("SUB a.> 1\r\nSUB > 2\r\n");
    publish(world, "a", "");
    publish(world, "$d/x", "");
    publish(world, "$SYS/x", "");
    const dollar = dollarTopics ? "MSG $d.x 2 0\r\n\r\n" : "";
    assert.equal(client.read(), `MSG a 2 0\r\n\r\n${dollar}`);
  }
});

Deno.test("retained messages follow the SUB, marked, and never go to queue groups", () => {
  const world = new NatsWorld();
  publish(world, "a/b", "old", true);
  publish(world, "a/c", "other", true);
  const client = world.open({ verbose: true });
  client.read();
  client.send("SUB a.b 1\r\nSUB a.b g 2\r\n");
  const block = "NATS/1.0\r\nMqtt-Retain: 1\r\n\r\n";
  assert.equal(
    client.read(),
    `+OK\r\nHMSG a.b 1 ${block.length} ${block.length + 3}\r\n${block}old\r\n+OK\r\n`,
  );
  const plain = world.open({ headers: false });
  plain.read();
  plain.send("SUB a.* 9\r\nUNSUB 9 2\r\n");
  assert.deepEqual(
    plain.read().match(/MSG a\.[bc] 9 \d\r\n\w+/g)!.sort(),
    ["MSG a.b 9 3\r\nold", "MSG a.c 9 5\r\nother"],
  );
  plain.send("PUB a.b 0\r\n\r\n");
  assert.equal(plain.read(), "", "they count towards the max");
  const off = new NatsWorld({ options: { deliverRetained: false } });
  publish(off, "a/b", "old", true);
  const other = off.open();
  other.read();
  other.send("SUB a.b 1\r\nPING\r\n");
  assert.equal(other.read(), "PONG\r\n");
});

Deno.test("retained messages do not fill the memory: beyond half the queue they are dropped", () => {
  const world = new NatsWorld({ options: { pending_bytes_max: 100_000 } });
  for (let i = 0; i < 100; i++) publish(world, `a/${i}`, "x".repeat(10_000), true);
  const client = world.open({ headers: false });
  client.read();
  client.send("SUB a.* 1\r\n");
  const { pendingBytes, dropped } = client.session.info;
  assert.ok(pendingBytes < 80_000, `${pendingBytes} bytes wait`);
  assert.equal(dropped + client.read().match(/MSG/g)!.length, 100);
  publish(world, "a/live", "y");
  assert.equal(client.read(), "MSG a.live 1 1\r\ny\r\n", "and the connection goes on");
});

Deno.test("retained messages are not looked for again and again while the queue is full", () => {
  const world = new NatsWorld({ options: { pending_bytes_max: 100_000 } });
  for (let i = 0; i < 100; i++) publish(world, `a/${i}`, "x".repeat(10_000), true);
  const { retained } = world.router;
  let looked = 0;
  const matching = retained.matching.bind(retained);
  retained.matching = function* (query) {
    for (const message of matching(query)) {
      looked++;
      yield message;
    }
  };
  const client = world.open({ headers: false });
  client.read();
  client.send("SUB a.* 1\r\n");
  assert.equal(looked, 100, "each that is dropped is counted");
  const { dropped } = client.session.info;
  client.send("SUB a.* 2\r\nSUB a.> 3\r\n");
  assert.equal(looked, 102);
  assert.equal(client.session.info.dropped, dropped + 2);
});

Deno.test("denied subscriptions: the words with the queue, and the sid stays free", () => {
  const world = new NatsWorld({
    authorizerFor: () =>
      asks(({ filter, group }) => ({
        allowed: filter !== "no" && group !== "bad",
        rule: "",
        source: "",
      })),
  });
  const client = world.open();
  client.read();
  client.send('SUB no 1\r\nSUB a bad 1\r\nSUB no "q" 1\r\nSUB a 1\r\nPUB a 0\r\n\r\n');
  assert.equal(
    client.read(),
    `-ERR 'Permissions Violation for Subscription to "no"'\r\n` +
      `-ERR 'Permissions Violation for Subscription to "a" using queue "bad"'\r\n` +
      String.raw`-ERR 'Permissions Violation for Subscription to "no" using queue "\"q\""'` +
      "\r\nMSG a 1 0\r\n\r\n",
  );
});

Deno.test("an allowed filter may still except topics, live and retained", () => {
  const world = new NatsWorld({
    authorizerFor: () =>
      asks(() => ({ allowed: true, rule: "", source: "", sieve: except("a/no") })),
  });
  publish(world, "a/no", "kept", true);
  publish(world, "a/yes", "kept", true);
  const client = world.open({ headers: false });
  client.read();
  client.send("SUB a.* 1\r\n");
  publish(world, "a/no", "live");
  publish(world, "a/yes", "live");
  assert.equal(client.read(), "MSG a.yes 1 4\r\nkept\r\nMSG a.yes 1 4\r\nlive\r\n");
});

Deno.test("a subscription that is decided elsewhere holds for what follows it", async () => {
  const yes: SubscribeDecision = { allowed: true, rule: "", source: "" };
  const world = new NatsWorld({
    authorizerFor: () => ({ ...asks(() => yes), subscribe: () => Promise.resolve(yes) }),
  });
  const client = world.open({ verbose: true });
  client.read();
  client.send("SUB a 1\r\nPUB a 1\r\nx\r\n");
  for (let i = 0; i < 10; i++) await Promise.resolve();
  assert.equal(client.read(), "+OK\r\n+OK\r\nMSG a 1 1\r\nx\r\n");
});
