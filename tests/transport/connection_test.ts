import assert from "node:assert/strict";
import { silentLog } from "../../gateway/observe/log.ts";
import type { CloseCause, PeerInfo, Session } from "../../gateway/protocol/session.ts";
import { Congestion } from "../../gateway/transport/congestion.ts";
import { Connection } from "../../gateway/transport/connection.ts";
import { Deadlines } from "../../gateway/transport/deadlines.ts";
import type { ByteStream } from "../../gateway/transport/stream.ts";
import { type Committer, Turns } from "../../gateway/transport/turns.ts";
import { FakeLink } from "../kit/fake_link.ts";
import { fakeStream } from "../kit/fake_stream.ts";
import { StillClock } from "../kit/still_clock.ts";
import { until, within } from "../kit/wait.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (word: string) => new TextEncoder().encode(word);

/** A session that does what a test says. */
class Puppet implements Session {
  readonly protocol = "nats";
  readonly heard: string[] = [];
  readonly causes: CloseCause[] = [];
  nextDeadline = Infinity;
  ticks = 0;
  room: Uint8Array | undefined;
  link!: Connection;
  onReceive: (word: string) => void = () => {};
  open(): void {
    this.link.out.append(bytes("hello\n"));
  }
  receive(chunk: Uint8Array): void {
    this.heard.push(text(chunk));
    this.onReceive(text(chunk));
  }
  wanted(): Uint8Array | undefined {
    return this.room;
  }
  filled(count: number): void {
    this.heard.push(`direct ${text(this.room!.subarray(0, count))}`);
    this.room = undefined;
  }
  tick(): void {
    this.ticks++;
  }
  closed(cause: CloseCause): void {
    this.causes.push(cause);
  }
  goodbye(): void {}
  get info(): Session["info"] {
    return { clientId: "puppet" } as Session["info"];
  }
}

/** A stream whose writes end when a test says so. */
function slowStream() {
  const writes: { word: string; done: () => void }[] = [];
  const stream = fakeStream([], 100, "stays open");
  const write = (part: Uint8Array) =>
    new Promise<number>((done) => writes.push({ word: text(part), done: () => done(part.length) }));
  return { writes, stream, slow: { ...stream, write } satisfies ByteStream };
}

/** Time for whatever must not happen now. */
async function fewTurns(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((again) => setTimeout(again, 0));
}

/** A connection over a stream, its session and its time. */
function start(stream: ByteStream, store?: Committer & { jobs: (() => void)[] }) {
  const clock = new StillClock();
  const turns = new Turns(store, (job) => void store!.jobs.push(job));
  const deadlines = new Deadlines(clock, (job) => turns.run(job));
  const errors: string[] = [];
  const connection = new Connection(stream, new FakeLink().peer as PeerInfo, {
    turns,
    deadlines,
    clock,
    log: { ...silentLog, error: (line: string) => void errors.push(line) },
    write_deadline_ms: 10_000,
    high_watermark_bytes: 1_000_000,
    congestion: new Congestion(),
    now: () => clock.now(),
  });
  const session = new Puppet();
  session.link = connection;
  const ended = within(connection.ended, "the end of the connection");
  connection.start(session);
  const heard = (count: number) => until(() => session.heard.length >= count, `${count} reads`);
  return { clock, turns, deadlines, connection, session, ended, heard, errors };
}

Deno.test("the greeting goes out, what comes in is heard, the peer's end ends it", async () => {
  const stream = fakeStream(bytes("abcdef"), 3);
  const { session, ended, deadlines } = start(stream);
  await ended;
  assert.deepEqual(session.heard, ["abc", "def"]);
  assert.equal(text(stream.output), "hello\n");
  assert.deepEqual(session.causes, [{ kind: "peer" }]);
  assert.equal(stream.closed, true);
  deadlines.stop();
});

Deno.test("a session that closes: what it wrote is sent, then our side ends, once", async () => {
  const stream = fakeStream([], 100, "stays open");
  const { session, connection, ended, heard, deadlines } = start(stream);
  session.onReceive = () => {
    connection.out.append(bytes("bye\n"));
    connection.close({ kind: "kicked", by: "test" });
    connection.close({ kind: "bug" });
  };
  stream.push(bytes("x"));
  await heard(1);
  await until(() => stream.ended, "the end of our side");
  stream.push(bytes("not heard any more"));
  stream.end();
  await ended;
  assert.equal(text(stream.output), "hello\nbye\n");
  assert.deepEqual(session.causes, [{ kind: "kicked", by: "test" }]);
  assert.equal(session.heard.length, 1);
  deadlines.stop();
});

