import assert from "node:assert/strict";
import type { Authorizer, Decision } from "../../gateway/auth/types.ts";
import { Delivered } from "../../gateway/core/subscription.ts";
import type { Message } from "../../gateway/core/message.ts";
import { subscription, topic } from "../core/kit.ts";
import { NatsWorld, NOBODY } from "../kit/nats_world.ts";

const YES: Decision = { allowed: true, rule: "allow all", source: "test" };
const NO: Decision = { allowed: false, rule: "deny", source: "test" };

/** Rules that a test can change; `asked` counts questions about publishing. */
class Rules implements Authorizer {
  generation = 0;
  asked = 0;
  denied = new Set<string>();
  denyAction: "ignore" | "disconnect" = "ignore";
  later = false;
  publish(name: string): Decision | Promise<Decision> {
    this.asked++;
    const answer = this.denied.has(name) ? NO : YES;
    return this.later ? Promise.resolve(answer) : answer;
  }
  subscribe(): Decision {
    return YES;
  }
}

/** A subscriber that is no NATS client: it keeps what it sees of each message. */
function watcher(world: NatsWorld, filter: string): Partial<Message & { text: string }>[] {
  const seen: Partial<Message & { text: string }>[] = [];
  const subscriber = {
    id: 999,
    deliver({ qos, retain, extras, payload }: Message) {
      const text = new TextDecoder().decode(payload);
      seen.push({ qos, retain, text, ...(extras !== undefined && { extras }) });
      return Delivered.Taken;
    },
  };
  world.router.subscribe(subscription(filter, subscriber));
  return seen;
}

Deno.test("verbose clients publish at QoS 1, others at 0", () => {
  const world = new NatsWorld();
  const seen = watcher(world, "a");
  world.open({ verbose: true }).send("PUB a 1\r\nx\r\n");
  world.open({ verbose: false }).send("PUB a 1\r\ny\r\n");
  assert.deepEqual(seen, [
    { qos: 1, retain: false, text: "x" },
    { qos: 0, retain: false, text: "y" },
  ]);
});

Deno.test("the four Mqtt headers are taken off and do what they say; others are user properties", () => {
  const world = new NatsWorld();
  const seen = watcher(world, "a");
  const client = world.open();
  client.read();
  client.send("SUB a 1\r\n");
  const block = "NATS/1.0\r\nMqtt-Retain: 1\r\nmqtt-qos: 2\r\nMqtt-Message-Expiry: 60\r\n" +
    "Mqtt-Content-Type: text/plain\r\nK: v\r\nK: w\r\n\r\n";
  client.send(`HPUB a ${block.length} ${block.length + 2}\r\n${block}hi\r\n`);
  const expiresAt = world.clock.now() + 60_000;
  assert.deepEqual(seen, [{
    qos: 2,
    retain: true,
    text: "hi",
    extras: { headers: [["K", "v"], ["K", "w"]], contentType: "text/plain", expiresAt },
  }]);
  const out = "NATS/1.0\r\nK: v\r\nK: w\r\nMqtt-Content-Type: text/plain\r\n" +
    "Mqtt-Message-Expiry: 60\r\n\r\n";
  assert.equal(client.read(), `HMSG a 1 ${out.length} ${out.length + 2}\r\n${out}hi\r\n`);
  assert.equal(world.router.retained.count, 1);
});

Deno.test("nothing of one message sticks to the next", () => {
  const world = new NatsWorld();
  const seen = watcher(world, "a");
  const block = "NATS/1.0\r\nMqtt-Retain: 1\r\nMqtt-QoS: 2\r\nK: v\r\n\r\n";
  world.open().send(
    `HPUB a r ${block.length} ${block.length}\r\n${block}\r\n`,
    "PUB a 1\r\nx\r\n",
  );
  assert.deepEqual(seen[1], { qos: 0, retain: false, text: "x" });
});

Deno.test("a header block that is none passes to NATS as it is, and is nothing to MQTT", () => {
  const world = new NatsWorld();
  const seen = watcher(world, "a");
  const client = world.open();
  client.read();
  client.send("SUB a 1\r\nHPUB a 3 5\r\nabchi\r\n");
  assert.equal(client.read(), "HMSG a 1 3 5\r\nabchi\r\n");
  assert.equal(seen[0]!.text, "hi");
  assert.equal(seen[0]!.extras?.headers, undefined);
});

