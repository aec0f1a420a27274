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
import { SECURITY_PROFILES, type SecurityProfile } from "./profile.ts";

/** The schema under a security profile: only defaults differ. */
function root(profile: SecurityProfile) {
  return table({
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
  });
}

/** The schemas by security profile. */
export const CONFIG_SCHEMAS = { legacy: root("legacy"), hardened: root("hardened") } as const;

/** The schema of the whole configuration. */
export type ConfigSchema = ReturnType<typeof root>;
