/**
 * What a durable store knows of sessions: which of their records changed since the last commit,
 * and where their queue entries and packet ids are stored. No values: those are the sessions' own.
 */
import { type Message, own } from "../core/message.ts";
import { assert } from "../errors.ts";
import { Body, Entry, Incoming, Ledger } from "./ledger.ts";
import type {
  SessionLog,
  StoredEntry,
  StoredMessage,
  StoredSession,
  StoredSubscription,
} from "./types.ts";

/** A session as the store knows it. Maps are made when first needed: most sessions are idle. */
export interface SessionKept {
  /** Stands for the client id in the database. Never used twice. */
  readonly id: number;
  /** True when the database has its record. */
  stored: boolean;
  /** The record, while it waits to be written. */
  session: StoredSession | undefined;
  /** Subscriptions that wait to be written, by name; undefined ones wait to be deleted. */
  subscriptions: Map<string, StoredSubscription | undefined> | undefined;
  /** By `seq`. */
  entries: Map<number, Entry> | undefined;
  /** By packet id. */
  incoming: Map<number, Incoming> | undefined;
}

/** The session log of a durable store. */
export class DurableSessions implements SessionLog {
  readonly ledger = new Ledger();
  /** Sessions with a record or subscriptions to write. */
  readonly changed = new Set<SessionKept>();
  /** Ids of stored sessions to delete. */
  readonly deleted: number[] = [];
  readonly #sessions = new Map<string, SessionKept>();
  readonly #bodies = new Map<number, Body>();
  /** Bodies since the last commit; those that no entry names then are forgotten. */
  readonly #newBodies: Body[] = [];
  readonly #onChange: (owed: boolean) => void;
  #nextSessionId = 1;
  #nextBodyId = 1;

  /** `onChange` hears of each change; `owed` when an acknowledgement rests on it. */
  constructor(onChange: (owed: boolean) => void) {
    this.#onChange = onChange;
  }

  /** Stored sessions. */
  get size(): number {
    return this.#sessions.size;
  }

  /** True when there is nothing to write. */
  get settled(): boolean {
    return this.changed.size === 0 && this.deleted.length === 0 && this.ledger.settled;
  }

  /** See `SessionLog.put`. */
  put(session: StoredSession): void {
    let kept = this.#sessions.get(session.clientId);
    if (kept === undefined) {
      kept = this.#newSession(this.#nextSessionId++, false);
      this.#sessions.set(session.clientId, kept);
    }
    kept.session = session;
    this.changed.add(kept);
    this.#onChange(true);
  }

  /** See `SessionLog.delete`. */
  delete(clientId: string): void {
    const kept = this.#sessions.get(clientId);
    if (kept === undefined) return;
    for (const entry of kept.entries?.values() ?? []) this.#dropEntry(entry);
    for (const incoming of kept.incoming?.values() ?? []) this.ledger.drop(incoming);
    this.#sessions.delete(clientId);
    this.changed.delete(kept);
    if (kept.stored) this.deleted.push(kept.id);
    this.#onChange(true);
  }

  /** See `SessionLog.putSubscription`. */
  putSubscription(clientId: string, subscription: StoredSubscription): void {
    this.#changeSubscription(clientId, subscription.name, subscription);
  }

  /** See `SessionLog.deleteSubscription`. */
  deleteSubscription(clientId: string, name: string): void {
    this.#changeSubscription(clientId, name, undefined);
  }

