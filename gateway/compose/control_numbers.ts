/**
 * Numbers about what is there now, and the exposition of everything that is counted.
 */
import type { Protocol } from "../control.ts";
import type { Gateway } from "../gateway.ts";
import type { NamedCounters } from "../observe/emqx_names.ts";
import { type GaugeSample, PrometheusText } from "../observe/prometheus.ts";
import { listenerPlans } from "./listener_plan.ts";

const PROTOCOLS: readonly Protocol[] = ["nats", "mqtt"];

/** Largest values since the start: EMQX's `.max`. Taken when somebody looks. */
export class Stats {
  readonly #max = new Map<string, number>();
  constructor(readonly gateway: Gateway) {}

  /** Under EMQX's names: clients of the gateway count in subscriptions, not in connections. */
  read(): NamedCounters {
    const { mqtt, router } = this.gateway;
    const connections = countConnections(this.gateway);
    let shared = 0;
    let subscriptions = 0;
    for (const protocol of PROTOCOLS) {
      for (const client of this.gateway[protocol].sessions.values()) {
        subscriptions += client.subscriptions.size;
        for (const { group } of client.subscriptions.values()) if (group !== undefined) shared++;
      }
    }
    const now = {
      connections: mqtt.sessions.size,
      live_connections: connections.mqtt,
      sessions: mqtt.sessions.size,
      cluster_sessions: mqtt.sessions.size,
      channels: mqtt.sessions.size,
      topics: router.subscriptions === 0 ? 0 : router.cachedRoutes,
      subscribers: subscriptions,
      subscriptions,
      "subscriptions.shared": shared,
      suboptions: subscriptions,
      retained: router.retained.count,
      delayed: 0,
      "gateway.connections": connections.nats,
    };
    const stats: NamedCounters = {};
    for (const [name, value] of Object.entries(now)) {
      const max = Math.max(value, this.#max.get(name) ?? 0);
      this.#max.set(name, max);
      stats[`${name}.count`] = value;
      stats[`${name}.max`] = max;
    }
    return stats;
  }
}

/** Open connections by protocol. */
export function countConnections(gateway: Gateway): Record<Protocol, number> {
  const count = { nats: 0, mqtt: 0 };
  for (const { plan, listener } of gateway.listeners.open.values()) {
    count[plan.protocol] += listener.connections.size;
  }
  return count;
}

/** The exposition with its gauges. */
export function prometheusText(
  gateway: Gateway,
  startedAt: number,
  isReady: () => boolean,
): PrometheusText {
  const text = new PrometheusText(gateway.metrics);
  const one = (value: number): GaugeSample[] => [[{}, value]];
  const open = () => [...gateway.listeners.open.values()];
  text.gauge(
    "natsgate_connections",
    () => open().map(({ plan, listener }) => [{ listener: plan.id }, listener.connections.size]),
  );
  text.gauge(
    "natsgate_connections_max",
    () =>
      listenerPlans(gateway.config).map((
        { id, options },
      ) => [{ listener: id }, options.connections_max]),
  );
  text.gauge("natsgate_sessions", () => [
    [{ protocol: "nats" }, gateway.nats.sessions.size],
    [{ protocol: "mqtt" }, gateway.mqtt.sessions.size],
  ]);
  text.gauge(
    "natsgate_subscriptions",
    () => PROTOCOLS.map((protocol) => [{ protocol }, subscriptionsOf(gateway, protocol)]),
  );
  text.gauge("natsgate_topics", () => one(gateway.router.cachedRoutes));
  text.gauge("natsgate_retained_messages", () => one(gateway.router.retained.count));
  text.gauge("natsgate_retained_bytes", () => one(gateway.router.retained.bytes));
  text.gauge("natsgate_queued_messages", () => {
    let queued = 0;
    for (const { deliveries } of gateway.mqtt.sessions.values()) queued += deliveries.queue.length;
    return one(queued);
  });
  text.gauge("natsgate_pending_bytes", () => pendingBytes(gateway));
  text.gauge("natsgate_certificate_expiry_days", () => certificateDays(gateway));
  text.gauge("natsgate_store_writable", () => one(gateway.store.writable ? 1 : 0));
  text.gauge("natsgate_ready", () => one(isReady() ? 1 : 0));
  text.gauge("natsgate_start_time_seconds", () => one(Math.floor(startedAt / 1000)));
  text.gauge("natsgate_resident_memory_bytes", () => one(gateway.memoryUsage().rss));
  text.gauge("natsgate_heap_used_bytes", () => one(gateway.memoryUsage().heapUsed));
  return text;
}

function subscriptionsOf(gateway: Gateway, protocol: Protocol): number {
  let count = 0;
  for (const { subscriptions } of gateway[protocol].sessions.values()) count += subscriptions.size;
  return count;
}

function pendingBytes(gateway: Gateway): GaugeSample[] {
  const pending = { nats: 0, mqtt: 0 };
  for (const { session, out } of gateway.connections()) {
    pending[session.protocol] += out.pendingBytes;
  }
  return PROTOCOLS.map((protocol) => [{ protocol }, pending[protocol]]);
}

/** Of several certificates of one listener the one that ends first. */
function certificateDays(gateway: Gateway): GaugeSample[] {
  const days = new Map<string, number>();
  for (const { listener, daysLeft } of gateway.certificates.list()) {
    days.set(listener, Math.min(daysLeft, days.get(listener) ?? Infinity));
  }
  return [...days].map(([listener, left]) => [{ listener }, left]);
}
