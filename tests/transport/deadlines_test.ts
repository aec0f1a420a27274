import assert from "node:assert/strict";
import type { Clock } from "../../gateway/clock.ts";
import { Deadlines } from "../../gateway/transport/deadlines.ts";

/** A clock that is set by hand and rings what is due. */
class HandClock implements Clock {
  #now = 1_000_000;
  readonly #timers = new Map<() => void, number>();

  now(): number {
    return this.#now;
  }

  calendar(): number {
    return this.#now;
  }

  at(deadline: number, run: () => void) {
    this.#timers.set(run, deadline);
    return { cancel: () => void this.#timers.delete(run) };
  }

  pass(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const due = [...this.#timers].sort((a, b) => a[1] - b[1])[0];
      if (due === undefined || due[1] > until) break;
      this.#timers.delete(due[0]);
      this.#now = Math.max(this.#now, due[1]);
      due[0]();
    }
    this.#now = until;
  }
}

/** A member that notes when it was called. */
function member(clock: Clock, nextDeadline: number) {
  return {
    nextDeadline,
    calledAt: 0,
    tick(now: number) {
      assert.equal(now, clock.now());
      this.calledAt = now;
      this.nextDeadline = Infinity;
    },
  };
}

function setUp() {
  const clock = new HandClock();
  const deadlines = new Deadlines(clock, (job) => job());
  return { clock, deadlines, start: clock.now() };
}

Deno.test("members are called at their deadlines, not before", () => {
  const { clock, deadlines, start } = setUp();
  const early = member(clock, start + 300);
  const late = member(clock, start + 5000);
  deadlines.add(early);
  deadlines.add(late);
  clock.pass(299);
  assert.equal(early.calledAt, 0);
  clock.pass(1000);
  assert.ok(early.calledAt >= start + 300 && early.calledAt <= start + 1300);
  clock.pass(3700);
  assert.equal(late.calledAt, 0);
  clock.pass(1000);
  assert.ok(late.calledAt >= start + 5000 && late.calledAt <= start + 6000);
  deadlines.stop();
});

Deno.test("a deadline that came nearer is met in time when it is told", () => {
  const { clock, deadlines, start } = setUp();
  const one = member(clock, Infinity);
  deadlines.add(one);
  one.nextDeadline = start + 60;
  deadlines.hurry(one.nextDeadline);
  clock.pass(59);
  assert.equal(one.calledAt, 0);
  clock.pass(1);
  assert.equal(one.calledAt, start + 60);
  deadlines.stop();
});

Deno.test("nobody is called after stop", () => {
  const { clock, deadlines, start } = setUp();
  const one = member(clock, start + 100);
  deadlines.add(one);
  deadlines.stop();
  deadlines.hurry(start + 10);
  clock.pass(10_000);
  assert.equal(one.calledAt, 0);
});
