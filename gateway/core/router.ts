/**
 * The only door from a protocol into the core: finds who wants a message and hands it to them.
 */
import { type GroupStrategy, groupTargets } from "./group.ts";
import type { Message } from "./message.ts";
import type { RetainedStore } from "./retained.ts";
import { Route } from "./route.ts";
import { Delivered, type Subscription, Target } from "./subscription.ts";
import { hasWildcard, type Topic } from "./topic.ts";
import { TopicTrie } from "./trie.ts";
import { assert } from "../errors.ts";

/** How much the route cache may hold. Beyond it the oldest routes are let go. */
export interface RouteCacheLimits {
  /** Most topics with a cached match. */
  readonly routes_max: number;
  /** Most targets in all cached matches together, about 100 bytes each; one route may have more. */
  readonly targets_max: number;
}

/** Defaults of the route cache. */
const ROUTE_CACHE_LIMITS: RouteCacheLimits = { routes_max: 65_536, targets_max: 1_000_000 };

/** Publishes, subscribes, and keeps what it found out. */
export class Router {
  readonly #trie = new TopicTrie();
  readonly #routes = new Map<Topic, Route>();
  #cachedTargets = 0;
  #publishing = false;
  /** How members of shared groups are picked. */
  strategy: GroupStrategy = "round_robin";

  constructor(
    readonly retained: RetainedStore,
    readonly limits: RouteCacheLimits = ROUTE_CACHE_LIMITS,
  ) {}

  /** Number of subscriptions of all clients. */
  get subscriptions(): number {
    return this.#trie.size;
  }

  /** Number of topics with a cached match. */
  get cachedRoutes(): number {
    return this.#routes.size;
  }

  /** Number of targets in all cached matches together. */
  get cachedTargets(): number {
    return this.#cachedTargets;
  }

  /** Finds or makes the route of a topic. */
  route(topic: Topic): Route {
    let route = this.#routes.get(topic);
    if (route === undefined) {
      this.#makeRoom(this.limits.routes_max - 1, undefined);
      this.#routes.set(topic, route = new Route(topic));
    }
    return route;
  }

  /**
   * Fans the message out and retains it if it says so. Returns how many subscribers took it (a
   * group counts as one): 0 lets NATS answer 503 and MQTT reason code 0x10.
   */
  publish(message: Message): number {
    assert(!this.#publishing, "a subscriber published from inside deliver()");
    this.#publishing = true;
    try {
      return this.#fanOut(message);
    } finally {
      this.#publishing = false;
    }
  }

  /**
   * Publishes the first `count` messages, all of one route without groups, none retained:
   * subscriber by subscriber, each gets them in order.
   */
  publishAll(messages: readonly Message[], count: number): void {
    assert(!this.#publishing, "a subscriber published from inside deliver()");
    this.#publishing = true;
    try {
      const { route, origin } = messages[0]!;
      this.refresh(route);
      for (const target of route.direct) {
        const { subscriber, noLocal } = target.subscription;
        if (noLocal && subscriber.id === origin) {
          for (let i = 0; i < count; i++) subscriber.skipped?.();
          continue;
        }
        for (let i = 0; i < count; i++) subscriber.deliver(messages[i]!, target);
      }
    } finally {
      this.#publishing = false;
    }
  }

  #fanOut(message: Message): number {
    const route = message.route;
    this.refresh(route);
    const origin = message.origin;
    const direct = route.direct;
    let takers = 0;
    for (let i = 0; i < direct.length; i++) {
      const target = direct[i]!;
      const subscription = target.subscription;
      if (subscription.noLocal && subscription.subscriber.id === origin) {
        subscription.subscriber.skipped?.();
        continue;
      }
      if (subscription.subscriber.deliver(message, target) !== Delivered.Refused) takers++;
    }
    const groups = route.groups;
    for (let i = 0; i < groups.length; i++) {
      if (groups[i]!.deliver(message, this.strategy)) takers++;
    }
    if (message.retain) this.retained.store(message);
    return takers;
  }

  /** Adds a subscription; false when this object was already subscribed. */
  subscribe(subscription: Subscription): boolean {
    if (!this.#trie.insert(subscription)) return false;
    this.#touch(subscription);
    return true;
  }

  /** Removes a subscription; false when it was not there. */
  unsubscribe(subscription: Subscription): boolean {
    if (!this.#trie.remove(subscription)) return false;
    this.#touch(subscription);
    return true;
  }

  /** Makes all cached matches stale: what `Subscription.permits` answers has changed. */
  invalidate(): void {
    this.#trie.invalidate();
  }

  /** A literal filter changes one route; wildcards bumped the trie's generation. */
  #touch(subscription: Subscription): void {
    if (hasWildcard(subscription.filter)) return;
    const route = this.#routes.get(subscription.filter as string as Topic);
    if (route !== undefined) route.generation = -1;
  }

  /** Brings the matches of a route up to date, for who wants to look at them. */
  refresh(route: Route): void {
    if (route.generation !== this.#trie.generation) this.#match(route);
  }

  #match(route: Route): void {
    const found: Subscription[] = [];
    this.#trie.match(route.topic, found);
    const shared: Target[] = [];
    if (route.attached) this.#cachedTargets -= targetsOf(route);
    route.direct = [];
    for (const subscription of found) {
      if (subscription.permits?.(route.topic) === false) continue;
      const target = new Target(subscription);
      if (subscription.group === undefined) route.direct.push(target);
      else shared.push(target);
    }
    route.groups = shared.length === 0 ? [] : groupTargets(shared);
    // A detached route stays stale: nobody would tell it of a new literal subscription.
    if (!route.attached) return;
    route.generation = this.#trie.generation;
    this.#cachedTargets += targetsOf(route);
    if (this.#cachedTargets > this.limits.targets_max) {
      this.#makeRoom(this.limits.routes_max, route);
    }
  }

  /**
   * Lets go of the oldest routes but `spared` until the rest is within the limits, and then of
   * some more: to find the oldest in a `Map` costs the more, the more were deleted since it was
   * last compacted, so that one by one would take longer than the match.
   */
  #makeRoom(routes_max: number, spared: Route | undefined): void {
    const { targets_max } = this.limits;
    if (this.#routes.size <= routes_max && this.#cachedTargets <= targets_max) return;
    for (const oldest of this.#routes.values()) {
      const roomy = this.#routes.size <= routes_max * ROOMY &&
        this.#cachedTargets <= targets_max * ROOMY;
      if (roomy) return;
      if (oldest === spared) continue;
      this.#routes.delete(oldest.topic);
      this.#cachedTargets -= targetsOf(oldest);
      oldest.attached = false;
      oldest.generation = -1;
      oldest.direct = [];
      oldest.groups = [];
    }
  }
}

/** How full the route cache is once room was made, as a part of its limits. */
const ROOMY = 15 / 16;

function targetsOf(route: Route): number {
  let count = route.direct.length;
  for (const group of route.groups) count += group.members.length;
  return count;
}
