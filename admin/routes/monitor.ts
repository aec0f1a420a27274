/**
 * The monitoring URLs of nats-server, in its form, so that its tools work here.
 */
import type { Hono } from "hono";
import type { ClientView, SubscriptionView } from "../../gateway/control.ts";
import type { AdminContext, AdminDeps, AdminEnv } from "../api.ts";
import { limitText } from "../schemas.ts";

/** Connections that `/connz` lists when nothing is said. */
const CONNZ_LIMIT = 1024;
/** Entries of one page at most. */
const PAGE_MAX = 10_000;
/** Shortest time over which `/varz` works out `cpu`. */
const CPU_LOOK_MS_MIN = 500;

/**
 * `/varz`, `/connz` and `/subsz`.
 * @param check throws when the caller may not look
 */
export function monitorRoutes(
  app: Hono<AdminEnv>,
  deps: Pick<AdminDeps, "control">,
  check: (context: AdminContext) => void,
): void {
  const cpu = cpuMeter();
  app.get("/varz", (context) => {
    check(context);
    return context.json(varz(deps, cpu));
  });
  app.get("/connz", (context) => {
    check(context);
    return context.json(connz(deps, context));
  });
  for (const path of ["/subsz", "/subscriptionsz"]) {
    app.get(path, (context) => {
      check(context);
      return context.json(subsz(deps, context));
    });
  }
}

/** Share of one core since the last look, in percent, as nats-server's `cpu`. */
type CpuMeter = (cpu_ms: number, uptime_ms: number) => number;

function cpuMeter(): CpuMeter {
  let last = { cpu_ms: 0, uptime_ms: 0 };
  let share = 0;
  return (cpu_ms, uptime_ms) => {
    const passed_ms = uptime_ms - last.uptime_ms;
    // Looks that follow each other at once would measure noise.
    if (passed_ms < CPU_LOOK_MS_MIN) return share;
    share = Math.round((cpu_ms - last.cpu_ms) * 1000 / passed_ms) / 10;
    last = { cpu_ms, uptime_ms };
    return share;
  };
}

function varz({ control }: Pick<AdminDeps, "control">, cpu: CpuMeter) {
  const { current } = control.config;
  const { nats } = current.gateway;
  const status = control.status();
  const { version, startedAt, uptime_ms, connections, memory_bytes, subscriptions } = status;
  const counters = control.counters().nats;
  const tcp = control.listeners().find(({ id }) => id === "nats:tcp:default");
  return {
    server_id: nats.server_id,
    server_name: nats.server_name,
    version,
    proto: 1,
    host: tcp?.address.replace(/:\d+$/, "") ?? "",
    port: tcp?.port ?? 0,
    max_connections: limitText(
      control.listeners().filter(({ protocol, enabled }) => protocol === "nats" && enabled)
        .reduce((sum, { connectionsMax }) => sum + connectionsMax, 0),
    ),
    max_payload: nats.protocol.max_payload_size,
    max_pending: nats.max_pending,
    max_control_line: nats.protocol.max_control_line,
    ping_interval: nats.default_heartbeat_interval * 1e6,
    start: new Date(startedAt).toISOString(),
    now: new Date(control.calendar()).toISOString(),
    uptime: uptimeText(uptime_ms),
    mem: memory_bytes,
    cores: navigator.hardwareConcurrency,
    cpu: cpu(status.cpu_ms, uptime_ms),
    connections: connections.nats,
    total_connections: counters["client.connected"] ?? 0,
    routes: 0,
    remotes: 0,
    leafnodes: 0,
    in_msgs: counters["messages.received"] ?? 0,
    out_msgs: counters["messages.delivered"] ?? 0,
    in_bytes: counters["bytes.received"] ?? 0,
    out_bytes: counters["bytes.sent"] ?? 0,
    slow_consumers: counters["slow_consumers"] ?? 0,
    subscriptions,
    http_req_stats: {},
  };
}