Deno.test("no_responders: 503 on the requester's own subscription, when nobody took it", () => {
  const world = new NatsWorld();
  const client = world.open({ no_responders: true });
  client.read();
  client.send("SUB _INBOX.x.* 7\r\nSUB _INBOX.x.* q 8\r\n");
  const answer = "HMSG _INBOX.x.1 7 16 16\r\nNATS/1.0 503\r\n\r\n\r\n";
  client.send("PUB svc _INBOX.x.1 0\r\n\r\nPING\r\n");
  assert.equal(client.read(), `${answer}PONG\r\n`);
  client.send("PUB svc 0\r\n\r\nPUB svc other 0\r\n\r\n");
  assert.equal(client.read(), "", "no reply, or nobody subscribed to it");
  watcher(world, "svc");
  client.send("PUB svc _INBOX.x.1 0\r\n\r\n");
  assert.equal(client.read(), "", "a subscriber of the other protocol counts");
});

Deno.test("no_responders: a group whose members all refuse is nobody", () => {
  const world = new NatsWorld();
  const client = world.open({ no_responders: true, echo: false });
  client.read();
  client.send("SUB r 1\r\nSUB svc q 2\r\nSUB svc 3\r\nPUB svc r 0\r\n\r\n");
  assert.equal(client.read(), "HMSG r 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n");
  assert.equal(world.server.counters.sent.hmsg, 1);
});

Deno.test("oversize: the answer does not wait for the body; then it goes on, or not", () => {
  const keep = new NatsWorld({ options: { payload_bytes_max: 10 } });
  const client = keep.open();
  client.read();
  client.send("SUB a 1\r\nPUB a 11\r\n");
  assert.equal(client.read(), "-ERR 'Maximum Payload Violation'\r\n");
  client.send("0123456789X\r\nPUB a 2\r\nhi\r\n");
  assert.equal(client.read(), "MSG a 1 2\r\nhi\r\n");
  assert.equal(keep.server.counters.dropped.too_large, 1);
  const close = new NatsWorld({ options: { payload_bytes_max: 10, oversize: "close" } }).open();
  close.read();
  close.send("PUB a 11\r\n0123456789X\r\nPING\r\n");
  assert.equal(close.read(), "-ERR 'Maximum Payload Violation'\r\n");
  assert.equal(close.closed, "protocol");
});

Deno.test("denied: the words instead of +OK, nothing delivered, no 503", () => {
  const rules = new Rules();
  rules.denied.add('a/"b\\');
  const world = new NatsWorld({ authorizerFor: () => rules });
  const seen = watcher(world, "#");
  const client = world.open({ verbose: true, no_responders: true });
  client.send("SUB r 1\r\n").read();
  client.send('PUB a."b\\ r 1\r\nx\r\nPUB ok 1\r\ny\r\n');
  assert.equal(
    client.read(),
    String.raw`-ERR 'Permissions Violation for Publish to "a.\"b\\"'` + "\r\n+OK\r\n",
  );
  assert.deepEqual(seen.map((message) => message.text), ["y"]);
});

Deno.test("denyAction disconnect: the words, then the end", () => {
  const rules = new Rules();
  rules.denied.add("a");
  rules.denyAction = "disconnect";
  const client = new NatsWorld({ authorizerFor: () => rules }).open();
  client.read();
  client.send("PUB a 1\r\nx\r\nPING\r\n");
  assert.equal(client.read(), `-ERR 'Permissions Violation for Publish to "a"'\r\n`);
  assert.equal(client.closed, "auth");
});

Deno.test("a decision is asked for once a subject, until the rules change", () => {
  const rules = new Rules();
  const world = new NatsWorld({ authorizerFor: () => rules });
  const seen = watcher(world, "#");
  const client = world.open();
  client.read();
  client.send("PUB a 1\r\n1\r\nPUB a 1\r\n2\r\nPUB a 1\r\n3\r\n");
  assert.equal(rules.asked, 1);
  rules.denied.add("a");
  rules.generation++;
  client.send("PUB a 1\r\n4\r\nPUB a 1\r\n5\r\n");
  assert.equal(rules.asked, 2);
  assert.equal(client.read(), `-ERR 'Permissions Violation for Publish to "a"'\r\n`.repeat(2));
  assert.equal(seen.length, 3);
});

