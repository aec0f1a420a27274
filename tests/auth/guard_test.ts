import assert from "node:assert/strict";
import {
  BadAnswer,
  FAILURES_MAX,
  Guard,
  PAUSE_MAX_MS,
  PAUSE_MIN_MS,
  WAITING_MAX,
} from "../../gateway/auth/guard.ts";
import { recordingLog } from "./config.ts";
import { StillClock } from "./kit.ts";

const TIMEOUT_MS = 5000;

/** A guard, its clock, and what it logged. */
function guarded(requests_max = 2) {
  const clock = new StillClock();
  const lines: string[] = [];
  const options = { name: "test", timeout_ms: TIMEOUT_MS, requests_max, secrets: ["s3cret-word"] };
  return { guard: new Guard(options, clock, recordingLog(lines)), clock, lines };
}

const breaks = () => Promise.reject(new Error("connection refused"));
const answers = () => Promise.resolve("answer");
const never = () => new Promise<string>(() => {});

async function breakIt(guard: Guard): Promise<void> {
  for (let i = 0; i < FAILURES_MAX; i++) assert.equal(await guard.run(breaks), "failed");
}

/** Lets promises that are settled tell those who wait. */
async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

Deno.test("guard: an answer passes, an exception is a failure, and both are counted", async () => {
  const { guard } = guarded();
  assert.equal(guard.status, "connecting");
  assert.equal(await guard.run(answers), "answer");
  assert.equal(guard.status, "connected");
  assert.equal(await guard.run(breaks), "failed");
  assert.equal(guard.status, "disconnected");
  assert.deepEqual([guard.success, guard.failed], [1, 1]);
});

Deno.test("guard: what takes too long is given up, and the job is told", async () => {
  const { guard, clock } = guarded();
  let signal: AbortSignal | undefined;
  const waiting = guard.run((given) => {
    signal = given;
    return never();
  });
  clock.advance(TIMEOUT_MS - 1);
  await settled();
  assert.equal(signal?.aborted, false);
  clock.advance(1);
  assert.equal(await waiting, "failed");
  assert.equal(signal?.aborted, true);
});

Deno.test("guard: so many at a time, the others wait in line, and not longer than the timeout", async () => {
  const { guard, clock } = guarded(2);
  let running = 0, most = 0;
  const release: (() => void)[] = [];
  const job = () => {
    most = Math.max(most, ++running);
    return new Promise<string>((resolve) =>
      release.push(() => {
        running--;
        resolve("answer");
      })
    );
  };
  const all = Array.from({ length: 5 }, () => guard.run(job));
  await settled();
  assert.equal(running, 2);
  while (release.length > 0) {
    release.shift()!();
    await settled();
  }
  assert.deepEqual(await Promise.all(all), Array(5).fill("answer"));
  assert.equal(most, 2);
  // Behind two that never end: the line moves when their time is up, and its time is up as well.
  const stuck = Array.from({ length: 6 }, () => guard.run(never));
  await settled();
  clock.advance(TIMEOUT_MS);
  for (let i = 0; i < 3; i++) {
    await settled();
    clock.advance(0);
  }
  assert.deepEqual(new Set(await Promise.all(stuck)), new Set(["failed"]));
});

Deno.test("guard: a line that is full turns away at once", async () => {
  const { guard, clock } = guarded(1);
  const all = Array.from({ length: 1 + WAITING_MAX }, () => guard.run(never));
  await settled();
  assert.equal(await guard.run(answers), "failed");
  clock.advance(TIMEOUT_MS);
  for (let i = 0; i < WAITING_MAX; i++) {
    await settled();
    clock.advance(0);
  }
  await Promise.all(all);
});

Deno.test("guard: a dead backend is left alone, for longer each time, and found again", async () => {
  const { guard, clock, lines } = guarded();
  let asked = 0;
  const count = () => (asked++, breaks());
  await breakIt(guard);
  for (let pause = PAUSE_MIN_MS; pause <= 2 * PAUSE_MAX_MS; pause *= 2) {
    asked = 0;
    const wait = Math.min(pause, PAUSE_MAX_MS);
    clock.advance(wait - 1);
    assert.equal(await guard.run(count), "failed");
    assert.equal(asked, 0, `left alone for ${wait} ms`);
    clock.advance(1);
    const [first, second] = [guard.run(count), guard.run(count)];
    assert.deepEqual(await Promise.all([first, second]), ["failed", "failed"]);
    assert.equal(asked, 1, "one tries, the others do not wait for it");
  }
  clock.advance(PAUSE_MAX_MS);
  assert.equal(await guard.run(answers), "answer");
  assert.equal(guard.status, "connected");
  assert.equal(await guard.run(answers), "answer", "the next one, too");
  assert.equal(lines.filter((line) => line.includes("no usable answer")).length, 1, "said once");
  assert.equal(lines.filter((line) => line.includes("answers again")).length, 1);
  // The first pause is short again.
  await breakIt(guard);
  clock.advance(PAUSE_MIN_MS);
  assert.equal(await guard.run(answers), "answer");
});

Deno.test("guard: useless answers are failures that leave nobody else out", async () => {
  const { guard } = guarded();
  for (let i = 0; i < 2 * FAILURES_MAX; i++) {
    const useless = () => Promise.reject(new BadAnswer("a row has no hash"));
    assert.equal(await guard.run(useless), "failed");
  }
  assert.equal(guard.status, "connected");
  assert.equal(await guard.run(answers), "answer");
});

Deno.test("guard: reasons are told when they change, without secrets", async () => {
  const { guard, lines } = guarded();
  const fail = (reason: string) => () => Promise.reject(new BadAnswer(reason));
  const password = new TextEncoder().encode("client-pass");
  await guard.run(fail("no s3cret-word for client-pass"), password);
  await guard.run(fail("no s3cret-word for client-pass"), password);
  await guard.run(fail("something else"));
  assert.equal(lines.length, 2);
  assert.ok(lines[0]!.includes("no ****** for ******"));
  const many = new AggregateError([Object.assign(new Error(""), { code: "ECONNREFUSED" })]);
  await guard.run(() => Promise.reject(many));
  assert.ok(lines[2]!.includes("ECONNREFUSED"), "drivers that say nothing have a code");
});
