/**
 * The memoised answer to "who wants this topic, and how is it spelled".
 */
import type { Target } from "./subscription.ts";
import type { Topic } from "./topic.ts";
import type { Group } from "./group.ts";

/**
 * Everything about one topic that publishing needs. A repeat publish decodes, translates and
 * matches nothing. Made by `Router.route`; `Router.publish` refreshes it when subscriptions
 * changed.
 */
export class Route {
  /** Plain subscriptions that match. */
  direct: Target[] = [];
  /** Shared groups that match; one member each gets a message. */
  groups: Group[] = [];
  /** Trie generation for which `direct` and `groups` hold; -1: stale. */
  generation = -1;
  constructor(readonly topic: Topic) {}
}
