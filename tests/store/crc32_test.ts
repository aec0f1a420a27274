import assert from "node:assert/strict";
import { crc32 as zlibCrc32 } from "node:zlib";
import fc from "fast-check";
import { crc32 } from "../../gateway/store/crc32.ts";
import { randomSeed } from "../kit/seed.ts";

const seed = randomSeed("crc32_test");

Deno.test("crc32: the value of the standard's example, and zlib's for anything", () => {
  assert.equal(crc32(new TextEncoder().encode("123456789"), 0, 9), 0xcbf43926);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 50 }), fc.nat(20), (bytes, start) => {
      const from = Math.min(start, bytes.length);
      assert.equal(crc32(bytes, from, bytes.length), zlibCrc32(bytes.subarray(from)));
    }),
    { seed },
  );
});