Deno.test("a peer that ends its side still gets what is under way to it", async () => {
  const { stream, slow, writes } = slowStream();
  const { session, connection, heard, ended, deadlines } = start(slow);
  session.onReceive = () => {
    connection.out.append(bytes("last words"));
    connection.close({ kind: "kicked", by: "test" });
  };
  stream.push(bytes("x"));
  stream.end();
  await heard(1);
  await fewTurns();
  assert.equal(stream.closed, false);
  writes[0]!.done();
  await fewTurns();
  assert.deepEqual(writes.map((write) => write.word), ["hello\n", "last words"]);
  writes[1]!.done();
  await ended;
  assert.deepEqual(session.causes, [{ kind: "kicked", by: "test" }]);
  deadlines.stop();
});

Deno.test("a peer that neither reads nor leaves is let go after a second", async () => {
  const { slow: stuck } = slowStream();
  const { clock, session, connection, ended, deadlines } = start(stuck);
  connection.turn(() => connection.close({ kind: "shutdown" }));
  clock.advance(999);
  clock.advance(1001);
  await ended;
  assert.deepEqual(session.causes, [{ kind: "shutdown" }]);
  deadlines.stop();
});

Deno.test("a write that does not end within its deadline makes a slow consumer", async () => {
  const { slow: stuck } = slowStream();
  const { clock, session, ended, deadlines } = start(stuck);
  for (let i = 0; i < 9; i++) clock.advance(1000);
  assert.deepEqual(session.causes, []);
  for (let i = 0; i < 6; i++) clock.advance(1000);
  await ended;
  assert.deepEqual(session.causes, [{ kind: "slow-consumer" }]);
  deadlines.stop();
});

Deno.test("a failing stream is the peer's end, and says why", async () => {
  const broken: ByteStream = {
    ...fakeStream([], 100, "stays open"),
    read: () => Promise.reject(new Error("reset by peer")),
  };
  const { session, ended, deadlines } = start(broken);
  await ended;
  assert.deepEqual(session.causes, [{ kind: "peer", detail: "reset by peer" }]);
  deadlines.stop();
});

Deno.test("a throw in a session costs this connection, and is told", async () => {
  const stream = fakeStream([], 100, "stays open");
  const { session, ended, errors, deadlines } = start(stream);
  session.onReceive = () => {
    throw new Error("oops");
  };
  stream.push(bytes("x"));
  stream.end();
  await ended;
  assert.deepEqual(session.causes, [{ kind: "bug" }]);
  assert.equal(errors.length, 1);
  deadlines.stop();
});

Deno.test("while a session does not read, nothing is read; then it goes on", async () => {
  const stream = fakeStream([], 100, "stays open");
  const { session, connection, heard, ended, deadlines } = start(stream);
  session.onReceive = () => connection.setReading(false);
  stream.push(bytes("one"));
  await heard(1);
  stream.push(bytes("two"));
  await fewTurns();
  assert.deepEqual(session.heard, ["one"]);
  session.onReceive = () => {};
  connection.setReading(true);
  await heard(2);
  assert.deepEqual(session.heard, ["one", "two"]);
  stream.end();
  await ended;
  deadlines.stop();
});

Deno.test("large frames are read straight into the room that the session has", async () => {
  const stream = fakeStream([], 100, "stays open");
  const { session, heard, ended, deadlines } = start(stream);
  session.onReceive = () => session.room = new Uint8Array(4);
  stream.push(bytes("a"));
  await heard(1);
  stream.push(bytes("bcdef"));
  stream.end();
  await ended;
  assert.deepEqual(session.heard, ["a", "direct bcde", "f"]);
  deadlines.stop();
});

Deno.test("no acknowledgement leaves before the commit, not even behind a write under way", async () => {
  const { stream, slow, writes } = slowStream();
  const store = { dirty: false, jobs: [] as (() => void)[], commit: () => true };
  const { session, connection, heard, ended, deadlines } = start(slow, store);
  assert.deepEqual(writes.map((write) => write.word), ["hello\n"]);
  session.onReceive = () => {
    store.dirty = true;
    connection.out.append(bytes("ack"));
  };
  stream.push(bytes("x"));
  await heard(1);
  writes[0]!.done();
  await fewTurns();
  assert.equal(writes.length, 1, "the commit is still due");
  store.dirty = false;
  for (const job of store.jobs.splice(0)) job();
  assert.deepEqual(writes.map((write) => write.word), ["hello\n", "ack"]);
  writes[1]!.done();
  stream.end();
  await ended;
  deadlines.stop();
});

Deno.test("deadlines of the session are kept", async () => {
  const stream = fakeStream([], 100, "stays open");
  const { clock, session, ended, deadlines } = start(stream);
  session.nextDeadline = clock.now() + 5000;
  for (let i = 0; i < 7; i++) {
    clock.advance(1000);
    if (session.ticks > 0) session.nextDeadline = Infinity;
  }
  assert.equal(session.ticks, 1);
  stream.end();
  await ended;
  deadlines.stop();
});
