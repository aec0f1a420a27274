/** Walks over the parts of a configuration that stand in several places. */
import type { Bind } from "../address.ts";
import type { Path } from "./path.ts";
import type {
  AuthenticatorConfig,
  Config,
  MqttListenerConfig,
  NatsListenerConfig,
  ServerTlsConfig,
} from "./types.ts";
import { LISTENER_TYPES, type ListenerType } from "./schema/listeners.ts";

/** A NATS or MQTT listener with its name. */
export type NamedListener =
  & {
    /** `nats:tcp:default`, `mqtt:tcp:default`. */
    readonly id: string;
    readonly type: ListenerType;
    readonly name: string;
    readonly path: Path;
    /** False when it is switched off, or its gateway is. */
    readonly enabled: boolean;
  }
  & (
    | { readonly protocol: "nats"; readonly listener: NatsListenerConfig }
    | { readonly protocol: "mqtt"; readonly listener: MqttListenerConfig }
  );

/** All listeners for NATS and MQTT clients. */
export function listListeners(config: Config): NamedListener[] {
  const list: NamedListener[] = [];
  const { nats } = config.gateway;
  for (const type of LISTENER_TYPES) {
    for (const [name, listener] of Object.entries(nats.listeners[type])) {
      const path = ["gateway", "nats", "listeners", type, name];
      const enabled = nats.enable && listener.enable;
      const id = `nats:${type}:${name}`;
      list.push({ id, protocol: "nats", type, name, path, listener, enabled });
    }
  }
  for (const type of LISTENER_TYPES) {
    for (const [name, listener] of Object.entries(config.listeners[type])) {
      const path = ["listeners", type, name];
      const enabled = listener.enable;
      const id = `mqtt:${type}:${name}`;
      list.push({ id, protocol: "mqtt", type, name, path, listener, enabled });
    }
  }
  return list;
}

/** Everything that is bound when this configuration runs. */
export function listBinds(config: Config): { id: string; path: Path; bind: Bind }[] {
  const binds: { id: string; path: Path; bind: Bind }[] = listListeners(config)
    .filter(({ enabled }) => enabled)
    .map(({ id, path, listener }) => ({ id, path: [...path, "bind"], bind: listener.bind }));
  const { monitor_bind } = config.gateway.nats;
  if (monitor_bind !== undefined && config.gateway.nats.enable) {
    const path = ["gateway", "nats", "monitor_bind"];
    binds.push({ id: "nats:monitor", path, bind: monitor_bind });
  }
  for (const scheme of ["http", "https"] as const) {
    const { bind } = config.dashboard.listeners[scheme];
    const path = ["dashboard", "listeners", scheme, "bind"];
    if (bind !== undefined) binds.push({ id: `dashboard:${scheme}`, path, bind });
  }
  return binds;
}

/** All authenticators, wherever they are. */
export function listAuthenticators(
  config: Config,
): { path: Path; authenticator: AuthenticatorConfig; isNats: boolean }[] {
  const chain = (authenticators: readonly AuthenticatorConfig[] | undefined, path: Path) =>
    (authenticators ?? []).map((authenticator, i) => ({
      path: [...path, i],
      authenticator,
      isNats: false,
    }));
  const list = chain(config.authentication, ["authentication"]);
  const single = (authenticator: AuthenticatorConfig | undefined, path: Path) => {
    if (authenticator !== undefined) list.push({ path: [...path], authenticator, isNats: true });
  };
  single(config.gateway.nats.authentication, ["gateway", "nats", "authentication"]);
  for (const { protocol, listener, path } of listListeners(config)) {
    const own = [...path, "authentication"];
    if (protocol === "nats") single(listener.authentication, own);
    else list.push(...chain(listener.authentication, own));
  }
  return list;
}

/** `ssl_options` of everything that is bound. */
export function listServerTls(config: Config): { id: string; path: Path; tls: ServerTlsConfig }[] {
  const list: { id: string; path: Path; tls: ServerTlsConfig }[] = [];
  for (const { id, path, listener, enabled } of listListeners(config)) {
    if (!enabled || !("ssl_options" in listener)) continue;
    list.push({ id, path: [...path, "ssl_options"], tls: listener.ssl_options });
  }
  const { https } = config.dashboard.listeners;
  const path = ["dashboard", "listeners", "https", "ssl_options"];
  if (https.bind !== undefined) list.push({ id: "dashboard:https", path, tls: https.ssl_options });
  return list;
}
