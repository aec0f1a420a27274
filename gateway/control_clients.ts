/**
 * The part of the facade that is about clients and their subscriptions.
 */
import type { PermissionLine } from "./auth/explain.ts";
import type { Decision } from "./auth/types.ts";
import type { QoS } from "./core/message.ts";
import type { ClientSoftware } from "./protocol/session.ts";

export type { PermissionLine } from "./auth/explain.ts";

/** Which side of the gateway. */
export type Protocol = "nats" | "mqtt";

/** A page of a list. */
export interface Page<Item> {
  readonly data: readonly Item[];
  /** How many there are in all; undefined when that was not counted. */
  readonly count: number | undefined;
  readonly hasNext: boolean;
}

/** Which page of a list: 1 is the first. */
export interface PageQuery {
  readonly page: number;
  readonly limit: number;
}

/** Which clients. Every condition that is given must hold. */
export interface ClientQuery extends PageQuery {
  readonly protocol: Protocol;
  readonly clientIds?: readonly string[] | undefined;
  readonly usernames?: readonly string[] | undefined;
  /** Address of the peer without port. */
  readonly address?: string | undefined;
  readonly state?: ClientView["state"] | undefined;
  /** `1`, `3.1`, `3.1.1`, `5.0`. */
  readonly version?: string | undefined;
  readonly cleanStart?: boolean | undefined;
  /** Part of the client id, or of the user name. */
  readonly likeClientId?: string | undefined;
  readonly likeUsername?: string | undefined;
  /** Milliseconds since the epoch; both ends included. */
  readonly connectedFrom?: number | undefined;
  readonly connectedTo?: number | undefined;
  readonly createdFrom?: number | undefined;
  readonly createdTo?: number | undefined;
}

/** A client: a connection, or an MQTT session that waits for one. */
export interface ClientView {
  readonly protocol: Protocol;
  readonly version: string;
  readonly clientId: string;
  readonly username: string | undefined;
  /** `connected`; `idle`: not logged in yet; `disconnected`: a session without connection. */
  readonly state: "connected" | "idle" | "disconnected";
  /** False: a NATS client that never sent CONNECT. */
  readonly introduced: boolean;
  /** How it logged in: `none`, `token`, `built_in_database`... */
  readonly authMethod: string;
  readonly superuser: boolean;
  /** Connection id; 0 while there is none. */
  readonly connectionId: number;
  readonly listener: string;
  readonly transport: string;
  readonly address: string;
  readonly port: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly connectedAt: number;
  /** When bytes last came from it. */
  readonly lastReceivedAt: number;
  /** From the last PING of a NATS client to its PONG; undefined while none was answered. */
  readonly roundTrip_ms: number | undefined;
  /** What a NATS client says of itself; empty texts where it says nothing. */
  readonly software: ClientSoftware;
  readonly disconnectedAt: number | undefined;
  /** Seconds. */
  readonly keepalive: number;
  readonly mountpoint: string;
  readonly cleanStart: boolean;
  /** Seconds. */
  readonly expiryInterval: number;
  readonly subscriptions: number;
  readonly subscriptionsMax: number;
  readonly inflight: number;
  readonly inflightMax: number;
  readonly queued: number;
  readonly queuedMax: number;
  /** QoS 2 messages that wait for their release. */
  readonly awaitingRelease: number;
  readonly awaitingReleaseMax: number;
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly dropped: number;
  readonly pendingBytes: number;
}

/** What a client has subscribed to. */
export interface SubscriptionView {
  readonly clientId: string;
  readonly protocol: Protocol;
  /** MQTT form with mountpoint, `$share/<group>/` in front for groups. */
  readonly topic: string;
  readonly group: string | undefined;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: 0 | 1 | 2;
  /** NATS only: the client's own id and its spelling of the name. */
  readonly sid?: string;
  readonly subject?: string;
  /** NATS only: connection id, and messages delivered since the SUB. */
  readonly connectionId?: number;
  readonly delivered?: number;
}

/** A subscription to be made for a client. */
export interface SubscriptionRequest {
  /** MQTT form without mountpoint; `$share/<group>/…` for a group. */
  readonly topic: string;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: 0 | 1 | 2;
  /** NATS: left out, one is made. */
  readonly sid?: string | undefined;
}

/** What came of it: the subscription, or why not. */
export type SubscriptionOutcome =
  | { readonly kind: "done"; readonly subscription: SubscriptionView }
  | { readonly kind: "no client" }
  | { readonly kind: "refused"; readonly reason: string };

/** May somebody do that? */
export interface TopicQuestion {
  readonly action: "publish" | "subscribe";
  /** MQTT topic or filter. */
  readonly topic: string;
  readonly qos: QoS;
  readonly retain: boolean;
}

/** Clients and what they have subscribed to. */
export interface ClientControl {
  list(query: ClientQuery): Page<ClientView>;
  get(protocol: Protocol, clientId: string): ClientView | undefined;
  /** Ends the connection and the session. `by`: who wants it. False: no such client. */
  kick(protocol: Protocol, clientId: string, by: string): boolean;
  /** Kicks everybody whom a ban keeps out. Returns how many. */
  kickBanned(by: string): number;
  /**
   * What a connected client may do, in the order in which it is decided; undefined: it is not
   * connected.
   */
  permissions(protocol: Protocol, clientId: string): Promise<PermissionLine[] | undefined>;
  /** Which rule decides for a connected client, with what its login gave it. */
  decide(
    protocol: Protocol,
    clientId: string,
    question: TopicQuestion,
  ): Promise<Decision | undefined>;
  /** Undefined: no such client. */
  subscriptions(protocol: Protocol, clientId: string): SubscriptionView[] | undefined;
  subscribe(
    protocol: Protocol,
    clientId: string,
    request: SubscriptionRequest,
  ): Promise<SubscriptionOutcome>;
  /** By topic as in `SubscriptionRequest`. Undefined: no such client; false: not subscribed. */
  unsubscribe(protocol: Protocol, clientId: string, topic: string): boolean | undefined;
  /** All subscriptions of all clients, in no particular order. */
  allSubscriptions(): Iterable<SubscriptionView>;
  /** Why clients were last closed, newest first: bounded. */
  closures(): readonly ClosureView[];
}

/** A connection that ended. */
export interface ClosureView {
  readonly clientId: string;
  readonly protocol: Protocol;
  readonly address: string;
  readonly reason: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}
