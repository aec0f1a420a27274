import assert from "node:assert/strict";
import fc from "fast-check";
import { LatencyHistogram } from "../../gateway/cli/latency.ts";

Deno.test("percentile_us() is within 4 % or 1 µs of the exact one", () => {
  const durations = fc.array(fc.integer({ min: 0, max: 2 ** 36 }), { minLength: 1 });
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(fc.property(durations, share, (list, part) => {
    const histogram = new LatencyHistogram();
    for (const duration_us of list) histogram.record(duration_us);
    const sorted = [...list].sort((a, b) => a - b);
    const exact = sorted[Math.max(1, Math.ceil(part * list.length)) - 1]!;
    const found = histogram.percentile_us(part);
    assert(Math.abs(found - exact) <= exact * 0.04 + 1, `${found} for ${exact}`);
  }));
});

Deno.test("percentile_us(1) is the maximum, and 0 when there is nothing", () => {
  const histogram = new LatencyHistogram();
  assert.equal(histogram.percentile_us(0.5), 0);
  for (const duration_us of [3, 70, 1_234_567.8]) histogram.record(duration_us);
  assert.equal(histogram.percentile_us(1), 1_234_567.8);
  assert.equal(histogram.count, 3);
});
