import assert from "node:assert/strict";
import { releaseSlab, SLAB_BYTES, takeSlab, trimSlabs } from "../../gateway/protocol/slabs.ts";

Deno.test("a slab has the smallest size that fits, or exactly what is asked for", () => {
  const [small, middle, large] = SLAB_BYTES;
  for (const [asked, given] of [[1, small], [small + 1, middle], [large, large], [99999, 99999]]) {
    assert.equal(takeSlab(asked!).bytes.length, given);
  }
});

Deno.test("a slab that was given back is taken again, until the spare ones are trimmed", () => {
  const large = SLAB_BYTES[2];
  const slab = takeSlab(large);
  releaseSlab(slab);
  assert.equal(takeSlab(large), slab);
  releaseSlab(slab);
  for (let i = 0; i < 20; i++) trimSlabs();
  assert.notEqual(takeSlab(large), slab);
});
