/** What the tests of the core share: subscribers that note what they get, and a slow matcher. */
import { Message } from "../../gateway/core/message.ts";
import { toPattern } from "../../gateway/core/match.ts";
import { RetainedStore } from "../../gateway/core/retained.ts";
import { Sieve } from "../../gateway/core/sieve.ts";
import { Delivered, type Subscriber, type Subscription } from "../../gateway/core/subscription.ts";
import type { Route } from "../../gateway/core/route.ts";
import type { Target } from "../../gateway/core/subscription.ts";
import { type Filter, toFilter, type Topic, toTopic } from "../../gateway/core/topic.ts";

/** A filter and how to read it. */
export interface Spelled {
  readonly filter: string;
  readonly oneOrMore: boolean;
  /** Which `$` names a wildcard in the first level takes; `user` is all but `$SYS`. */
  readonly dollar: "none" | "user" | "all";
}

/** Level by level and as slow as can be: shares nothing with the code under test. */
export function naiveMatches(spelled: Spelled, topic: string): boolean {
  const filter = spelled.filter.split("/"), levels = topic.split("/");
  if ((filter[0] === "+" || filter[0] === "#") && levels[0]!.startsWith("$")) {
    if (spelled.dollar === "none") return false;
    if (spelled.dollar === "user" && levels[0] === "$SYS") return false;
  }
  const walk = (i: number): boolean => {
    if (i === filter.length) return i === levels.length;
    if (filter[i] === "#") return spelled.oneOrMore ? levels.length > i : levels.length >= i;
    return i < levels.length && (filter[i] === "+" || filter[i] === levels[i]) && walk(i + 1);
  };
  return walk(0);
}

/** Whether a subscription wants a topic, by the slow matcher. */
export function wants(subscription: Subscription, topic: string): boolean {
  const { filter, oneOrMore, matchesDollar } = subscription;
  return naiveMatches({ filter, oneOrMore, dollar: matchesDollar ? "user" : "none" }, topic);
}

/** The text as a topic; it must be one. */
export function topic(text: string): Topic {
  const name = toTopic(text);
  if (name === undefined) throw new Error(`no topic: ${text}`);
  return name;
}

/** The text as a filter; it must be one. */
export function filter(text: string): Filter {
  const name = toFilter(text);
  if (name === undefined) throw new Error(`no filter: ${text}`);
  return name;
}

/** What a subscriber was offered. */
export interface Noted {
  readonly subscription: Subscription;
  readonly topic: Topic;
  readonly payload: string;
}

/** A subscriber that notes what it takes. */
export class Notebook implements Subscriber {
  readonly notes: Noted[] = [];
  /** What it says to the next offers. */
  answer: Delivered = Delivered.Taken;
  constructor(readonly id: number, readonly log?: Noted[]) {}

  deliver(message: Message, target: Target): Delivered {
    if (this.answer === Delivered.Taken) {
      const { subscription } = target;
      const payload = new TextDecoder().decode(message.payload);
      const note = { subscription, topic: message.route.topic, payload };
      this.notes.push(note);
      this.log?.push(note);
    }
    return this.answer;
  }
}

/** A subscription; what is not given is as plain as can be. */
export function subscription(
  text: string,
  subscriber: Subscriber = new Notebook(1),
  changes: Partial<Subscription> = {},
): Subscription {
  return {
    filter: filter(text),
    oneOrMore: false,
    matchesDollar: false,
    group: undefined,
    groupByName: false,
    subscriber,
    noLocal: false,
    permits: undefined,
    ...changes,
  };
}

/** What is left of a filter without these. */
export function except(...filters: readonly string[]): Sieve {
  return new Sieve([filters.map((text) => ({ allow: false, pattern: toPattern(filter(text)) }))]);
}

/** A message of text, kept for good. */
export function message(route: Route, payload: string, origin = 0): Message {
  const message = new Message(route, new TextEncoder().encode(payload));
  message.owned = true;
  message.origin = origin;
  return message;
}

/** A retained store with room for everything. */
export function roomyRetained(now: () => number = () => 0): RetainedStore {
  const limits = {
    messages_max: Infinity,
    payload_bytes_max: Infinity,
    total_bytes_max: Infinity,
    expiry_ms: 0,
  };
  return new RetainedStore(limits, now);
}
