/**
 * What all MQTT connections share: client sessions by id, and what happens to them when nobody is
 * connected.
 */
import { Message } from "../core/message.ts";
import { RouteTable } from "../core/route_table.ts";
import type { Router } from "../core/router.ts";
import type { Target } from "../core/subscription.ts";
import type { Log } from "../observe/log.ts";
import type { MqttCounters } from "../observe/metrics.ts";
import type { Store } from "../store/types.ts";
import { ClientSession, NEVER_EXPIRES } from "./client_session.ts";
import { Deadlines } from "./deadlines.ts";
import type { MqttOptions } from "./options.ts";
import type { Outgoing } from "./outgoing.ts";
import type { Pressure } from "./pressure.ts";
import { TopicPriorities } from "./priorities.ts";
import type { QueueTotal } from "./queue.ts";
import type { MqttSubscription } from "./subscription.ts";
import { publishWill } from "./will.ts";

/** What the broker is made of. */
export interface BrokerParts {
  readonly router: Router;
  readonly store: Store;
  readonly options: MqttOptions;
  readonly log: Log;
  readonly counters: MqttCounters;
  /** Milliseconds since the epoch. */
  now(): number;
}

/** The answer to "which session belongs to this CONNECT". */
export interface OpenedSession {
  readonly session: ClientSession;
  /** True when it was there before: Session Present. [MQTT-3.2.2-2] */
  readonly present: boolean;
}

/** One for the whole process. */
export class MqttBroker {
  readonly sessions = new Map<string, ClientSession>();
  /** Routes by the bytes of a PUBLISH topic, for clients without a mountpoint. */
  readonly routes = new RouteTable();
  readonly queued: QueueTotal = { bytes: 0 };
  /** Set by a delivery for which its publisher should wait; taken by the publisher. */
  congested: Pressure | undefined = undefined;
  readonly counters: MqttCounters;
  readonly router: Router;
  readonly store: Store;
  readonly log: Log;
  readonly now: () => number;
  #options: MqttOptions;
  #priorities: TopicPriorities;
  /** Sessions without a connection: when their will or their end is due. */
  readonly #parked = new Deadlines<ClientSession>();

  constructor(parts: BrokerParts) {
    this.router = parts.router;
    this.store = parts.store;
    this.log = parts.log;
    this.counters = parts.counters;
    this.now = () => parts.now();
    this.#options = parts.options;
    this.#priorities = new TopicPriorities(parts.options);
  }

  /** The settings in force; setting them is a reload. */
  get options(): MqttOptions {
    return this.#options;
  }

  set options(options: MqttOptions) {
    this.#options = options;
    this.#priorities = new TopicPriorities(options);
  }

  /** Queue priorities of topics. */
  get priorities(): TopicPriorities {
    return this.#priorities;
  }

  /** When `tick` must be called next, ms since the epoch. */
  get nextDeadline(): number {
    return this.#parked.next;
  }

  /** Counts through all sessions: connected ones, shared subscriptions, queued messages. */
  census(): { readonly connected: number; readonly shared: number; readonly queued: number } {
    let [connected, shared, queued] = [0, 0, 0];
    for (const session of this.sessions.values()) {
      if (!session.away) connected++;
      queued += session.deliveries.queue.length;
      for (const { group } of session.subscriptions.values()) if (group !== undefined) shared++;
    }
    return { connected, shared, queued };
  }

  /**
   * True when to acknowledge the message would be a promise that only the store can keep, and it
   * cannot be written now.
   */
  refuses(message: Message): boolean {
    if (this.store.writable) return false;
    if (message.retain) return true;
    const { route } = message;
    this.router.refresh(route);
    return route.direct.some(isStored) ||
      route.groups.some((group) => group.members.some(isStored));
  }

  /** Publishes delayed wills and ends expired sessions that are due. */
  tick(now: number): void {
    for (;;) {
      const session = this.#parked.takeDue(now);
      if (session === undefined) return;
      if (now < this.#endsAt(session)) {
        this.#publishWill(session);
        session.save();
        this.#schedule(session);
        continue;
      }
      this.end(session);
    }
  }

