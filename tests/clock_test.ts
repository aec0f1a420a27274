import assert from "node:assert/strict";
import { realClock } from "../gateway/clock.ts";

Deno.test("the real clock tells the time of day and never runs backwards", () => {
  const clock = realClock();
  assert.ok(Math.abs(clock.now() - Date.now()) < 10_000);
  let last = clock.now();
  for (let i = 0; i < 1000; i++) {
    const now = clock.now();
    assert.ok(now >= last);
    last = now;
  }
});

Deno.test("a timer fires once its deadline has come, at once for one that is past", async () => {
  const clock = realClock();
  const deadline = clock.now() + 20;
  const at = await new Promise<number>((done) => clock.at(deadline, () => done(clock.now())));
  // Timers of the system may be a fraction of a millisecond early.
  assert.ok(at >= deadline - 2, `${deadline - at} ms early`);
  await new Promise<void>((done) => clock.at(clock.now() - 1000, done));
});

Deno.test("a timer that was called off never fires, however far away it was", async () => {
  const clock = realClock();
  let fired = false;
  const soon = clock.at(clock.now() + 1, () => fired = true);
  const farAway = clock.at(clock.now() + 2 ** 40, () => fired = true);
  soon.cancel();
  await new Promise<void>((done) => clock.at(clock.now() + 10, done));
  assert.equal(fired, false, "2^40 ms is no overflow to now");
  farAway.cancel();
});
