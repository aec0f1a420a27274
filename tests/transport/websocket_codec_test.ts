import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { deflateRawSync } from "node:zlib";
import { DeflateCodec } from "../../gateway/transport/websocket_codec.ts";
import {
  type DeflateOptions,
  negotiateDeflate,
} from "../../gateway/transport/websocket_deflate.ts";
import { FrameError } from "../../gateway/transport/websocket_frames.ts";
import { DEFLATE_OPTIONS } from "../kit/deflate.ts";

/** Disposes of itself, or its zlib streams would be leaks to the test. */
function codec(
  changes: Partial<DeflateOptions> = {},
  offer = "permessage-deflate; client_max_window_bits",
) {
  const made = new DeflateCodec(negotiateDeflate(offer, { ...DEFLATE_OPTIONS, ...changes })!);
  return { made, [Symbol.dispose]: () => made.close() };
}

/** Bytes that do not compress, always the same. */
function noise(length: number): Uint8Array {
  const blocks = Array.from(
    { length: Math.ceil(length / 32) },
    (_, index) => [...createHash("sha256").update(String(index)).digest()],
  ).flat();
  return Uint8Array.from(blocks.slice(0, length));
}

const NO_TAKEOVER = {
  server_context_takeover: "no_takeover",
  client_context_takeover: "no_takeover",
} as const;

Deno.test("websocket_codec: what goes in comes out, whatever is agreed", async () => {
  const changes: Partial<DeflateOptions>[] = [
    {},
    NO_TAKEOVER,
    { level: "none" },
    { level: "best_compression", mem_level: 9 },
    { level: "best_speed", mem_level: 1, strategy: "rle" },
    { strategy: "huffman_only" },
    { server_max_window_bits: 9, client_max_window_bits: 9 },
  ];
  const messages = [noise(5000), new Uint8Array(100_000), noise(1), noise(70_000), noise(5000)];
  for (const each of changes) {
    using one = codec(each);
    using other = codec({ ...each });
    for (const message of messages) {
      const packed = await one.made.compress(message);
      // Cut anywhere, as frames cut it.
      const parts = [packed.subarray(0, 1), packed.subarray(1, 7), packed.subarray(7)];
      assert.deepEqual(new Uint8Array(await other.made.decompress(parts, 100_000)), message);
    }
  }
});

Deno.test("websocket_codec: with takeover a message that was sent before costs next to nothing", async () => {
  const message = noise(1000);
  const second = async (changes: Partial<DeflateOptions>) => {
    using one = codec(changes);
    await one.made.compress(message);
    return (await one.made.compress(message)).length;
  };
  assert(await second({}) < 50);
  assert(await second(NO_TAKEOVER) > 900);
  // The window is too small to look back that far.
  assert(await second({ server_max_window_bits: 9 }) > 900);
});

Deno.test("websocket_codec: the level and the strategy make a difference", async () => {
  const text = new TextEncoder().encode("the same words again and again, ".repeat(500));
  const size = async (changes: Partial<DeflateOptions>) => {
    using one = codec(changes);
    return (await one.made.compress(text)).length;
  };
  const usual = await size({});
  assert(await size({ level: "none" }) > text.length);
  assert(await size({ strategy: "huffman_only" }) > 10 * usual);
  assert(await size({ level: "best_speed" }) >= usual);
});

for (const [name, changes] of [["with", {}], ["without", NO_TAKEOVER]] as const) {
  Deno.test(`websocket_codec: a bomb is refused ${name} takeover, before it has gone off`, async () => {
    const bomb = deflateRawSync(new Uint8Array(100_000_000));
    using one = codec(changes);
    const before = Deno.memoryUsage().rss;
    await assert.rejects(
      one.made.decompress([bomb], 10_000),
      (error) => error instanceof FrameError && error.code === 1009,
    );
    assert(Deno.memoryUsage().rss - before < 50_000_000, "it was not unpacked");
    using fresh = codec(changes);
    await assert.rejects(
      fresh.made.decompress([Uint8Array.of(255, 255, 255)], 10_000),
      (error) => error instanceof FrameError && error.code === 1007,
    );
  });

  Deno.test(`websocket_codec: a message may end in a final block ${name} takeover`, async () => {
    using one = codec(changes);
    for (const message of [noise(100), noise(200)]) {
      const whole = await one.made.decompress([deflateRawSync(message)], 1000);
      assert.deepEqual(new Uint8Array(whole), message);
    }
  });
}

Deno.test("websocket_codec: closing it ends what is under way", async () => {
  using one = codec();
  const packing = one.made.compress(noise(1_000_000));
  one.made.close();
  await assert.rejects(packing, /closed/);
  await assert.rejects(one.made.compress(noise(10)), /closed/);
  await assert.rejects(one.made.decompress([noise(10)], 100), /closed/);
});
