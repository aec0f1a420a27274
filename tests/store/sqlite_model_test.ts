/**
 * Random changes, told to a store and to plain maps. Whatever is committed must be in the file, in
 * order; whatever is not, must not.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Message, QoS } from "../../gateway/core/message.ts";
import type { Topic } from "../../gateway/core/topic.ts";
import { pragma } from "../../gateway/store/sqlite_file.ts";
import type { SqliteStore } from "../../gateway/store/sqlite.ts";
import type { StoredEntry, StoredSession, StoredSubscription } from "../../gateway/store/types.ts";
import { DatabaseSync } from "node:sqlite";
import { randomSeed } from "../kit/seed.ts";
import { entry, message, Place, session, type StateRead, subscription } from "./kit.ts";

const seed = randomSeed("sqlite_model_test");
const CLIENTS = ["a", "b", "ç"];
const TOPICS = ["t/1", "t/2"];

interface ModelSession {
  session: StoredSession;
  readonly subscriptions: Map<string, StoredSubscription>;
  readonly queue: Map<number, { entry: StoredEntry; bodyId: number; payload: string }>;
  readonly incoming: Set<number>;
}

/** The working copy. */
class Model {
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

function pictureOf(state: StateRead): ReturnType<Model["picture"]> {
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

/** One change: `pick` numbers choose among what is there. */
type Step = readonly [kind: string, client: number, pick: number, size: number];

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.tuple(
    fc.constantFrom(
      ...["put", "delete", "subscribe", "unsubscribe", "retain", "unretain", "incoming", "release"],
      ...[
        "publish",
        "publish",
        "publish",
        "publish",
        "send",
        "send",
        "ack",
        "ack",
        "ack",
        "ackAll",
      ],
      ...["commit", "commit", "reopen"],
    ),
    fc.nat(CLIENTS.length - 1),
    fc.nat(1000),
    fc.constantFrom(0, 10, 10, 10, 3000, 30_000),
  ),
  { minLength: 20, maxLength: 120 },
);

Deno.test("sqlite store: what is committed is what comes back", () => {
  fc.assert(
    fc.property(steps, (made) => {
      using place = new Place();
      const model = new Model();
      let { store } = place.open();
      let committed = model.picture();
      for (const step of made) {
        if (step[0] === "commit") {
          assert.equal(store.commit(), true);
          committed = model.picture();
        } else if (step[0] === "reopen") {
          const opened = place.open();
          store = opened.store;
          committed = model.picture();
          assert.deepEqual(pictureOf(opened.state), committed);
          for (const [id, { queue }] of opened.state.sessions) {
            for (const { entry, message } of queue) {
              model.sessions.get(id)!.queue.get(entry.seq)!.bodyId = message.bodyId;
            }
          }
        } else {
          apply(step, model, store);
        }
      }
      assert.deepEqual(pictureOf(place.crashed()), committed, "after a crash");
      const { state } = place.open();
      assert.deepEqual(pictureOf(state), model.picture(), "after a clean end");
    }),
    { seed, numRuns: 60 },
  );
});

Deno.test("sqlite store: an empty working copy leaves no row behind", () => {
  fc.assert(
    fc.property(steps, (made) => {
      using place = new Place();
      const model = new Model();
      const { store } = place.open();
      for (const step of made) {
        if (step[0] === "commit") store.commit();
        else if (step[0] !== "reopen") apply(step, model, store);
      }
      for (const id of model.sessions.keys()) store.sessions.delete(id);
      for (const topic of model.retained.keys()) store.retained.delete(topic as Topic);
      place.close();
      const db = new DatabaseSync(place.path);
      for (const table of ["session", "subscription", "segment", "dead", "retained"]) {
        const rows = db.prepare(`SELECT count(*) AS count FROM ${table}`).get()!["count"];
        assert.equal(rows, 0, table);
      }
      assert.equal(pragma(db, "user_version"), 1);
      db.close();
    }),
    { seed, numRuns: 30 },
  );
});

function apply([kind, client, pick, size]: Step, model: Model, store: SqliteStore): void {
  const clientId = CLIENTS[client]!;
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
  store: SqliteStore,
): void {
  const log = store.sessions;
  const name = `f/${pick % 3}`;
  const queued = [...known.queue.values()][pick % Math.max(1, known.queue.size)];
  if (kind === "delete") {
    log.delete(clientId);
    model.sessions.delete(clientId);
  } else if (kind === "subscribe") {
    const made = subscription(name, { identifier: pick });
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

function publish(model: Model, store: SqliteStore, made: Message): void {
  const bodyId = store.sessions.body(made);
  const payload = new TextDecoder().decode(made.payload);
  for (const [clientId, { queue }] of model.sessions) {
    const seq = model.seq++;
    const added = entry(seq, { qos: seq % 3 as QoS, identifiers: seq % 4 === 0 ? [seq + 1] : [] });
    store.sessions.enqueue(clientId, added, bodyId);
    queue.set(seq, { entry: added, bodyId, payload });
  }
}

function retain(model: Model, store: SqliteStore, topic: string, payload: string): void {
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
