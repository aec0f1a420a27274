/**
 * Which `${...}` placeholders a setting may hold. Checked at load, so that a misspelled name
 * never turns into the same empty text for everybody.
 */
import { closest } from "./suggest.ts";

/** The names that one kind of template knows. A final `.*` takes any one name. */
export interface TemplateScope {
  readonly names: readonly string[];
  /** What the template is for, for the message. */
  readonly used_in: string;
}

const CLIENT = [
  "username",
  "clientid",
  "peerhost",
  "peerport",
  "cert_common_name",
  "cert_subject",
  "zone",
  "listener",
  "client_attrs.*",
];

/** Prefix of all names of a client; rendered after the login. */
export const MOUNTPOINT: TemplateScope = {
  used_in: "a mountpoint",
  names: ["username", "clientid", "account", "peerhost", "zone", "endpoint_name", "client_attrs.*"],
};

/** Where a NATS client's username, password and client id come from. */
export const CLIENT_INFO: TemplateScope = {
  used_in: "clientinfo_override",
  names: [
    "generated",
    "Packet.*",
    ...["peername", "peerhost", "peerport", "sockname", "sockport", "proto_name", "proto_ver"]
      .map((name) => `ConnInfo.${name}`),
    ...["clientid", "peerhost", "peerport", "cn", "dn", "zone", "listener", "protocol", "sockport"]
      .map((name) => `ClientInfo.${name}`),
    "cert_common_name",
    "cert_subject",
  ],
};

/** Queries of authenticators. */
export const LOGIN: TemplateScope = {
  used_in: "an authenticator",
  names: [...CLIENT, "password", "cert_pem"],
};

/** `verify_claims` of the jwt authenticator. */
export const CLAIM: TemplateScope = {
  used_in: "verify_claims",
  names: ["clientid", "username"],
};

/** Queries of authorization sources. */
export const ACCESS: TemplateScope = { used_in: "an authorization source", names: CLIENT };

/** Requests of the http authorization source. */
export const ACCESS_HTTP: TemplateScope = {
  used_in: "the http authorization source",
  names: [
    ...CLIENT,
    ...["action", "topic", "qos", "retain", "proto_name", "mountpoint", "cert_pem", "access"],
  ],
};

/** Queries of the ldap authorization source. */
export const ACCESS_LDAP: TemplateScope = {
  used_in: "the ldap authorization source",
  names: CLIENT.filter((name) => name !== "peerport"),
};

/** Topics of authorization rules. */
export const RULE_TOPIC: TemplateScope = {
  used_in: "a rule's topic",
  names: ["username", "clientid", "cert_common_name", "zone", "client_attrs.*"],
};

/** Names of all placeholders in the text, in order. `${$}` stands for a dollar sign. */
export function placeholders(template: string): string[] {
  const names = [...template.matchAll(/\$\{([^{}]*)\}/g)].map((match) => match[1]!);
  return names.filter((name) => name !== "$");
}

/** Why the template cannot be used; undefined when every placeholder is known. */
export function templateProblem(template: string, scope: TemplateScope): string | undefined {
  if (template.replace(/\$\{[^{}]*\}/g, "").includes("${")) {
    return "has a ${ that is not closed by }, so it would be the same text for everybody " +
      "(write ${$}{ for the text itself)";
  }
  for (const name of placeholders(template)) {
    if (scope.names.some((known) => matches(known, name))) continue;
    const near = closest(name, scope.names);
    const hint = near === undefined ? "" : `, did you mean \${${near.replace(".*", ".NAME")}}?`;
    return `unknown placeholder \${${name}} in ${scope.used_in}${hint} ` +
      `(write \${$}{${name}} for the text itself)`;
  }
  return undefined;
}

function matches(known: string, name: string): boolean {
  if (!known.endsWith(".*")) return known === name;
  return name.startsWith(known.slice(0, -1)) && name.length >= known.length;
}
