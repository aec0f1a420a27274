/** Options of sessions, as a configuration gives them. */
import { mqttOptions } from "../../gateway/compose/mqtt_options.ts";
import { natsOptions } from "../../gateway/compose/nats_options.ts";
import { formatIssues, loadConfig } from "../../gateway/config/load.ts";
import type { Config } from "../../gateway/config/types.ts";
import type { MqttOptions } from "../../gateway/mqtt/options.ts";
import type { NatsOptions } from "../../gateway/nats/server.ts";

/** The broker's options under `path=value` settings. */
export function mqttOptionsOf(sets: readonly string[]): MqttOptions {
  return mqttOptions(configOf(sets));
}

/** The NATS gateway's options under `path=value` settings. */
export function natsOptionsOf(sets: readonly string[]): NatsOptions {
  return natsOptions(configOf(sets));
}

/** The broker's options when nothing is said. */
export const MQTT_DEFAULTS: MqttOptions = mqttOptionsOf([]);
/** The NATS gateway's options when nothing is said. */
export const NATS_DEFAULTS: NatsOptions = natsOptionsOf([]);

function configOf(sets: readonly string[]): Config {
  const { config, issues } = loadConfig({ sets });
  if (config === undefined) throw new Error(formatIssues(issues, "settings").join("\n"));
  return config;
}
