/**
 * What belongs to a client id: subscriptions, queue, unacknowledged messages. It may outlive the
 * connection. [MQTT5 4.1]
 */
import { hash } from "../core/group.ts";
import type { Message } from "../core/message.ts";
import type { Delivered, Subscriber, Target } from "../core/subscription.ts";
import type { StoredSession, StoredSubscription, StoredWill } from "../store/types.ts";
import type { MqttBroker } from "./broker.ts";
import type { Scheduled } from "./deadlines.ts";
import { Deliveries, type Owner } from "./deliver.ts";
import type { Outgoing } from "./outgoing.ts";
import type { Sender } from "./sender.ts";
import { MqttSubscription } from "./subscription.ts";

/** Session Expiry Interval that never ends, seconds. */
export const NEVER_EXPIRES = 0xffffffff;

/** Whole seconds as the wire has them; Infinity is its "never". */
export function toSeconds(interval_ms: number): number {
  return Math.min(Math.ceil(interval_ms / 1000), NEVER_EXPIRES);
}

/** What a session asks of its connection. */
export interface Connection {
  /** Another connection has come with the client id. [MQTT-3.1.4-3] */
  takeOver(): void;
}

/** What a CONNECT decides for the session. */
export interface SessionSettings {
  readonly username: string | undefined;
  readonly version: number;
  /** Seconds; 0: ends with the connection; `NEVER_EXPIRES`. */
  readonly expiryInterval: number;
  readonly will: StoredWill | undefined;
}

/** One client's state. The router knows it as the subscriber of all its subscriptions. */
export class ClientSession implements Subscriber, Owner, Scheduled {
  /** Connection id of the current connection, or of the last one; -1 before the first. */
  id = -1;
  connection: Connection | undefined = undefined;
  /** For `Message.originHash`. */
  readonly idHash: number;
  readonly subscriptions = new Map<string, MqttSubscription>();
  readonly deliveries: Deliveries;
  /** QoS 2 packet ids of the client that wait for PUBREL, and when that is given up, ms. */
  #incoming: Map<number, number> | undefined = undefined;
  username: string | undefined = undefined;
  version = 0;
  /** Seconds; see `SessionSettings`. */
  expiryInterval = 0;
  disconnectedAt: number | undefined = undefined;
  will: StoredWill | undefined = undefined;
  deadline = Infinity;
  heapIndex = -1;
  keeps = false;
  readonly #broker: MqttBroker;

  constructor(readonly clientId: string, readonly createdAt: number, broker: MqttBroker) {
    this.#broker = broker;
    this.idHash = hash(clientId);
    this.deliveries = new Deliveries(this, broker);
  }

  /** True when the store knows the session: it outlives its connection. */
  get stored(): boolean {
    return this.expiryInterval > 0;
  }

  /** See `Subscriber.away`. */
  get away(): boolean {
    return this.deliveries.sender === undefined;
  }

