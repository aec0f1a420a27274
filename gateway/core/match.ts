/**
 * Sets of topics and how they relate: does a filter match a topic, does one filter cover another,
 * do two overlap. For permissions and one-off questions; subscriptions are matched by the trie.
 */
import type { Filter } from "./topic.ts";

/**
 * Which `$` names a wildcard in the first level takes: `none` is the MQTT rule [MQTT-4.7.2-1],
 * `user` all but `$SYS` (what NATS clients may ask for), `all` every name (NATS permissions).
 */
export type Dollar = "none" | "user" | "all";

/** A filter made ready for comparing. Two patterns that match the same topics look the same. */
export interface Pattern {
  /** Levels in order, `+` for any one. Does not end in `+` when more levels may follow. */
  readonly levels: readonly string[];
  /** -1: exactly these levels. Else the least number of further levels that must follow. */
  readonly moreMin: number;
  readonly dollar: Dollar;
}

/** How to read a filter. */
export interface PatternOptions {
  /** True: the final `#` takes one level or more (NATS `>`). False: also none (MQTT). */
  readonly oneOrMore?: boolean;
  readonly dollar?: Dollar;
}

/** The pattern of a valid filter. */
export function toPattern(filter: Filter, options: PatternOptions = {}): Pattern {
  const dollar = options.dollar ?? "none";
  const levels = filter.split("/");
  if (levels.at(-1) !== "#") return { levels, moreMin: -1, dollar };
  levels.pop();
  // A topic has at least one level, so a lone `#` takes one or more under either rule.
  let moreMin = options.oneOrMore || levels.length === 0 ? 1 : 0;
  // `a/+/#` and NATS `a.>` are the same set: a `+` before the rest is one more level at least.
  while (levels.at(-1) === "+") {
    levels.pop();
    moreMin++;
  }
  return { levels, moreMin, dollar };
}

/** A topic as the set of just itself, to be compared with other patterns. */
export function topicPattern(topic: string): Pattern {
  return { levels: topic.split("/"), moreMin: -1, dollar: "all" };
}

/** Every topic, `$SYS` included. */
export const EVERYTHING: Pattern = { levels: [], moreMin: 1, dollar: "all" };

/** True when every topic that `narrow` matches is matched by `wide` as well. */
export function covers(wide: Pattern, narrow: Pattern): boolean {
  if (wide.moreMin < 0) {
    if (narrow.moreMin >= 0 || narrow.levels.length !== wide.levels.length) return false;
  } else if (lengthMin(narrow) < lengthMin(wide)) return false;
  for (let i = 0; i < wide.levels.length; i++) {
    const level = wide.levels[i];
    if (level !== "+" && level !== narrow.levels[i]) return false;
  }
  return !startsWild(wide) || dollarCovers(wide.dollar, narrow);
}

/** True when some topic is matched by both. */
export function overlaps(a: Pattern, b: Pattern): boolean {
  if (a.moreMin < 0 && lengthMin(b) > a.levels.length) return false;
  if (b.moreMin < 0 && lengthMin(a) > b.levels.length) return false;
  const shared = Math.min(a.levels.length, b.levels.length);
  for (let i = 0; i < shared; i++) {
    const x = a.levels[i], y = b.levels[i];
    if (x !== y && x !== "+" && y !== "+") return false;
  }
  if (startsWild(a)) return startsWild(b) || dollarCovers(a.dollar, b);
  return !startsWild(b) || dollarCovers(b.dollar, a);
}

/** True when the pattern matches the topic. */
export function matches(pattern: Pattern, topic: string): boolean {
  return covers(pattern, topicPattern(topic));
}

function lengthMin(pattern: Pattern): number {
  return pattern.levels.length + Math.max(pattern.moreMin, 0);
}

function startsWild(pattern: Pattern): boolean {
  return pattern.levels.length === 0 || pattern.levels[0] === "+";
}

const DOLLAR_RANK: Readonly<Record<Dollar, number>> = { none: 0, user: 1, all: 2 };

/** True when a first-level wildcard of kind `dollar` takes all first levels of `pattern`. */
function dollarCovers(dollar: Dollar, pattern: Pattern): boolean {
  if (startsWild(pattern)) return DOLLAR_RANK[dollar] >= DOLLAR_RANK[pattern.dollar];
  const first = pattern.levels[0]!;
  if (!first.startsWith("$")) return true;
  return dollar === "all" || (dollar === "user" && first !== "$SYS");
}
