/**
 * Publish and subscribe permissions as NATS JWTs carry them, and how they are judged: by NATS
 * matching, deny first, and a deny that a wider subscription overlaps taken out per message.
 */
import { covers, matches, overlaps, type Pattern, toPattern } from "../core/match.ts";
import { Sieve } from "../core/sieve.ts";
import { toFilter } from "../core/topic.ts";
import { asNumber, asObject, asTexts, type JsonObject } from "./json.ts";
import type { AclCheck, SubscribeRequest } from "./types.ts";

/** The lists of one direction, as NATS subjects (subscribe entries may end in ` queue`). */
export interface SubjectLists {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

/** What a token says of permissions. An empty direction has no opinion. */
export interface NatsPermissions {
  readonly publish: SubjectLists;
  readonly subscribe: SubjectLists;
  /** `allow_responses`. Infinity for no limit. */
  readonly responses: { readonly max: number; readonly expires_ms: number } | undefined;
}

/** The part of `nats/subject.ts` that permissions need; `gateway.ts` passes the mapping in. */
export interface SubjectReader {
  toFilter(subject: string): { readonly filter: string; readonly oneOrMore: boolean } | undefined;
}

/** nats-server's defaults of `allow_responses`. */
const RESPONSES_MAX = 1;
const RESPONSES_EXPIRE_MS = 120_000;
const NANOSECONDS_PER_MS = 1e6;

/**
 * Reads permissions. For each direction the first place with entries wins: `nats.pub`,
 * `nats.publish`, then the same under a top-level `permissions`, where old tools put them.
 */
export function readPermissions(nats: JsonObject, legacy: unknown): NatsPermissions {
  const places = [nats, asObject(legacy) ?? {}];
  const direction = (...names: readonly string[]): SubjectLists => {
    for (const place of places) {
      for (const name of names) {
        const value = asObject(place[name]);
        const lists = { allow: asTexts(value?.allow), deny: asTexts(value?.deny) };
        if (lists.allow.length + lists.deny.length > 0) return lists;
      }
    }
    return { allow: [], deny: [] };
  };
  return {
    publish: direction("pub", "publish"),
    subscribe: direction("sub", "subscribe"),
    responses: readResponses(nats.resp),
  };
}

/** True when nothing at all was said. */
export function isEmptyPermissions(permissions: NatsPermissions): boolean {
  const { publish, subscribe, responses } = permissions;
  return publish.allow.length + publish.deny.length + subscribe.allow.length +
          subscribe.deny.length === 0 && responses === undefined;
}

function readResponses(value: unknown): NatsPermissions["responses"] {
  const resp = asObject(value);
  if (resp === undefined) return undefined;
  const max = asNumber(resp.max) ?? 0;
  const ttl_ms = (asNumber(resp.ttl) ?? 0) / NANOSECONDS_PER_MS;
  return {
    max: max < 0 ? Infinity : max || RESPONSES_MAX,
    expires_ms: ttl_ms < 0 ? Infinity : ttl_ms || RESPONSES_EXPIRE_MS,
  };
}

/** Makes the check. `source` is what decisions name as their ground. */
export function compilePermissions(
  permissions: NatsPermissions,
  subjects: SubjectReader,
  source: string,
): AclCheck {
  const publish = compile(permissions.publish, subjects);
  const subscribe = compile(permissions.subscribe, subjects);
  // As in nats-server: who may answer, and is given no publish list, may only answer.
  const onlyResponses = permissions.responses !== undefined && publish.allow.length === 0;
  return {
    ...(permissions.responses === undefined ? {} : { responses: permissions.responses }),
    publish(topic) {
      const denied = publish.deny.find((entry) => matches(entry.pattern, topic));
      if (denied !== undefined) return { allowed: false, rule: ruleText("deny", denied), source };
      if (publish.allow.length === 0) {
        if (!onlyResponses) return undefined;
        return { allowed: false, rule: "nats publish: only responses", source };
      }
      const allowed = publish.allow.find((entry) => matches(entry.pattern, topic));
      return allowed === undefined
        ? { allowed: false, rule: "nats publish: not in the allow list", source }
        : { allowed: true, rule: ruleText("allow", allowed), source };
    },
    subscribe: (request) => judgeSubscribe(subscribe, request, source),
    describe: () => [
      ...describe("publish", permissions.publish),
      ...(onlyResponses ? ["allow publish of responses, nothing else"] : []),
      ...describe("subscribe", permissions.subscribe),
    ],
  };
}

function describe(action: string, { allow, deny }: SubjectLists): string[] {
  return [
    ...(deny.length > 0 ? [`deny ${action} ${JSON.stringify(deny)}`] : []),
    ...(allow.length > 0 ? [`allow ${action} ${JSON.stringify(allow)}, nothing else`] : []),
  ];
}

interface Entry {
  readonly text: string;
  readonly pattern: Pattern;
  /** Queue name, may hold NATS wildcards. */
  readonly queue: string | undefined;
}

interface Entries {
  readonly allow: readonly Entry[];
  readonly deny: readonly Entry[];
}

function ruleText(kind: "allow" | "deny", entry: Entry): string {
  return `nats ${kind} ${JSON.stringify(entry.text)}`;
}

function judgeSubscribe(
  lists: Entries,
  request: SubscribeRequest,
  source: string,
): ReturnType<AclCheck["subscribe"]> {
  const wanted = toPattern(request.filter, {
    oneOrMore: request.oneOrMore,
    dollar: request.matchesDollar ? "user" : "none",
  });
  const denied = decisive(lists.deny.filter((entry) => covers(entry.pattern, wanted)), request);
  if (denied !== undefined) return { allowed: false, rule: ruleText("deny", denied), source };
  let rule = "nats subscribe: no allow list";
  if (lists.allow.length > 0) {
    const allowed = decisive(lists.allow.filter((entry) => covers(entry.pattern, wanted)), request);
    if (allowed === undefined) {
      return { allowed: false, rule: "nats subscribe: not in the allow list", source };
    }
    rule = ruleText("allow", allowed);
  }
  const except = lists.deny.filter((entry) =>
    (entry.queue === undefined || queueMatches(entry.queue, request.group)) &&
    overlaps(entry.pattern, wanted)
  );
  if (except.length > 0) {
    const layer = except.map(({ pattern }) => ({ allow: false, pattern }));
    return { allowed: true, rule, source, sieve: new Sieve([layer]) };
  }
  return lists.allow.length > 0 ? { allowed: true, rule, source } : undefined;
}

/**
 * The entry that speaks for the request. For a queue subscription entries that name queues, if
 * any cover the subject, speak alone; a plain subscription only hears plain entries.
 */
function decisive(covering: readonly Entry[], request: SubscribeRequest): Entry | undefined {
  const queued = covering.filter((entry) => entry.queue !== undefined);
  if (request.group !== undefined && queued.length > 0) {
    return queued.find((entry) => queueMatches(entry.queue!, request.group));
  }
  return covering.find((entry) => entry.queue === undefined);
}

function compile(lists: SubjectLists, subjects: SubjectReader): Entries {
  return { allow: entries(lists.allow, subjects), deny: entries(lists.deny, subjects) };
}

/** An entry that is no subject stands for nothing; the list still counts as one. */
function entries(texts: readonly string[], subjects: SubjectReader): Entry[] {
  return texts.map((text) => {
    const [subject, queue] = text.trim().split(/\s+/) as [string, string | undefined];
    const spelled = subjects.toFilter(subject);
    const filter = spelled === undefined ? undefined : toFilter(spelled.filter);
    const pattern: Pattern = filter === undefined
      ? NOTHING
      : toPattern(filter, { oneOrMore: spelled!.oneOrMore, dollar: "all" });
    return { text, pattern, queue };
  });
}

// No topic has a level with NUL in it.
const NOTHING: Pattern = { levels: ["\0"], moreMin: -1, dollar: "none" };

/** NATS matching of a queue name against an entry such as `grp.*`. */
function queueMatches(wanted: string, group: string | undefined): boolean {
  if (group === undefined) return false;
  const tokens = wanted.split("."), name = group.split(".");
  for (let i = 0; i < tokens.length; i++) {
    if (tokens[i] === ">" && i === tokens.length - 1) return name.length > i;
    if (i >= name.length || (tokens[i] !== "*" && tokens[i] !== name[i])) return false;
  }
  return tokens.length === name.length;
}
