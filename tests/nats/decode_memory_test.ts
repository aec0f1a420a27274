import assert from "node:assert/strict";
import { NatsDecoder } from "../../gateway/nats/decode.ts";
import { Op } from "../../gateway/nats/ops.ts";

const LIMITS = { control_line_bytes_max: 4096, payload_bytes_max: 1_000_000 };

/** A decoder that was given the beginning of a frame. */
function decoderWith(text: string): NatsDecoder {
  const decoder = new NatsDecoder(LIMITS);
  decoder.feed(new TextEncoder().encode(text));
  assert.equal(decoder.next(), Op.None);
  return decoder;
}

Deno.test("memory for a large frame follows what has come, not what was announced", () => {
  const decoder = decoderWith("PUB a 1000000\r\n123");
  const first = decoder.wanted()!;
  assert.ok(first.buffer.byteLength <= 128 * 1024);
  decoder.filled(first.length);
  assert.equal(decoder.next(), Op.None);
  assert.equal(decoder.wanted()!.length, 1_000_000 + 2 - 3 - first.length);
});

Deno.test("a sender of much gets room for all of its frame at once", () => {
  const decoder = decoderWith("PUB a 1000000\r\n" + "x".repeat(20_000));
  assert.equal(decoder.wanted()!.length, 1_000_000 + 2 - 20_000);
});

Deno.test("release() gives the memory of an unfinished frame back at once", () => {
  const decoder = decoderWith("PUB a 50000\r\n123");
  const { buffer } = decoder.wanted()!;
  decoder.release();
  assert.equal(buffer.byteLength, 0);
  assert.equal(decoder.wanted(), undefined);
});
