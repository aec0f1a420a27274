/**
 * SUBSCRIBE and UNSUBSCRIBE. [MQTT5 3.8] [MQTT5 3.10]
 */
import type { SubscribeDecision } from "../auth/types.ts";
import type { QoS } from "../core/message.ts";
import type { Sieve } from "../core/sieve.ts";
import { ProtocolError } from "../errors.ts";
import { ReasonCode, reasonText } from "./codes.ts";
import type { Connected } from "./connected.ts";
import { encodeSuback, encodeUnsuback } from "./encode.ts";
import { type ParsedFilter, parseFilter } from "./filter.ts";
import {
  NO_PROPERTIES,
  type SubscribePacket,
  type SubscriptionRequest,
  type UnsubscribePacket,
} from "./packets.ts";
import { protocolError } from "./reader.ts";
import { findRetained } from "./replay.ts";
import type { MqttSession } from "./session.ts";
import type { MqttSubscription } from "./subscription.ts";

/** One filter of a SUBSCRIBE on its way to its reason code. */
interface Wanted {
  readonly request: SubscriptionRequest;
  /** A reason code when the filter itself is refused. */
  readonly parsed: ParsedFilter | number;
}

/** Takes a SUBSCRIBE: checks every filter, asks for permission, answers all in one SUBACK. */
export function subscribe(session: MqttSession, packet: SubscribePacket): void {
  const at = session.at!;
  const { options } = session.broker;
  const wanted = packet.subscriptions.map((request): Wanted => {
    if (request.noLocal && request.filter.startsWith("$share/")) { // [MQTT-3.8.3-4]
      throw protocolError("No Local on a shared subscription");
    }
    return { request, parsed: parseFilter(request.filter, at.mountpoint, options) };
  });
  const decisions = wanted.map(({ request, parsed }) =>
    typeof parsed === "number" ? REFUSED : at.authorizer.subscribe({
      filter: at.rulesSeeMountpoint ? parsed.mounted : parsed.filter,
      oneOrMore: false,
      matchesDollar: false,
      group: parsed.group,
      qos: request.qos,
    })
  );
  if (decisions.some((decision) => decision instanceof Promise)) {
    session.wait(
      Promise.all(decisions),
      (decided) => new Subscribing(session, packet).finish(wanted, decided),
    );
  } else {
    new Subscribing(session, packet).finish(wanted, decisions as readonly SubscribeDecision[]);
  }
}

/** What an operator subscribes a client to. */
export interface SubscribeOrder {
  /** As the client would write it. */
  readonly topic: string;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: 0 | 1 | 2;
}

/**
 * Subscribes the client to something it did not ask for; its permissions and limits hold here,
 * too. Answers with the subscription, or says why not.
 */
export async function subscribeFor(
  session: MqttSession,
  order: SubscribeOrder,
  turn: (job: () => void) => void,
): Promise<MqttSubscription | string> {
  const { at } = session;
  if (at === undefined) return "the client is not logged in";
  const parsed = parseFilter(order.topic, at.mountpoint, session.broker.options);
  if (typeof parsed === "number") return reasonText(parsed);
  if (order.noLocal && parsed.group !== undefined) return "No Local on a shared subscription";
  const decision = await at.authorizer.subscribe({
    filter: at.rulesSeeMountpoint ? parsed.mounted : parsed.filter,
    oneOrMore: false,
    matchesDollar: false,
    group: parsed.group,
    qos: order.qos,
  });
  if (!decision.allowed) return `denied by ${decision.rule} (${decision.source})`;
  let result: MqttSubscription | string = "the client has gone";
  turn(() => result = subscribeNow(session, at, order, parsed, decision));
  return result;
}

function subscribeNow(
  session: MqttSession,
  { client, subscriptions_max, ...at }: Connected,
  order: SubscribeOrder,
  { mounted, group }: ParsedFilter,
  decision: SubscribeDecision,
): MqttSubscription | string {
  if (client.connection !== session) return "the client has gone";
  const isNew = !client.subscriptions.has(order.topic);
  if (isNew && client.subscriptions.size >= subscriptions_max) {
    return reasonText(ReasonCode.QuotaExceeded);
  }
  const { subscription, replaced } = client.subscribe({
    name: order.topic,
    filter: mounted,
    group,
    qos: Math.min(order.qos, session.broker.options.max_qos_allowed) as QoS,
    noLocal: order.noLocal,
    retainAsPublished: order.retainAsPublished,
    retainHandling: order.retainHandling,
    identifier: 0,
    sieve: mountedSieve(decision, at),
  });
  if (wantsRetained(subscription, replaced)) {
    client.deliveries.replays.add(findRetained(session.broker.router.retained, subscription));
    client.deliveries.drainReplays();
  }
  return subscription;
}

