import assert from "node:assert/strict";
import fc from "fast-check";
import { PartialFrame } from "../../gateway/protocol/partial_frame.ts";
import { randomSeed } from "../kit/seed.ts";

const seed = randomSeed("partial_frame");
const KIB = 1024;

/** A frame of so many bytes, each telling its place. */
function frame(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => i ^ i >> 8);
}

Deno.test("a frame is whole whatever the pieces, added or read straight into its room", () => {
  const size = fc.integer({ min: 2, max: 300 * KIB });
  const piece = fc.record({ count: fc.integer({ min: 1, max: 64 * KIB }), direct: fc.boolean() });
  fc.assert(
    fc.property(size, fc.array(piece, { minLength: 1 }), fc.boolean(), (size, pieces, isKnown) => {
      const wanted = frame(size);
      const partial = new PartialFrame();
      partial.start(wanted.subarray(0, 1), isKnown ? size : 0);
      if (!isKnown) {
        assert.equal(partial.add(wanted, 1, 1), 1);
        partial.expect(size);
      }
      for (let i = 0; partial.missing > 0; i++) {
        const { count, direct } = pieces[i % pieces.length]!;
        const at = partial.length;
        if (direct) {
          const part = wanted.subarray(at, at + count);
          const room = partial.room(part.length);
          assert(room.length >= part.length, "as much room as was asked for");
          room.set(part);
          partial.filled(part.length);
        } else {
          assert.equal(partial.add(wanted, at, count), Math.min(count, size - at));
        }
      }
      assert.deepEqual(partial.bytes, wanted);
      partial.clear();
      assert.equal(partial.length, 0);
    }),
    { seed, numRuns: 50 },
  );
});

Deno.test("a frame that was only announced takes little memory", () => {
  const partial = new PartialFrame();
  partial.start(frame(10), 1024 * KIB);
  assert.equal(partial.bytes.buffer.byteLength, 128 * KIB);
  partial.start(frame(16 * KIB), 1024 * KIB);
  assert.equal(partial.bytes.buffer.byteLength, 1024 * KIB, "whoever sends much is believed");
});

Deno.test("a whole frame of known size has its buffer for itself; freed memory is gone", () => {
  const partial = new PartialFrame();
  partial.start(frame(10), 20);
  partial.add(frame(20), 10, 100);
  const { buffer } = partial.bytes;
  assert.equal(buffer.byteLength, 20);
  partial.free();
  assert.equal(buffer.byteLength, 0);
});
