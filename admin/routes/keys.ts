/**
 * API keys. Only people who logged in may see and make them: a key does not make keys.
 */
import * as v from "valibot";
import { type Api, done, json, notFound } from "../api.ts";
import { ROLES, SCOPES } from "../auth/caller.ts";
import type { KeySettings } from "../auth/keys.ts";
import { Text } from "../schemas.ts";

const Key = v.strictObject({
  name: v.string(),
  api_key: v.string(),
  desc: v.string(),
  enable: v.boolean(),
  expired: v.boolean(),
  expired_at: v.string(),
  created_at: v.string(),
  role: v.picklist(ROLES),
  scopes: v.optional(v.array(v.picklist(SCOPES))),
});
const common = { tag: "API keys", scope: "system", loginOnly: true } as const;
const unknown = () => notFound("there is no such key");
const expiry = v.pipe(
  Text,
  v.check(
    (text) => text === "infinity" || Number.isFinite(Date.parse(text)),
    'expected "infinity" or a time such as 2030-01-31T12:00:00Z',
  ),
);
const settings = {
  expired_at: v.optional(expiry),
  desc: v.optional(v.pipe(Text, v.maxLength(1000))),
  enable: v.optional(v.boolean("expected true or false")),
  role: v.optional(v.picklist(ROLES, `expected one of ${ROLES.join(", ")}`)),
  scopes: v.optional(v.array(v.picklist(SCOPES, `expected some of ${SCOPES.join(", ")}`))),
};
const NewKey = v.strictObject({
  name: v.pipe(
    Text,
    v.regex(/^[a-zA-Z][0-9a-zA-Z_-]{0,255}$/, "a letter, then letters, digits, - and _"),
  ),
  ...settings,
});

/** `/api_key…`. */
export function keyRoutes(api: Api): void {
  const { keys } = api.deps.auth;
  const one = { ...common, path: "/api_key/{name}", errors: [404] } as const;
  api.on({
    ...common,
    method: "get",
    path: "/api_key",
    summary: "List keys",
    answers: { 200: v.array(Key) },
  }, () => json(keys.list()));

  api.on({
    ...common,
    method: "post",
    path: "/api_key",
    summary: "Make a key; the answer is the only place where its secret is shown",
    body: NewKey,
    answers: { 200: v.strictObject({ ...Key.entries, api_secret: v.string() }) },
  }, ({ body: { name, ...rest } }) => json(keys.create(name, keySettings(rest))));

  api.on({
    ...one,
    method: "get",
    summary: "One key",
    answers: { 200: Key },
  }, ({ params }) => json(keys.get(params.name!) ?? unknown()));

  api.on({
    ...one,
    method: "put",
    summary: "Change a key",
    body: v.strictObject(settings),
    answers: { 200: Key },
  }, ({ params, body }) => json(keys.update(params.name!, keySettings(body)) ?? unknown()));

  api.on({
    ...one,
    method: "delete",
    summary: "Delete a key",
    answers: { 204: null },
  }, ({ params }) => keys.delete(params.name!) ? done() : unknown());
}

function keySettings({ expired_at, ...rest }: Omit<v.InferOutput<typeof NewKey>, "name">) {
  const expiresAt = expired_at === undefined
    ? undefined
    : expired_at === "infinity"
    ? Infinity
    : Date.parse(expired_at);
  return { ...rest, expiresAt } satisfies KeySettings;
}
