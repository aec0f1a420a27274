/**
 * One connection: a byte stream below, a session above. Reads into an adaptive buffer, writes
 * what the session left in its outbox, and closes in order.
 */
import type { Clock, Timer } from "../clock.ts";
import type { Log } from "../observe/log.ts";
import { Outbox, type Segment } from "../protocol/outbox.ts";
import type { CloseCause, Link, PeerInfo, Session } from "../protocol/session.ts";
import { closeCode } from "./close_code.ts";
import { type Congestion, STALL_MS_MAX, type Stalled } from "./congestion.ts";
import type { Deadlines, Ticking } from "./deadlines.ts";
import type { ReadLimits } from "./rate_limit.ts";
import { ReadBuffer } from "./read_buffer.ts";
import { type ByteStream, closeQuietly } from "./stream.ts";
import type { Flushable, Turns } from "./turns.ts";
import { firstWord } from "./wrong_protocol.ts";

/** What connections share. */
export interface ConnectionParts {
  readonly turns: Turns;
  readonly deadlines: Deadlines;
  readonly log: Log;
  /** Milliseconds that one write may take before the peer counts as a slow consumer. */
  readonly write_deadline_ms: number;
  /** Bytes that may wait for one client before those who publish to it are slowed down. */
  readonly high_watermark_bytes: number;
  readonly congestion: Congestion;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly clock: Clock;
  /** Told of each session that ends, before the session is. */
  readonly onClosed?: (session: Session, peer: PeerInfo, cause: CloseCause) => void;
}

/** Milliseconds to send what is left and to hear the peer's end, on close. */
const LINGER_MS = 1000;

/** Carries one session. */
export class Connection implements Link, Flushable, Ticking, Stalled {
  readonly out: Outbox;
  #session!: Session;
  readonly #buffer = new ReadBuffer();
  #reading = true;
  /** Wakes the read loop when reading goes on. */
  #wake: (() => void) | undefined;
  #segment: Segment | undefined;
  #written = 0;
  /** When the write under way began; Infinity for none. */
  #writeSince = Infinity;
  #cause: CloseCause | undefined;
  #told = false;
  #peerEnded = false;
  #ended = false;
  #ownSide: "open" | "ending" | "ended" = "open";
  /** Called when everything written so far is sent. */
  #onSent: (() => void) | undefined;
  #lingerUntil = Infinity;
  /** Rate limits: not read from before then, in milliseconds since the epoch. */
  #throttledUntil = 0;
  #messagesCounted = 0;
  /** It has published into a congested connection: not read from before then. */
  #stalledUntil = 0;
  /** More waits here than the high watermark. */
  #congested = false;
  readonly #end = Promise.withResolvers<void>();
  /** The first bytes that came, as `firstWord` gives them; undefined before. */
  firstWord: number | undefined = undefined;
  /** Why TLS did not come about after the greeting; undefined unless that was so. */
  upgradeFailure: Error | undefined = undefined;

  constructor(
    readonly stream: ByteStream,
    readonly peer: PeerInfo,
    readonly parts: ConnectionParts,
    /** Undefined: as fast as it comes. */
    readonly limits?: ReadLimits,
  ) {
    this.out = new Outbox(this, () => parts.turns.add(this));
    this.out.highWatermark = parts.high_watermark_bytes;
    this.out.onHigh = () => {
      this.#congested = true;
      parts.congestion.noted = true;
    };
  }

  /** Resolves when the connection is gone and the session knows it. */
  get ended(): Promise<void> {
    return this.#end.promise;
  }