Deno.test("rules that are asked elsewhere keep the order of what follows", async () => {
  const rules = new Rules();
  rules.later = true;
  rules.denied.add("no");
  const world = new NatsWorld({ authorizerFor: () => rules });
  const client = world.open();
  client.read();
  client.send("SUB * 1\r\nPUB a 1\r\n1\r\nPUB no 1\r\n2\r\nPUB b 1\r\n3\r\nPING\r\nPUB c 4\r\n45");
  assert.equal(client.link.reading, false);
  for (let i = 0; i < 20; i++) await Promise.resolve();
  assert.equal(client.link.reading, true);
  assert.equal(
    client.read(),
    "MSG a 1 1\r\n1\r\n-ERR 'Permissions Violation for Publish to \"no\"'\r\n" +
      "MSG b 1 1\r\n3\r\nPONG\r\n",
  );
  client.send("67\r\n");
  for (let i = 0; i < 20; i++) await Promise.resolve();
  assert.equal(client.read(), "MSG c 1 4\r\n4567\r\n");
  const { authorization_allowed, authorization_denied } = world.server.counters;
  assert.deepEqual([authorization_allowed, authorization_denied], [4, 1], "SUB counts as well");
});

Deno.test("allow_responses: a request received gives the right to answer, so often, so long", () => {
  const rules = new Rules();
  for (const name of ["r/1", "r/2", "r/3"]) rules.denied.add(name);
  const acl = {
    decisive: false,
    publish: () => undefined,
    subscribe: () => undefined,
    describe: () => [],
    responses: { max: 2, expires_ms: 1000 },
  };
  const world = new NatsWorld({
    authorizerFor: () => rules,
    authenticate: ({ username }) => ({
      kind: "allow",
      principal: { ...NOBODY, ...(username === "responder" && { acl }) },
    }),
  });
  // The rules are not even asked where an answer is permitted, and so log no denial.
  const asked = () => rules.asked;
  const requester = world.open();
  const responder = world.open({ user: "responder" });
  requester.send("SUB r.* 1\r\n").read();
  responder.send("SUB svc 1\r\nPUB r.1 1\r\nx\r\n").read();
  assert.equal(requester.read(), "", "no request yet, no right");
  requester.send("PUB svc r.1 0\r\n\r\nPUB svc r.2 0\r\n\r\n");
  responder.read();
  const before = asked();
  responder.send("PUB r.1 1\r\n1\r\nPUB r.1 1\r\n2\r\n");
  assert.equal(asked(), before);
  responder.send("PUB r.1 1\r\n3\r\n");
  assert.equal(requester.read(), "MSG r.1 1 1\r\n1\r\nMSG r.1 1 1\r\n2\r\n");
  assert.equal(responder.read(), `-ERR 'Permissions Violation for Publish to "r.1"'\r\n`);
  world.clock.time += 1001;
  responder.send("PUB r.2 1\r\n1\r\n");
  assert.equal(requester.read(), "", "too late");
  responder.send("PUB r.3 1\r\n1\r\n");
  assert.equal(requester.read(), "", "never asked");
});

Deno.test("subjects that are none are refused and the connection stays", () => {
  const world = new NatsWorld();
  const client = world.open();
  client.read();
  client.send("SUB > 1\r\n");
  const nul = Uint8Array.of(0x61, 0), bad = Uint8Array.of(0xff);
  client.send(
    "PUB ",
    nul,
    " 1\r\nx\r\nPUB ",
    bad,
    " 1\r\nx\r\nPUB a.>.b 1\r\nx\r\nPUB % 0\r\n\r\n",
  );
  client.send("PUB a 1\r\ny\r\n");
  assert.equal(
    client.read(),
    "-ERR 'Invalid Publish Subject'\r\n".repeat(4) + "MSG a 1 1\r\ny\r\n",
  );
});

Deno.test("a subject with an empty token reaches nobody, and only the pedantic hear of it", () => {
  const world = new NatsWorld();
  const subjects = ["a..b", ".a", "a.", ".", "_R.", "_R.x."];
  const publish = (options: Record<string, unknown>) => {
    const client = world.open(options);
    client.send("SUB > 1\r\n").read();
    for (const subject of subjects) client.send(`PUB ${subject} 1\r\nx\r\n`);
    return client.read();
  };
  assert.equal(publish({ verbose: false, pedantic: false }), "");
  assert.equal(publish({ verbose: true, pedantic: false }), "+OK\r\n".repeat(subjects.length));
  assert.equal(
    publish({ verbose: true, pedantic: true }),
    "-ERR 'Invalid Publish Subject'\r\n+OK\r\n".repeat(subjects.length),
  );
  assert.equal(world.server.counters.dropped.no_subscribers, 3 * subjects.length);
});

Deno.test("a request to a subject with an empty token is told at once that nobody answers", () => {
  const world = new NatsWorld();
  const client = world.open({ no_responders: true });
  client.send("SUB inbox.* 2\r\n").read();
  client.send("PUB a..b inbox.1 1\r\nx\r\n");
  assert.equal(client.read(), "HMSG inbox.1 2 16 16\r\nNATS/1.0 503\r\n\r\n\r\n");
});

