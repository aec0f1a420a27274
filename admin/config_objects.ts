/**
 * Parts of the configuration as the API takes and shows them: the schemas that check the file,
 * with what the API tells beside.
 */
import * as v from "valibot";
import {
  authenticationSettings,
  authenticator,
  mqttChain,
} from "../gateway/config/schema/authentication.ts";
import { authorization, authorizationSource } from "../gateway/config/schema/authorization.ts";
import { gatewayNats } from "../gateway/config/schema/gateway_nats.ts";
import { LISTENER_TYPES, mqttListener, natsListener } from "../gateway/config/schema/listeners.ts";
import { retainer } from "../gateway/config/schema/mqtt.ts";
import { configSchema } from "../gateway/config/schema/root.ts";
import { JsonValue } from "./schemas.ts";

/** Only defaults differ between the profiles. */
const PROFILE = "legacy";

/** The parts of a valibot schema that matter here. */
interface Node {
  readonly type: string;
  readonly key?: string;
  readonly options?: readonly v.GenericSchema[];
  readonly entries?: v.ObjectEntries;
  readonly pipe?: readonly v.GenericSchema[];
}

/** The same table, or each of the same tables, with more keys. */
function withKeys(schema: v.GenericSchema, keys: v.ObjectEntries): v.GenericSchema {
  const { key, options, pipe, entries } = schema as unknown as Node;
  if (pipe !== undefined) return withKeys({ ...pipe[0]!, pipe: undefined } as never, keys);
  if (options === undefined) return v.strictObject({ ...entries, ...keys });
  return v.variant(key!, options.map((option) => withKeys(option, keys)) as never);
}

const node_status = (status: v.GenericSchema) =>
  v.array(v.strictObject({ node: v.string(), status }));
const time = v.nullable(v.string());
const limit = v.union([v.number(), v.literal("infinity")]);

/** The whole configuration. */
export const Configuration = configSchema(PROFILE);

/** An authenticator. `id` is told, and ignored when it is written. */
export const Authenticator = withKeys(authenticator(PROFILE), { id: v.optional(v.string()) });
/** `authentication_settings`. */
export const AuthenticationSettings = authenticationSettings.wrapped;
/** Several authenticators without what the API tells. */
const Chain = mqttChain(PROFILE);

/** How a backend is. */
const BackendStatus = v.picklist(["connected", "connecting", "disconnected"]);
/** An authenticator at work. */
export const AuthenticatorStatus = v.strictObject({
  status: BackendStatus,
  node_status: node_status(BackendStatus),
  resource_metrics: v.strictObject({
    matched: v.number(),
    success: v.number(),
    failed: v.number(),
  }),
  node_error: v.array(v.strictObject({ node: v.string(), error: v.string() })),
});

/** A source at work. */
export const SourceStatus = v.strictObject({
  ...AuthenticatorStatus.entries,
  metrics: v.strictObject({
    total: v.number(),
    allow: v.number(),
    deny: v.number(),
    nomatch: v.number(),
    ignore: v.number(),
  }),
});

/** A source of permissions; `file` shows and takes its rules as text. */
export const Source = v.variant(
  "type",
  authorizationSource(PROFILE).options.map((option) =>
    withKeys(
      option,
      (option as unknown as { entries: { type: { literal: string } } }).entries?.type.literal ===
          "file"
        ? { rules: v.optional(v.string()) }
        : {},
    )
  ) as never,
) as v.GenericSchema;

const { sources: _, ...settings } = authorization(PROFILE).wrapped.entries;
/** `authorization` without its sources. */
export const AuthorizationSettings = v.strictObject(settings);

/** `retainer`. */
export const Retainer = retainer.wrapped;

const listenerStatus = v.strictObject({
  running: v.boolean(),
  max_connections: limit,
  current_connections: v.number(),
});
/** What is told of a listener beside its settings. */
const TOLD_OF_LISTENER = { id: v.string(), name: v.string(), running: v.boolean() };
/** What is told in a list. */
const TOLD_IN_LIST = {
  address: v.string(),
  port: v.number(),
  certificates: v.array(v.strictObject({
    listener: v.string(),
    subject: v.string(),
    issuer: v.string(),
    fingerprint256: v.string(),
    notAfter: v.number(),
    daysLeft: v.number(),
  })),
  status: listenerStatus,
  node_status: node_status(listenerStatus),
};

