/**
 * A store's state as plain maps, and changes that are told to both.
 */
import type { Message, QoS } from "../../gateway/core/message.ts";
import type { Filter, Topic } from "../../gateway/core/topic.ts";
import type {
  Store,
  StoredEntry,
  StoredSession,
  StoredSubscription,
} from "../../gateway/store/types.ts";
import { except } from "../core/kit.ts";
import { entry, message, session, type StateRead, subscription } from "./kit.ts";

const CLIENTS = ["a", "b", "ç"];
const TOPICS = ["t/1", "t/2"];

/** Kinds of change, the frequent ones several times. */
export const KINDS = [
  ...["put", "delete", "subscribe", "unsubscribe", "retain", "unretain", "incoming", "release"],
  ...["publish", "publish", "publish", "publish", "send", "send", "ack", "ack", "ack", "ackAll"],
];
/** Payload sizes to choose from. */
export const SIZES = [0, 10, 10, 10, 3000, 30_000];

/** One change: `pick` numbers choose among what is there. */
export type Step = readonly [kind: string, client: number, pick: number, size: number];

interface ModelSession {
  session: StoredSession;
  readonly subscriptions: Map<string, StoredSubscription>;
  readonly queue: Map<number, { entry: StoredEntry; bodyId: number; payload: string }>;
  readonly incoming: Set<number>;
}

/** The working copy. */
export class Model {
  readonly sessions = new Map<string, ModelSession>();
  readonly retained = new Map<string, string>();
  seq = 0;

  /** Everything as plain data, for comparison. */
  picture() {
    return {
      retained: [...this.retained].sort(),
      sessions: [...this.sessions].map(([id, { session, subscriptions, queue, incoming }]) => ({
        id,
        session,
        subscriptions: [...subscriptions.values()].sort(byName),
        queue: [...queue.values()].map(({ entry, payload }) => ({ entry, payload })),
        incoming: [...incoming].sort(),
      })).sort(byId),
    };
  }
}

const byName = (a: StoredSubscription, b: StoredSubscription) => a.name < b.name ? -1 : 1;
const byId = (a: { id: string }, b: { id: string }) => a.id < b.id ? -1 : 1;

/** What a store gave back, in the same form. */
export function pictureOf(state: StateRead): ReturnType<Model["picture"]> {
  const text = (payload: Uint8Array) => new TextDecoder().decode(payload);
  return {
    retained: [...state.messages].map(([topic, { payload }]) =>
      [topic, text(payload)] as [string, string]
    ).sort(),
    sessions: [...state.sessions].map(([id, read]) => ({
      id,
      session: read.session,
      subscriptions: read.subscriptions.toSorted(byName),
      queue: read.queue.map(({ entry, message }) => ({ entry, payload: text(message.payload) })),
      incoming: read.incoming.toSorted(),
    })).sort(byId),
  };
}

/** Makes one change in both. Changes that are not possible are left out. */
export function apply([kind, client, pick, size]: Step, model: Model, store: Store): void {
  const clientId = CLIENTS[client % CLIENTS.length]!;
  if (kind === "retain" || kind === "unretain") {
    return retain(model, store, TOPICS[pick % 2]!, kind === "retain" ? payloadOf(pick, size) : "");
  }
  if (kind === "publish") return publish(model, store, message("t", payloadOf(pick, size)));
  if (kind === "put") {
    const made = session(clientId, { disconnectedAt: pick / 3, username: `user${pick}` });
    store.sessions.put(made);
    const known = model.sessions.get(clientId);
    if (known !== undefined) known.session = made;
    else {
      const parts = { subscriptions: new Map(), queue: new Map(), incoming: new Set<number>() };
      model.sessions.set(clientId, { session: made, ...parts });
    }
    return;
  }
  const known = model.sessions.get(clientId);
  if (known !== undefined) change(kind, clientId, known, pick, model, store);
}

function change(
  kind: string,
  clientId: string,
  known: ModelSession,
  pick: number,
  model: Model,
  store: Store,
): void {
  const log = store.sessions;
  const name = `f/${pick % 3}`;
  const queued = [...known.queue.values()][pick % Math.max(1, known.queue.size)];
  if (kind === "delete") {
    log.delete(clientId);
    model.sessions.delete(clientId);
  } else if (kind === "subscribe") {
    const made = subscription(name, {
      identifier: pick,
      sieve: pick % 2 === 0 ? except(`f/${pick}`) : undefined,
    });
    log.putSubscription(clientId, made);
    known.subscriptions.set(name, made);
  } else if (kind === "unsubscribe") {
    log.deleteSubscription(clientId, name);
    known.subscriptions.delete(name);
  } else if (kind === "incoming") {
    log.addIncoming(clientId, pick);
    known.incoming.add(pick);
  } else if (kind === "release") {
    const id = [...known.incoming][0] ?? pick;
    log.removeIncoming(clientId, id);
    known.incoming.delete(id);
  } else if (kind === "send" && queued !== undefined) {
    queued.entry = { ...queued.entry, packetId: pick + 1, released: pick % 2 === 0 };
    log.update(clientId, queued.entry);
  } else if (kind === "ack" && queued !== undefined) {
    log.remove(clientId, queued.entry.seq);
    known.queue.delete(queued.entry.seq);
  } else if (kind === "ackAll") {
    for (const seq of known.queue.keys()) log.remove(clientId, seq);
    known.queue.clear();
  }
}

function publish(model: Model, store: Store, made: Message): void {
  const bodyId = store.sessions.body(made);
  const payload = new TextDecoder().decode(made.payload);
  for (const [clientId, { queue }] of model.sessions) {
    const seq = model.seq++;
    const added = entry(seq, {
      qos: seq % 3 as QoS,
      identifiers: seq % 4 === 0 ? [seq + 1] : [],
      share: seq % 5 === 0 ? { group: `g${seq}`, filter: "t" as Filter } : undefined,
    });
    store.sessions.enqueue(clientId, added, bodyId);
    queue.set(seq, { entry: added, bodyId, payload });
  }
}

function retain(model: Model, store: Store, topic: string, payload: string): void {
  if (payload === "") {
    store.retained.delete(topic as Topic);
    model.retained.delete(topic);
  } else {
    store.retained.put(message(topic, payload, { retain: true }));
    model.retained.set(topic, payload);
  }
}

function payloadOf(pick: number, size: number): string {
  return `${pick}:${"x".repeat(size)}`;
}
