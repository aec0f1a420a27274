/**
 * The configuration as the rest of the program sees it: plain, deeply frozen, every default
 * filled in. Keys are those of the file. Durations are in milliseconds, sizes in bytes, rates a
 * second; what the file calls `"infinity"` is Infinity.
 */
import type * as v from "valibot";
import type { ConfigSchema } from "./schema/root.ts";

/** Everything. */
export type Config = Frozen<v.InferOutput<ConfigSchema>>;

/** The same type, with nothing to write to. */
export type Frozen<T> = T extends (infer Item)[] ? readonly Frozen<Item>[]
  : T extends object ? { readonly [Key in keyof T]: Frozen<T[Key]> }
  : T;

/** `[log]`. */
export type LogConfig = Config["log"];
/** `[gateway.nats]`. */
export type NatsGatewayConfig = Config["gateway"]["nats"];

/** Listeners of NATS clients, by type and name. */
export type NatsListeners = NatsGatewayConfig["listeners"];
/** Listeners of MQTT clients, by type and name. */
export type MqttListeners = Config["listeners"];
/** Any NATS listener; which fields it has depends on its type. */
export type NatsListenerConfig = NatsListeners[keyof NatsListeners][string];
/** Any MQTT listener. */
export type MqttListenerConfig = MqttListeners[keyof MqttListeners][string];
/** `ssl_options` of a listener. */
export type ServerTlsConfig = MqttListeners["ssl"][string]["ssl_options"];
/** `websocket` of a listener. */
export type WebsocketConfig = MqttListeners["ws"][string]["websocket"];

/** An authenticator; told apart by `mechanism` and `backend`, a jwt by `use_jwks` and `algorithm`. */
export type AuthenticatorConfig = Config["authentication"][number];
/** A password authenticator of one backend, such as `PasswordConfig<"mysql">`. */
export type PasswordConfig<Backend extends string> = Extract<
  AuthenticatorConfig,
  { readonly mechanism: "password_based"; readonly backend: Backend }
>;
/** The jwt authenticator; told apart by `use_jwks` and `algorithm`. */
export type JwtConfig = Extract<AuthenticatorConfig, { readonly mechanism: "jwt" }>;
/** One method of `internal_authn`; told apart by `type`. */
export type InternalAuthnConfig = NatsGatewayConfig["internal_authn"][number];

/** `[authorization]`. */
export type AuthorizationConfig = Config["authorization"];
/** A source of permissions; told apart by `type`. */
export type SourceConfig = AuthorizationConfig["sources"][number];
/** A source of one type, such as `SourceOf<"http">`. */
export type SourceOf<Type extends string> = Extract<SourceConfig, { readonly type: Type }>;

/** `[dashboard]`. */
export type DashboardConfig = Config["dashboard"];