/** Takes an UNSUBSCRIBE. [MQTT-3.10.4-4] */
export function unsubscribe(session: MqttSession, packet: UnsubscribePacket): void {
  const { client, mountpoint } = session.at!;
  const codes = packet.filters.map((name) => {
    const parsed = parseFilter(name, mountpoint, EVERY_FILTER);
    if (typeof parsed === "number") return parsed;
    return client.unsubscribe(name) ? ReasonCode.Success : ReasonCode.NoSubscriptionExisted;
  });
  session.broker.counters.sent.unsuback++;
  encodeUnsuback(session.link.out, session.version, packet.packetId, codes);
}

/** What rules take out of a filter, for the names of the tree. */
export function mountedSieve(
  { sieve }: SubscribeDecision,
  at: Pick<Connected, "mountpoint" | "rulesSeeMountpoint">,
): Sieve | undefined {
  return at.rulesSeeMountpoint ? sieve : sieve?.behind(at.mountpoint);
}

/** Stands in for the decision on a filter that is not valid: it is never looked at. */
const REFUSED: SubscribeDecision = { allowed: false, rule: "", source: "" };
/** What was subscribed under other settings can still be unsubscribed. */
const EVERY_FILTER = {
  max_topic_levels: Infinity,
  wildcard_subscription: true,
  shared_subscription: true,
};

/** A SUBSCRIBE whose permissions are known. */
class Subscribing {
  readonly #session: MqttSession;
  readonly #packet: SubscribePacket;
  readonly #at: Connected;
  /** What was subscribed, with whether it was there before. */
  readonly #done: { readonly subscription: MqttSubscription; readonly replaced: boolean }[] = [];
  #problem = "";

  constructor(session: MqttSession, packet: SubscribePacket) {
    this.#session = session;
    this.#packet = packet;
    this.#at = session.at!;
  }

  /** Subscribes, answers, then sends what is retained. */
  finish(wanted: readonly Wanted[], decisions: readonly SubscribeDecision[]): void {
    const session = this.#session;
    const codes = wanted.map((each, i) => this.#one(each, decisions[i]!));
    const properties = this.#problem === ""
      ? NO_PROPERTIES
      : session.ackReason(this.#problem, 2 + codes.length);
    session.broker.counters.sent.suback++;
    encodeSuback(session.link.out, session.version, this.#packet.packetId, codes, properties);
    const { deliveries } = this.#at.client;
    for (const { subscription, replaced } of this.#done) {
      if (!wantsRetained(subscription, replaced)) continue;
      deliveries.replays.add(findRetained(session.broker.router.retained, subscription));
    }
    deliveries.drainReplays();
  }

  #one({ request, parsed }: Wanted, decision: SubscribeDecision): number {
    if (typeof parsed === "number") return this.#refuse(parsed);
    const { client, subscriptions_max } = this.#at;
    const { counters } = this.#session.broker;
    if (decision.allowed) counters.authorization_allowed++;
    else {
      counters.authorization_denied++;
      if (this.#at.authorizer.denyAction === "disconnect") {
        throw new ProtocolError("subscribing is not allowed", ReasonCode.NotAuthorized, "");
      }
      return this.#refuse(ReasonCode.NotAuthorized);
    }
    const isNew = !client.subscriptions.has(request.filter);
    if (isNew && client.subscriptions.size >= subscriptions_max) {
      return this.#refuse(ReasonCode.QuotaExceeded);
    }
    const { options } = this.#session.broker;
    const qos = Math.min(request.qos, options.max_qos_allowed) as QoS; // [MQTT-3.2.2-10]
    const noLocal = this.#session.version < 5 ? options.ignore_loop_deliver : request.noLocal;
    this.#done.push(client.subscribe({
      name: request.filter,
      filter: parsed.mounted,
      group: parsed.group,
      qos,
      // Older clients have no word in it: what they share, they get. [MQTT-3.8.3-4]
      noLocal: noLocal && parsed.group === undefined,
      retainAsPublished: request.retainAsPublished,
      retainHandling: request.retainHandling,
      identifier: this.#packet.properties.subscriptionIds?.[0] ?? 0,
      sieve: mountedSieve(decision, this.#at),
    }));
    return qos;
  }

  #refuse(code: number): number {
    this.#problem ||= reasonText(code);
    return code;
  }
}

/** Whether a SUBSCRIBE gets retained messages. [MQTT-3.3.1-9..11] [MQTT5 4.8.2] */
function wantsRetained(subscription: MqttSubscription, replaced: boolean): boolean {
  if (subscription.group !== undefined) return false;
  if (subscription.retainHandling === 2) return false;
  return subscription.retainHandling === 0 || !replaced;
}
