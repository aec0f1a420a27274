/**
 * The memoised answer to "who wants this topic".
 */
import type { Group } from "./group.ts";
import type { Target } from "./subscription.ts";
import type { Topic } from "./topic.ts";

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
  /**
   * False once the router's bounded cache let go of it: still right, but matched anew at each
   * use. Whoever memoises routes checks this and asks `Router.route` again.
   */
  attached = true;
  constructor(readonly topic: Topic) {}
}