type Listeners = Readonly<Record<(typeof LISTENER_TYPES)[number], v.GenericSchema>>;

function listenerOf(listeners: Listeners, told: v.ObjectEntries): v.GenericSchema {
  return v.variant(
    "type",
    LISTENER_TYPES.map((type) =>
      withKeys(listeners[type], { ...told, type: v.literal(type) })
    ) as never,
  );
}

const NATS = natsListener(PROFILE);
const MQTT = mqttListener(PROFILE);
/** A listener of the gateway. */
export const GatewayListener = listenerOf(NATS, TOLD_OF_LISTENER);
/** The same with how it runs. */
export const GatewayListenerInList = listenerOf(NATS, { ...TOLD_OF_LISTENER, ...TOLD_IN_LIST });
/** A listener of either protocol. */
export const Listener = v.union([GatewayListener, listenerOf(MQTT, TOLD_OF_LISTENER)]);
/** The same with how it runs. */
export const ListenerInList = v.union([
  GatewayListenerInList,
  listenerOf(MQTT, { ...TOLD_OF_LISTENER, ...TOLD_IN_LIST }),
]);

/** What is ignored when a listener is written. */
const IGNORED = Object.fromEntries(
  ["id", "running", "status", "node_status", "protocol", ...Object.keys(TOLD_IN_LIST)]
    .map((key) => [key, v.optional(v.unknown())]),
);
/** A listener of the gateway to be made. */
export const NewGatewayListener = listenerOf(NATS, { ...IGNORED, name: v.string() });
/** A listener of either protocol to be made. */
export const NewListener = v.union([
  NewGatewayListener,
  listenerOf(MQTT, { ...IGNORED, name: v.string() }),
]);

const status = v.picklist(["running", "stopped", "unloaded"]);
/** The gateway in a list. */
export const GatewaySummary = v.strictObject({
  name: v.literal("nats"),
  status,
  created_at: v.optional(time),
  started_at: v.optional(time),
  stopped_at: v.optional(time),
  max_connections: v.optional(limit),
  current_connections: v.optional(v.number()),
  listeners: v.optional(v.array(v.strictObject({
    id: v.string(),
    name: v.string(),
    type: v.picklist(LISTENER_TYPES),
    running: v.boolean(),
  }))),
  node_status: v.optional(v.array(v.strictObject({
    node: v.string(),
    status,
    max_connections: limit,
    current_connections: v.number(),
  }))),
});

const { listeners: _listeners, ...gatewaySettings } = gatewayNats(PROFILE).wrapped.entries;
/** The gateway with all its settings; only name and state while there are none. */
export const Gateway = v.strictObject({
  ...gatewaySettings,
  name: v.literal("nats"),
  status,
  created_at: v.optional(time),
  started_at: v.optional(time),
  stopped_at: v.optional(time),
  listeners: v.optional(v.array(GatewayListener)),
});
/** The gateway to be set up or changed. */
export const NewGateway = v.strictObject({
  ...gatewaySettings,
  ...Object.fromEntries(
    ["name", "status", "created_at", "started_at", "stopped_at", "node_status"]
      .map((key) => [key, v.optional(v.unknown())]),
  ),
  listeners: v.optional(v.array(NewGatewayListener)),
});

/** What the OpenAPI document says once and refers to, by name. */
export const COMPONENTS: Readonly<Record<string, v.GenericSchema>> = {
  Authenticator,
  AuthenticatorSettings: authenticator(PROFILE),
  AuthenticatorChain: Chain,
  Configuration,
  JsonValue,
  Gateway,
  NewGateway,
  GatewayListener,
  GatewayListenerInList,
  Listener,
  ListenerInList,
  NewGatewayListener,
  NewListener,
  Source,
};
