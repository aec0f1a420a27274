/**
 * Numbers: what is there now, what was counted, and the Prometheus exposition.
 */
import * as v from "valibot";
import { type Api, json, notFound, requireCaller } from "../api.ts";
import { allow } from "../auth/caller.ts";
import { JsonValue, QueryFlag, Text } from "../schemas.ts";

const common = { tag: "Monitoring", scope: "monitoring" } as const;
const Numbers = v.record(v.string(), v.union([v.number(), v.string()]));
const Node = v.strictObject({
  node: v.string(),
  node_status: v.picklist(["running", "stopped"]),
  problems: v.array(v.strictObject({ part: v.string(), reason: v.string() })),
  version: v.string(),
  uptime: v.number(),
  connections: v.number(),
  live_connections: v.number(),
  memory_used: v.number(),
  role: v.string(),
  edition: v.string(),
});
const LogLine = v.strictObject({
  time: v.number(),
  level: v.picklist(["debug", "info", "warning", "error"]),
  part: v.string(),
  text: v.string(),
  fields: v.record(v.string(), JsonValue),
});
const aggregate = { aggregate: v.optional(QueryFlag, "false"), node: v.optional(Text) };
/** Content type of the exposition. */
const PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";

/** `/stats`, `/metrics`, `/nodes…`, `/prometheus/stats` and `/logs`. */
export function numberRoutes(api: Api): void {
  const { control } = api.deps;
  const node = () => control.config.current.node.name;
  const lists = {
    "/stats": ["Numbers of connections, sessions, subscriptions...", () => control.stats()],
    "/metrics": ["Counters of the broker since the start", () => control.counters().mqtt],
  } as const;
  for (const [path, [summary, read]] of Object.entries(lists)) {
    api.on({
      ...common,
      method: "get",
      path,
      summary,
      query: v.object(aggregate),
      answers: { 200: v.union([Numbers, v.array(Numbers)]) },
    }, ({ query }) => json(query.aggregate ? read() : [{ node: node(), ...read() }]));
  }

  api.on({
    ...common,
    method: "get",
    path: "/nodes",
    summary: "The nodes: this one",
    answers: { 200: v.array(Node) },
  }, () => json([nodeObject(api)]));

  api.on({
    ...common,
    method: "get",
    path: "/nodes/{node}",
    summary: "This node",
    answers: { 200: Node },
    errors: [404],
  }, ({ params }) => {
    if (params.node !== node()) notFound("there is no such node; /nodes says which there are");
    return json(nodeObject(api));
  });

  api.on({
    ...common,
    method: "get",
    path: "/logs",
    summary: "The last lines of the log",
    scope: "system",
    answers: { 200: v.array(LogLine) },
  }, () => json(control.logs()));

  prometheusRoute(api);
}

function nodeObject({ deps: { control } }: Api) {
  const { node, version, uptime_ms, connections, memory_bytes, ready, problems } = control.status();
  return {
    node,
    node_status: ready ? "running" : "stopped",
    problems,
    version,
    uptime: Math.round(uptime_ms),
    connections: connections.nats + connections.mqtt,
    live_connections: connections.nats + connections.mqtt,
    memory_used: memory_bytes,
    role: "core",
    edition: "Opensource",
  };
}

function prometheusRoute(api: Api): void {
  const { control } = api.deps;
  api.on({
    ...common,
    method: "get",
    path: "/prometheus/stats",
    summary: "Everything as Prometheus reads it",
    // Credentials are asked for below, unless the configuration does without.
    open: true,
    query: v.object({ mode: v.optional(Text, "node") }),
    answers: { 200: v.string() },
    answerType: "text/plain",
    errors: [401],
  }, ({ context }) => {
    if (control.config.current.prometheus.enable_basic_auth) {
      const needs = { method: "GET", scope: "monitoring", loginOnly: false } as const;
      allow(requireCaller(context), needs);
    }
    if (context.req.header("accept")?.includes("application/json")) {
      const { nats, mqtt } = control.counters();
      return json({ stats: control.stats(), metrics: mqtt, gateway: nats });
    }
    return new Response(control.prometheus(), { headers: { "content-type": PROMETHEUS } });
  });
}
