/** A connection without a network, for tests of sessions. */
import { Outbox } from "../../gateway/protocol/outbox.ts";
import type { CloseCause, Link, PeerInfo } from "../../gateway/protocol/session.ts";

let lastId = 0;

/** The fake, and what was done to it. */
export class FakeLink implements Link {
  readonly peer: PeerInfo;
  readonly out: Outbox;
  reading = true;
  /** Why the session closed it; undefined while it is open. */
  cause: CloseCause | undefined;

  constructor(peer: Partial<PeerInfo> = {}) {
    this.peer = {
      id: ++lastId,
      listener: "nats:tcp:default",
      transport: "tcp",
      address: "127.0.0.1",
      port: 40_000,
      localAddress: "127.0.0.1",
      localPort: 4222,
      ...peer,
    };
    this.out = new Outbox(this, () => {});
  }

  setReading(on: boolean): void {
    this.reading = on;
  }

  turn(job: () => void): void {
    job();
  }

  close(cause: CloseCause): void {
    this.cause ??= cause;
  }

  /** Takes what was written since the last call. */
  written(): Uint8Array {
    const parts: number[] = [];
    for (let segment; (segment = this.out.take()) !== undefined;) {
      for (const byte of segment.bytes) parts.push(byte);
      this.out.done(segment);
    }
    return Uint8Array.from(parts);
  }
}
