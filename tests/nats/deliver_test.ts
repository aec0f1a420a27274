import assert from "node:assert/strict";
import fc from "fast-check";
import { Message, type MessageExtras } from "../../gateway/core/message.ts";
import { REFERENCE_BYTES } from "../../gateway/protocol/outbox.ts";
import { topic } from "../core/kit.ts";
import { NatsWorld } from "../kit/nats_world.ts";
import { concat } from "../kit/raw_nats.ts";
import { randomSeed } from "../kit/seed.ts";

const seed = randomSeed("nats deliver");

function publish(
  world: NatsWorld,
  name: string,
  payload: Uint8Array | string,
  extras?: MessageExtras,
): number {
  const bytes = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
  const message = new Message(world.router.route(topic(name)), bytes);
  message.owned = true;
  message.extras = extras;
  return world.router.publish(message);
}

Deno.test("what came in odd spelling arrives as what came in plain spelling does", () => {
  const word = fc.string({ minLength: 1, maxLength: 6, unit: fc.constantFrom(..."ab%25é") })
    // Alone it is the empty level, which only a mountpoint can hold.
    .filter((text) => text !== "%");
  const header = fc.option(
    fc.array(fc.tuple(fc.constantFrom("K", "x-y"), fc.constantFrom("v", "", "a:b")), {
      minLength: 1,
      maxLength: 3,
    }),
    { nil: undefined },
  );
  const sizes = fc.oneof(fc.nat(100), fc.constantFrom(REFERENCE_BYTES - 30, REFERENCE_BYTES));
  const world = new NatsWorld({ options: { control_line_bytes_max: 100_000 } });
  const publisher = world.open();
  const modern = world.open(), old = world.open({ headers: false });
  const listeners = [modern, old];
  for (const client of listeners) client.send("SUB > 1\r\n");
  fc.assert(
    fc.property(
      word,
      fc.option(word, { nil: undefined }),
      header,
      sizes,
      (subject, reply, pairs, size) => {
        const block = pairs === undefined
          ? ""
          : `NATS/1.0\r\n${pairs.map(([k, v]) => `${k}: ${v}\r\n`).join("")}\r\n`;
        const payload = new Uint8Array(size).map((_, i) => i);
        const total = size + block.length;
        const numbers = pairs === undefined ? `${total}` : `${block.length} ${total}`;
        const line = `${pairs === undefined ? "PUB" : "HPUB"} ${subject} ${reply ?? ""} ${numbers}`;
        const outcome = (end: string, text: string) => {
          for (const client of listeners) client.link.written();
          publisher.send(concat(text, end, block, payload, "\r\n"));
          return listeners.map((client) => client.link.written());
        };
        const plain = outcome("\r\n", line.replace("  ", " "));
        const odd = outcome("\n", line.replaceAll(" ", " \t"));
        assert.deepEqual(odd, plain);
        const to = reply === undefined ? "" : `${reply} `;
        assert.deepEqual(plain[1], concat(`MSG ${subject} 1 ${to}${size}\r\n`, payload, "\r\n"));
        const op = pairs === undefined ? "MSG" : "HMSG";
        assert.deepEqual(
          plain[0],
          concat(`${op} ${subject} 1 ${to}${numbers}\r\n`, block, payload, "\r\n"),
        );
      },
    ),
    { numRuns: 200, seed },
  );
});

Deno.test("large payloads that came in one read outlive the read buffer", () => {
  const world = new NatsWorld();
  const publisher = world.open(), reader = world.open();
  reader.send("SUB a 1\r\n");
  reader.link.written();
  for (const size of [REFERENCE_BYTES - 10, REFERENCE_BYTES, 50_000, 64_000]) {
    const payload = new Uint8Array(size).map((_, i) => i * 11);
    publisher.send(`PUB a ${size}\r\n`, payload, "\r\nPUB a 1\r\nx\r\n");
    assert.deepEqual(
      reader.link.written(),
      concat(`MSG a 1 ${size}\r\n`, payload, "\r\nMSG a 1 1\r\nx\r\n"),
    );
  }
});

