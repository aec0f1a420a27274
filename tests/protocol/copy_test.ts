import assert from "node:assert/strict";
import fc from "fast-check";
import { copyShort, equalShort, viewOf } from "../../gateway/protocol/copy.ts";
import { randomSeed } from "../kit/seed.ts";

const seed = randomSeed("copy");
const bytes = fc.uint8Array({ minLength: 40, maxLength: 400 });

Deno.test("copyShort copies what set copies, and nothing beside it", () => {
  fc.assert(
    fc.property(bytes, fc.nat(40), fc.nat(360), fc.nat(50), (source, from, wanted, at) => {
      const length = Math.min(wanted, source.length - from);
      const target = new Uint8Array(500).fill(0xaa);
      const expected = target.slice();
      expected.set(source.subarray(from, from + length), at);
      copyShort(viewOf(target), at, viewOf(source), from, length);
      assert.deepEqual(target, expected);
    }),
    { seed, numRuns: 500 },
  );
});

Deno.test("copyShort keeps bit patterns that would be odd numbers", () => {
  for (const byte of [0x00, 0x7f, 0xf0, 0xff]) {
    const source = new Uint8Array(17).fill(byte);
    const target = new Uint8Array(17);
    copyShort(viewOf(target), 0, viewOf(source), 0, 17);
    assert.deepEqual(target, source);
  }
});

Deno.test("equalShort finds every single difference", () => {
  for (let length = 4; length < 40; length++) {
    const a = Uint8Array.from({ length: length + 3 }, (_, i) => i * 7);
    const b = a.slice(3);
    const same = () => equalShort(viewOf(a), 3, viewOf(b), 0, length);
    assert.equal(same(), true);
    for (let i = 0; i < length; i++) {
      b[i]! ^= 0x80;
      assert.equal(same(), false, `length ${length}, difference at ${i}`);
      b[i]! ^= 0x80;
    }
  }
});

Deno.test("viewOf sees a window of a larger buffer", () => {
  const window = Uint8Array.of(1, 2, 3, 4, 5).subarray(1, 4);
  const view = viewOf(window);
  assert.deepEqual([view.byteLength, view.getUint8(0), view.getUint8(2)], [3, 2, 4]);
});
