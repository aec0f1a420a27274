/**
 * A subscription of an MQTT session.
 */
import type { QoS } from "../core/message.ts";
import type { Sieve } from "../core/sieve.ts";
import type { Subscriber, Subscription } from "../core/subscription.ts";
import type { Filter, Topic } from "../core/topic.ts";
import type { StoredShare, StoredSubscription } from "../store/types.ts";

const NO_IDENTIFIERS: readonly number[] = [];

/** What a client asked for with one filter. A new SUBSCRIBE for the name replaces the object. */
export class MqttSubscription implements Subscription, StoredSubscription {
  readonly oneOrMore = false;
  readonly matchesDollar = false;
  readonly groupByName = false;
  readonly name: string;
  readonly filter: Filter;
  readonly group: string | undefined;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: 0 | 1 | 2;
  readonly identifier: number;
  readonly sieve: Sieve | undefined;
  readonly permits: ((topic: Topic) => boolean) | undefined;
  /** The identifier as PUBLISH packets carry it. */
  readonly identifiers: readonly number[];
  /** The shared group that its messages are for; undefined for a plain subscription. */
  readonly share: StoredShare | undefined;

  constructor(options: StoredSubscription, readonly subscriber: Subscriber) {
    const { filter, group, sieve } = options;
    this.name = options.name;
    this.filter = filter;
    this.group = group;
    this.qos = options.qos;
    this.noLocal = options.noLocal;
    this.retainAsPublished = options.retainAsPublished;
    this.retainHandling = options.retainHandling;
    this.identifier = options.identifier;
    this.sieve = sieve;
    this.permits = sieve === undefined ? undefined : (topic) => sieve.permits(topic);
    this.identifiers = options.identifier === 0 ? NO_IDENTIFIERS : [options.identifier];
    this.share = group === undefined ? undefined : { group, filter };
  }
}