Deno.test("headers, reply and correlation data of an MQTT message", () => {
  const world = new NatsWorld();
  const modern = world.open(), old = world.open({ headers: false });
  for (const client of [modern, old]) client.send("SUB a 1\r\n").read();
  publish(world, "a", "hi", {
    replyTo: topic("resp/x"),
    correlationData: Uint8Array.of(1, 2, 3),
    headers: [["K", "v"]],
    contentType: "text/plain",
    expiresAt: world.clock.now() + 4500,
  });
  const block = "NATS/1.0\r\nK: v\r\nMqtt-Content-Type: text/plain\r\n" +
    "Mqtt-Message-Expiry: 5\r\n\r\n";
  assert.equal(
    modern.read(),
    `HMSG a 1 _R.AQID.resp.x ${block.length} ${block.length + 2}\r\n${block}hi\r\n`,
  );
  assert.equal(old.read(), "MSG a 1 _R.AQID.resp.x 2\r\nhi\r\n");
});

Deno.test("plain mapping: names that NATS cannot spell are dropped and counted, not refused", () => {
  const world = new NatsWorld({ options: { mapping: "plain" } });
  const client = world.open();
  client.read();
  client.send("SUB > 1\r\n");
  assert.equal(publish(world, "a b/c", "x"), 1, "somebody was interested");
  publish(world, "a/b", "y");
  assert.equal(client.read(), "MSG a.b 1 1\r\ny\r\n");
  assert.deepEqual([client.session.dropped, world.server.counters.dropped.unmappable], [1, 1]);
});

Deno.test("slow consumer: cut off beyond max_pending, what waits is let go, others go on", () => {
  const world = new NatsWorld({ options: { pending_bytes_max: 50_000 } });
  const slow = world.open(), fast = world.open();
  for (const client of [slow, fast]) client.send("SUB a 1\r\n").read();
  let sent = 0, got = 0;
  for (; slow.link.cause === undefined && sent < 1000; sent++) {
    publish(world, "a", "x".repeat(1000));
    got += fast.read().match(/MSG a/g)?.length ?? 0;
  }
  assert.ok(sent > 45 && sent < 60, `${sent} messages of 1 kB for 50 kB`);
  assert.equal(slow.link.cause?.kind, "slow-consumer");
  assert.equal(slow.read(), "-ERR 'Slow Consumer'\r\n");
  assert.equal(world.server.counters.slow_consumers, 1);
  assert.equal(got, sent);
  assert.equal(world.router.subscriptions, 1);
});

Deno.test("a slow member of a queue group hands its turn to the next", () => {
  const world = new NatsWorld({ options: { pending_bytes_max: 20_000 } });
  const slow = world.open(), fast = world.open();
  for (const client of [slow, fast]) client.send("SUB a g 1\r\n").read();
  let got = 0;
  for (let i = 0; i < 200; i++) {
    assert.equal(publish(world, "a", "x".repeat(1000)), 1, "somebody takes every one");
    got += fast.read().match(/MSG a/g)?.length ?? 0;
  }
  assert.equal(slow.closed, "slow-consumer");
  assert.ok(got > 170, String(got));
});

Deno.test("pending bytes never pass the limit by more than one message", () => {
  const world = new NatsWorld({ options: { pending_bytes_max: 100_000 } });
  const client = world.open();
  client.send("SUB a 1\r\nSUB a 2\r\n").read();
  for (let i = 0; i < 20 && client.link.cause === undefined; i++) {
    publish(world, "a", new Uint8Array(40_000));
    assert.ok(client.link.out.pendingBytes <= 100_000 + 40_100);
  }
  assert.equal(client.link.cause?.kind, "slow-consumer");
});

Deno.test("MSG and HMSG are counted, whichever way they are made", () => {
  const world = new NatsWorld();
  const client = world.open();
  client.send("SUB a 1\r\nPUB a 1\r\nx\r\nHPUB a 12 13\r\nNATS/1.0\r\n\r\nx\r\n");
  publish(world, "a", "x");
  publish(world, "a", "x", { contentType: "text" });
  const { msg, hmsg } = world.server.counters.sent;
  assert.deepEqual({ msg, hmsg }, { msg: 2, hmsg: 2 });
});