  /**
   * The session for a CONNECT. An older connection of the client id is taken over. Undefined when
   * there are too many sessions. `resumes`: whether the old state belongs to this client.
   */
  open(
    clientId: string,
    cleanStart: boolean,
    resumes: (session: ClientSession) => boolean,
  ): OpenedSession | undefined {
    const before = this.sessions.get(clientId);
    const resume = before !== undefined && !cleanStart && resumes(before);
    if (before?.connection !== undefined) {
      this.counters.sessions_taken_over++;
      // A session that goes on cancels a will that waits for its delay. [MQTT-3.1.3-9]
      before.connection.takeOver();
    }
    // A session without expiry has ended with its connection.
    const session = this.sessions.get(clientId);
    if (session !== undefined && resume) {
      this.#parked.set(session, Infinity);
      this.counters.sessions_resumed++;
      return { session, present: true };
    }
    if (session !== undefined) {
      this.counters.sessions_discarded++;
      this.end(session); // [MQTT-3.1.2-4]
    }
    if (this.sessions.size >= this.#options.max_sessions) return undefined;
    const fresh = new ClientSession(clientId, this.now(), this);
    this.sessions.set(clientId, fresh);
    this.counters.sessions_created++;
    return { session: fresh, present: false };
  }

  /**
   * A connection ended: the session waits for the next one, or ends. `publishesWill`: false after
   * a DISCONNECT that takes the will back. [MQTT-3.1.2-10]
   */
  release(session: ClientSession, publishesWill: boolean): void {
    const now = this.now();
    if (!publishesWill) session.will = undefined;
    session.detach(now);
    if (session.stored) this.#park(session);
    else this.end(session);
    session.deliveries.pressure.relieve();
  }

  #park(session: ClientSession): void {
    if (session.will?.delayInterval === 0) {
      this.#publishWill(session);
      session.save();
    }
    this.#schedule(session);
  }

  /**
   * Ends a session: its will goes out if it still waits [MQTT-3.1.2-8], its shared messages go to
   * others.
   */
  end(session: ClientSession): void {
    this.#parked.set(session, Infinity);
    this.sessions.delete(session.clientId);
    this.counters.sessions_terminated++;
    const left = session.end();
    this.#publishWill(session);
    for (const entry of left) this.#handOn(entry);
  }

  /** Puts back a parked session of the last run. */
  restore(session: ClientSession): void {
    this.sessions.set(session.clientId, session);
    this.#schedule(session);
  }

  /** Another member of the shared group gets what the last one left. [MQTT5 4.8.2] */
  #handOn(entry: Outgoing): void {
    const { message, share } = entry;
    if (share === undefined) return;
    const route = this.router.route(message.route.topic);
    const copy = new Message(route, message.bytes, message.start, message.end);
    copy.owned = true;
    copy.qos = message.qos;
    copy.origin = message.origin;
    copy.originHash = message.originHash;
    copy.extras = message.extras;
    this.router.refresh(route);
    for (const group of route.groups) {
      const same = group.members.some(({ subscription }) =>
        subscription.group === share.group && subscription.filter === share.filter
      );
      if (same && group.deliver(copy, this.router.strategy)) return;
    }
  }

  #publishWill(session: ClientSession): void {
    const { will } = session;
    if (will === undefined) return;
    session.will = undefined;
    publishWill(this.router, will, session, this.now());
  }

  #schedule(session: ClientSession): void {
    const { will, disconnectedAt } = session;
    const willAt = will === undefined ? Infinity : disconnectedAt! + will.delayInterval * 1000;
    this.#parked.set(session, Math.min(willAt, this.#endsAt(session)));
  }

  #endsAt(session: ClientSession): number {
    if (session.expiryInterval === NEVER_EXPIRES) return Infinity;
    return session.disconnectedAt! + session.expiryInterval * 1000;
  }
}

function isStored({ subscription }: Target): boolean {
  const { subscriber } = subscription;
  return subscriber instanceof ClientSession && subscriber.stored &&
    (subscription as MqttSubscription).qos !== 0;
}
