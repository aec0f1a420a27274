/**
 * What a gateway does every so often: expired retained messages, the `$SYS` tree, spare buffers.
 */
import type { Clock } from "../clock.ts";
import type { Config } from "../config/types.ts";
import type { MqttBroker } from "../mqtt/broker.ts";
import type { MqttCounters } from "../observe/metrics.ts";
import { trimSlabs } from "../protocol/slabs.ts";
import type { Ticking } from "../transport/deadlines.ts";
import { Periodic } from "./periodic.ts";
import { SysTree } from "./sys_tree.ts";

/** How often unused write buffers are given back, half of them each time. */
const TRIM_INTERVAL_MS = 10_000;

/** The jobs, to be added to the deadlines. `config`: the one in force, asked each time. */
export function periodicJobs(
  config: () => Config,
  broker: MqttBroker,
  counters: MqttCounters,
  clock: Clock,
): Ticking[] {
  const { router } = broker;
  const startedAt = clock.now();
  const tree = new SysTree(router, broker, counters, clock);
  const sys_ms = () => config().sys_topics.sys_msg_interval;
  const beat_ms = () => config().sys_topics.sys_heartbeat_interval;
  const clear_ms = () => config().retainer.msg_clear_interval;
  if (sys_ms() > 0) tree.publish();
  return [
    new Periodic(clear_ms, () => void router.retained.sweep(), startedAt),
    new Periodic(sys_ms, () => tree.publish(), startedAt),
    new Periodic(beat_ms, () => tree.beat(), startedAt),
    new Periodic(() => TRIM_INTERVAL_MS, trimSlabs, startedAt),
  ];
}
