import assert from "node:assert/strict";
import type { Clock } from "../../gateway/clock.ts";
import {
  FIELD_LENGTH_MAX,
  type LogOptions,
  NAME_LENGTH_MAX,
  openLog,
  RECENT_LINES_MAX,
  REPEATS_MAX,
  REPEATS_WINDOW_MS,
} from "../../gateway/observe/log_output.ts";

const NOON = Date.parse("2026-05-01T12:00:00Z");

/** A log that writes into `lines`, and a clock whose only timer is fired by hand. */
function open(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const timers: { deadline: number; run: () => void; cancelled: boolean }[] = [];
  const clock: Clock = {
    now: () => 0,
    calendar: () => 0,
    at(deadline, run) {
      const timer = { deadline, run, cancelled: false };
      timers.push(timer);
      return { cancel: () => timer.cancelled = true };
    },
  };
  const standard: LogOptions = { level: "info", format: "text", debugClients: [] };
  const output = openLog(
    { ...standard, ...options },
    (line) => lines.push(line),
    clock,
    () => NOON,
  );
  return { output, log: output.log, lines, timers, standard };
}

Deno.test("a text line has time, level, part, text and fields", () => {
  const { log, lines } = open();
  log.info("started");
  log.part("nats").warn("slow client", { client: "a b", pending_bytes: 7, gone: undefined });
  assert.deepEqual(lines, [
    "2026-05-01T12:00:00.000Z INFO    started\n",
    '2026-05-01T12:00:00.000Z WARNING nats: slow client client="a b" pending_bytes=7\n',
  ]);
});

Deno.test("a JSON line is one object with the same facts", () => {
  const { log, lines } = open({ format: "json" });
  log.part("mqtt").part("store").error("disk full", { client: "a\nb", free_bytes: 0 });
  assert.equal(lines.length, 1);
  const line = JSON.parse(lines[0] ?? "");
  assert.equal(line.level, "ERROR");
  assert.equal(line.message, "disk full");
  assert.equal(line.logger, "natsgate.mqtt.store");
  assert.equal(line.client, "a\nb");
  assert.equal(line.free_bytes, 0);
});

Deno.test("lines below the level are not written until the level changes", () => {
  const { output, log, lines, standard } = open({ level: "warning" });
  log.info("no");
  log.debug("no");
  assert.equal(log.debugs, false);
  output.configure({ ...standard, level: "debug" });
  assert.equal(log.debugs, true);
  log.debug("yes");
  assert.equal(lines.length, 1);
});

Deno.test("debug lines of watched clients are written whatever the level", () => {
  const { log, lines } = open({ level: "error", debugClients: ["dev.ce-*", "x"] });
  assert.equal(log.debugs, true);
  log.debug("connected", { client: "dev.ce-7" });
  log.debug("connected", { client: "devXce-7" });
  log.debug("connected", { client: "xx" });
  log.debug("connected");
  assert.equal(lines.length, 1);
});

Deno.test("nothing a client sends can fake a line or act on a terminal", () => {
  const { log, lines } = open();
  log.info("a\nb", { client: "x\n2026 ERROR\u001b[2J\u009b2J\u202e", topic: 'a="b"', empty: "" });
  assert.equal(lines.length, 1);
  const line = lines[0] ?? "";
  assert.equal(line.indexOf("\n"), line.length - 1);
  assert.doesNotMatch(line.slice(0, -1), /\p{C}/u);
  assert.match(line, /topic="a=\\"b\\"" empty=""/);
});

Deno.test("secrets are masked by the name of the field and inside URLs", () => {
  for (const format of ["text", "json"] as const) {
    const { output, log, lines } = open({ format });
    log.error("cannot reach mysql://root:hunter2@db:3306/x", {
      password: "hunter2",
      auth_token: "hunter2",
      jwt: "hunter2",
      apiKey: "hunter2",
      url: "redis://:hunter2@cache",
      user: "root",
    });
    assert.doesNotMatch(lines.join(""), /hunter2/);
    assert.match(lines.join(""), /root/);
    assert.doesNotMatch(JSON.stringify(output.recent()), /hunter2/);
  }
});

Deno.test("a text that repeats is cut off and summed up at the end of the window", () => {
  const { log, lines, timers } = open();
  for (let i = 0; i < REPEATS_MAX + 5; i++) log.warn("refused", { client: `c${i}` });
  log.warn("another");
  assert.equal(lines.length, REPEATS_MAX + 1);
  assert.equal(timers.length, 1);
  assert.equal(timers[0]?.deadline, REPEATS_WINDOW_MS);
  timers[0]?.run();
  assert.match(lines.at(-1) ?? "", /WARNING refused repeated=5/);
  log.warn("refused");
  assert.equal(lines.length, REPEATS_MAX + 3);
  assert.equal(timers.length, 2);
});

Deno.test("debug lines are never cut off", () => {
  const { log, lines, timers } = open({ level: "debug" });
  for (let i = 0; i < REPEATS_MAX * 2; i++) log.debug("connected");
  assert.equal(lines.length, REPEATS_MAX * 2);
  assert.equal(timers.length, 0);
});

Deno.test("close() writes what was still being counted and stops the timer", () => {
  const { output, log, lines, timers } = open();
  for (let i = 0; i < REPEATS_MAX + 2; i++) log.info("again");
  output.close();
  assert.match(lines.at(-1) ?? "", /again repeated=2/);
  assert.equal(timers[0]?.cancelled, true);
});

Deno.test("recent() keeps the last lines only", () => {
  const { output, log } = open();
  for (let i = 0; i < RECENT_LINES_MAX + 3; i++) log.part("p").info(`line ${i}`);
  const recent = output.recent();
  assert.equal(recent.length, RECENT_LINES_MAX);
  assert.deepEqual(recent[0], { time: NOON, level: "info", part: "p", text: "line 3", fields: {} });
});

Deno.test("braces in a text are text", () => {
  const { log, lines } = open();
  log.info("a {client} b", { client: "c" });
  assert.match(lines[0] ?? "", /a \{client\} b client=c/);
});

Deno.test("a value that goes on and on is cut, in the lines that are kept as well", () => {
  const { output, log, lines } = open();
  const long = "x".repeat(65_535);
  log.warn("denied", { client: long, topic: long, reason: long });
  const [line] = output.recent();
  for (
    const [name, kept] of [["client", NAME_LENGTH_MAX], ["topic", NAME_LENGTH_MAX], [
      "reason",
      FIELD_LENGTH_MAX,
    ]] as const
  ) {
    assert.equal(line!.fields[name], `${"x".repeat(kept)}... (${65_535 - kept} more)`);
  }
  assert.ok(lines[0]!.length < 2 * NAME_LENGTH_MAX + FIELD_LENGTH_MAX + 200);
});
