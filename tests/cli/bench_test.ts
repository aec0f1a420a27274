import assert from "node:assert/strict";
import { main } from "../../gateway/cli/command.ts";
import { startGateway } from "../kit/gateway.ts";
import { fakeIo } from "./fake_io.ts";

async function bench(words: readonly string[]) {
  const io = fakeIo();
  const code = await main(["bench", ...words, "--json"], io);
  assert.equal(code, 0, io.errors);
  return JSON.parse(io.output);
}

Deno.test("bench counts every message, within and across protocols", async () => {
  await using gateway = await startGateway();
  const nats = `nats://127.0.0.1:${gateway.nats}`;
  const mqtt = `mqtt://127.0.0.1:${gateway.mqtt}`;
  const cases = [
    [nats, "--subs=3", "--pubs=2"],
    [nats, "--sub-url", mqtt, "--qos=1"],
    [mqtt, "--sub-url", nats, "--qos=2"],
    [mqtt, "--subs=4", "--group=g"],
    [nats, "--size=100000"],
  ];
  for (const words of cases) {
    const result = await bench([...words, "--count=500"]);
    const copies = words.includes("--subs=3") ? 3 : 1;
    assert.deepEqual(
      [result.sent, result.received, result.lost],
      [500, 500 * copies, 0],
      `${words}`,
    );
    assert(result.latency_ms.p50 <= result.latency_ms.max);
  }
});

Deno.test("bench keeps to a rate", async () => {
  await using gateway = await startGateway();
  const result = await bench([
    `nats://127.0.0.1:${gateway.nats}`,
    "--rate=100",
    "--duration=1",
    "--subs=0",
  ]);
  assert(result.sent <= 101 && result.sent > 0, `${result.sent}`);
});

Deno.test("bench shows how it gets on where people watch, and takes that away at the end", async () => {
  await using gateway = await startGateway();
  const io = fakeIo();
  const words = ["bench", `nats://127.0.0.1:${gateway.nats}`, "--duration=2"];
  const screen = { ...io, errIsTerminal: true };
  assert.equal(await main(words, screen), 0);
  const lines = io.errors.split("\r\x1b[K");
  assert.match(lines[1] ?? "", /^[1-9]\d* sent\/s, [1-9]\d* received\/s, p99 [\d.]+ ms$/);
  assert.equal(lines.at(-1), "");
  assert.match(io.output, /^sent .*\nreceived .*\nlatency +p50 .*p99 .*max/);
});

Deno.test("bench refuses a payload without room for the time", async () => {
  assert.equal(await main(["bench", "nats://127.0.0.1:1", "--size=7"], fakeIo()), 2);
});
