/**
 * Clients of both protocols as one list, and what an operator may do to them.
 */
import type {
  ClientControl,
  ClientQuery,
  ClientView,
  ClosureView,
  Page,
  Protocol,
  SubscriptionOutcome,
  SubscriptionRequest,
  SubscriptionView,
  TopicQuestion,
} from "../control.ts";
import type { Access } from "../auth/access.ts";
import { explainPermissions, type PermissionLine } from "../auth/explain.ts";
import type { ClientView as Subject, Decision } from "../auth/types.ts";
import type { MqttBroker } from "../mqtt/broker.ts";
import type { ClientSession } from "../mqtt/client_session.ts";
import { MqttSession } from "../mqtt/session.ts";
import { splitShare } from "../mqtt/filter.ts";
import { VERSION_NAMES } from "../mqtt/session_info.ts";
import { subscribeFor as subscribeMqtt } from "../mqtt/subscribe.ts";
import type { MqttSubscription } from "../mqtt/subscription.ts";
import type { NatsServer } from "../nats/server.ts";
import { NatsSession } from "../nats/session.ts";
import { subscribeFor as subscribeNats } from "../nats/subscribe.ts";
import type { NatsSubscription } from "../nats/subscription.ts";
import { UNKNOWN_SOFTWARE } from "../protocol/session.ts";
import type { Connection } from "../transport/connection.ts";
import {
  asksForAll,
  asksForMore,
  type Client,
  clientIdOf,
  fits,
  fitsAtAGlance,
  isFuzzy,
  stateOf,
} from "./client_filter.ts";
import { decideFor } from "./control_access.ts";

/** What the list is made from. */
export interface ClientParts {
  readonly nats: NatsServer;
  readonly mqtt: MqttBroker;
  readonly access: Access;
  readonly connections: () => Iterable<Connection>;
  readonly closures: () => readonly ClosureView[];
  /** Runs a piece of work as a turn. */
  readonly turn: (job: () => void) => void;
}

/** See `ClientControl`. */
export class RunningClients implements ClientControl {
  constructor(readonly parts: ClientParts) {}

  list(query: ClientQuery): Page<ClientView> {
    const { page, limit } = query;
    const from = (page - 1) * limit;
    const looksCloser = asksForMore(query);
    const data: ClientView[] = [];
    let count = 0;
    const isForAll = asksForAll(query);
    for (const client of this.#candidates(query)) {
      // How many there are is known without counting them.
      if (isForAll && count === from + limit) {
        count = Math.max(count, this.parts[query.protocol].sessions.size);
        break;
      }
      if (!fitsAtAGlance(client, query)) continue;
      // Nothing more is computed for those on other pages, unless the query needs it.
      const isShown = count >= from && count < from + limit;
      const view = isShown || looksCloser ? this.#view(client) : undefined;
      if (looksCloser && !fits(view!, query)) continue;
      if (isShown) data.push(view!);
      count++;
    }
    return { data, count: isFuzzy(query) ? undefined : count, hasNext: count > from + limit };
  }

  get(protocol: Protocol, clientId: string): ClientView | undefined {
    const client = this.#find(protocol, clientId);
    return client && this.#view(client);
  }

