/**
 * Filters as MQTT clients write them: `$share/name/filter`, and which are allowed.
 */
import { type Filter, hasWildcard, toFilter } from "../core/topic.ts";
import { mount } from "../core/mountpoint.ts";
import { ReasonCode } from "./codes.ts";
import type { MqttOptions } from "./options.ts";

/** A filter taken apart and checked. */
export interface ParsedFilter {
  /** As rules see it: without share prefix and mountpoint. */
  readonly filter: Filter;
  /** As the trie sees it: with mountpoint. */
  readonly mounted: Filter;
  /** The share name. [MQTT5 4.8.2] */
  readonly group: string | undefined;
}

/** The filter rules that come from settings. */
export type FilterLimits = Pick<
  MqttOptions,
  "max_topic_levels" | "wildcard_subscription" | "shared_subscription"
>;

const SHARE_PREFIX = "$share/";

/**
 * Takes the filter of SUBSCRIBE or UNSUBSCRIBE apart. Returns the reason code when it is not
 * valid [MQTT-4.7.1-1] [MQTT-4.7.3-1] [MQTT-4.8.2-1] [MQTT-4.8.2-2] or not allowed here.
 */
export function parseFilter(
  name: string,
  mountpoint: string,
  limits: FilterLimits,
): ParsedFilter | number {
  const parts = splitShare(name);
  const filter = parts && toFilter(parts.filter, limits.max_topic_levels);
  const mounted = parts && toFilter(mount(mountpoint, parts.filter));
  if (filter === undefined || mounted === undefined) return ReasonCode.TopicFilterInvalid;
  const { group } = parts!;
  if (group !== undefined && !limits.shared_subscription) {
    return ReasonCode.SharedSubscriptionsNotSupported;
  }
  if (!limits.wildcard_subscription && hasWildcard(filter)) {
    return ReasonCode.WildcardSubscriptionsNotSupported;
  }
  return { filter, mounted, group };
}

/**
 * `$share/<group>/<filter>` in its parts; the group is undefined for other filters. Undefined when
 * it has no group, or one with a wildcard. The rest is not looked at.
 */
export function splitShare(
  name: string,
): { readonly group: string | undefined; readonly filter: string } | undefined {
  if (!name.startsWith(SHARE_PREFIX)) return { group: undefined, filter: name };
  const slash = name.indexOf("/", SHARE_PREFIX.length);
  const group = name.slice(SHARE_PREFIX.length, slash);
  if (slash < 0 || group === "" || hasWildcard(group)) return undefined;
  return { group, filter: name.slice(slash + 1) };
}
