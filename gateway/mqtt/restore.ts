/**
 * Sessions and retained messages of the last run.
 */
import { Message } from "../core/message.ts";
import type {
  StoredEntry,
  StoredMessage,
  StoredSession,
  StoredShare,
  StoredSubscription,
  StoreReader,
} from "../store/types.ts";
import type { MqttBroker } from "./broker.ts";
import { ClientSession } from "./client_session.ts";
import { Outgoing } from "./outgoing.ts";
import { MqttSubscription } from "./subscription.ts";

/** Puts what a store reads back into a broker. Call `finish` after `Store.load`. */
export class SessionRestorer implements StoreReader {
  readonly #broker: MqttBroker;
  /** One object for each body, however many sessions wait for it. */
  readonly #bodies = new Map<number, Message>();
  readonly #shares = new Map<string, StoredShare>();
  #session: ClientSession | undefined = undefined;

  constructor(broker: MqttBroker) {
    this.#broker = broker;
  }

  /** See `StoreReader.retained`. */
  retained(message: StoredMessage): void {
    this.#broker.router.retained.restore(this.#toMessage(message));
  }

  /** See `StoreReader.session`. */
  session(stored: StoredSession): void {
    this.#park();
    this.#session = new ClientSession(stored.clientId, stored.createdAt, this.#broker);
    this.#session.restore(stored);
  }

  /** See `StoreReader.subscription`. Permissions are asked anew when the client comes back. */
  subscription(_clientId: string, stored: StoredSubscription): void {
    const session = this.#session!;
    const subscription = new MqttSubscription(stored, session);
    session.subscriptions.set(stored.name, subscription);
    this.#broker.router.subscribe(subscription);
  }

  /** See `StoreReader.queued`. */
  queued(_clientId: string, entry: StoredEntry, stored: StoredMessage): void {
    let message = this.#bodies.get(stored.bodyId);
    if (message === undefined) {
      this.#bodies.set(stored.bodyId, message = this.#toMessage(stored));
    }
    const { seq, qos, retain, identifiers } = entry;
    const share = entry.share === undefined ? undefined : this.#share(entry.share);
    const outgoing = new Outgoing(seq, message, qos, retain, identifiers, share);
    outgoing.packetId = entry.packetId;
    outgoing.released = entry.released;
    this.#session!.deliveries.restore(outgoing);
  }

  /** See `StoreReader.incoming`. */
  incoming(_clientId: string, packetId: number): void {
    this.#session!.restoreIncoming(packetId);
  }

  /** The last session is complete. Wills of connections that a crash cut are due from now on. */
  finish(): void {
    this.#park();
    this.#bodies.clear();
  }

  #park(): void {
    if (this.#session !== undefined) this.#broker.restore(this.#session);
    this.#session = undefined;
  }

  /** One object for each group, however many messages wait for it. */
  #share(stored: StoredShare): StoredShare {
    const key = `${stored.group}/${stored.filter}`;
    let share = this.#shares.get(key);
    if (share === undefined) this.#shares.set(key, share = stored);
    return share;
  }

  #toMessage(stored: StoredMessage): Message {
    const message = new Message(this.#broker.router.route(stored.topic), stored.payload);
    message.owned = true;
    message.qos = stored.qos;
    message.retain = stored.retain;
    message.extras = stored.extras;
    message.kept = message;
    return message;
  }
}
