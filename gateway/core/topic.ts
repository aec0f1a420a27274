/**
 * Canonical names. Inside the gateway every topic and filter is in the MQTT spelling, with the
 * mountpoint; `gateway/nats/subject.ts` translates to and from NATS subjects.
 */

/** A validated topic: levels joined by `/`, no wildcards, no NUL. [MQTT-4.7.1-1] [MQTT-4.7.3-1] */
export type Topic = string & { readonly __topic: unique symbol };
/** A validated filter: `+` and `#` only as whole levels, `#` only last. [MQTT-4.7.1-1..3] */
export type Filter = string & { readonly __filter: unique symbol };

/** Longest topic or filter in bytes of UTF-8, a limit of the MQTT string format. [MQTT-4.7.3-3] */
export const TOPIC_BYTES_MAX = 65535;

/** Why a name is not a topic or filter; undefined when it is one. */
export type NameProblem =
  | "empty"
  | "too long"
  | "contains NUL"
  | "contains a wildcard"
  | "misplaced wildcard"
  | "too many levels";

/** True in `$SYS`: what clients say there would be taken for the broker's own words. */
export function isBrokersOwn(topic: Topic): boolean {
  return topic === "$SYS" || topic.startsWith("$SYS/");
}

/** Checks a topic name. `levels_max`: most levels allowed. */
export function topicProblem(name: string, levels_max = Infinity): NameProblem | undefined {
  const problem = nameProblem(name, levels_max);
  if (problem !== undefined) return problem;
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i);
    if (c === PLUS || c === HASH) return "contains a wildcard";
  }
  return undefined;
}

/** Checks a filter (without share prefix). */
export function filterProblem(name: string, levels_max = Infinity): NameProblem | undefined {
  const problem = nameProblem(name, levels_max);
  if (problem !== undefined) return problem;
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i);
    if (c !== PLUS && c !== HASH) continue;
    const startsLevel = i === 0 || name.charCodeAt(i - 1) === SLASH;
    const last = i === name.length - 1;
    const endsLevel = last || (c === PLUS && name.charCodeAt(i + 1) === SLASH);
    if (!startsLevel || !endsLevel) return "misplaced wildcard";
  }
  return undefined;
}

/** The name as a topic; undefined when it is none. */
export function toTopic(name: string, levels_max = Infinity): Topic | undefined {
  return topicProblem(name, levels_max) === undefined ? name as Topic : undefined;
}

/** The name as a filter; undefined when it is none. */
export function toFilter(name: string, levels_max = Infinity): Filter | undefined {
  return filterProblem(name, levels_max) === undefined ? name as Filter : undefined;
}

/** True when the filter holds `+` or `#`. */
export function hasWildcard(filter: string): boolean {
  return filter.includes("+") || filter.includes("#");
}

const PLUS = 0x2b;
const HASH = 0x23;
const SLASH = 0x2f;

function nameProblem(name: string, levels_max: number): NameProblem | undefined {
  if (name.length === 0) return "empty";
  let levels = 1;
  let bytes = name.length;
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i);
    if (c === 0) return "contains NUL";
    if (c === SLASH) levels++;
    // UTF-16 units beyond ASCII take 2 or 3 bytes; each half of a surrogate pair takes 2.
    else if (c >= 0x80) bytes += c < 0x800 || (c >= 0xd800 && c < 0xe000) ? 1 : 2;
  }
  if (bytes > TOPIC_BYTES_MAX) return "too long";
  if (levels > levels_max) return "too many levels";
  return undefined;
}