  /** See `SessionLog.body`. */
  body(message: Message): number {
    const kept = own(message);
    const body = new Body(this.#nextBodyId++, Body.weigh(kept.size), kept);
    this.#bodies.set(body.id, body);
    this.#newBodies.push(body);
    this.#onChange(false);
    return body.id;
  }

  /** See `SessionLog.enqueue`. */
  enqueue(clientId: string, entry: StoredEntry, bodyId: number): void {
    const kept = this.#find(clientId);
    const body = this.#bodies.get(bodyId);
    assert(body !== undefined, `queue entry for message body ${bodyId}, which is gone`);
    if (body.references++ === 0) this.ledger.add(body);
    const item = new Entry(kept.id, body, entry);
    kept.entries ??= new Map();
    assert(!kept.entries.has(entry.seq), `two queue entries with the number ${entry.seq}`);
    kept.entries.set(entry.seq, item);
    this.ledger.add(item);
    this.#onChange(true);
  }

  /** See `SessionLog.update`. */
  update(clientId: string, entry: StoredEntry): void {
    const item = this.#find(clientId).entries?.get(entry.seq);
    assert(item !== undefined, `update of queue entry ${entry.seq}, which is not there`);
    item.entry = entry;
    this.ledger.renew(item);
    // A QoS 2 packet id that the receiver may have seen must be known after a crash: else the
    // message would get a second one and be taken for a second message. With QoS 1 it is merely
    // a repetition.
    this.#onChange(entry.qos === 2);
  }

  /** See `SessionLog.remove`. */
  remove(clientId: string, seq: number): void {
    const kept = this.#sessions.get(clientId);
    const entry = kept?.entries?.get(seq);
    if (entry === undefined) return;
    kept!.entries!.delete(seq);
    this.#dropEntry(entry);
    this.#onChange(false);
  }

  /** See `SessionLog.addIncoming`. */
  addIncoming(clientId: string, packetId: number): void {
    const kept = this.#find(clientId);
    kept.incoming ??= new Map();
    if (kept.incoming.has(packetId)) return;
    const item = new Incoming(kept.id, packetId);
    kept.incoming.set(packetId, item);
    this.ledger.add(item);
    this.#onChange(true);
  }

  /** See `SessionLog.removeIncoming`. */
  removeIncoming(clientId: string, packetId: number): void {
    const kept = this.#sessions.get(clientId);
    const item = kept?.incoming?.get(packetId);
    if (item === undefined) return;
    kept!.incoming!.delete(packetId);
    this.ledger.drop(item);
    // The client uses the id again as soon as it has PUBCOMP: a message would look like a repeat.
    this.#onChange(true);
  }

  /** Call before writing: forgets bodies that no queue wanted. */
  forgetUnused(): void {
    for (const body of this.#newBodies) {
      if (body.references === 0) this.#bodies.delete(body.id);
    }
    this.#newBodies.length = 0;
  }

  /** Everything is written. */
  settle(): void {
    for (const kept of this.changed) {
      kept.stored = true;
      kept.session = undefined;
      kept.subscriptions = undefined;
    }
    this.changed.clear();
    this.deleted.length = 0;
    this.ledger.settle();
  }

  /** A session was read at start. */
  loadSession(clientId: string, id: number): SessionKept {
    const kept = this.#newSession(id, true);
    this.#sessions.set(clientId, kept);
    this.#nextSessionId = Math.max(this.#nextSessionId, id + 1);
    return kept;
  }

  /** The record of a session could not be read: its row is in the way of a new one. */
  loseSession(id: number): void {
    this.deleted.push(id);
    this.#nextSessionId = Math.max(this.#nextSessionId, id + 1);
  }

  /** A body was read at start; its entries follow. */
  loadBody(message: StoredMessage): Body {
    const { bodyId, payload } = message;
    const body = new Body(bodyId, Body.weigh(payload.length));
    body.loaded = message;
    this.#bodies.set(bodyId, body);
    this.#nextBodyId = Math.max(this.#nextBodyId, bodyId + 1);
    return body;
  }

  /** A body that was read before. */
  loadedBody(id: number): Body | undefined {
    return this.#bodies.get(id);
  }

  /** A queue entry was read at start. */
  loadEntry(kept: SessionKept, seq: number, entry: Entry): void {
    entry.body.references++;
    kept.entries ??= new Map();
    kept.entries.set(seq, entry);
  }

  /** An incoming packet id was read at start. */
  loadIncoming(kept: SessionKept, incoming: Incoming): void {
    kept.incoming ??= new Map();
    kept.incoming.set(incoming.packetId, incoming);
  }

  /** Everything is read and handed over: a body that no entry names has no business here. */
  loadDone(): void {
    for (const body of this.#bodies.values()) {
      body.loaded = undefined;
      if (body.references > 0) continue;
      this.#bodies.delete(body.id);
      this.ledger.drop(body);
    }
  }

  #changeSubscription(clientId: string, name: string, value: StoredSubscription | undefined): void {
    const kept = this.#find(clientId);
    kept.subscriptions ??= new Map();
    kept.subscriptions.set(name, value);
    this.changed.add(kept);
    this.#onChange(true);
  }

  #dropEntry(entry: Entry): void {
    this.ledger.drop(entry);
    const { body } = entry;
    if (--body.references > 0) return;
    this.ledger.drop(body);
    this.#bodies.delete(body.id);
  }

  #find(clientId: string): SessionKept {
    const kept = this.#sessions.get(clientId);
    assert(kept !== undefined, `change of session ${clientId}, which was never put`);
    return kept;
  }

  #newSession(id: number, stored: boolean): SessionKept {
    return {
      id,
      stored,
      session: undefined,
      subscriptions: undefined,
      entries: undefined,
      incoming: undefined,
    };
  }
}