function connz(deps: Pick<AdminDeps, "control">, context: AdminContext) {
  const { control } = deps;
  const limit = wholeNumber(context.req.query("limit"), CONNZ_LIMIT, PAGE_MAX) || CONNZ_LIMIT;
  const offset = wholeNumber(context.req.query("offset"), 0, Number.MAX_SAFE_INTEGER);
  const subs = context.req.query("subs") ?? "";
  const { nats } = control.status().connections;
  const page = control.clients.list({ protocol: "nats", page: 1, limit: offset + limit });
  const shown = page.data.slice(offset);
  const { server_id } = control.config.current.gateway.nats;
  return {
    server_id,
    now: new Date(control.calendar()).toISOString(),
    num_connections: shown.length,
    total: nats,
    offset,
    limit,
    connections: shown.map((client) =>
      connection(client, control.now(), subscriptionLists(deps, client.clientId, subs))
    ),
  };
}

/** `subs=1` asks for subjects, `subs=detail` for what is known of each subscription. */
function subscriptionLists({ control }: Pick<AdminDeps, "control">, id: string, subs: string) {
  if (!/^(1|true|detail)$/.test(subs)) return {};
  const list = control.clients.subscriptions("nats", id) ?? [];
  return subs === "detail"
    ? { subscriptions_list_detail: list.map(subscriptionDetail) }
    : { subscriptions_list: list.map(({ subject }) => subject) };
}

function subscriptionDetail({ subject, group, sid, delivered, connectionId }: SubscriptionView) {
  return {
    subject,
    ...(group !== undefined && { qgroup: group }),
    sid,
    msgs: delivered,
    cid: connectionId,
  };
}

function connection(client: ClientView, now: number, more: object) {
  return {
    cid: client.connectionId,
    kind: "Client",
    type: client.transport.startsWith("ws") ? "websocket" : "nats",
    ip: client.address,
    port: client.port,
    start: new Date(client.connectedAt).toISOString(),
    last_activity: new Date(client.lastReceivedAt).toISOString(),
    ...(client.roundTrip_ms !== undefined && { rtt: `${client.roundTrip_ms.toFixed(3)}ms` }),
    uptime: uptimeText(now - client.connectedAt),
    idle: uptimeText(now - client.lastReceivedAt),
    pending_bytes: client.pendingBytes,
    in_msgs: client.messagesIn,
    out_msgs: client.messagesOut,
    in_bytes: client.bytesIn,
    out_bytes: client.bytesOut,
    subscriptions: client.subscriptions,
    name: client.software.name || client.clientId,
    ...(client.software.lang !== "" && { lang: client.software.lang }),
    ...(client.software.version !== "" && { version: client.software.version }),
    ...(client.username !== undefined && { authorized_user: client.username }),
    ...more,
  };
}

function subsz({ control }: Pick<AdminDeps, "control">, context: AdminContext) {
  const { subscriptions, cachedTopics } = control.status();
  const limit = wholeNumber(context.req.query("limit"), CONNZ_LIMIT, PAGE_MAX);
  const offset = wholeNumber(context.req.query("offset"), 0, Number.MAX_SAFE_INTEGER);
  const isDetailed = /^(1|true)$/.test(context.req.query("subs") ?? "");
  const list = [];
  if (isDetailed) {
    let at = 0;
    for (const subscription of control.clients.allSubscriptions()) {
      if (subscription.protocol !== "nats") continue;
      if (at++ < offset) continue;
      if (list.length >= limit) break;
      list.push(subscriptionDetail(subscription));
    }
  }
  return {
    server_id: control.config.current.gateway.nats.server_id,
    now: new Date(control.calendar()).toISOString(),
    num_subscriptions: subscriptions,
    num_cache: cachedTopics,
    total: list.length,
    offset,
    limit,
    ...(isDetailed && { subscriptions_list: list }),
  };
}

/** As nats-server writes it: `1d2h3m4s`. */
function uptimeText(ms: number): string {
  const s = Math.floor(Math.max(ms, 0) / 1000);
  const [d, h, m] = [Math.floor(s / 86_400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60];
  if (d > 0) return `${d}d${h}h${m}m${s % 60}s`;
  if (h > 0) return `${h}h${m}m${s % 60}s`;
  return m > 0 ? `${m}m${s % 60}s` : `${s % 60}s`;
}

function wholeNumber(text: string | undefined, otherwise: number, max: number): number {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Math.min(Number(text), max) : otherwise;
}
