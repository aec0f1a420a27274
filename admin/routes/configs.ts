/**
 * The configuration: as it is, checked, compared, changed, read again.
 */
import * as v from "valibot";
import { parsePath } from "../../gateway/config/path.ts";
import { type Api, json, notFound } from "../api.ts";
import { readToml } from "../body.ts";
import { checkVersion, versioned } from "../change.ts";
import { Configuration } from "../config_objects.ts";
import { JsonValue, Text } from "../schemas.ts";

const common = { tag: "Configuration", scope: "system" } as const;
const Changes = v.strictObject({
  changes: v.array(v.strictObject({
    path: v.string(),
    old: v.optional(JsonValue),
    new: v.optional(JsonValue),
    live: v.boolean(),
    reason: v.string(),
    listener: v.optional(v.string()),
  })),
});
const place = { line: v.optional(v.number()), column: v.optional(v.number()) };
const Issue = v.strictObject({
  severity: v.picklist(["error", "warning"]),
  path: v.string(),
  ...place,
  source: v.optional(v.string()),
  message: v.string(),
  hint: v.optional(v.string()),
});
const OriginObject = v.strictObject({
  layer: v.picklist(["file", "overlay", "environment", "set"]),
  name: v.string(),
  ...place,
});
const Toml = v.string();
const toml = { body: Toml, bodyType: "application/toml" } as const;

/** `/configs…`. */
export function configRoutes(api: Api): void {
  const { control } = api.deps;
  api.on({
    ...common,
    method: "get",
    path: "/configs",
    summary: "What holds, every default filled in; path names a part of it",
    query: v.object({ path: v.optional(Text) }),
    answers: { 200: v.union([Configuration, JsonValue]) },
    errors: [404],
  }, ({ query }) => {
    const path = query.path === undefined || query.path === "" ? [] : parsePath(query.path);
    const value = path && control.config.effective(path);
    if (value === undefined) notFound("path: there is no such setting");
    return versioned(value, control.config.version);
  });

  api.on({
    ...common,
    method: "get",
    path: "/configs/origins",
    summary: "Where each setting that is not at its default was given",
    answers: { 200: v.record(v.string(), OriginObject) },
  }, () => json(Object.fromEntries(control.config.origins())));

  api.on({
    ...common,
    method: "get",
    path: "/configs/overlay",
    summary: "The changes that were made through the API, as TOML",
    answers: { 200: Toml },
    answerType: "application/toml",
  }, () =>
    new Response(control.config.overlay(), {
      headers: { "content-type": "application/toml", etag: `"${control.config.version}"` },
    }));

  changeRoutes(api);
}

function changeRoutes(api: Api): void {
  const { control } = api.deps;
  api.on({
    ...common,
    ...toml,
    method: "post",
    path: "/configs/validate",
    summary: "Problems of a whole configuration file",
    also: "viewer",
    answers: { 200: v.strictObject({ valid: v.boolean(), issues: v.array(Issue) }) },
    errors: [413],
  }, async ({ context }) => {
    const issues = control.config.check(await readToml(context.req.raw));
    const valid = !issues.some(({ severity }) => severity === "error");
    return json({ valid, issues });
  });

  api.on({
    ...common,
    ...toml,
    method: "post",
    path: "/configs/diff",
    summary: "What would change if these settings were put over the present ones",
    also: "viewer",
    answers: { 200: Changes },
    errors: [413],
  }, async ({ context }) => {
    const changes = control.config.diff(await readToml(context.req.raw));
    return json({ changes });
  });

  api.on({
    ...common,
    ...toml,
    method: "put",
    path: "/configs",
    summary: "Put settings over the present ones",
    answers: { 200: Changes },
    errors: [412, 413],
  }, async ({ context, caller }) => {
    const text = await readToml(context.req.raw);
    const changes = await control.config.merge(
      text,
      caller.name,
      () => checkVersion(context, control.config.version),
    );
    context.set("note", changes.map(({ path }) => path).join(", "));
    return versioned({ changes }, control.config.version);
  });

  api.on({
    ...common,
    method: "post",
    path: "/configs/reload",
    summary: "Read the files again",
    answers: { 200: Changes },
  }, async ({ context, caller }) => {
    const changes = await control.config.reload(caller.name);
    context.set("note", changes.map(({ path }) => path).join(", "));
    return json({ changes });
  });
}
