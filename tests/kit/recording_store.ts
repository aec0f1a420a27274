/** A store that writes everything down in maps, for tests of what it is told. */
import assert from "node:assert/strict";
import type { Message } from "../../gateway/core/message.ts";
import { SessionRestorer } from "../../gateway/mqtt/restore.ts";
import { memoryStore } from "../../gateway/store/memory.ts";
import type {
  Store,
  StoredEntry,
  StoredMessage,
  StoredSession,
  StoredSubscription,
  StoreReader,
} from "../../gateway/store/types.ts";
import { MqttWorld, type WorldSettings } from "./mqtt_world.ts";

/** Everything a store was told, in maps. */
export class RecordingStore {
  readonly sessions = new Map<string, StoredSession>();
  readonly subscriptions = new Map<string, Map<string, StoredSubscription>>();
  readonly queues = new Map<string, Map<number, { entry: StoredEntry; body: number }>>();
  readonly incoming = new Map<string, Set<number>>();
  readonly retained = new Map<string, StoredMessage>();
  readonly bodies = new Map<number, StoredMessage>();
  readonly store: Store;

  constructor() {
    const of = <V>(map: Map<string, V>, id: string, make: () => V) => {
      if (!map.has(id)) map.set(id, make());
      return map.get(id)!;
    };
    this.store = {
      ...memoryStore(),
      retained: {
        put: (message) => void this.retained.set(message.route.topic, toStored(message, 0)),
        delete: (topic) => void this.retained.delete(topic),
      },
      sessions: {
        put: (session) => void this.sessions.set(session.clientId, structuredClone(session)),
        delete: (id) => {
          for (const map of [this.sessions, this.subscriptions, this.queues, this.incoming]) {
            map.delete(id);
          }
        },
        putSubscription: (id, { name, filter, group, qos, noLocal, ...rest }) => {
          const { retainAsPublished, retainHandling, identifier, sieve } = rest;
          const kept = { name, filter, group, qos, noLocal };
          of(this.subscriptions, id, () => new Map<string, StoredSubscription>())
            .set(name, { ...kept, retainAsPublished, retainHandling, identifier, sieve });
        },
        deleteSubscription: (id, name) => void this.subscriptions.get(id)?.delete(name),
        body: (message) => {
          const id = this.bodies.size + 1;
          this.bodies.set(id, toStored(message, id));
          return id;
        },
        enqueue: (id, entry, body) => {
          of(this.queues, id, () => new Map()).set(entry.seq, { entry: copy(entry), body });
        },
        update: (id, entry) => {
          const known = this.queues.get(id)?.get(entry.seq);
          assert.ok(known !== undefined, "update of an entry that was never enqueued");
          known.entry = copy(entry);
        },
        remove: (id, seq) => {
          assert.ok(this.queues.get(id)?.delete(seq), "removal of an unknown entry");
        },
        addIncoming: (id, packetId) => void of(this.incoming, id, () => new Set()).add(packetId),
        removeIncoming: (id, packetId) => void this.incoming.get(id)?.delete(packetId),
      },
      load: (into: StoreReader) => this.load(into),
    };
  }

  load(into: StoreReader): void {
    for (const message of this.retained.values()) into.retained(message);
    for (const [id, session] of this.sessions) {
      into.session(session);
      for (const each of this.subscriptions.get(id)?.values() ?? []) into.subscription(id, each);
      for (const { entry, body } of this.queues.get(id)?.values() ?? []) {
        into.queued(id, entry, this.bodies.get(body)!);
      }
      for (const packetId of this.incoming.get(id) ?? []) into.incoming(id, packetId);
    }
  }
}

function copy(entry: StoredEntry): StoredEntry {
  const { seq, qos, retain, packetId, released, identifiers, share } = entry;
  return { seq, qos, retain, packetId, released, identifiers, share };
}

function toStored(message: Message, bodyId: number): StoredMessage {
  const { route, qos, retain, extras } = message;
  return { topic: route.topic, payload: message.payload.slice(), qos, retain, extras, bodyId };
}

/** A world that has read the store, as after a restart at the given time. */
export function restart(
  recording: RecordingStore,
  now: number,
  settings: WorldSettings = {},
): MqttWorld {
  const world = new MqttWorld({ ...settings, store: recording.store });
  world.now = now;
  const restorer = new SessionRestorer(world.broker);
  recording.store.load(restorer);
  restorer.finish();
  return world;
}
