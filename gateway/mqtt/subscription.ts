/**
 * A subscription of an MQTT session.
 */
import type { QoS } from "../core/message.ts";
import type { Subscriber, Subscription } from "../core/subscription.ts";
import type { Filter, Topic } from "../core/topic.ts";
import type { StoredSubscription } from "../store/types.ts";

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
  /** The identifier as PUBLISH packets carry it. */
  readonly identifiers: readonly number[];

  constructor(
    options: StoredSubscription,
    readonly subscriber: Subscriber,
    readonly permits: ((topic: Topic) => boolean) | undefined,
  ) {
    this.name = options.name;
    this.filter = options.filter;
    this.group = options.group;
    this.qos = options.qos;
    this.noLocal = options.noLocal;
    this.retainAsPublished = options.retainAsPublished;
    this.retainHandling = options.retainHandling;
    this.identifier = options.identifier;
    this.identifiers = options.identifier === 0 ? NO_IDENTIFIERS : [options.identifier];
  }
}