  /** Runs the session until the connection is gone. */
  start(session: Session): void {
    this.#session = session;
    this.parts.deadlines.add(this);
    this.parts.turns.run(() => this.#guard(() => session.open()));
    this.#readLoop().catch((error) => this.#lost(error));
  }

  /** The session it carries. */
  get session(): Session {
    return this.#session;
  }

  setReading(on: boolean): void {
    this.#reading = on;
    if (on) this.#wakeUp();
  }

  turn(job: () => void): void {
    this.parts.turns.run(() => this.#guard(job));
  }

  close(cause: CloseCause): void {
    if (this.#cause !== undefined) return;
    this.#cause = cause;
    this.#lingerUntil = this.parts.now() + LINGER_MS;
    this.parts.turns.add(this);
    this.#wakeUp();
  }

  flush(): void {
    if (this.#cause !== undefined) this.#tellSession();
    if (this.#ended || this.#segment !== undefined) return;
    this.#segment = this.out.take();
    if (this.#segment === undefined) {
      this.#sent();
      return;
    }
    this.#written = 0;
    this.#writeSince = this.parts.now();
    this.#write();
  }

  goOn(): void {
    this.#stalledUntil = 0;
    this.#wakeUp();
  }

  abandon(): void {
    this.out.clear();
    this.close({ kind: "peer", detail: "durable storage failed; not acknowledged" });
  }

  get nextDeadline(): number {
    if (this.#cause !== undefined) return this.#lingerUntil;
    return Math.min(this.#session.nextDeadline, this.#writeSince + this.parts.write_deadline_ms);
  }

  tick(now: number): void {
    if (now >= this.#lingerUntil) {
      this.#lost(undefined);
    } else if (
      this.#cause === undefined && now >= this.#writeSince + this.parts.write_deadline_ms
    ) {
      this.out.clear();
      this.close({ kind: "slow-consumer" });
    } else if (this.#cause === undefined) {
      this.#guard(() => this.#session.tick(now));
    }
  }

  async #readLoop(): Promise<void> {
    const { turns, congestion } = this.parts;
    if (this.stream.startTls !== undefined) await this.#upgrade();
    while (!this.#ended) {
      if (this.#cause === undefined && (!this.#reading || this.#isThrottled())) {
        await this.#pause();
        continue;
      }
      const wanted = this.#cause === undefined ? this.#session.wanted?.() : undefined;
      const into = wanted ?? this.#buffer.bytes;
      const count = await this.stream.read(into);
      if (count === null) break;
      if (this.#cause !== undefined) continue;
      this.firstWord ??= firstWord(into.subarray(0, count));
      congestion.noted = false;
      turns.begin();
      try {
        if (wanted !== undefined) this.#session.filled!(count);
        else this.#session.receive(this.#buffer.filled(count));
      } catch (error) {
        this.#bug(error);
      } finally {
        turns.end();
      }
      this.parts.deadlines.hurry(this.#session.nextDeadline);
      if (this.limits !== undefined) this.#count(this.limits, count);
      if (congestion.take()) this.#stall();
    }
    // The peer has ended its side; what it sent was processed.
    this.#peerEnded = true;
    if (this.#cause === undefined) this.turn(() => this.close({ kind: "peer" }));
    else if (this.#ownSide === "ended") this.#lost(undefined);
  }

  #isThrottled(): boolean {
    const until = Math.max(this.#throttledUntil, this.#stalledUntil);
    return until !== 0 && this.parts.now() < until;
  }

  /** Until reading may go on, or the connection is to end. */
  async #pause(): Promise<void> {
    let timer: Timer | undefined;
    await new Promise<void>((wake) => {
      this.#wake = wake;
      if (!this.#isThrottled()) return;
      timer = this.parts.clock.at(Math.max(this.#throttledUntil, this.#stalledUntil), wake);
    });
    timer?.cancel();
  }

  #count(limits: ReadLimits, bytes: number): void {
    // Only the session knows what a message is; asking costs, so only where there is a limit.
    const total = limits.messages.length === 0 ? 0 : this.#session.info.messagesIn;
    this.#throttledUntil = limits.spend(total - this.#messagesCounted, bytes, this.parts.now());
    this.#messagesCounted = total;
  }

  /** Gives a receiver time to take what it was sent. */
  #stall(): void {
    this.#stalledUntil = this.parts.now() + STALL_MS_MAX;
    this.parts.congestion.wait(this);
  }

  /** TLS begins once the greeting is out (NATS INFO), before anything is read. */
  async #upgrade(): Promise<void> {
    if (this.out.pendingBytes > 0) await new Promise<void>((sent) => this.#onSent = sent);
    if (this.#ended) return;
    try {
      await this.stream.startTls!();
    } catch (error) {
      if (error instanceof Error) this.upgradeFailure = error;
      throw error;
    }
  }

  #write(): void {
    const { bytes, headroom } = this.#segment!;
    const whole = this.#written === 0;
    this.stream.write(whole ? bytes : bytes.subarray(this.#written), whole ? headroom : 0)
      .then(this.#onWritten, this.#onLost);
  }

  /** Bound once, so that a write allocates no closure. */
  readonly #onLost = (error: unknown) => this.#lost(error);
  readonly #onWritten = (count: number) => {
    const segment = this.#segment;
    if (segment === undefined) return;
    this.#written += count;
    if (this.#written < segment.bytes.length) {
      this.#write();
      return;
    }
    this.out.done(segment);
    this.#segment = undefined;
    this.#writeSince = Infinity;
    if (this.#congested && this.out.pendingBytes <= this.parts.high_watermark_bytes / 2) {
      this.#relieve();
    }
    this.parts.turns.resume(this);
  };

  /** Everything is written. On close: ends our side, and waits for the peer to end its own. */
  #sent(): void {
    this.#onSent?.();
    this.#onSent = undefined;
    if (this.#cause === undefined || this.#ownSide !== "open") return;
    this.#ownSide = "ending";
    this.stream.closeWrite(closeCode(this.#cause)).catch(() => {}).then(() => {
      this.#ownSide = "ended";
      if (this.#peerEnded) this.#lost(undefined);
    });
    this.#wakeUp();
  }

  #relieve(): void {
    this.#congested = false;
    this.parts.congestion.relieve();
  }

  /** The stream is of no use any more. */
  #lost(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cause ??= { kind: "peer", ...(error instanceof Error && { detail: error.message }) };
    closeQuietly(this.stream);
    this.#wakeUp();
    if (this.#segment !== undefined) this.out.done(this.#segment);
    this.#segment = undefined;
    this.out.clear();
    if (this.#congested) this.#relieve();
    this.#tellSession();
    this.parts.deadlines.remove(this);
    this.#end.resolve();
  }

  /** The session may publish a will: that is a turn. */
  #tellSession(): void {
    if (this.#told) return;
    this.#told = true;
    this.turn(() => {
      this.parts.onClosed?.(this.#session, this.peer, this.#cause!);
      this.#session.closed(this.#cause!);
    });
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  /** A throw here is a bug of ours: it costs one connection, not the gateway. */
  #guard(job: () => void): void {
    try {
      job();
    } catch (error) {
      this.#bug(error);
    }
  }

  #bug(error: unknown): void {
    const stack = error instanceof Error ? error.stack : String(error);
    this.parts.log.error("a bug ended a connection; please report this", {
      client: this.#session.info.clientId,
      error: stack,
    });
    this.close({ kind: "bug" });
  }
}
