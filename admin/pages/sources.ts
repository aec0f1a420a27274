/** The kinds of source that permissions come from, and the fields of each. */
import { connection, httpServer } from "./backends.ts";
import type { TableKind } from "./lists.ts";
import type { Setting } from "./settings.ts";

const PLACEHOLDERS = "Placeholders: ${username}, ${clientid}, ${peerhost}.";

const QUERY: Setting = {
  name: "query",
  label: "Query",
  kind: "text",
  wide: true,
  required: true,
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
  source("mysql", "MySQL", [
    ...connection({ server: "127.0.0.1:3306", database: true }),
    QUERY,
  ]),
  source("postgresql", "PostgreSQL", [
    ...connection({ server: "127.0.0.1:5432", database: true, named: true }),
    QUERY,
  ]),
  source("mongodb", "MongoDB", [
    ...connection({ server: "127.0.0.1:27017", database: true }),
    { name: "collection", label: "Collection", kind: "text", required: true },
    {
      name: "filter",
      label: "Filter",
      kind: "json",
      initial: { username: "${username}" },
      help: PLACEHOLDERS,
    },
  ], { mongo_type: "single" }),
  source("redis", "Redis", [
    ...connection({ server: "127.0.0.1:6379" }),
    {
      name: "cmd",
      label: "Command",
      kind: "text",
      wide: true,
      required: true,
      initial: "HGETALL mqtt_acl:${username}",
      help: PLACEHOLDERS,
    },
  ]),
  source(
    "http",
    "HTTP server",
    httpServer(
      { username: "${username}", topic: "${topic}", action: "${action}" },
      "Placeholders: ${username}, ${clientid}, ${peerhost}, ${topic}, ${action}.",
    ),
  ),
  source("ldap", "LDAP", [
    ...connection({ server: "127.0.0.1:389", named: true }),
    { name: "base_dn", label: "Base DN", kind: "text", required: true, help: PLACEHOLDERS },
    { name: "filter", label: "Filter", kind: "text", initial: "(uid=${username})" },
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
