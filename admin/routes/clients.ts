/**
 * Clients of the MQTT broker, sessions that wait for their client included.
 */
import * as v from "valibot";
import { type Api, done, json, notFound } from "../api.ts";
import {
  Client,
  ClientFilter,
  clientObject,
  clientQuery,
  NewSubscription,
  Subscription,
  subscriptionObject,
  subscriptionRequest,
  versionName,
} from "../client_object.ts";
import { Problem } from "../problem.ts";
import { Name, pageBody, pageOf } from "../schemas.ts";
import { checkNode } from "./gateway_clients.ts";

const common = { tag: "Clients", scope: "connections" } as const;
const unknown = () => notFound("Client not found", "CLIENTID_NOT_FOUND");
/** Most clients that one call may kick, and most subscriptions that one may make. */
const BULK_MAX = 10_000;

/** `/clients…`. */
export function clientRoutes(api: Api): void {
  const { control } = api.deps;
  const node = () => control.config.current.node.name;
  api.on({
    ...common,
    method: "get",
    path: "/clients",
    summary: "List clients",
    query: v.object({ ...ClientFilter.entries, fields: v.optional(v.string(), "all") }),
    answers: { 200: pageOf(v.partial(Client)) },
    errors: [500],
  }, ({ query }) => {
    checkNode(query.node, node());
    const wanted = clientQuery("mqtt", { ...query, proto_ver: versionName(query.proto_ver) });
    const fields = query.fields === "all" ? undefined : new Set(query.fields.split(","));
    const page = control.clients.list(wanted);
    return json(pageBody(page, query, (client) => {
      const object = clientObject(client, node());
      if (fields === undefined) return object;
      return Object.fromEntries(Object.entries(object).filter(([name]) => fields.has(name)));
    }));
  });

  api.on({
    ...common,
    method: "get",
    path: "/clients/{clientid}",
    summary: "One client",
    answers: { 200: Client },
    errors: [404],
  }, ({ params }) => {
    const client = control.clients.get("mqtt", params.clientid!) ?? unknown();
    return json(clientObject(client, node()));
  });

  api.on({
    ...common,
    method: "delete",
    path: "/clients/{clientid}",
    summary: "Kick a client: its connection and its session end",
    answers: { 204: null },
    errors: [404],
  }, ({ params, caller }) => {
    if (!control.clients.kick("mqtt", params.clientid!, caller.name)) unknown();
    return done();
  });

  api.on({
    ...common,
    method: "post",
    path: "/clients/kickout/bulk",
    summary: "Kick several clients; those that are not there are passed over",
    body: v.pipe(v.array(Name, "expected an array of client ids"), v.maxLength(BULK_MAX)),
    answers: { 204: null },
  }, ({ body, caller }) => {
    for (const id of body) control.clients.kick("mqtt", id, caller.name);
    return done();
  });

  subscriptionRoutes(api);
}

const path = "/clients/{clientid}";

function subscriptionRoutes(api: Api): void {
  const { control } = api.deps;
  const node = () => control.config.current.node.name;
  const add = async (clientId: string, body: v.InferOutput<typeof NewSubscription>) => {
    const outcome = await control.clients.subscribe("mqtt", clientId, subscriptionRequest(body));
    if (outcome.kind === "no client") return unknown();
    if (outcome.kind === "refused") throw new Problem(400, "BAD_REQUEST", outcome.reason);
    return subscriptionObject(outcome.subscription, node());
  };
  api.on({
    ...common,
    method: "get",
    path: `${path}/subscriptions`,
    summary: "Subscriptions of a client",
    answers: { 200: v.array(Subscription) },
    errors: [404],
  }, ({ params }) => {
    const subscriptions = control.clients.subscriptions("mqtt", params.clientid!) ?? unknown();
    return json(subscriptions.map((each) => subscriptionObject(each, node())));
  });

  api.on({
    ...common,
    method: "post",
    path: `${path}/subscribe`,
    summary: "Subscribe a client",
    body: NewSubscription,
    answers: { 200: Subscription },
    errors: [404],
  }, async ({ params, body }) => json(await add(params.clientid!, body)));

  api.on({
    ...common,
    method: "post",
    path: `${path}/subscribe/bulk`,
    summary: "Subscribe a client to several topics",
    body: v.pipe(v.array(NewSubscription, "expected an array"), v.maxLength(BULK_MAX)),
    answers: { 200: v.array(Subscription) },
    errors: [404],
  }, async ({ params, body }) => {
    const done = [];
    for (const each of body) done.push(await add(params.clientid!, each));
    return json(done);
  });

  unsubscribeRoutes(api);
}

function unsubscribeRoutes(api: Api): void {
  const { control } = api.deps;
  const remove = (clientId: string, topic: string) => {
    if (control.clients.unsubscribe("mqtt", clientId, topic) === undefined) unknown();
  };
  const Topic = v.strictObject({ topic: Name });
  api.on({
    ...common,
    method: "post",
    path: `${path}/unsubscribe`,
    summary: "Unsubscribe a client",
    body: Topic,
    answers: { 204: null },
    errors: [404],
  }, ({ params, body }) => {
    remove(params.clientid!, body.topic);
    return done();
  });

  api.on({
    ...common,
    method: "post",
    path: `${path}/unsubscribe/bulk`,
    summary: "Unsubscribe a client from several topics",
    body: v.pipe(v.array(Topic, "expected an array"), v.maxLength(BULK_MAX)),
    answers: { 204: null },
    errors: [404],
  }, ({ params, body }) => {
    for (const { topic } of body) remove(params.clientid!, topic);
    return done();
  });
}
