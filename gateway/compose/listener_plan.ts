/**
 * From the configuration to the list of listeners that should be running.
 */
import type { Config, MqttListenerConfig, NatsListenerConfig } from "../config/types.ts";
import { parseAccessRule } from "../transport/access_rules.ts";
import type { ListenerOptions } from "../transport/listener.ts";

/** One listener as configured, enabled or not. */
export type ListenerPlan =
  & {
    /** `nats:tcp:default` */
    readonly id: string;
    readonly type: ListenerOptions["transport"];
    readonly name: string;
    readonly options: ListenerOptions;
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
): ListenerOptions {
  return {
    id,
    transport,
    bind: listener.bind,
    connections_max: listener.max_connections,
    connection_rate: { perSecond: listener.max_conn_rate, burst: listener.max_conn_rate },
    accessRules: listener.access_rules.map((rule) => parseAccessRule(rule)!),
    backlog: listener.tcp_options.backlog,
    nodelay: listener.tcp_options.nodelay,
  };
}
