/**
 * What sessions, authenticators and authorizers say to each other. Sessions see only this file.
 */
import type { Sieve } from "../core/sieve.ts";
import type { Filter, Topic } from "../core/topic.ts";
import type { PeerInfo } from "../protocol/session.ts";
import type { QoS } from "../core/message.ts";
import type { Rule } from "./rule.ts";

/** What a client presented, after `clientinfo_override` was applied. Never kept after the login. */
export interface Credentials {
  readonly protocol: "nats" | "mqtt";
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: Uint8Array | undefined;
  readonly peer: PeerInfo;
  /** NATS only: the credential fields of CONNECT; absent, null and "" are all undefined. */
  readonly nats?: {
    readonly authToken: string | undefined;
    readonly jwt: string | undefined;
    readonly nkey: string | undefined;
    readonly sig: string | undefined;
    /** The challenge that was in INFO. */
    readonly nonce: string | undefined;
  };
}

/** "ignore" passes to the next authenticator: credentials of its kind were absent or unknown. */
export type AuthResult =
  | { readonly kind: "allow"; readonly principal: Principal }
  | {
    readonly kind: "deny";
    /** For the log; clients never see it. */
    readonly reason: string;
    /** MQTT CONNACK reason code; 0x87 (not authorized) when absent. */
    readonly reasonCode?: number;
  }
  | {
    readonly kind: "ignore";
    /** True when it would have known, but its backend gave no usable answer. */
    readonly unavailable?: boolean;
  };

/** Who a connection turned out to be. */
export interface Principal {
  readonly username: string | undefined;
  /** `token`, `nkey`, `jwt`, `built_in_database`, `none`...: shown in the client list. */
  readonly method: string;
  readonly superuser: boolean;
  /** Replaces the client id, when the authenticator says so. */
  readonly clientId?: string;
  /** For `${client_attrs.x}` in mountpoints and rules. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch: the connection ends then. */
  readonly expiresAt?: number;
  /** NATS account of a JWT login. */
  readonly account?: string;
  /** Lowers the listener's limits. */
  readonly limits?: {
    readonly subscriptions?: number;
    readonly payloadBytes?: number;
    /** Bytes of messages, published and received together, for as long as the connection lasts. */
    readonly dataBytes?: number;
    /** Connections of all users of `account` together. */
    readonly accountConnections?: number;
  };
  /** NATS JWT permissions: where they allow, the configured rules must allow as well. */
  readonly acl?: AclCheck;
  /** Rules that came with the login; asked before the configured ones. Sessions need not look. */
  readonly rules?: AttachedRules;
}

/** Rules in a JWT claim, an HTTP answer or LDAP attributes. */
export interface AttachedRules {
  readonly rules: readonly Rule[];
  /** True: what no rule allows is denied. False: the configured rules are asked then. */
  readonly final: boolean;
  /** Milliseconds since the epoch; from then on everything is denied. */
  readonly expiresAt: number | undefined;
}

/** Permissions that a login narrows the configured rules with (NATS JWT permissions). */
export interface AclCheck {
  publish(topic: Topic, qos: QoS, retain: boolean): Decision | undefined;
  subscribe(request: SubscribeRequest): SubscribeDecision | undefined;
  /** What it says, in lines to read. */
  describe(): readonly string[];
  /** NATS `allow_responses`: right to publish to a received reply subject. */
  readonly responses?: { readonly max: number; readonly expires_ms: number };
}

/** Decides who may connect. One per listener: the chain that applies there. */
export interface Authenticator {
  /** True when a login is needed at all: `auth_required` in INFO, no anonymous use. */
  readonly required: boolean;
  /** True when INFO must carry a nonce. */
  readonly needsNonce: boolean;
  /**
   * Judges the credentials. A plain answer when it can be had at once, a promise else. Never
   * rejects for bad credentials or a backend that is down: those are results.
   */
  authenticate(credentials: Credentials): AuthResult | Promise<AuthResult>;
}

/** What a session wants to know before it subscribes. */
export interface SubscribeRequest {
  readonly filter: Filter;
  /** NATS `>`; see `Subscription.oneOrMore`. */
  readonly oneOrMore: boolean;
  readonly matchesDollar: boolean;
  readonly group: string | undefined;
  readonly qos: QoS;
}

/** The answer to one question, with its ground, for logs and `natsgate acl test`. */
export interface Decision {
  readonly allowed: boolean;
  /** The rule in words, such as `deny all subscribe ["$SYS/#"]`. */
  readonly rule: string;
  /** Where the rule is from, such as `file etc/acl.conf:12`. */
  readonly source: string;
  /** True when this client may publish anything, for as long as the generation is the same. */
  readonly always?: true;
}

/** A decision on a filter; allowed, it may still except topics. */
export interface SubscribeDecision extends Decision {
  /** Topics that a deny rule takes out of an allowed filter; names as rules see them. */
  readonly sieve?: Sieve;
}

/**
 * Decides who may do what. One per connection, made after the login. Names are without
 * mountpoint unless `authorization.include_mountpoint`. A plain answer when it is known (rules,
 * cache), a promise when a backend must be asked. Answers stay valid while `generation` is the
 * same; sessions memoise them by it.
 */
export interface Authorizer {
  readonly generation: number;
  publish(topic: Topic, qos: QoS, retain: boolean): Decision | Promise<Decision>;
  subscribe(request: SubscribeRequest): SubscribeDecision | Promise<SubscribeDecision>;
  /** What a denied client gets: silence (an error answer) or the door. */
  readonly denyAction: "ignore" | "disconnect";
}

/** The client as rules and templates see it. */
export interface ClientView {
  readonly protocol: "nats" | "mqtt";
  readonly clientId: string;
  readonly peer: PeerInfo;
  readonly principal: Principal;
  /** As it was rendered; absent for none. */
  readonly mountpoint?: string;
}

/** Makes the authorizer of a connection. */
export type AuthorizerFactory = (client: ClientView) => Authorizer;
