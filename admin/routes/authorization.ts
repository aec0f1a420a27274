/**
 * Permissions: settings, sources in their order, and a way to try them.
 */
import * as v from "valibot";
import { type Api, done, json, notFound } from "../api.ts";
import { backendStatus } from "../authenticator.ts";
import { change, sectionEdits, versioned } from "../change.ts";
import { AuthorizationSettings, Source, SourceStatus } from "../config_objects.ts";
import { type Element, moved, ordered } from "../ordered.ts";
import { Problem } from "../problem.ts";
import { forgetRules, takeRules, withRules } from "../rule_file.ts";
import { Name, Qos, Settings, Text } from "../schemas.ts";

const PATH = ["authorization"] as const;
const SOURCES = [...PATH, "sources"] as const;
const common = { tag: "Authorization", scope: "access_control" } as const;
/** Which rule decides, and how. */
const Verdict = v.strictObject({
  result: v.picklist(["allow", "deny"]),
  rule: v.string(),
  source: v.string(),
});
const typeOf = (source: Element) => String(source.type);

/** `/authorization/settings`, `/authorization/cache`, `/authorization/sources…`. */
export function authorizationRoutes(api: Api): void {
  settingsRoutes(api);
  listRoutes(api);
  sourceRoutes(api);
  orderRoutes(api);
}

function settingsOf(api: Api) {
  const { sources: _, ...settings } = api.deps.control.config.effective(PATH) as Element;
  return versioned(settings, api.deps.control.config.version);
}

function settingsRoutes(api: Api): void {
  const { control } = api.deps;
  api.on({
    ...common,
    method: "get",
    path: "/authorization/settings",
    summary: "Settings for all sources",
    answers: { 200: AuthorizationSettings },
  }, () => settingsOf(api));

  api.on({
    ...common,
    method: "put",
    path: "/authorization/settings",
    summary: "Change them; keys that are left out stay as they are",
    body: Settings,
    bodyShape: AuthorizationSettings,
    answers: { 200: AuthorizationSettings },
    errors: [412],
  }, async ({ body: { sources: _, ...body }, ...request }) => {
    await change(api.deps, request, sectionEdits(PATH, body));
    return settingsOf(api);
  });

  api.on({
    ...common,
    method: "delete",
    path: "/authorization/cache",
    summary: "Forget every answer that was given so far",
    answers: { 204: null },
  }, () => {
    control.access.authorization.drain();
    return done();
  });

  api.on({
    ...common,
    method: "post",
    path: "/authorization/test",
    summary: "Which rule decides about a client and a topic",
    also: "viewer",
    body: v.strictObject({
      protocol: v.optional(v.picklist(["nats", "mqtt"], "expected nats or mqtt"), "mqtt"),
      clientid: v.optional(Text, ""),
      username: v.optional(Text),
      ip_address: v.optional(Text, "127.0.0.1"),
      action: v.picklist(["publish", "subscribe"], "expected publish or subscribe"),
      topic: Name,
      qos: v.optional(Qos, 0),
      retain: v.optional(v.boolean(), false),
    }),
    answers: { 200: Verdict },
  }, async ({ body: { clientid: clientId, ip_address: address, ...rest } }) => {
    const { allowed, rule, source } = await control.decide({ clientId, address, ...rest });
    return json({ result: allowed ? "allow" : "deny", rule, source });
  });
}

function shown({ deps: { control } }: Api): readonly Element[] {
  const sources = (control.config.effective(SOURCES) ?? []) as readonly Element[];
  return sources.map((source) => withRules(control, source));
}

function written({ deps: { control } }: Pick<Api, "deps">): readonly Element[] {
  return (control.config.written(SOURCES) ?? []) as readonly Element[];
}

function find(api: Api, type: string): Element {
  return shown(api).find((one) => one.type === type) ?? notFound("there is no such source");
}

