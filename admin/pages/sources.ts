/** The kinds of source that permissions come from, and the fields of each. */
import { httpServer, ldap, mongodb, mysql, postgresql, redis } from "./backends.ts";
import type { TableKind } from "./lists.ts";
import type { Setting } from "./settings.ts";

const PLACEHOLDERS = "Placeholders: ${username}, ${clientid}, ${peerhost}.";

const QUERY = {
  initial: "SELECT permission, action, topic FROM mqtt_acl WHERE username = ${username}",
  help: PLACEHOLDERS,
};

const ATTRIBUTES: readonly (readonly [name: string, label: string, initial: string])[] = [
  ["publish_attribute", "Attribute with topics to publish", "mqttPublishTopic"],
  ["subscribe_attribute", "Attribute with topics to subscribe", "mqttSubscriptionTopic"],
  ["all_attribute", "Attribute with topics for both", "mqttPubSubTopic"],
];

/** All kinds, in the order in which they are offered. */
export const SOURCES: readonly TableKind[] = [
  source("built_in_database", "Rules kept here (built-in database)", [
    {
      name: "max_rules",
      label: "Rules of one user or client at most",
      kind: "number",
      initial: 100,
    },
  ]),
  source("file", "Rules in a file or in the configuration", [
    {
      name: "path",
      label: "File with rules (acl.conf)",
      kind: "text",
      optional: true,
      help: "Path on the server; empty: none.",
    },
    {
      name: "rules_list",
      label: "Rules, asked before those of the file",
      kind: "json",
      help: 'Such as [{"permission": "allow", "action": "all", "topics": ["devices/#"]}].',
    },
  ]),
  source("mysql", "MySQL", mysql(QUERY)),
  source("postgresql", "PostgreSQL", postgresql(QUERY)),
  source("mongodb", "MongoDB", mongodb(PLACEHOLDERS), { mongo_type: "single" }),
  source(
    "redis",
    "Redis",
    redis({ initial: "HGETALL mqtt_acl:${username}", help: PLACEHOLDERS }),
  ),
  source(
    "http",
    "HTTP server",
    httpServer(
      { username: "${username}", topic: "${topic}", action: "${action}" },
      "Placeholders: ${username}, ${clientid}, ${peerhost}, ${topic}, ${action}.",
    ),
  ),
  source("ldap", "LDAP", [
    ...ldap(PLACEHOLDERS),
    ...ATTRIBUTES.map(([name, label, initial]): Setting => ({
      name,
      label,
      kind: "text",
      initial,
      more: true,
    })),
  ]),
];

function source(
  type: string,
  label: string,
  settings: readonly Setting[],
  more: Readonly<Record<string, unknown>> = {},
): TableKind {
  return { id: type, group: "", label, settings, fixed: { type, ...more }, marks: ["type"] };
}
