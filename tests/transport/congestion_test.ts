import assert from "node:assert/strict";
import { silentLog } from "../../gateway/observe/log.ts";
import type { PeerInfo, Session } from "../../gateway/protocol/session.ts";
import { Congestion, STALL_MS_MAX } from "../../gateway/transport/congestion.ts";
import { Connection } from "../../gateway/transport/connection.ts";
import { Deadlines } from "../../gateway/transport/deadlines.ts";
import type { ByteStream } from "../../gateway/transport/stream.ts";
import { Turns } from "../../gateway/transport/turns.ts";
import { FakeLink } from "../kit/fake_link.ts";
import { fakeStream } from "../kit/fake_stream.ts";
import { StillClock } from "../kit/still_clock.ts";

const MARK_BYTES = 100_000;
const CHUNK_BYTES = 1000;
/** What one byte of the publisher becomes. */
const MESSAGE = new Uint8Array(40_000);

/** Forwards: each chunk that comes in is a message to `to`. */
class Publisher implements Session {
  readonly protocol = "nats";
  readonly nextDeadline = Infinity;
  received = 0;
  gone = false;
  constructor(readonly to?: { readonly connection: Connection; readonly session: Publisher }) {}
  open(): void {}
  receive(_chunk: Uint8Array): void {
    this.received++;
    if (this.to !== undefined && !this.to.session.gone) this.to.connection.out.append(MESSAGE);
  }
  tick(): void {}
  closed(): void {
    this.gone = true;
  }
  goodbye(): void {}
  get info(): Session["info"] {
    return { clientId: "publisher" } as Session["info"];
  }
}

/** Lets everything happen that waits for no clock. */
async function settle(): Promise<void> {
  for (let round = 0; round < 500; round++) await Promise.resolve();
}

/** A publisher of ten messages, and a receiver whose network takes bytes when told to. */
function start() {
  const clock = new StillClock();
  const turns = new Turns(undefined, (job) => job());
  const deadlines = new Deadlines(clock, (job) => turns.run(job));
  const parts = {
    turns,
    deadlines,
    clock,
    log: silentLog,
    write_deadline_ms: 60_000,
    high_watermark_bytes: MARK_BYTES,
    congestion: new Congestion(),
    now: () => clock.now(),
  };
  const peer = new FakeLink().peer as PeerInfo;
  const waiting: (() => void)[] = [];
  const network: ByteStream = {
    ...fakeStream([], 1, "stays open"),
    write: (bytes) => new Promise((resolve) => waiting.push(() => resolve(bytes.length))),
  };
  const receiver = new Connection(network, peer, parts);
  const listening = new Publisher();
  receiver.start(listening);
  const stream = fakeStream(new Uint8Array(10 * CHUNK_BYTES), CHUNK_BYTES, "stays open");
  const publisher = new Connection(stream, peer, parts);
  const session = new Publisher({ connection: receiver, session: listening });
  publisher.start(session);
  return {
    clock,
    session,
    receiver,
    async takeAll() {
      while (waiting.length > 0) {
        waiting.shift()!();
        await settle();
      }
    },
    async [Symbol.asyncDispose]() {
      receiver.close({ kind: "shutdown" });
      publisher.close({ kind: "shutdown" });
      await this.takeAll();
      clock.advance(60_000);
      await Promise.all([receiver.ended, publisher.ended]);
    },
  };
}

Deno.test("congestion: who publishes to a full connection is read more slowly, not for ever", async () => {
  await using world = start();
  await settle();
  // Three messages of 40 kB are the first above the mark.
  assert.equal(world.session.received, 3);
  world.clock.advance(STALL_MS_MAX - 1);
  await settle();
  assert.equal(world.session.received, 3);
  for (let more = 1; more <= 7; more++) {
    world.clock.advance(more === 1 ? 1 : STALL_MS_MAX);
    await settle();
    assert.equal(world.session.received, 3 + more);
  }
});

Deno.test("congestion: reading goes on at once when the receiver has taken what was there", async () => {
  await using world = start();
  await settle();
  assert.equal(world.session.received, 3);
  await world.takeAll();
  assert.equal(world.session.received, 10);
});

Deno.test("congestion: a receiver that goes away holds nobody back", async () => {
  await using world = start();
  await settle();
  world.receiver.close({ kind: "kicked", by: "a test" });
  world.clock.advance(5000);
  await settle();
  assert.equal(world.session.received, 10);
});