  kick(protocol: Protocol, clientId: string, by: string): boolean {
    const client = this.#find(protocol, clientId);
    if (client === undefined) return false;
    this.parts.turn(() => this.#kick(client, by));
    return true;
  }

  kickBanned(by: string): number {
    let kicked = 0;
    this.parts.turn(() => {
      for (const protocol of ["nats", "mqtt"] as const) {
        for (const client of [...this.#all(protocol)]) {
          const { clientId, username, address } = this.#view(client);
          if (this.parts.access.bans.find({ clientId, username, address }) === undefined) continue;
          this.#kick(client, by);
          kicked++;
        }
      }
    });
    return kicked;
  }

  async permissions(protocol: Protocol, clientId: string): Promise<PermissionLine[] | undefined> {
    const subject = this.#subject(protocol, clientId);
    return subject && await explainPermissions(this.parts.access.authorization, subject);
  }

  async decide(
    protocol: Protocol,
    clientId: string,
    question: TopicQuestion,
  ): Promise<Decision | undefined> {
    const subject = this.#subject(protocol, clientId);
    return subject && await decideFor(this.parts, subject, question);
  }

  subscriptions(protocol: Protocol, clientId: string): SubscriptionView[] | undefined {
    const client = this.#find(protocol, clientId);
    return client && [...subscriptionsOf(client)];
  }

  async subscribe(
    protocol: Protocol,
    clientId: string,
    request: SubscriptionRequest,
  ): Promise<SubscriptionOutcome> {
    const client = this.#find(protocol, clientId);
    if (client === undefined) return { kind: "no client" };
    const shared = splitShare(request.topic);
    if (shared === undefined) return { kind: "refused", reason: "this is not a valid filter" };
    const { group, filter } = shared;
    const answer = client instanceof NatsSession
      ? await subscribeNats(client, { filter, group, sid: request.sid }, this.parts.turn)
      : client instanceof MqttSession
      ? await subscribeMqtt(client, request, this.parts.turn)
      : "the client is not connected";
    if (typeof answer === "string") return { kind: "refused", reason: answer };
    return { kind: "done", subscription: viewOf(clientId, answer) };
  }

  unsubscribe(protocol: Protocol, clientId: string, topic: string): boolean | undefined {
    const client = this.#find(protocol, clientId);
    if (client === undefined) return undefined;
    let found = false;
    this.parts.turn(() => {
      if (!(client instanceof NatsSession)) {
        found = clientSession(client)?.unsubscribe(topic) ?? false;
        return;
      }
      const { group, filter } = splitShare(topic) ?? {};
      for (const subscription of [...client.subscriptions.values()]) {
        if (subscription.filter !== client.mountpoint + filter) continue;
        if (subscription.group !== group) continue;
        client.drop(subscription);
        found = true;
      }
    });
    return found;
  }

  *allSubscriptions(): Iterable<SubscriptionView> {
    for (const protocol of ["nats", "mqtt"] as const) {
      for (const client of this.#all(protocol)) yield* subscriptionsOf(client);
    }
  }

  closures(): readonly ClosureView[] {
    return this.parts.closures();
  }

  /** A query for certain client ids needs no look at all the others. */
  *#candidates({ protocol, clientIds }: ClientQuery): Iterable<Client> {
    if (clientIds === undefined) {
      yield* this.#all(protocol);
      return;
    }
    for (const id of new Set(clientIds)) {
      const client = this.#find(protocol, id);
      if (client !== undefined) yield client;
    }
  }

  /** Connections in the order in which they came, then MQTT sessions without one. */
  *#all(protocol: Protocol): Iterable<Client> {
    for (const { session } of this.parts.connections()) {
      if (protocol === "nats" && session instanceof NatsSession && session.state !== "closed") {
        yield session;
      } else if (protocol === "mqtt" && session instanceof MqttSession && isIn(session)) {
        yield session;
      }
    }
    if (protocol === "nats") return;
    for (const session of this.parts.mqtt.sessions.values()) {
      if (session.connection === undefined) yield session;
    }
  }

  #find(protocol: Protocol, clientId: string): Client | undefined {
    if (protocol === "nats") return this.parts.nats.sessions.get(clientId);
    const session = this.parts.mqtt.sessions.get(clientId);
    return session?.connection instanceof MqttSession ? session.connection : session;
  }

