import assert from "node:assert/strict";
import fc from "fast-check";
import { Deadlines, type Scheduled } from "../../gateway/mqtt/deadlines.ts";
import { randomSeed } from "../kit/seed.ts";

const SEED = randomSeed("deadlines_test");

Deno.test("deadlines come in order, after any sets and removals", () => {
  const step = fc.tuple(fc.nat(20), fc.oneof(fc.nat(1000), fc.constant(Infinity)));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const items = Array.from({ length: 21 }, (): Scheduled => ({
        deadline: Infinity,
        heapIndex: -1,
      }));
      const deadlines = new Deadlines<Scheduled>();
      for (const [index, deadline] of steps) deadlines.set(items[index]!, deadline);
      const expected = items.map(({ deadline }) => deadline).filter((deadline) =>
        deadline !== Infinity
      ).sort((a, b) => a - b);
      const seen: number[] = [];
      for (;;) {
        const { next } = deadlines;
        if (deadlines.takeDue(1000) === undefined) break;
        seen.push(next);
      }
      assert.deepEqual(seen, expected);
      assert.equal(deadlines.next, Infinity);
    }),
    { seed: SEED },
  );
});

Deno.test("nothing is due before its time", () => {
  const deadlines = new Deadlines<Scheduled>();
  const item = { deadline: Infinity, heapIndex: -1 };
  deadlines.set(item, 10);
  assert.equal(deadlines.takeDue(9), undefined);
  assert.equal(deadlines.takeDue(10), item);
  assert.equal(deadlines.takeDue(11), undefined);
});
