/**
 * Reading back at start. Rows come from the database table by table; the reader wants sessions
 * with all that is theirs, queues in order.
 */
import type { Sieve } from "../core/sieve.ts";
import { RecordError } from "./bytes.ts";
import type { DurableSessions, SessionKept } from "./durable_sessions.ts";
import { Body, Entry, Incoming, type LedgerItem } from "./ledger.ts";
import { openRecord, readMessage, readSession, readSubscription } from "./record.ts";
import { type Item, readSegment, Segment } from "./segment.ts";
import type { StoredSubscription, StoreReader } from "./types.ts";

/** Row of a segment with its dead bits. */
export interface SegmentRow {
  readonly id: number;
  readonly items: Uint8Array;
  readonly bits: Uint8Array | null;
}

/** Row of a session, subscription or retained message. `id`: the session. */
export interface RecordRow {
  readonly id: number;
  readonly record: Uint8Array;
}

/** Feeds one reader. Call in this order: retained, segments, subscriptions, sessions, finish. */
export class Loader {
  /** Records that could not be read, or belong to nothing, and were left out. */
  skipped = 0;
  /** By session id. */
  readonly #queues = new Map<number, Entry[]>();
  readonly #incoming = new Map<number, Incoming[]>();
  readonly #subscriptions = new Map<number, StoredSubscription[]>();
  readonly #sieves = new Map<string, Sieve>();
  /** Queue entries whose message is missing. */
  readonly #orphans: Entry[] = [];

  constructor(readonly sessions: DurableSessions, readonly into: StoreReader) {}

  /** Retained messages. */
  retained(rows: Iterable<RecordRow>): void {
    for (const { record } of rows) {
      const message = this.#try(() => readMessage(openRecord(record), 0));
      if (message !== undefined) this.into.retained(message);
    }
  }

  /** Queues, in the order of the segment ids: a body is never behind its entries. */
  segments(rows: Iterable<SegmentRow>): void {
    for (const row of rows) this.#segment(row);
  }

  /** Subscriptions of all sessions. */
  subscriptions(rows: Iterable<RecordRow>): void {
    for (const { id, record } of rows) {
      const subscription = this.#try(() => readSubscription(openRecord(record), this.#sieves));
      if (subscription !== undefined) listOf(this.#subscriptions, id).push(subscription);
    }
  }

  /** Sessions; hands over each with all that was read of it before. */
  records(rows: Iterable<RecordRow>): void {
    for (const { id, record } of rows) {
      const session = this.#try(() => readSession(openRecord(record)));
      if (session === undefined) {
        this.sessions.loseSession(id);
        continue;
      }
      const { clientId } = session;
      const kept = this.sessions.loadSession(clientId, id);
      this.into.session(session);
      for (const each of take(this.#subscriptions, id)) this.into.subscription(clientId, each);
      this.#handQueue(kept, clientId);
      for (const incoming of take(this.#incoming, id)) {
        this.sessions.loadIncoming(kept, incoming);
        this.into.incoming(clientId, incoming.packetId);
      }
    }
  }

  /** Lets go of what belongs to nothing. */
  finish(): void {
    for (const queue of this.#queues.values()) this.#drop(queue);
    for (const incoming of this.#incoming.values()) this.#drop(incoming);
    this.#drop(this.#orphans);
    this.sessions.loadDone();
  }

  #handQueue(kept: SessionKept, clientId: string): void {
    const queue = take(this.#queues, kept.id);
    // Entries that were updated are in later segments than their neighbours.
    queue.sort((a, b) => a.entry!.seq - b.entry!.seq);
    for (const item of queue) {
      const entry = item.entry!;
      this.sessions.loadEntry(kept, entry.seq, item);
      this.into.queued(clientId, entry, item.body.loaded!);
      item.written();
    }
  }

  #segment(row: SegmentRow): void {
    const segment = new Segment(row.id);
    const dead = row.bits ?? undefined;
    this.sessions.ledger.loaded(segment);
    let slots = 0;
    const place = (item: Item, slot: number) => {
      segment.place(item, slot);
      slots = slot + 1;
    };
    const read = this.#try(() =>
      readSegment(row.items, dead, {
        body: (slot, message) => place(this.sessions.loadBody(message), slot),
        entry: (slot, sessionId, bodyId, entry) => {
          const body = this.sessions.loadedBody(bodyId);
          const item = new Entry(sessionId, body ?? new Body(bodyId, 0), entry);
          place(item, slot);
          if (body === undefined) this.#orphans.push(item);
          else listOf(this.#queues, sessionId).push(item);
        },
        incoming: (slot, sessionId, packetId) => {
          const item = new Incoming(sessionId, packetId);
          place(item, slot);
          listOf(this.#incoming, sessionId).push(item);
        },
        damaged: () => void this.skipped++,
      })
    );
    segment.complete(read ?? slots, dead, read !== undefined);
  }

  #drop(items: readonly LedgerItem[]): void {
    this.skipped += items.length;
    for (const item of items) this.sessions.ledger.drop(item);
  }

  /** One damaged record must not keep the others from being read. */
  #try<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
      this.skipped++;
      return undefined;
    }
  }
}

function listOf<T>(lists: Map<number, T[]>, id: number): T[] {
  let list = lists.get(id);
  if (list === undefined) lists.set(id, list = []);
  return list;
}

function take<T>(lists: Map<number, T[]>, id: number): T[] {
  const list = lists.get(id);
  lists.delete(id);
  return list ?? [];
}
