/**
 * Who may not come in. A new ban also ends the connections that it concerns.
 */
import * as v from "valibot";
import type { Ban } from "../../gateway/control.ts";
import { type Api, done, json, notFound } from "../api.ts";
import { Problem } from "../problem.ts";
import { Name, pageBody, pageOf, Paging, slice, Text } from "../schemas.ts";

const KINDS = [
  "clientid",
  "username",
  "peerhost",
  "clientid_re",
  "username_re",
  "peerhost_net",
] as const;
const common = { tag: "Bans", scope: "access_control" } as const;
const kind = v.picklist(KINDS, `expected one of ${KINDS.join(", ")}`);
/** RFC 3339, seconds since the epoch, or `infinity`. */
const time = v.optional(v.union([v.number(), Text], "expected a time"));
const BanObject = v.strictObject({
  as: v.picklist(KINDS),
  who: v.string(),
  by: v.string(),
  reason: v.string(),
  at: v.string(),
  until: v.string(),
});
const FILTERS = [
  "clientid",
  "username",
  "peerhost",
  "like_clientid",
  "like_username",
  "like_peerhost",
  "like_peerhost_net",
] as const;

/** `/banned…`. */
export function banRoutes(api: Api): void {
  const { control } = api.deps;
  const { bans } = control.access;
  api.on({
    ...common,
    method: "get",
    path: "/banned",
    summary: "List bans",
    query: v.object({
      ...Paging,
      ...v.entriesFromList(FILTERS, v.optional(Text)),
    }),
    answers: { 200: pageOf(BanObject) },
  }, ({ query }) => {
    const asked = FILTERS.filter((name) => query[name] !== undefined);
    if (asked.length > 1) throw new Problem(400, "BAD_REQUEST", "give one filter at most");
    const fits = asked.length === 0 ? () => true : banFilter(asked[0]!, query[asked[0]!]!);
    return json(pageBody(slice(bans.list().filter(fits), query), query, banObject));
  });

  api.on({
    ...common,
    method: "post",
    path: "/banned",
    summary: "Ban somebody",
    body: v.strictObject({
      as: kind,
      who: Name,
      by: v.optional(Text),
      reason: v.optional(Text, ""),
      at: time,
      until: time,
    }),
    answers: { 200: BanObject },
  }, ({ body, caller }) => {
    const now = control.calendar();
    const until = timeOf(body.until, "until") ?? Infinity;
    if (until <= now) throw new Problem(400, "BAD_REQUEST", "until: has already passed");
    const { as, who, reason, by = "mgmt_api" } = body;
    const at = timeOf(body.at, "at") ?? now;
    const ban: Ban = { as, who, by, reason, at, ...(until !== Infinity && { until }) };
    if (!bans.add(ban)) throw new Problem(400, "ALREADY_EXISTS", "there is such a ban already");
    control.clients.kickBanned(caller.name);
    return json(banObject(ban));
  });

  api.on({
    ...common,
    method: "delete",
    path: "/banned",
    summary: "Lift all bans",
    answers: { 204: null },
  }, () => {
    bans.clear();
    return done();
  });

  api.on({
    ...common,
    method: "delete",
    path: "/banned/{as}/{who}",
    summary: "Lift a ban",
    answers: { 204: null },
    errors: [404],
  }, ({ params }) => {
    const as = KINDS.find((known) => known === params.as);
    if (as === undefined || !bans.delete(as, params.who!)) notFound("there is no such ban");
    return done();
  });
}

function banObject({ as, who, by, reason, at, until }: Ban) {
  return {
    as,
    who,
    by,
    reason,
    at: new Date(at).toISOString(),
    until: until === undefined ? "infinity" : new Date(until).toISOString(),
  };
}

function banFilter(name: (typeof FILTERS)[number], text: string): (ban: Ban) => boolean {
  const as = name.replace(/^like_/, "");
  if (!name.startsWith("like_")) return (ban) => ban.as === as && ban.who === text;
  let expression: RegExp;
  try {
    expression = new RegExp(text, "u");
  } catch {
    throw new Problem(400, "BAD_REQUEST", `${name}: this is not a valid regular expression`);
  }
  return (ban) => ban.as === as && expression.test(ban.who);
}

/** The last time that can be written as a date. */
const TIME_MAX = 8.64e15;

function timeOf(value: string | number | undefined, name: string): number | undefined {
  if (value === undefined) return undefined;
  if (value === "infinity") return Infinity;
  const time = typeof value === "number" ? value * 1000 : Date.parse(value);
  if (Math.abs(time) <= TIME_MAX) return time;
  throw new Problem(400, "BAD_REQUEST", `${name}: expected RFC 3339, seconds, or infinity`);
}
