/**
 * Clients of the NATS gateway, anonymous ones included.
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
} from "../client_object.ts";
import { knownGateway } from "../gateway_object.ts";
import { Problem } from "../problem.ts";
import { pageBody, pageOf } from "../schemas.ts";

const common = { tag: "Gateway clients", scope: "gateways" } as const;
const BASE = "/gateways/{gw}/clients";
const unknown = () => notFound("Client not found", "RESOURCE_NOT_FOUND");

/** `/gateways/{gw}/clients…`. */
export function gatewayClientRoutes(api: Api): void {
  const { control } = api.deps;
  const node = () => control.config.current.node.name;
  api.on({
    ...common,
    method: "get",
    path: BASE,
    summary: "List clients",
    query: ClientFilter,
    answers: { 200: pageOf(Client) },
    errors: [500],
  }, ({ params, query }) => {
    knownGateway(params.gw!);
    checkNode(query.node, node());
    const page = control.clients.list(clientQuery("nats", query));
    return json(pageBody(page, query, (client) => clientObject(client, node())));
  });

  api.on({
    ...common,
    method: "get",
    path: `${BASE}/{clientid}`,
    summary: "One client",
    answers: { 200: Client },
    errors: [404],
  }, ({ params }) => {
    knownGateway(params.gw!);
    const client = control.clients.get("nats", params.clientid!) ?? unknown();
    return json(clientObject(client, node()));
  });

  api.on({
    ...common,
    method: "delete",
    path: `${BASE}/{clientid}`,
    summary: "Kick a client: it is told so and its connection ends",
    answers: { 204: null },
    errors: [404],
  }, ({ params, caller }) => {
    knownGateway(params.gw!);
    if (!control.clients.kick("nats", params.clientid!, caller.name)) unknown();
    return done();
  });

  subscriptionRoutes(api);
}

function subscriptionRoutes(api: Api): void {
  const { control } = api.deps;
  const node = () => control.config.current.node.name;
  const path = `${BASE}/{clientid}/subscriptions`;
  api.on({
    ...common,
    method: "get",
    path,
    summary: "Subscriptions of a client",
    answers: { 200: v.array(Subscription) },
    errors: [404],
  }, ({ params }) => {
    knownGateway(params.gw!);
    const subscriptions = control.clients.subscriptions("nats", params.clientid!) ?? unknown();
    return json(subscriptions.map((each) => subscriptionObject(each, node())));
  });

  api.on({
    ...common,
    method: "post",
    path,
    summary: "Subscribe a client; sub_props.sid is made when it is left out",
    body: NewSubscription,
    answers: { 201: Subscription },
    errors: [404],
  }, async ({ params, body }) => {
    knownGateway(params.gw!);
    const request = subscriptionRequest(body);
    const outcome = await control.clients.subscribe("nats", params.clientid!, request);
    if (outcome.kind === "no client") return unknown();
    if (outcome.kind === "refused") throw new Problem(400, "BAD_REQUEST", outcome.reason);
    return json(subscriptionObject(outcome.subscription, node()), 201);
  });

  api.on({
    ...common,
    method: "delete",
    path: `${path}/{topic}`,
    summary: "Unsubscribe a client; the topic is percent-encoded and without mountpoint",
    answers: { 204: null },
    errors: [404],
  }, ({ params }) => {
    knownGateway(params.gw!);
    const found = control.clients.unsubscribe("nats", params.clientid!, params.topic!);
    if (found === undefined) return unknown();
    if (!found) notFound("Subscription not found", "RESOURCE_NOT_FOUND");
    return done();
  });
}

/** There is one node. @throws {Problem} another was asked for */
export function checkNode(asked: string | undefined, node: string): void {
  if (asked === undefined || asked === node) return;
  throw new Problem(500, "NODE_DOWN", `there is one node, ${node}`);
}
