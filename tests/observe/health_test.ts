import assert from "node:assert/strict";
import { Health } from "../../gateway/observe/health.ts";
import { LAG_INTERVAL_MS, watchLoopLag } from "../../gateway/observe/loop_lag.ts";
import { Histogram } from "../../gateway/observe/metrics.ts";

Deno.test("Health is ready when no part says otherwise", () => {
  const health = new Health();
  assert.equal(health.isReady, false);
  assert.deepEqual(health.reasons(), [{ part: "gateway", reason: "starting" }]);
  health.ready("gateway");
  assert.equal(health.isReady, true);
  health.unready("store", "disk full");
  health.unready("store", "read-only");
  assert.deepEqual(health.reasons(), [{ part: "store", reason: "read-only" }]);
  health.ready("store");
  assert.equal(health.isReady, true);
});

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
