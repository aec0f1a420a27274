import assert from "node:assert/strict";
import fc from "fast-check";
import { ReadLimits, TokenBucket } from "../../gateway/transport/rate_limit.ts";

Deno.test("rate_limit: a burst passes at once, then the rate holds", () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 3 }, 1000);
  assert.deepEqual([1, 2, 3, 4].map(() => bucket.tryTake(1000)), [true, true, true, false]);
  assert.equal(bucket.tryTake(1099), false);
  assert.equal(bucket.tryTake(1100), true);
  assert.equal(bucket.tryTake(1100), false);
});

Deno.test("rate_limit: a pause never earns more than the burst", () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 2 }, 0);
  assert.deepEqual([1, 2, 3].map(() => bucket.tryTake(3_600_000)), [true, true, false]);
});

Deno.test("rate_limit: debt says when it will be paid", () => {
  const bucket = new TokenBucket({ perSecond: 100, burst: 10 }, 0);
  bucket.spend(10, 0);
  assert.equal(bucket.freeAt(0), 0);
  bucket.spend(50, 0);
  assert.equal(bucket.freeAt(0), 500);
  assert.equal(bucket.freeAt(400), 500);
  assert.equal(bucket.freeAt(500), 500);
});

Deno.test("rate_limit: a clock that stands still earns nothing", () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 1 }, 1000);
  bucket.spend(2, 1000);
  assert.equal(bucket.freeAt(1000), 1100);
});

Deno.test("rate_limit: a new rate applies to the debt there is", () => {
  const bucket = new TokenBucket({ perSecond: 1, burst: 1 }, 0);
  bucket.spend(11, 0);
  assert.equal(bucket.freeAt(0), 10_000);
  bucket.configure({ perSecond: 100, burst: 5 }, 0);
  assert.equal(bucket.freeAt(0), 100);
});

Deno.test("rate_limit: the strictest of a connection's limits counts", () => {
  const listener = new TokenBucket({ perSecond: 1000, burst: 1 }, 0);
  const own = new TokenBucket({ perSecond: 10, burst: 1 }, 0);
  const bytes = new TokenBucket({ perSecond: 100, burst: 100 }, 0);
  const limits = new ReadLimits([own, listener], [bytes]);
  assert.equal(limits.spend(1, 100, 0), 0);
  assert.equal(limits.spend(2, 0, 0), 200);
  assert.equal(limits.spend(0, 50, 0), 500);
  assert.equal(new ReadLimits([], []).spend(9, 9, 7), 7);
});

Deno.test("rate_limit: over any schedule no more passes than burst plus rate times time", () => {
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 1000 }),
    fc.integer({ min: 1, max: 100 }),
    fc.array(fc.tuple(fc.nat(200), fc.integer({ min: 1, max: 50 })), { maxLength: 60 }),
    (perSecond, burst, steps) => {
      const bucket = new TokenBucket({ perSecond, burst }, 0);
      let now = 0;
      let passed = 0;
      for (const [wait, count] of steps) {
        now = Math.max(now + wait, bucket.freeAt(now + wait));
        // All that was spent before this read has been earned by now.
        assert(passed <= burst + (perSecond * now) / 1000 + 1e-6);
        bucket.spend(count, now);
        passed += count;
      }
    },
  ));
});
