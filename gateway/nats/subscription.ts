/**
 * One SUB of one NATS client.
 */
import type { Subscriber, Subscription } from "../core/subscription.ts";
import type { Filter, Topic } from "../core/topic.ts";

/** A subscription and its message budget. */
export class NatsSubscription implements Subscription {
  readonly groupByName = true;
  /** Messages delivered since the SUB. */
  delivered = 0;
  /** Ends after so many messages, counted from the SUB; 0 for no end. [NATS-UNSUB] */
  max = 0;
  /** False once unsubscribed: a fan-out under way may still come by. */
  active = true;

  constructor(
    readonly subscriber: Subscriber,
    /** As the client wrote it. */
    readonly subject: string,
    /** As the client chose it, one character for each byte. */
    readonly sid: string,
    readonly filter: Filter,
    readonly oneOrMore: boolean,
    readonly matchesDollar: boolean,
    readonly group: string | undefined,
    /** Follows the `echo` of the connection, which a second CONNECT may change. */
    public noLocal: boolean,
    readonly permits: ((topic: Topic) => boolean) | undefined,
  ) {}
}
