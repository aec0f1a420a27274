/**
 * Durable state. Memory is the working copy; a store is told of each change, in order, and gives
 * everything back at the next start. Calls are synchronous and buffered: nothing is safe before
 * `commit`. The transport commits at the end of a turn, before any acknowledgement leaves.
 */
import type { Message, QoS } from "../core/message.ts";
import type { Sieve } from "../core/sieve.ts";
import type { Filter, Topic } from "../core/topic.ts";

/** Where durable state goes. Implemented by `sqlite.ts` and `memory.ts` (keeps nothing). */
export interface Store {
  /** Told of sessions and their messages. */
  readonly sessions: SessionLog;
  readonly retained: RetainedLog;
  /** Users, rules, bans, API keys: whatever is read by key and seldom written. */
  readonly documents: DocumentStore;
  /**
   * True when a change waits that an acknowledgement rests on. Checked once a turn. Changes that
   * may get lost in a crash without harm (`remove`, `update` of QoS 1) do not set it; they go with
   * the next commit, which the store makes by itself if no turn does.
   */
  readonly dirty: boolean;
  /**
   * Makes everything told so far durable (as hard as `store.sync` says). False: it could not be
   * written, so nothing that rests on it may be acknowledged. Changes of sessions and retained
   * messages are not lost then: they stay in memory, in step with the working copy, and are
   * written as soon as writing works. Changes of documents are undone.
   */
  commit(): boolean;
  /**
   * False while the disk is full or broken: new durable messages must be refused (0x97). The
   * store tries again by itself and turns true when everything that waited is written.
   */
  readonly writable: boolean;
  /** Reads back everything of the last run. Called once, before any change. */
  load(into: StoreReader): void;
  close(): void;
}

/** Receives the stored state at start: first retained messages, then session by session. */
export interface StoreReader {
  retained(message: StoredMessage): void;
  session(session: StoredSession): void;
  /** Subscriptions, queue entries (in queue order) and incoming ids of the last `session`. */
  subscription(clientId: string, subscription: StoredSubscription): void;
  queued(clientId: string, entry: StoredEntry, message: StoredMessage): void;
  incoming(clientId: string, packetId: number): void;
}

/** Changes of retained messages. */
export interface RetainedLog {
  put(message: Message): void;
  delete(topic: Topic): void;
}

/**
 * JSON values by kind and key, such as kind `user` and the user's name. Reads see every change at
 * once; `Store.commit` makes changes durable. Put, commit and the answer to the operator belong in
 * one synchronous stretch, so that no other turn's commit takes half of a change.
 */
export interface DocumentStore {
  /** The value as it was put, a fresh copy with every call; undefined when there is none. */
  get(kind: string, key: string): unknown;
  /** Creates or replaces. `value` is anything that `JSON.stringify` keeps. */
  put(kind: string, key: string, value: unknown): void;
  /** True when there was one. */
  delete(kind: string, key: string): boolean;
  /** Documents of a kind in the order of their keys (by code point). */
  list(kind: string, query: DocumentQuery): Document[];
  /** How many documents a kind has. */
  count(kind: string): number;
}

/** Which documents to list. */
export interface DocumentQuery {
  /** Only keys that begin with this. */
  readonly prefix?: string;
  /** Only keys that come after this one: the last key of the page before. */
  readonly after?: string;
  /** Most documents to return. */
  readonly limit: number;
}

/** One listed document. */
export interface Document {
  readonly key: string;
  readonly value: unknown;
}

/** Changes of persistent sessions. */
export interface SessionLog {
  /** Creates or replaces the record of a session (not its subscriptions or queue). */
  put(session: StoredSession): void;
  /** Forgets a session with all that belongs to it. */
  delete(clientId: string): void;
  putSubscription(clientId: string, subscription: StoredSubscription): void;
  deleteSubscription(clientId: string, filter: string): void;
  /**
   * Keeps a message body once for any number of sessions and returns its id. The body goes when
   * the last queue entry that names it is removed, or with the next commit if none ever did.
   */
  body(message: Message): number;
  /** Appends an entry to the session's queue. `seq` grows within a session. */
  enqueue(clientId: string, entry: StoredEntry, bodyId: number): void;
  /** The entry was sent under a packet id, or moved on to PUBREL. It keeps its place and body. */
  update(clientId: string, entry: StoredEntry): void;
  /** The entry was acknowledged, expired or dropped. */
  remove(clientId: string, seq: number): void;
  /** A QoS 2 packet id that was received and not yet released. */
  addIncoming(clientId: string, packetId: number): void;
  removeIncoming(clientId: string, packetId: number): void;
}

/** A message as it comes back from the store. */
export interface StoredMessage {
  readonly topic: Topic;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly extras: Message["extras"];
  /** Body id, the same for every queue entry of one message. 0 for retained messages. */
  readonly bodyId: number;
}

/** A session without its subscriptions and messages. */
export interface StoredSession {
  readonly clientId: string;
  readonly username: string | undefined;
  /** 4 (3.1.1), 5 or 3 (3.1). */
  readonly version: number;
  /** Seconds after the connection ended; 0xFFFFFFFF for never. */
  readonly expiryInterval: number;
  /** Milliseconds since the epoch when the connection ended; undefined while connected. */
  readonly disconnectedAt: number | undefined;
  readonly createdAt: number;
  /** A will that waits for its delay, or belongs to a connection that may be cut by a crash. */
  readonly will: StoredWill | undefined;
}

/** A will, and when it is due. */
export interface StoredWill {
  readonly topic: Topic;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly extras: Message["extras"];
  /** Seconds. */
  readonly delayInterval: number;
  /** Message expiry interval in seconds, counted from publication; undefined for none. */
  readonly expiryInterval: number | undefined;
}

/** A subscription of a persistent session. */
export interface StoredSubscription {
  /** As the client wrote it, `$share/…` included: the key within the session. */
  readonly name: string;
  /** Canonical, with mountpoint, without share prefix. */
  readonly filter: Filter;
  readonly group: string | undefined;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: 0 | 1 | 2;
  /** Subscription Identifier; 0 for none. */
  readonly identifier: number;
  /** Topics that permissions take out of the filter, as they were when it was last asked for. */
  readonly sieve: Sieve | undefined;
}

/** The shared group for which a session got a message. */
export interface StoredShare {
  readonly group: string;
  /** Canonical, with mountpoint. */
  readonly filter: Filter;
}

/** One place in a session's outgoing queue. */
export interface StoredEntry {
  /** Order within the session. */
  readonly seq: number;
  readonly qos: QoS;
  readonly retain: boolean;
  /** 0 while it waits; the packet id once sent. */
  readonly packetId: number;
  /** True after PUBREC: PUBREL is what must be resent. */
  readonly released: boolean;
  /** Subscription Identifiers to send along. */
  readonly identifiers: readonly number[];
  /** Who gets the message when the session ends before it is delivered; undefined: nobody. */
  readonly share: StoredShare | undefined;
}
