/** The whole configuration. */
import * as v from "valibot";
import { authenticationSettings, mqttChain } from "./authentication.ts";
import { authorization } from "./authorization.ts";
import { apiKey, dashboard, prometheus } from "./dashboard.ts";
import { gatewayNats } from "./gateway_nats.ts";
import { choice, section, table } from "./kinds.ts";
import { mqttListeners } from "./listeners.ts";
import { mqtt, retainer, sysTopics } from "./mqtt.ts";
import { log, node, store } from "./node.ts";
import { oncePerProfile, SECURITY_PROFILES } from "./profile.ts";

/** The schema of the whole configuration under a security profile: only defaults differ. */
export const configSchema = oncePerProfile((profile) =>
  table({
    security_profile: choice(SECURITY_PROFILES, "legacy"),
    node,
    store,
    log,
    gateway: section({ nats: gatewayNats(profile) }),
    listeners: mqttListeners(profile),
    mqtt,
    retainer,
    sys_topics: sysTopics,
    authentication: v.optional(mqttChain(profile), []),
    authentication_settings: authenticationSettings,
    authorization: authorization(profile),
    dashboard,
    api_key: apiKey,
    prometheus,
  })
);

/** The schema of the whole configuration. */
export type ConfigSchema = ReturnType<typeof configSchema>;