Deno.test("a request that nobody answers does not look at each subscription of its client", () => {
  const world = new NatsWorld();
  const client = world.open({ no_responders: true });
  client.send("SUB a 1\r\nSUB inbox.* 2\r\nSUB b 3\r\n").read();
  client.session.subscriptions.values = () => assert.fail("there may be a hundred thousand");
  client.send("PUB nobody inbox.1 1\r\nx\r\nPUB nobody else 1\r\nx\r\n");
  assert.equal(client.read(), "HMSG inbox.1 2 16 16\r\nNATS/1.0 503\r\n\r\n\r\n");
});

for (const spacing of [" ", " \t"]) {
  Deno.test(`a reply that is no subject passes as it is (${JSON.stringify(spacing)})`, () => {
    const world = new NatsWorld();
    const seen = watcher(world, "#");
    const client = world.open();
    client.send("SUB a.> 1\r\n").read();
    for (const reply of ["bad..reply", ".", "*.x", Uint8Array.of(0xff, 0x2e)]) {
      client.send(`PUB${spacing}a.b${spacing}`, reply, `${spacing}1\r\nx\r\n`);
      const text = typeof reply === "string" ? reply : "\ufffd.";
      assert.equal(client.read(), `MSG a.b 1 ${text} 1\r\nx\r\n`);
    }
    assert.equal(seen.length, 4);
    for (const { extras } of seen) assert.equal(extras?.replyTo, undefined);
  });
}

for (const block of ["NATS/1.0\r\nA:b\r\n c :  d \r\n\r\n", "no block at all"]) {
  Deno.test(`a header block passes byte for byte, however HPUB is spaced: ${block}`, () => {
    const world = new NatsWorld();
    const client = world.open({ headers: true });
    client.send("SUB a 1\r\n").read();
    const size = block.length;
    for (const blank of [" ", "\t", "  "]) {
      client.send(`HPUB${blank}a${blank}${size}${blank}${size + 1}\r\n${block}x\r\n`);
      assert.equal(client.read(), `HMSG a 1 ${size} ${size + 1}\r\n${block}x\r\n`);
    }
  });
}

Deno.test("a reply to an MQTT request gives the Correlation Data back", () => {
  const world = new NatsWorld();
  const seen = watcher(world, "resp/1");
  world.open().send("PUB _R.AQID.resp.1 2\r\nok\r\n");
  assert.deepEqual(seen[0]!.extras, { correlationData: Uint8Array.of(1, 2, 3) });
  assert.equal(seen[0]!.text, "ok");
});

Deno.test("a client that alternates between subjects, and lives longer than the route cache", () => {
  const world = new NatsWorld();
  const client = world.open();
  client.read();
  client.send("SUB t.> 1\r\n");
  let wanted = "";
  for (let i = 0; i < 300; i++) {
    const name = `t.${i % 3}`;
    world.router.route(topic(`filler/${i}`));
    client.send(`PUB ${name} 1\r\n${i % 10}\r\n`);
    wanted += `MSG ${name} 1 1\r\n${i % 10}\r\n`;
  }
  assert.equal(client.read(), wanted);
});

Deno.test("many subscribers: gathered messages come in order, with the answers in place", () => {
  const world = new NatsWorld();
  const clients = Array.from({ length: 40 }, (_, i) => {
    const client = world.open({ echo: i !== 3 });
    client.send("SUB a 1\r\nSUB b 2\r\n").read();
    return client;
  });
  clients[3]!.send("PUB a 1\r\n1\r\nPUB a 1\r\n2\r\nPUB b 1\r\n3\r\nPING\r\nPUB a 1\r\n4\r\n");
  assert.equal(clients[3]!.read(), "PONG\r\n");
  const all = "MSG a 1 1\r\n1\r\nMSG a 1 1\r\n2\r\nMSG b 2 1\r\n3\r\nMSG a 1 1\r\n4\r\n";
  for (const [i, client] of clients.entries()) if (i !== 3) assert.equal(client.read(), all);
  clients[5]!.send("UNSUB 1 5\r\nPUB a 1\r\n5\r\nPUB a 1\r\n6\r\nUNSUB 2\r\nPUB b 1\r\n7\r\n");
  assert.equal(clients[5]!.read(), "MSG a 1 1\r\n5\r\nMSG a 1 1\r\n6\r\n");
  assert.equal(clients[6]!.read().split("\r\n").length, 7);
});
