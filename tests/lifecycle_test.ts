import assert from "node:assert/strict";
import type { Clock } from "../gateway/clock.ts";
import { type ProcessHooks, supervise } from "../gateway/lifecycle.ts";
import type { Supervised } from "../gateway/lifecycle.ts";
import type { Log } from "../gateway/observe/log.ts";

const STOP_TIMEOUT_MS = 10_000;

/** A process and a gateway played by the test. */
function stage(gateway: Partial<Supervised> = {}) {
  const signals = new Map<string, () => void>();
  const uncaught: { run?: (error: unknown) => void } = {};
  const told: string[] = [];
  const calls: string[] = [];
  const lines: string[] = [];
  const timers: { deadline: number; run: () => void; cancelled: boolean }[] = [];
  const clock: Clock = {
    now: () => 1000,
    calendar: () => 1000,
    at(deadline, run) {
      const timer = { deadline, run, cancelled: false };
      timers.push(timer);
      return { cancel: () => timer.cancelled = true };
    },
  };
  const hooks: ProcessHooks = {
    onSignal(signal, run) {
      signals.set(signal, run);
      return () => signals.delete(signal);
    },
    onUncaught(run) {
      uncaught.run = run;
      return () => delete uncaught.run;
    },
    notifier: {
      tell: (state) => told.push(state.split("\n")[0] ?? ""),
      watch: () => () => calls.push("unwatch"),
      close: () => calls.push("close notifier"),
    },
    clock,
  };
  const line = (level: string) => (text: string) => void lines.push(`${level} ${text}`);
  const log: Log = {
    debugs: false,
    debug: line("debug"),
    info: line("info"),
    warn: line("warning"),
    error: line("error"),
    part: () => log,
  };
  const lameDuck = Promise.withResolvers<void>();
  const supervised: Supervised = {
    notices: [],
    stop: (deadline) => {
      calls.push(`stop until ${deadline}`);
      return Promise.resolve();
    },
    reload: () => {
      calls.push("reload");
      return Promise.resolve();
    },
    lameDuck: () => {
      calls.push("lame duck");
      return lameDuck.promise;
    },
    ...gateway,
  };
  const code = supervise(supervised, log, STOP_TIMEOUT_MS, hooks);
  const signal = (name: string) => {
    const run = signals.get(name);
    assert(run, `nobody listens to ${name}`);
    run();
  };
  return { code, signal, signals, uncaught, told, calls, lines, timers, lameDuck };
}

Deno.test("supervise() says who may connect, then that it is ready", () => {
  const { lines, told } = stage({
    notices: [{ level: "info", text: "NATS on 127.0.0.1:4222" }, {
      level: "warning",
      text: "open",
    }],
  });
  assert.deepEqual(lines, ["info NATS on 127.0.0.1:4222", "warning open", "info natsgate ready"]);
  assert.deepEqual(told, ["READY=1"]);
});

for (const name of ["SIGTERM", "SIGINT"]) {
  Deno.test(`supervise() stops on ${name} and ends with 0`, async () => {
    const { code, signal, signals, uncaught, told, calls, timers } = stage();
    signal(name);
    assert.equal(await code, 0);
    assert.deepEqual(calls, [`stop until ${1000 + STOP_TIMEOUT_MS}`, "unwatch", "close notifier"]);
    assert.deepEqual(told, ["READY=1", "STOPPING=1"]);
    assert.equal(signals.size, 0);
    assert.equal(uncaught.run, undefined);
    assert.equal(timers[0]?.cancelled, true);
  });
}

Deno.test("supervise() ends with 1 when the stop takes too long", async () => {
  const { code, signal, timers } = stage({ stop: () => new Promise(() => {}) });
  signal("SIGTERM");
  assert.equal(timers[0]?.deadline, 1000 + STOP_TIMEOUT_MS);
  timers[0]?.run();
  assert.equal(await code, 1);
});

Deno.test("supervise() ends with 1 when the stop fails or is asked for twice", async () => {
  const failing = stage({ stop: () => Promise.reject(new Error("disk full")) });
  failing.signal("SIGTERM");
  assert.equal(await failing.code, 1);
  const impatient = stage({ stop: () => new Promise(() => {}) });
  impatient.signal("SIGINT");
  impatient.signal("SIGINT");
  assert.equal(await impatient.code, 1);
});

Deno.test("supervise() reloads on SIGHUP, one reload after the other, and lives on", async () => {
  const begun: (() => void)[] = [];
  const { code, signal, told, lines } = stage({
    reload: () => new Promise((_, reject) => begun.push(() => reject(new Error("line 3")))),
  });
  signal("SIGHUP");
  signal("SIGHUP");
  await Promise.resolve();
  assert.equal(begun.length, 1);
  begun[0]?.();
  while (begun.length < 2) await Promise.resolve();
  begun[1]?.();
  while (told.length < 5) await Promise.resolve();
  assert.deepEqual(told, ["READY=1", "RELOADING=1", "READY=1", "RELOADING=1", "READY=1"]);
  assert(lines.some((line) => line.startsWith("error the reload failed")));
  signal("SIGTERM");
  assert.equal(await code, 0);
});

Deno.test("supervise() hands SIGUSR2 on as lame duck", async () => {
  const { code, signal, calls } = stage();
  signal("SIGUSR2");
  assert.deepEqual(calls, ["lame duck"]);
  signal("SIGTERM");
  assert.equal(await code, 0);
});

Deno.test("supervise() stops when the lame duck has no clients left", async () => {
  const { code, signal, calls, lameDuck } = stage();
  signal("SIGUSR2");
  lameDuck.resolve();
  assert.equal(await code, 0);
  assert(calls[1]?.startsWith("stop until"));
});

Deno.test("supervise() stops in order and ends with 70 after an error nobody caught", async () => {
  const { code, uncaught, calls, lines } = stage();
  uncaught.run?.(new Error("oops"));
  assert.equal(await code, 70);
  assert(calls[0]?.startsWith("stop until"));
  assert(lines.some((line) => line.startsWith("error")));
});
