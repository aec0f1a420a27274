import assert from "node:assert/strict";
import { parse } from "smol-toml";
import { copy, freeze, leaves, merge, type Table, valueAt } from "../../gateway/config/tree.ts";

Deno.test("merge joins tables and replaces everything else", () => {
  const below: Table = { a: { b: 1, c: [1, 2] }, d: 1, e: { f: 1 } };
  const above: Table = { a: { c: [3], g: { h: 1 } }, d: { i: 1 }, e: 2 };
  merge(below, above);
  assert.deepEqual(below, { a: { b: 1, c: [3], g: { h: 1 } }, d: { i: 1 }, e: 2 });
  (above.a as { g: { h: number } }).g.h = 2;
  assert.deepEqual(valueAt(below, ["a", "g", "h"]), 1);
});

Deno.test("no key reaches the prototype", () => {
  const below: Table = {};
  merge(below, parse("[__proto__]\nhacked = 1\n[a.__proto__]\nhacked = 1") as Table);
  assert.equal(({} as Table).hacked, undefined);
  assert.equal(valueAt(below, ["toString"]), undefined);
  assert.deepEqual(Object.keys(copy(below)), ["__proto__", "a"]);
});

Deno.test("leaves gives every plain value, and empty tables and arrays", () => {
  const all = [...leaves({ a: [{ b: 1 }, 2], c: {}, d: { e: [] } })];
  assert.deepEqual(all, [
    [["a", 0, "b"], 1],
    [["a", 1], 2],
    [["c"], {}],
    [["d", "e"], []],
  ]);
  assert.deepEqual([...leaves({})], []);
});

Deno.test("freeze goes all the way down", () => {
  const tree = freeze({ a: [{ b: {} }] });
  assert.throws(() => (tree.a[0]!.b as Table).c = 1, TypeError);
});
