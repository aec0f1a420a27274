/**
 * CONNECT: who is it, may they, which session is theirs, and what they are told. [MQTT5 3.1]
 */
import type {
  Authorizer,
  AuthResult,
  ClientView,
  Credentials,
  Principal,
  SubscribeDecision,
} from "../auth/types.ts";
import type { Topic } from "../core/topic.ts";
import { utf8Size } from "../protocol/bytes.ts";
import type { StoredWill } from "../store/types.ts";
import { OutgoingAliases } from "./aliases.ts";
import { type ClientSession, toSeconds } from "./client_session.ts";
import { ReasonCode } from "./codes.ts";
import type { Connected } from "./connected.ts";
import { encodeConnack } from "./encode.ts";
import { parseFilter } from "./filter.ts";
import type { MqttOptions } from "./options.ts";
import type { ConnectPacket, Properties } from "./packets.ts";
import { Sender } from "./sender.ts";
import type { MqttSession } from "./session.ts";
import { mountedSieve } from "./subscribe.ts";
import type { MqttSubscription } from "./subscription.ts";
import { toStoredWill, willProblem } from "./will.ts";

/** Largest value of 16-bit limits. */
const U16_MAX = 0xffff;

/** Takes a CONNECT: refuses it, or judges its credentials. */
export function connect(session: MqttSession, packet: ConnectPacket): void {
  session.introduce(packet);
  const { options } = session.broker;
  const named = session.listener.certificateNames(session.link.peer);
  const wantedId = named.clientId ?? packet.clientId;
  const problem = connectProblem(packet, wantedId, options);
  if (problem !== undefined) {
    session.refuse(problem.reasonCode, problem.reason);
    return;
  }
  // An empty client id is replaced by one of ours. [MQTT-3.1.3-6] [MQTT-3.1.3-7]
  const clientId = wantedId === "" ? `auto-${crypto.randomUUID()}` : wantedId;
  const credentials: Credentials = {
    protocol: "mqtt",
    clientId,
    username: named.username ?? packet.username,
    password: packet.password,
    peer: session.link.peer,
  };
  const result = session.listener.authenticator.authenticate(credentials);
  const login = new Login(session, packet, clientId);
  if (result instanceof Promise) session.wait(result, (answer) => login.judged(answer));
  else login.judged(result);
}

/** What is wrong with a CONNECT before anybody looks at the credentials. */
function connectProblem(
  packet: ConnectPacket,
  clientId: string,
  options: MqttOptions,
): { readonly reasonCode: number; readonly reason: string } | undefined {
  const { will, properties } = packet;
  if (properties.authMethod !== undefined) { // [MQTT-4.12.0-1]
    return {
      reasonCode: ReasonCode.BadAuthenticationMethod,
      reason: "no enhanced authentication is configured",
    };
  }
  if (clientId === "" && packet.version < 5 && !packet.cleanStart) { // [MQTT-3.1.3-8] of 3.1.1
    return {
      reasonCode: ReasonCode.ClientIdentifierNotValid,
      reason: "an empty client id needs Clean Session",
    };
  }
  if (utf8Size(clientId) > options.max_clientid_len) {
    return {
      reasonCode: ReasonCode.ClientIdentifierNotValid,
      reason: `client id of more than ${options.max_clientid_len} bytes`,
    };
  }
  const reasonCode = will === undefined ? undefined : willProblem(will, options);
  return reasonCode === undefined
    ? undefined
    : { reasonCode, reason: "the will cannot be accepted as it is" };
}

/** A CONNECT on its way from the credentials to CONNACK. */
class Login {
  readonly #session: MqttSession;
  readonly #packet: ConnectPacket;
  #clientId: string;

  constructor(session: MqttSession, packet: ConnectPacket, clientId: string) {
    this.#session = session;
    this.#packet = packet;
    this.#clientId = clientId;
  }

  /** The authenticator has answered. */
  judged(result: AuthResult): void {
    if (result.kind === "allow") return this.#allowed(result.principal);
    const code = result.kind === "deny" ? result.reasonCode : undefined;
    const reason = result.kind === "deny" ? result.reason : "no authenticator took the credentials";
    this.#session.broker.log.info("login refused", { client: this.#clientId, reason });
    // Why is for the log alone.
    this.#session.refuse(code ?? ReasonCode.NotAuthorized, "not authorized");
  }