function listRoutes(api: Api): void {
  const { control } = api.deps;
  api.on({
    ...common,
    method: "get",
    path: "/authorization/sources",
    summary: "Sources in the order in which they are asked",
    answers: { 200: v.strictObject({ sources: v.array(Source) }) },
  }, () => versioned({ sources: shown(api) }, control.config.version));

  api.on({
    ...common,
    method: "post",
    path: "/authorization/sources",
    summary: "Add a source in front of the others",
    body: Settings,
    bodyShape: Source,
    answers: { 204: null },
    errors: [412],
  }, async ({ body, ...request }) => {
    if (typeof body.type !== "string") throw new Problem(400, "BAD_REQUEST", "type is required");
    await putSource(api, request, body, (sources, value) => {
      if (!sources.some((one) => one.type === body.type)) return [value, ...sources];
      const message = `type: there is a source ${body.type} already`;
      throw new Problem(400, "ALREADY_EXISTS", message);
    });
    return done();
  });

  api.on({
    ...common,
    method: "put",
    path: "/authorization/sources/order",
    summary: "Put the sources in another order",
    body: v.array(v.object({ type: Text }), "expected an array of {type}"),
    answers: { 204: null },
    errors: [412],
  }, async ({ body, ...request }) => {
    const types = body.map(({ type }) => type);
    await change(api.deps, request, () => [
      { path: SOURCES, value: ordered(written(api), typeOf, types) },
    ]);
    return done();
  });
}

/** Puts a source in among the others; rules that came as text get their file. */
async function putSource(
  { deps }: Api,
  request: Parameters<typeof change>[1],
  source: Element,
  place: (sources: readonly Element[], value: Element) => readonly Element[],
): Promise<void> {
  const { control } = deps;
  let made: string | undefined;
  let before: Element | undefined;
  let value: Element = source;
  try {
    await change(deps, request, () => {
      const sources = written({ deps });
      // Refuses before anything is written.
      place(sources, source);
      before = sources.find(({ type }) => type === source.type);
      ({ value, made } = takeRules(control, source, before));
      return [{ path: SOURCES, value: place(sources, value) }];
    });
  } catch (error) {
    forgetRules(control, made);
    throw error;
  }
  if (before?.path !== value.path) forgetRules(control, before?.path);
}

function sourceRoutes(api: Api): void {
  const { control } = api.deps;
  const one = { ...common, path: "/authorization/sources/{type}", errors: [404, 412] } as const;
  api.on({
    ...one,
    method: "get",
    summary: "One source",
    answers: { 200: Source },
  }, ({ params }) => versioned(find(api, params.type!), control.config.version));

  api.on({
    ...one,
    method: "put",
    summary: "Replace the settings of a source",
    body: Settings,
    bodyShape: Source,
    answers: { 204: null },
  }, async ({ params, body, ...request }) => {
    find(api, params.type!);
    if (body.type !== undefined && body.type !== params.type) {
      throw new Problem(400, "BAD_REQUEST", "type: cannot be changed");
    }
    await putSource(api, request, { ...body, type: params.type }, (sources, value) => {
      find(api, params.type!);
      return sources.map((other) => other.type === params.type ? value : other);
    });
    return done();
  });

  api.on({
    ...one,
    method: "delete",
    summary: "Take a source away, and the rules of the built-in database with it",
    answers: { 204: null },
  }, async ({ params, ...request }) => {
    const before = find(api, params.type!);
    await change(api.deps, request, () => [{
      path: SOURCES,
      value: written(api).filter((other) => other.type !== params.type),
    }]);
    forgetRules(control, before.path);
    if (params.type === "built_in_database") control.access.rules.clear();
    return done();
  });
}

function orderRoutes(api: Api): void {
  const { control } = api.deps;
  const base = "/authorization/sources/{type}";
  api.on({
    ...common,
    method: "get",
    path: `${base}/status`,
    summary: "How a source runs, and what it has answered",
    answers: { 200: SourceStatus },
    errors: [404],
  }, ({ params }) => {
    find(api, params.type!);
    const { authorization } = control.access;
    const source = authorization.state.sources.find(({ type }) => type === params.type);
    const metrics = authorization.counters(params.type!);
    return json({ ...backendStatus(control, source), metrics });
  });

  api.on({
    ...common,
    method: "post",
    path: `${base}/metrics/reset`,
    summary: "Count the answers of a source from 0 again",
    answers: { 204: null },
    errors: [404],
  }, ({ params }) => {
    find(api, params.type!);
    control.access.authorization.counters(params.type!).reset();
    return done();
  });

  api.on({
    ...common,
    method: "post",
    path: `${base}/move`,
    summary: "Move a source: front, rear, before:<type> or after:<type>",
    body: v.strictObject({ position: Text }),
    answers: { 204: null },
    errors: [404, 412],
  }, async ({ params, body, ...request }) => {
    await change(api.deps, request, () => {
      find(api, params.type!);
      const value = moved(written(api), typeOf, params.type!, body.position);
      return [{ path: SOURCES, value }];
    });
    return done();
  });
}