  /** A connected client as rules see it. */
  #subject(protocol: Protocol, clientId: string): Subject | undefined {
    const client = this.#find(protocol, clientId);
    if (client instanceof NatsSession) {
      const { principal, mountpoint, link: { peer } } = client;
      return { protocol, clientId, peer, principal, mountpoint };
    }
    if (!(client instanceof MqttSession) || client.at === undefined) return undefined;
    const { principal, mountpoint } = client.at;
    return { protocol, clientId, peer: client.link.peer, principal, mountpoint };
  }

  #kick(client: Client, by: string): void {
    if (client instanceof NatsSession) {
      client.kick(by);
      return;
    }
    const session = clientSession(client);
    if (client instanceof MqttSession) client.kick(by);
    // What would wait for the client's return goes with it.
    const { mqtt } = this.parts;
    if (session !== undefined && mqtt.sessions.get(session.clientId) === session) mqtt.end(session);
  }

  #view(client: Client): ClientView {
    const { mqtt, nats } = this.parts;
    if (client instanceof NatsSession) {
      const { subscriptions_max } = nats.options;
      return {
        ...connected(client),
        ...NO_QUEUE,
        state: stateOf(client),
        superuser: client.principal.superuser,
        createdAt: client.info.connectedAt,
        disconnectedAt: undefined,
        subscriptionsMax: client.principal.limits?.subscriptions ?? subscriptions_max,
      };
    }
    const session = clientSession(client);
    const { options } = mqtt;
    const queue = session === undefined ? NO_QUEUE : {
      inflight: session.deliveries.inflight.count,
      inflightMax: options.max_inflight,
      queued: session.deliveries.queue.length,
      queuedMax: options.max_mqueue_len,
      awaitingRelease: session.incomingCount,
      awaitingReleaseMax: options.max_awaiting_rel,
    };
    if (client instanceof MqttSession) {
      return {
        ...connected(client),
        ...queue,
        state: "connected",
        superuser: client.at?.principal.superuser ?? false,
        createdAt: session?.createdAt ?? client.info.connectedAt,
        disconnectedAt: undefined,
        subscriptionsMax: client.at?.subscriptions_max ?? options.max_subscriptions,
      };
    }
    return { ...away(client), ...queue, subscriptionsMax: options.max_subscriptions };
  }
}

/** Logged in, and not on its way out. */
function isIn(session: MqttSession): boolean {
  return session.at?.client.connection === session;
}

function clientSession(client: MqttSession | ClientSession): ClientSession | undefined {
  return client instanceof MqttSession ? client.at?.client : client;
}

const NO_QUEUE = {
  inflight: 0,
  inflightMax: 0,
  queued: 0,
  queuedMax: 0,
  awaitingRelease: 0,
  awaitingReleaseMax: 0,
};

function connected(session: NatsSession | MqttSession) {
  const { info, link: { peer } } = session;
  return {
    ...info,
    connectionId: peer.id,
    listener: peer.listener,
    transport: peer.transport,
    address: peer.address,
    port: peer.port,
  };
}

/** An MQTT session without a connection. */
function away(session: ClientSession) {
  return {
    protocol: "mqtt",
    version: VERSION_NAMES[session.version] ?? "",
    clientId: session.clientId,
    username: session.username,
    state: "disconnected",
    introduced: true,
    authMethod: "",
    superuser: false,
    connectionId: 0,
    listener: "",
    transport: "",
    address: "",
    port: 0,
    createdAt: session.createdAt,
    connectedAt: session.createdAt,
    lastReceivedAt: session.disconnectedAt ?? session.createdAt,
    roundTrip_ms: undefined,
    software: UNKNOWN_SOFTWARE,
    disconnectedAt: session.disconnectedAt,
    keepalive: 0,
    mountpoint: "",
    cleanStart: false,
    expiryInterval: session.expiryInterval,
    subscriptions: session.subscriptions.size,
    messagesIn: 0,
    messagesOut: 0,
    bytesIn: 0,
    bytesOut: 0,
    dropped: session.deliveries.dropped,
    pendingBytes: 0,
  } as const;
}

function* subscriptionsOf(client: Client): Iterable<SubscriptionView> {
  const clientId = clientIdOf(client);
  const subscriptions = client instanceof NatsSession
    ? client.subscriptions
    : clientSession(client)?.subscriptions;
  for (const subscription of subscriptions?.values() ?? []) yield viewOf(clientId, subscription);
}

function viewOf(
  clientId: string,
  subscription: NatsSubscription | MqttSubscription,
): SubscriptionView {
  const { filter, group, noLocal } = subscription;
  const common = {
    clientId,
    topic: group === undefined ? filter : `$share/${group}/${filter}`,
    group,
    noLocal,
  };
  if ("sid" in subscription) {
    const { sid, subject, subscriber, delivered } = subscription;
    const verbose = (subscriber as NatsSession).options.verbose;
    return {
      ...common,
      connectionId: subscriber.id,
      delivered,
      protocol: "nats",
      qos: verbose ? 1 : 0,
      retainAsPublished: false,
      retainHandling: 0,
      sid,
      subject,
    };
  }
  const { qos, retainAsPublished, retainHandling } = subscription;
  return { ...common, protocol: "mqtt", qos, retainAsPublished, retainHandling };
}
