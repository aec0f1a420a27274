/**
 * What a listener needs to carry sessions that send back what they hear.
 */
import type { Clock } from "../../gateway/clock.ts";
import { type Log, silentLog } from "../../gateway/observe/log.ts";
import type { CloseCause, PeerInfo, Session } from "../../gateway/protocol/session.ts";
import { Congestion } from "../../gateway/transport/congestion.ts";
import type { Connection } from "../../gateway/transport/connection.ts";
import { Deadlines } from "../../gateway/transport/deadlines.ts";
import type { ListenerParts } from "../../gateway/transport/listener.ts";
import { Turns } from "../../gateway/transport/turns.ts";

/** Sends back what it hears. */
export class EchoSession implements Session {
  readonly protocol = "nats";
  readonly nextDeadline = Infinity;
  readonly causes: CloseCause[] = [];
  constructor(readonly link: Connection) {}
  open(): void {}
  receive(chunk: Uint8Array): void {
    this.link.out.append(chunk.slice());
  }
  tick(): void {}
  closed(cause: CloseCause): void {
    this.causes.push(cause);
  }
  goodbye(): void {}
  get info(): Session["info"] {
    return { clientId: "echo" } as Session["info"];
  }
}

/** Parts for listeners, and the peers that came. Stop `deadlines` in the end. */
export function echoParts(
  clock: Clock,
  log: Log = silentLog,
): { readonly parts: ListenerParts; readonly peers: PeerInfo[]; readonly deadlines: Deadlines } {
  const turns = new Turns(undefined, (job) => job());
  const deadlines = new Deadlines(clock, (job) => turns.run(job));
  const peers: PeerInfo[] = [];
  let lastId = 0;
  const parts: ListenerParts = {
    turns,
    deadlines,
    clock,
    log,
    write_deadline_ms: 10_000,
    high_watermark_bytes: 1_000_000,
    congestion: new Congestion(),
    now: () => clock.now(),
    nextId: () => ++lastId,
    createSession(connection) {
      peers.push(connection.peer);
      return new EchoSession(connection);
    },
    refusal: () => undefined,
  };
  return { parts, peers, deadlines };
}
