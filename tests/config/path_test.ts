import assert from "node:assert/strict";
import fc from "fast-check";
import { formatPath, isWithin, parsePath } from "../../gateway/config/path.ts";

Deno.test("parsePath reads what formatPath writes", () => {
  const name = fc.string({ minLength: 1 }).filter((text) => !/[^\x20-\x7e]/.test(text));
  const path = fc.tuple(name, fc.array(fc.oneof(name, fc.nat({ max: 99 }))))
    .map(([first, rest]) => [first, ...rest]);
  fc.assert(fc.property(path, (path) => {
    assert.deepEqual(parsePath(formatPath(path)), path);
  }));
  assert.equal(formatPath(["a", 0, "b c"]), 'a[1]."b c"');
});

Deno.test("parsePath refuses what is no path", () => {
  for (const bad of ["", ".", "a.", ".a", "a..b", "a b", "[1]", "a[0]", "a[x]", 'a."', "a'b'"]) {
    assert.equal(parsePath(bad), undefined, bad);
  }
});

Deno.test("isWithin holds for a path and what is below it", () => {
  assert.equal(isWithin(["a", 1, "b"], ["a", 1]), true);
  assert.equal(isWithin(["a"], ["a"]), true);
  assert.equal(isWithin(["a"], ["a", 1]), false);
  assert.equal(isWithin(["b"], ["a"]), false);
});
