/**
 * Shared groups: of all members that match a topic, one gets each message.
 */
import type { Message } from "./message.ts";
import { Delivered, type Target } from "./subscription.ts";

/** How the member is picked. */
export type GroupStrategy =
  | "round_robin"
  | "random"
  | "sticky"
  | "hash_clientid"
  | "hash_topic";

/**
 * The members of one shared group that match one route. NATS queue groups are one group for a
 * name whatever the filters, MQTT share names one group for each filter; who belongs together is
 * decided by `groupTargets`.
 */
export class Group {
  readonly members: Target[] = [];
  #next = -1;
  constructor(readonly name: string) {}

  /**
   * Offers the message to one member after the other, from the one the strategy picks, until
   * one takes it. A member that is full or gone, or is the publisher itself and wants no echo,
   * is passed over; members that are away are asked last. Returns true when the message found a
   * member.
   */
  deliver(message: Message, strategy: GroupStrategy): boolean {
    const first = this.#pick(message, strategy, this.members.length);
    return this.#offer(message, first, false) || this.#offer(message, first, true);
  }

  /** Goes once around the members that are there, or once around those that are away. */
  #offer(message: Message, first: number, away: boolean): boolean {
    const count = this.members.length;
    let index = first;
    for (let tries = 0; tries < count; tries++) {
      const target = this.members[index]!;
      const { subscriber, noLocal } = target.subscription;
      const asked = (subscriber.away ?? false) === away &&
        !(noLocal && subscriber.id === message.origin);
      if (asked && subscriber.deliver(message, target) !== Delivered.Refused) {
        this.#next = index;
        return true;
      }
      if (++index === count) index = 0;
    }
    return false;
  }

  #pick(message: Message, strategy: GroupStrategy, count: number): number {
    switch (strategy) {
      case "round_robin": {
        // A group is made anew when subscriptions change: a random start keeps the load even.
        if (this.#next < 0) return Math.floor(Math.random() * count);
        const index = this.#next + 1;
        return index < count ? index : 0;
      }
      case "random":
        return Math.floor(Math.random() * count);
      case "sticky":
        return this.#next < 0 || this.#next >= count
          ? Math.floor(Math.random() * count)
          : this.#next;
      case "hash_clientid":
        return message.originHash % count;
      case "hash_topic":
        return hash(message.route.topic) % count;
    }
  }
}

/**
 * Sorts group members of one route into groups. Members whose protocol groups by name (NATS) go
 * together by name. A member that groups by filter (MQTT) goes with the others of its name and
 * filter, and joins the group of that name when one of its by-name members has the same filter.
 */
export function groupTargets(targets: readonly Target[]): Group[] {
  const groups = new Map<string, Group>();
  const namedFilters = new Set<string>();
  const key = (name: string, filter: string) => `${name.length}:${name}${filter}`;
  const add = (groupKey: string, target: Target) => {
    let group = groups.get(groupKey);
    if (group === undefined) groups.set(groupKey, group = new Group(target.subscription.group!));
    group.members.push(target);
  };
  for (const target of targets) {
    const { group, groupByName, filter } = target.subscription;
    if (!groupByName) continue;
    add(key(group!, ""), target);
    namedFilters.add(key(group!, filter));
  }
  for (const target of targets) {
    const { group, groupByName, filter } = target.subscription;
    if (groupByName) continue;
    const shared = namedFilters.has(key(group!, filter));
    add(key(group!, shared ? "" : filter), target);
  }
  return [...groups.values()];
}

/**
 * What `hash_clientid` goes by, computed once for each client and carried by its messages: the
 * same for a client id wherever and whenever it connects.
 */
export function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  // The low bits pick the member, and are the poorest. Within 30 bits V8 keeps it unboxed.
  return (h ^ h >>> 15) & 0x3fffffff;
}
