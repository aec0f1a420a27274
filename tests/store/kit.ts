/**
 * What the store tests share: stored things to make, a directory that goes away, and a reader that
 * keeps what a store gives back.
 */
import { Message, type MessageExtras, type QoS } from "../../gateway/core/message.ts";
import { Route } from "../../gateway/core/route.ts";
import type { Filter, Topic } from "../../gateway/core/topic.ts";
import {
  openSqliteStore,
  type SqliteOptions,
  type SqliteStore,
  type StoreEvent,
} from "../../gateway/store/sqlite.ts";
import type {
  StoredEntry,
  StoredMessage,
  StoredSession,
  StoredSubscription,
  StoreReader,
} from "../../gateway/store/types.ts";
import { StillClock } from "../kit/still_clock.ts";

const ENCODER = new TextEncoder();

export function message(
  topic: string,
  payload: string | Uint8Array = "",
  parts: { qos?: QoS; retain?: boolean; extras?: MessageExtras } = {},
): Message {
  const bytes = typeof payload === "string" ? ENCODER.encode(payload) : payload;
  const made = new Message(new Route(topic as Topic), bytes);
  made.owned = true;
  made.qos = parts.qos ?? 1;
  made.retain = parts.retain ?? false;
  made.extras = parts.extras;
  return made;
}

export function session(clientId: string, changes: Partial<StoredSession> = {}): StoredSession {
  return {
    clientId,
    username: undefined,
    version: 5,
    expiryInterval: 3600,
    disconnectedAt: undefined,
    createdAt: 1_750_000_000_000,
    will: undefined,
    ...changes,
  };
}

export function subscription(
  name: string,
  changes: Partial<StoredSubscription> = {},
): StoredSubscription {
  return {
    name,
    filter: name as Filter,
    group: undefined,
    qos: 1,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0,
    identifier: 0,
    sieve: undefined,
    ...changes,
  };
}

export function entry(seq: number, changes: Partial<StoredEntry> = {}): StoredEntry {
  return {
    seq,
    qos: 1,
    retain: false,
    packetId: 0,
    released: false,
    identifiers: [],
    share: undefined,
    ...changes,
  };
}

/** A session as it came back. */
export interface SessionRead {
  readonly session: StoredSession;
  readonly subscriptions: StoredSubscription[];
  readonly queue: { readonly entry: StoredEntry; readonly message: StoredMessage }[];
  readonly incoming: number[];
}

/** Keeps everything that `Store.load` gives. */
export class StateRead implements StoreReader {
  readonly sessions = new Map<string, SessionRead>();
  readonly messages = new Map<string, StoredMessage>();

  retained(message: StoredMessage): void {
    this.messages.set(message.topic, message);
  }
  session(session: StoredSession): void {
    const read = { session, subscriptions: [], queue: [], incoming: [] };
    this.sessions.set(session.clientId, read);
  }
  subscription(clientId: string, subscription: StoredSubscription): void {
    this.sessions.get(clientId)!.subscriptions.push(subscription);
  }
  queued(clientId: string, entry: StoredEntry, message: StoredMessage): void {
    this.sessions.get(clientId)!.queue.push({ entry, message });
  }
  incoming(clientId: string, packetId: number): void {
    this.sessions.get(clientId)!.incoming.push(packetId);
  }
  /** Payloads of a session's queue as text, in order. */
  payloads(clientId: string): string[] {
    const queue = this.sessions.get(clientId)?.queue ?? [];
    return queue.map(({ message }) => new TextDecoder().decode(message.payload));
  }
}

/** A database in a directory of its own, which is gone at the end of the block. */
export class Place implements Disposable {
  readonly directory = Deno.makeTempDirSync({ prefix: "natsgate-store-" });
  readonly path = `${this.directory}/natsgate.db`;
  readonly clock = new StillClock();
  readonly events: StoreEvent[] = [];
  #store: SqliteStore | undefined;

  /** Opens the store (after closing it, if it is open) and reads everything back. */
  open(options: Partial<SqliteOptions> = {}): { store: SqliteStore; state: StateRead } {
    this.close();
    const { path, clock } = this;
    const report = (event: StoreEvent) => void this.events.push(event);
    const store = openSqliteStore({ path, clock, sync: "off", report, ...options });
    this.#store = store;
    const state = new StateRead();
    store.load(state);
    return { store, state };
  }

  /** The open store. */
  get store(): SqliteStore {
    return this.#store!;
  }

  /** What a crash at this moment would leave, read by a second store. */
  crashed(): StateRead {
    using copy = new Place();
    for (const part of ["", "-wal"]) {
      try {
        Deno.copyFileSync(this.path + part, copy.path + part);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
    return copy.open().state;
  }

  close(): void {
    this.#store?.close();
    this.#store = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
    Deno.removeSync(this.directory, { recursive: true });
  }
}