  /** Takes over a record of the last run. */
  restore(stored: StoredSession): void {
    this.username = stored.username;
    this.version = stored.version;
    this.expiryInterval = stored.expiryInterval;
    this.disconnectedAt = endOfConnection(stored, this.#broker.now());
    this.will = stored.will;
    this.keeps = true;
  }

  /** See `Subscriber.deliver`. */
  deliver(message: Message, target: Target): Delivered {
    return this.deliveries.deliver(message, target);
  }

  /** See `Subscriber.skipped`. */
  skipped(): void {
    this.#broker.counters.dropped.no_local++;
  }

  /** A CONNECT was accepted: settings first, messages only once `start` is called. */
  attach(connection: Connection, id: number, settings: SessionSettings): void {
    const { options, store } = this.#broker;
    const wasStored = this.stored;
    this.connection = connection;
    this.id = id;
    this.username = settings.username;
    this.version = settings.version;
    this.expiryInterval = settings.expiryInterval;
    this.will = settings.will;
    this.disconnectedAt = undefined;
    this.keeps = this.stored || (settings.version < 5 && options.retry_interval !== Infinity);
    const giveUpAt = this.#broker.now() + options.await_rel_timeout;
    for (const [packetId] of this.incoming()) this.#incoming!.set(packetId, giveUpAt);
    if (this.stored) this.save();
    else if (wasStored) store.sessions.delete(this.clientId);
  }

  /** CONNACK is written: now what waits may follow it. [MQTT-4.4.0-1] */
  start(sender: Sender): void {
    this.deliveries.start(sender);
  }

  /** The connection is gone; whether the session stays is the broker's to decide. */
  detach(now: number): void {
    this.connection = undefined;
    this.disconnectedAt = now;
    this.deliveries.stop();
    if (this.stored) this.save();
  }

  /** DISCONNECT may change how long the session lives on. Seconds. [MQTT5 3.14.2.2.2] */
  changeExpiry(seconds: number): void {
    const wasStored = this.stored;
    const most = toSeconds(this.#broker.options.max_session_expiry_interval);
    this.expiryInterval = Math.min(seconds, most);
    if (wasStored && !this.stored) this.#broker.store.sessions.delete(this.clientId);
  }

  /** Tells the store how the session stands. */
  save(): void {
    this.#broker.store.sessions.put(this.#record());
  }

  #record(): StoredSession {
    const { clientId, username, version, expiryInterval, disconnectedAt, createdAt, will } = this;
    return { clientId, username, version, expiryInterval, disconnectedAt, createdAt, will };
  }

  /** Adds a subscription, or replaces the one of that name. [MQTT-3.8.4-3] Returns the old one. */
  subscribe(
    options: StoredSubscription,
  ): { readonly subscription: MqttSubscription; readonly replaced: boolean } {
    const { router, store } = this.#broker;
    const before = this.subscriptions.get(options.name);
    const subscription = new MqttSubscription(options, this);
    if (before !== undefined) router.unsubscribe(before);
    router.subscribe(subscription);
    this.subscriptions.set(options.name, subscription);
    if (this.stored) store.sessions.putSubscription(this.clientId, subscription);
    return { subscription, replaced: before !== undefined };
  }

  /** Removes a subscription by the name it was made with; false when there is none. */
  unsubscribe(name: string): boolean {
    const subscription = this.subscriptions.get(name);
    if (subscription === undefined) return false;
    this.#broker.router.unsubscribe(subscription);
    this.subscriptions.delete(name);
    if (this.stored) this.#broker.store.sessions.deleteSubscription(this.clientId, name);
    return true;
  }

  /** Incoming QoS 2 packet ids, with when each is given up, ms. */
  incoming(): Iterable<readonly [packetId: number, giveUpAt: number]> {
    return this.#incoming ?? [];
  }

  /** How many incoming QoS 2 ids wait for PUBREL. */
  get incomingCount(): number {
    return this.#incoming?.size ?? 0;
  }

  /** True for an id that was received and not yet released. */
  hasIncoming(packetId: number): boolean {
    return this.#incoming?.has(packetId) ?? false;
  }

  /** Puts back an id that the store had. */
  restoreIncoming(packetId: number): void {
    (this.#incoming ??= new Map()).set(packetId, Infinity);
  }

  /** Notes an incoming QoS 2 packet id. [MQTT-4.3.3-8] */
  addIncoming(packetId: number, giveUpAt: number): void {
    (this.#incoming ??= new Map()).set(packetId, giveUpAt);
    if (this.stored) this.#broker.store.sessions.addIncoming(this.clientId, packetId);
  }

  /** PUBREL came, or is given up: the id may be used again. False when it was not known. */
  removeIncoming(packetId: number): boolean {
    if (this.#incoming === undefined || !this.#incoming.delete(packetId)) return false;
    if (this.stored) this.#broker.store.sessions.removeIncoming(this.clientId, packetId);
    return true;
  }

  /** Forgets everything. Returns what other members of its shared groups should get. */
  end(): Outgoing[] {
    for (const subscription of this.subscriptions.values()) {
      this.#broker.router.unsubscribe(subscription);
    }
    this.subscriptions.clear();
    this.#incoming = undefined;
    const left = this.deliveries.end();
    if (this.stored) this.#broker.store.sessions.delete(this.clientId);
    this.expiryInterval = 0;
    return left;
  }
}

/**
 * When the connection of a stored session ended. A session is not older than it can be known to
 * be: of a time that has not come yet, or that was written before the calendar was ever set, only
 * the start of this process is certain.
 */
function endOfConnection({ disconnectedAt }: StoredSession, now: number): number {
  const isKnown = disconnectedAt !== undefined && disconnectedAt <= now &&
    disconnectedAt >= CALENDAR_SET_MS;
  return isKnown ? disconnectedAt : now;
}

/** A calendar before this was never set: natsgate is younger. */
const CALENDAR_SET_MS = Date.UTC(2024, 0, 1);
