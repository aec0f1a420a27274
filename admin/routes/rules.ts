/**
 * Rules in the built-in database: of users, of client ids, and for everybody.
 */
import * as v from "valibot";
import type { OwnedRules, RuleOwner } from "../../gateway/control.ts";
import { type Api, done, json, notFound } from "../api.ts";
import { Problem } from "../problem.ts";
import { Name, pageBody, pageOf, Paging, slice, Text } from "../schemas.ts";

const BASE = "/authorization/sources/built_in_database/rules";
const common = { tag: "Built-in rules", scope: "access_control" } as const;
const rules = v.array(v.record(v.string(), v.unknown()), "expected an array of rules");
const word = v.optional(v.string());
/** Rules as they are shown: as they were written. */
const Rules = v.array(v.looseObject({
  permission: v.picklist(["allow", "deny"]),
  action: v.string(),
  topic: word,
  topics: v.optional(v.array(v.string())),
  qos: v.optional(v.union([v.number(), v.string(), v.array(v.number())])),
  retain: v.optional(v.union([v.boolean(), v.number(), v.string()])),
  clientid_re: word,
  username_re: word,
  zone: word,
  zone_re: word,
  listener: word,
  listener_re: word,
  ipaddr: word,
}));

/** What differs between users and client ids. */
const OWNERS = [
  { kind: "users", key: "username", alias: "username" },
  { kind: "clients", key: "clientid", alias: "clientid" },
] as const;
type Owner = (typeof OWNERS)[number];

/** `/authorization/sources/built_in_database/rules…`. */
export function ruleRoutes(api: Api): void {
  for (const owner of OWNERS) {
    listRoutes(api, owner);
    ownerRoutes(api, owner);
  }
  commonRoutes(api);
}

/** @throws {Problem} 404 when the source is not configured */
function checkSource({ deps: { control } }: Api): { readonly enable?: boolean } {
  const sources = control.config.current.authorization.sources;
  return sources.find(({ type }) => type === "built_in_database") ??
    notFound("the source built_in_database is not configured");
}

/** All of them, or none. */
function put(api: Api, kind: RuleOwner, entries: readonly OwnedRules[]): void {
  try {
    api.deps.control.access.rules.put(kind, ...entries);
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "RuleProblem") throw error;
    throw new Problem(400, "BAD_REQUEST", `rules: ${error.message}`);
  }
}

function listRoutes(api: Api, { kind, key, alias }: Owner): void {
  const table = api.deps.control.access.rules;
  const place = { ...common, path: `${BASE}/${kind}`, aliases: [aliasOf(alias)] } as const;
  api.on({
    ...place,
    method: "get",
    summary: `List rules of ${kind}`,
    query: v.object({ ...Paging, [`like_${key}`]: v.optional(Text) }),
    answers: { 200: pageOf(v.strictObject({ [key]: v.string(), rules: Rules })) },
    errors: [404],
  }, ({ query }) => {
    checkSource(api);
    const like = (query as Record<string, unknown>)[`like_${key}`] as string | undefined;
    const paging = query as unknown as { page: number; limit: number };
    const found = table.list(kind).filter(({ owner }) =>
      like === undefined || owner.includes(like)
    );
    const page = slice(found, paging);
    return json(pageBody(page, paging, ({ owner, rules }) => ({ [key]: owner, rules })));
  });

  api.on({
    ...place,
    method: "post",
    summary: `Add rules of ${kind}`,
    body: v.array(v.strictObject({ [key]: Name, rules }), "expected an array"),
    answers: { 204: null },
    errors: [404, 409],
  }, ({ body }) => {
    checkSource(api);
    const entries = body as unknown as readonly Record<string, unknown>[];
    const added = entries.map((one) => ({
      owner: String(one[key]),
      rules: one.rules as unknown[],
    }));
    const twice = added.find(({ owner }, i) => added.findIndex((one) => one.owner === owner) < i);
    if (twice !== undefined) {
      throw new Problem(400, "BAD_REQUEST", `${key}: ${twice.owner} is there twice`);
    }
    const taken = added.find(({ owner }) => table.get(kind, owner) !== undefined);
    if (taken !== undefined) {
      throw new Problem(409, "ALREADY_EXISTS", `${key}: ${taken.owner} has rules already`);
    }
    put(api, kind, added);
    return done();
  });
}

function ownerRoutes(api: Api, { kind, key, alias }: Owner): void {
  const table = api.deps.control.access.rules;
  const place = {
    ...common,
    path: `${BASE}/${kind}/{owner}`,
    aliases: [`${aliasOf(alias)}/{owner}`],
    errors: [404],
  } as const;
  const unknown = () => notFound(`there are no rules of that ${key}`);
  api.on({
    ...place,
    method: "get",
    summary: `Rules of one of ${kind}`,
    answers: { 200: v.strictObject({ [key]: v.string(), rules: Rules }) },
  }, ({ params }) => {
    checkSource(api);
    const { owner, rules } = table.get(kind, params.owner!) ?? unknown();
    return json({ [key]: owner, rules });
  });

  api.on({
    ...place,
    method: "put",
    summary: `Set the rules of one of ${kind}`,
    body: v.strictObject({ [key]: v.optional(Name), rules }),
    answers: { 204: null },
  }, ({ params, body }) => {
    checkSource(api);
    const { rules, ...rest } = body as unknown as { rules: unknown[] } & Record<string, unknown>;
    if (rest[key] !== undefined && rest[key] !== params.owner) {
      throw new Problem(400, "BAD_REQUEST", `${key}: is not that of the path`);
    }
    put(api, kind, [{ owner: params.owner!, rules }]);
    return done();
  });

  api.on({
    ...place,
    method: "delete",
    summary: `Delete the rules of one of ${kind}`,
    answers: { 204: null },
  }, ({ params }) => {
    checkSource(api);
    return table.delete(kind, params.owner!) ? done() : unknown();
  });
}

function commonRoutes(api: Api): void {
  const table = api.deps.control.access.rules;
  const all = { ...common, path: `${BASE}/all`, aliases: [aliasOf("all")], errors: [404] } as const;
  api.on({
    ...all,
    method: "get",
    summary: "Rules for everybody",
    answers: { 200: v.strictObject({ rules: Rules }) },
  }, () => {
    checkSource(api);
    return json({ rules: table.get("all", "")?.rules ?? [] });
  });

  api.on({
    ...all,
    method: "post",
    summary: "Set the rules for everybody",
    body: v.strictObject({ rules }),
    answers: { 204: null },
  }, ({ body }) => {
    checkSource(api);
    put(api, "all", [{ owner: "", rules: body.rules }]);
    return done();
  });

  api.on({
    ...all,
    method: "delete",
    summary: "Delete the rules for everybody",
    answers: { 204: null },
  }, () => {
    checkSource(api);
    table.delete("all", "");
    return done();
  });

  api.on({
    ...common,
    method: "delete",
    path: BASE,
    summary: "Delete all rules, while the source is switched off",
    answers: { 204: null },
    errors: [404],
  }, () => {
    if (checkSource(api).enable !== false) {
      throw new Problem(400, "BAD_REQUEST", "switch the source off first (enable = false)");
    }
    table.clear();
    return done();
  });
}

/** The path before EMQX 5.0.15. */
function aliasOf(name: string): string {
  return `/authorization/sources/built_in_database/${name}`;
}
