/**
 * The gateways: there is one, `nats`.
 */
import * as v from "valibot";
import { type Api, done, json, notFound } from "../api.ts";
import { change, versioned } from "../change.ts";
import { Gateway, GatewaySummary, NewGateway } from "../config_objects.ts";
import {
  gatewayEdits,
  gatewayObject,
  gatewayState,
  gatewaySummary,
  knownGateway,
  NATS_PATH,
} from "../gateway_object.ts";
import { Problem } from "../problem.ts";
import { Settings } from "../schemas.ts";

const common = { tag: "Gateways", scope: "gateways" } as const;
const STATES = ["running", "stopped", "unloaded"] as const;

/** `/gateways`, `/gateways/{gw}` and `/gateways/{gw}/enable/{on}`. */
export function gatewayRoutes(api: Api): void {
  const { control } = api.deps;
  api.on({
    ...common,
    method: "get",
    path: "/gateways",
    summary: "List gateways",
    query: v.object({
      status: v.optional(v.picklist(STATES, `expected one of ${STATES.join(", ")}`)),
    }),
    answers: { 200: v.array(GatewaySummary) },
  }, ({ query }) => {
    const summary = gatewaySummary(control);
    const wanted = query.status === undefined || query.status === summary.status;
    return json(wanted ? [summary] : []);
  });

  api.on({
    ...common,
    method: "get",
    path: "/gateways/{gw}",
    summary: "All settings of a gateway",
    answers: { 200: Gateway },
  }, ({ params }) => {
    knownGateway(params.gw!);
    return versioned(gatewayObject(control), control.config.version);
  });

  api.on({
    ...common,
    method: "put",
    path: "/gateways/{gw}",
    summary: "Set up or change a gateway; keys that are left out stay as they are",
    body: Settings,
    bodyShape: NewGateway,
    answers: { 204: null },
    errors: [412],
  }, async ({ params, body, ...request }) => {
    knownGateway(params.gw!);
    await change(api.deps, request, () => gatewayEdits(control, body));
    return done();
  });

  api.on({
    ...common,
    method: "post",
    path: "/gateways",
    summary: "Set up the gateway that the body names",
    body: Settings,
    bodyShape: NewGateway,
    answers: { 201: Gateway },
  }, async ({ body, ...request }) => {
    if (typeof body.name !== "string") throw new Problem(400, "BAD_REQUEST", "name is required");
    knownGateway(body.name);
    await change(api.deps, request, () => gatewayEdits(control, body));
    return versioned(gatewayObject(control), control.config.version, 201);
  });

  stateRoutes(api);
}

function stateRoutes(api: Api): void {
  const { control } = api.deps;
  api.on({
    ...common,
    method: "delete",
    path: "/gateways/{gw}",
    summary: "Stop a gateway and forget its settings",
    answers: { 204: null },
    errors: [412],
  }, async ({ params, ...request }) => {
    knownGateway(params.gw!);
    await change(api.deps, request, [{ path: NATS_PATH, value: { enable: false } }]);
    return done();
  });

  api.on({
    ...common,
    method: "put",
    path: "/gateways/{gw}/enable/{on}",
    summary: "Start or stop a gateway; stopping drops its clients",
    answers: { 204: null },
    errors: [404, 412],
  }, async ({ params, ...request }) => {
    knownGateway(params.gw!);
    if (params.on !== "true" && params.on !== "false") {
      throw new Problem(400, "BAD_REQUEST", "the path ends in true or false");
    }
    if (gatewayState(control) === "unloaded") {
      notFound("Gateway not loaded", "RESOURCE_NOT_FOUND");
    }
    const value = params.on === "true";
    await change(api.deps, request, [{ path: [...NATS_PATH, "enable"], value }]);
    return done();
  });

  api.on({
    ...common,
    method: "get",
    path: "/gateways/{gw}/metrics",
    summary: "Counters of a gateway since the start",
    scope: "monitoring",
    answers: { 200: v.record(v.string(), v.number()) },
  }, ({ params }) => {
    knownGateway(params.gw!);
    return json(control.counters().nats);
  });
}
