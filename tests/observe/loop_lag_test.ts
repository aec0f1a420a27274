import assert from "node:assert/strict";
import { LAG_INTERVAL_MS, watchLoopLag } from "../../gateway/observe/loop_lag.ts";
import { Histogram } from "../../gateway/observe/metrics.ts";

Deno.test("watchLoopLag() measures how late its timer runs, again and again", () => {
  let now = 0;
  let cancelled = false;
  const due: (() => void)[] = [];
  const histogram = new Histogram([1, 100]);
  const stop = watchLoopLag({
    now: () => now,
    calendar: () => now,
    at(deadline, run) {
      assert.equal(deadline, now + LAG_INTERVAL_MS);
      due.push(run);
      return { cancel: () => cancelled = true };
    },
  }, histogram);
  now = LAG_INTERVAL_MS + 50;
  due[0]?.();
  now += LAG_INTERVAL_MS;
  due[1]?.();
  assert.deepEqual([...histogram.counts], [1, 1, 0]);
  assert.equal(due.length, 3);
  stop();
  assert.equal(cancelled, true);
});
