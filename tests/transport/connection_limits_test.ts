import assert from "node:assert/strict";
import { silentLog } from "../../gateway/observe/log.ts";
import type { Session, SessionInfo } from "../../gateway/protocol/session.ts";
import { Congestion } from "../../gateway/transport/congestion.ts";
import { Connection } from "../../gateway/transport/connection.ts";
import { Deadlines } from "../../gateway/transport/deadlines.ts";
import { ReadLimits, TokenBucket } from "../../gateway/transport/rate_limit.ts";
import { Turns } from "../../gateway/transport/turns.ts";
import { fakeStream } from "../kit/fake_stream.ts";
import { StillClock } from "../kit/still_clock.ts";

/** Takes every byte for a message. */
class CountingSession implements Session {
  readonly protocol = "nats";
  readonly nextDeadline = Infinity;
  received = 0;
  open(): void {}
  receive(chunk: Uint8Array): void {
    this.received += chunk.length;
  }
  tick(): void {}
  closed(): void {}
  goodbye(): void {}
  get info(): SessionInfo {
    return { messagesIn: this.received } as SessionInfo;
  }
}

function start(limits: (clock: StillClock) => ReadLimits) {
  const clock = new StillClock();
  const turns = new Turns(undefined, (job) => job());
  const deadlines = new Deadlines(clock, (job) => turns.run(job));
  const stream = fakeStream([], 10, "stays open");
  const parts = {
    turns,
    deadlines,
    clock,
    log: silentLog,
    write_deadline_ms: 1000,
    high_watermark_bytes: 1_000_000,
    congestion: new Congestion(),
    now: () => clock.now(),
  };
  const peer = {
    id: 1,
    listener: "nats:tcp:default",
    transport: "tcp",
    address: "127.0.0.1",
    port: 1,
    localAddress: "127.0.0.1",
    localPort: 2,
  } as const;
  const connection = new Connection(stream, peer, parts, limits(clock));
  const session = new CountingSession();
  connection.start(session);
  return { clock, stream, connection, session };
}

/** Lets everything happen that waits for no clock. */
async function settle(): Promise<void> {
  for (let round = 0; round < 100; round++) await Promise.resolve();
}

for (const kind of ["messages", "bytes"] as const) {
  Deno.test(`connection: above its ${kind} rate it is read more slowly, and nothing is lost`, async () => {
    const { clock, stream, connection, session } = start((clock) => {
      const bucket = new TokenBucket({ perSecond: 10, burst: 20 }, clock.now());
      return kind === "messages" ? new ReadLimits([bucket], []) : new ReadLimits([], [bucket]);
    });
    stream.push(new Uint8Array(100));
    await settle();
    // 20 at once and one read of 10 into debt; then 10 a second.
    assert.equal(session.received, 30);
    clock.advance(999);
    await settle();
    assert.equal(session.received, 30);
    clock.advance(1);
    await settle();
    assert.equal(session.received, 40);
    for (let second = 0; second < 6; second++) {
      clock.advance(1000);
      await settle();
    }
    assert.equal(session.received, 100);
    stream.end();
    await settle();
    clock.advance(1000);
    await connection.ended;
  });
}

Deno.test("connection: one that is throttled for long closes at once when it is told to", async () => {
  const { stream, connection, session, clock } = start((clock) =>
    new ReadLimits([], [new TokenBucket({ perSecond: 0.001, burst: 1 }, clock.now())])
  );
  stream.push(new Uint8Array(20));
  await settle();
  assert.equal(session.received, 10);
  connection.close({ kind: "kicked", by: "a test" });
  connection.turn(() => {});
  stream.end();
  await connection.ended;
  assert.equal(session.received, 10);
  assert(clock.now() > 0);
});
