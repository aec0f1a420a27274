/**
 * From the configuration to the list of listeners that should be running.
 */
import type { Config, MqttListenerConfig, NatsListenerConfig } from "../config/types.ts";
import { parseAccessRule } from "../transport/access_rules.ts";
import type { ListenerOptions } from "../transport/listener.ts";
import type { Rate } from "../transport/rate_limit.ts";

/** What of a listener's options is in its settings alone. */
export type PlannedOptions = Omit<ListenerOptions, "way">;

/** One listener as configured, enabled or not. */
export type ListenerPlan =
  & {
    /** `nats:tcp:default` */
    readonly id: string;
    readonly type: ListenerOptions["transport"];
    readonly name: string;
    readonly options: PlannedOptions;
  }
  & (
    | { readonly protocol: "nats"; readonly config: NatsListenerConfig }
    | { readonly protocol: "mqtt"; readonly config: MqttListenerConfig }
  );

const TYPES = ["tcp", "ssl", "ws", "wss"] as const;

/** Every enabled listener, NATS first. */
export function listenerPlans(config: Config): ListenerPlan[] {
  const plans: ListenerPlan[] = [];
  const { nats } = config.gateway;
  for (const type of TYPES) {
    for (const [name, listener] of Object.entries(nats.listeners[type])) {
      if (!nats.enable || !listener.enable) continue;
      const id = `nats:${type}:${name}`;
      const options = listenerOptions(id, type, listener);
      plans.push({ id, type, name, options, protocol: "nats", config: listener });
    }
  }
  for (const type of TYPES) {
    for (const [name, listener] of Object.entries(config.listeners[type])) {
      if (!listener.enable) continue;
      const id = `mqtt:${type}:${name}`;
      const options = listenerOptions(id, type, listener);
      plans.push({ id, type, name, options, protocol: "mqtt", config: listener });
    }
  }
  return plans;
}

function listenerOptions(
  id: string,
  transport: ListenerOptions["transport"],
  listener: NatsListenerConfig | MqttListenerConfig,
): PlannedOptions {
  return {
    id,
    transport,
    bind: listener.bind,
    connections_max: listener.max_connections,
    connection_rate: { perSecond: listener.max_conn_rate, burst: listener.max_conn_rate },
    accessRules: listener.access_rules.map((rule) => parseAccessRule(rule)!),
    backlog: listener.tcp_options.backlog,
    nodelay: listener.tcp_options.nodelay,
    keepalive_s: keepaliveOf(listener.tcp_options.keepalive),
    rates: {
      messages: rateOf(listener.messages_rate, listener.messages_burst),
      bytes: rateOf(listener.bytes_rate, listener.bytes_burst),
      totalMessages: rateOf(listener.total_messages_rate, listener.total_messages_burst),
      totalBytes: rateOf(listener.total_bytes_rate, listener.total_bytes_burst),
    },
  };
}

/** From `none` or `idle,interval,probes`: the first number. */
function keepaliveOf(text: string): number | undefined {
  return text === "none" ? undefined : Math.max(1, parseInt(text, 10));
}

/** Undefined: no limit. A burst that is not set is what one second allows. */
function rateOf(perSecond: number, burst: number | undefined): Rate | undefined {
  return perSecond === Infinity ? undefined : { perSecond, burst: burst ?? Math.max(perSecond, 1) };
}