  #allowed(principal: Principal): void {
    const session = this.#session;
    this.#clientId = principal.clientId ?? this.#clientId;
    const view: ClientView = {
      protocol: "mqtt",
      clientId: this.#clientId,
      peer: session.link.peer,
      principal,
    };
    const mountpoint = session.listener.mountpoint(view);
    if (mountpoint === undefined) {
      return session.refuse(
        ReasonCode.ClientIdentifierNotValid,
        "the names of this client hold wildcards, which its mountpoint cannot",
      );
    }
    const access = new Access(session, view, mountpoint);
    const will = this.#packet.will;
    if (will === undefined) return this.#checkOldSubscriptions(access, undefined);
    const topic: Topic = access.ruleName(will.topic);
    const decision = access.authorizer.publish(topic, will.qos, will.retain);
    const decided = ({ allowed }: { readonly allowed: boolean }) =>
      this.#willJudged(access, allowed);
    if (decision instanceof Promise) session.wait(decision, decided);
    else decided(decision);
  }

  /** A will that may not be published is left out, or refuses the client. */
  #willJudged(access: Access, allowed: boolean): void {
    const { log } = this.#session.broker;
    if (allowed) {
      return this.#checkOldSubscriptions(
        access,
        toStoredWill(this.#packet.will!, access.mountpoint),
      );
    }
    log.info("will left out: publishing it is not allowed", { client: this.#clientId });
    if (access.authorizer.denyAction === "disconnect") {
      return this.#session.refuse(ReasonCode.NotAuthorized, "the will is not allowed");
    }
    this.#checkOldSubscriptions(access, undefined);
  }

  /** What the session subscribed to before must still be allowed. */
  #checkOldSubscriptions(access: Access, will: StoredWill | undefined): void {
    const before = this.#session.broker.sessions.get(this.#clientId);
    const old = before !== undefined && this.#resumes(before, access)
      ? [...before.subscriptions.values()]
      : [];
    const decisions = old.map((subscription) => access.subscribe(subscription));
    const finish = (decided: readonly SubscribeDecision[]) => {
      const verdicts = new Map(old.map((subscription, i) => [subscription.name, decided[i]!]));
      this.#finish(access, will, verdicts);
    };
    if (decisions.some((decision) => decision instanceof Promise)) {
      this.#session.wait(Promise.all(decisions), finish);
    } else finish(decisions as readonly SubscribeDecision[]);
  }

  /**
   * Whether an old session is this client's: the same user, and names in the same part of the
   * tree.
   */
  #resumes(before: ClientSession, access: Access): boolean {
    if (this.#packet.cleanStart || before.username !== access.view.principal.username) return false;
    const limits = this.#session.broker.options;
    for (const { name, filter } of before.subscriptions.values()) {
      const parsed = parseFilter(name, access.mountpoint, limits);
      if (typeof parsed === "number" || parsed.mounted !== filter) return false;
    }
    return true;
  }

  #finish(
    access: Access,
    will: StoredWill | undefined,
    verdicts: ReadonlyMap<string, SubscribeDecision>,
  ): void {
    const { broker, link } = this.#session;
    const packet = this.#packet;
    const opened = broker.open(
      this.#clientId,
      packet.cleanStart,
      (before) => this.#resumes(before, access),
    );
    if (opened === undefined) {
      const reason = `${broker.options.max_sessions} sessions are in use`;
      return this.#session.refuse(ReasonCode.QuotaExceeded, reason);
    }
    const { session: client, present } = opened;
    const { username } = access.view.principal;
    const expiryInterval = sessionExpiry(packet, broker.options);
    const { version } = packet;
    client.attach(this.#session, link.peer.id, { username, version, expiryInterval, will });
    for (const [name, verdict] of verdicts) {
      const subscription = client.subscriptions.get(name);
      if (subscription !== undefined) applyVerdict(client, subscription, verdict, access);
    }
    const sender = this.#connected(access, client);
    const properties = version === 5 ? this.#connackProperties(expiryInterval) : {};
    broker.counters.sent.connack++;
    encodeConnack(link.out, version, present, ReasonCode.Success, properties);
    client.start(sender);
    if (broker.log.debugs) {
      broker.log.debug("client connected", { client: this.#clientId, username, present });
    }
  }

  #connected(access: Access, client: ClientSession): Sender {
    const session = this.#session;
    const { broker, link } = session;
    const { options } = broker;
    const { properties, version } = this.#packet;
    const { mountpoint, authorizer, view } = access;
    const aliases = Math.min(properties.topicAliasMaximum ?? 0, options.max_topic_alias);
    const sender = new Sender(
      link.out,
      {
        version,
        mountpoint,
        window: Math.min(properties.receiveMaximum ?? U16_MAX, options.max_inflight, U16_MAX),
        packet_bytes_max: properties.maximumPacketSize ?? Infinity,
        aliases: aliases === 0 ? undefined : new OutgoingAliases(aliases),
      },
      broker.counters,
      broker.now,
    );
    const { principal } = view;
    const limits = principal.limits;
    const at: Connected = {
      broker,
      reading: session,
      principal,
      authorizer,
      client,
      sender,
      version,
      mountpoint,
      rulesSeeMountpoint: session.listener.rulesSeeMountpoint,
      topic_alias_max: options.max_topic_alias,
      receive_max: receiveMaximum(options),
      payload_bytes_max: limits?.payloadBytes ?? Infinity,
      subscriptions_max: Math.min(limits?.subscriptions ?? Infinity, options.max_subscriptions),
      cleanStart: this.#packet.cleanStart,
      keepAlive: this.#keepAlive(options),
    };
    session.accept(at);
    return sender;
  }

  /** Seconds; 0: none. [MQTT-3.1.2-21] */
  #keepAlive(options: MqttOptions): number {
    const imposed = this.#packet.version === 5 ? options.server_keepalive : undefined;
    return imposed ?? this.#packet.keepAlive;
  }

  /** What an MQTT 5 client is told: everything that differs from the defaults of the standard. */
  #connackProperties(expiryInterval: number): Properties {
    const { options } = this.#session.broker;
    const { properties, clientId } = this.#packet;
    const receive_max = receiveMaximum(options);
    const assigned = this.#clientId !== clientId;
    const responseInfo = properties.requestResponseInfo === 1 && options.response_information !== ""
      ? options.response_information
      : undefined;
    const { max_packet_size, max_qos_allowed, max_topic_alias, server_keepalive } = options;
    const expiryDiffers = expiryInterval !== (properties.sessionExpiry ?? 0);
    return {
      ...(expiryDiffers ? { sessionExpiry: expiryInterval } : {}),
      ...(receive_max < U16_MAX ? { receiveMaximum: receive_max } : {}),
      ...(max_qos_allowed < 2 ? { maximumQoS: max_qos_allowed as 0 | 1 } : {}), // [MQTT-3.2.2-9]
      ...(options.retain_available ? {} : { retainAvailable: 0 }),
      ...(max_packet_size === Infinity ? {} : { maximumPacketSize: max_packet_size }),
      ...(assigned ? { assignedClientId: this.#clientId } : {}), // [MQTT-3.2.2-16]
      ...(max_topic_alias === 0 ? {} : { topicAliasMaximum: max_topic_alias }),
      ...(options.wildcard_subscription ? {} : { wildcardSubscriptionAvailable: 0 }),
      ...(options.shared_subscription ? {} : { sharedSubscriptionAvailable: 0 }),
      ...(server_keepalive === undefined ? {} : { serverKeepAlive: server_keepalive }),
      ...(responseInfo === undefined ? {} : { responseInfo }),
    };
  }
}

/** What a client may do, and under which names. */
class Access {
  readonly authorizer: Authorizer;
  constructor(
    readonly session: MqttSession,
    readonly view: ClientView,
    readonly mountpoint: string,
  ) {
    this.authorizer = session.listener.authorizerFor({ ...view, mountpoint });
  }

  /** The name that rules see. */
  ruleName<Name extends string>(name: string): Name {
    const seen = this.session.listener.rulesSeeMountpoint ? this.mountpoint + name : name;
    return seen as Name;
  }

  /** Asks for a subscription that was made before. */
  subscribe(subscription: MqttSubscription): SubscribeDecision | Promise<SubscribeDecision> {
    return this.authorizer.subscribe({
      filter: this.ruleName(subscription.filter.slice(this.mountpoint.length)),
      oneOrMore: false,
      matchesDollar: false,
      group: subscription.group,
      qos: subscription.qos,
    });
  }
}

/** Seconds for which the session outlives its connection. [MQTT-3.1.2-23] */
function sessionExpiry(packet: ConnectPacket, options: MqttOptions): number {
  const { version, cleanStart, properties } = packet;
  const old = cleanStart ? 0 : toSeconds(options.session_expiry_interval);
  const asked = version === 5 ? properties.sessionExpiry ?? 0 : old;
  return Math.min(asked, toSeconds(options.max_session_expiry_interval));
}

/** QoS 2 ids a client may have unreleased. [MQTT5 3.2.2.3.3] */
function receiveMaximum(options: MqttOptions): number {
  return Math.min(options.max_awaiting_rel, U16_MAX);
}

/** A resumed subscription is refreshed under today's rules, or removed. */
function applyVerdict(
  client: ClientSession,
  subscription: MqttSubscription,
  verdict: SubscribeDecision,
  access: Access,
): void {
  if (!verdict.allowed) {
    client.unsubscribe(subscription.name);
    return;
  }
  const { mountpoint, session } = access;
  const { rulesSeeMountpoint } = session.listener;
  const sieve = mountedSieve(verdict, { mountpoint, rulesSeeMountpoint });
  if (sieve?.toText() === subscription.sieve?.toText()) return;
  client.subscribe({ ...subscription, sieve });
}
