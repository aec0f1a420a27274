/**
 * Retained messages and how they are kept.
 */
import * as v from "valibot";
import { type Api, done, json, notFound } from "../api.ts";
import { change, sectionEdits, versioned } from "../change.ts";
import { Retainer } from "../config_objects.ts";
import type { RetainedView } from "../../gateway/control.ts";
import { Problem } from "../problem.ts";
import { Name, pageBody, pageOf, Paging, Qos, Settings } from "../schemas.ts";

const common = { tag: "Retained messages", scope: "connections" } as const;
const Retained = {
  msgid: v.string(),
  topic: v.string(),
  qos: Qos,
  payload_bytes: v.number(),
  expires_at: v.nullable(v.string()),
  from_clientid: v.nullable(v.string()),
  from_username: v.nullable(v.string()),
};
/** Larger payloads are not shown. */
const SHOWN_BYTES_MAX = 1024 * 1024;
const unknown = () => notFound("there is no retained message of that topic");

/** `/mqtt/retainer…`. */
export function retainedRoutes(api: Api): void {
  const { control } = api.deps;
  api.on({
    ...common,
    method: "get",
    path: "/mqtt/retainer",
    summary: "How retained messages are kept",
    answers: { 200: Retainer },
  }, () => versioned(control.config.effective(["retainer"]), control.config.version));

  api.on({
    ...common,
    method: "put",
    path: "/mqtt/retainer",
    summary: "Change how retained messages are kept; keys that are left out stay as they are",
    body: Settings,
    bodyShape: Retainer,
    answers: { 200: Retainer },
    errors: [412],
  }, async ({ body, ...request }) => {
    await change(api.deps, request, sectionEdits(["retainer"], body));
    return versioned(control.config.effective(["retainer"]), control.config.version);
  });

  api.on({
    ...common,
    method: "get",
    path: "/mqtt/retainer/messages",
    summary: "List retained messages; topic is a filter",
    query: v.object({ ...Paging, topic: v.optional(Name, "#") }),
    answers: { 200: pageOf(v.strictObject(Retained)) },
  }, ({ query }) => {
    const page = control.retained.list(query.topic, query) ?? badFilter();
    return json(pageBody(page, query, retainedObject));
  });

  api.on({
    ...common,
    method: "delete",
    path: "/mqtt/retainer/messages",
    summary: "Delete retained messages: all, or those that the filter in topic matches",
    query: v.object({ topic: v.optional(Name, "#") }),
    answers: { 204: null },
  }, ({ query, context }) => {
    const deleted = control.retained.deleteMatching(query.topic) ?? badFilter();
    context.set("note", `${deleted} messages`);
    return done();
  });

  messageRoutes(api);
}

function messageRoutes(api: Api): void {
  const { control } = api.deps;
  const one = { ...common, path: "/mqtt/retainer/message/{topic}", errors: [404] } as const;
  api.on({
    ...one,
    method: "get",
    summary: "One retained message with its payload in base64",
    answers: { 200: v.strictObject({ ...Retained, payload: v.string() }) },
  }, ({ params }) => {
    const message = control.retained.get(params.topic!) ?? unknown();
    const { payload } = message;
    const shown = payload.length > SHOWN_BYTES_MAX ? "" : payload.toBase64();
    return json({ ...retainedObject(message), payload: shown });
  });

  api.on({
    ...one,
    method: "delete",
    summary: "Delete one retained message",
    answers: { 204: null },
  }, ({ params }) => control.retained.delete(params.topic!) ? done() : unknown());
}

function badFilter(): never {
  throw new Problem(400, "BAD_REQUEST", "topic: this is not a valid filter");
}

function retainedObject({ topic, qos, bytes, expiresAt }: RetainedView) {
  return {
    msgid: "",
    topic,
    qos,
    payload_bytes: bytes,
    expires_at: expiresAt === undefined ? null : new Date(expiresAt).toISOString(),
    from_clientid: null,
    from_username: null,
  };
}
