/**
 * From the configuration to the list of listeners that should be running.
 */
import { listListeners, type NamedListener } from "../config/listing.ts";
import type { Config } from "../config/types.ts";
import { parseAccessRule } from "../transport/access_rules.ts";
import type { ListenerOptions } from "../transport/listener.ts";
import type { Rate } from "../transport/rate_limit.ts";

/** What of a listener's options is in its settings alone. */
export type PlannedOptions = Omit<ListenerOptions, "way">;

/** A listener as configured, with the options that come from it. */
export type ListenerPlan = NamedListener & { readonly options: PlannedOptions };

/** Every enabled listener, NATS first. */
export function listenerPlans(config: Config): ListenerPlan[] {
  return listListeners(config)
    .filter(({ enabled }) => enabled)
    .map((named) => ({ ...named, options: listenerOptions(named) }));
}

function listenerOptions({ id, type, listener }: NamedListener): PlannedOptions {
  return {
    id,
    transport: type,
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
