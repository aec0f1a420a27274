/**
 * Logins and rules out of an LDAP directory.
 */
import { parseDuration } from "../config/values.ts";
import { readAllowLists } from "./attached_rules.ts";
import { NOT_AUTHORIZED, type Provider } from "./chain.ts";
import type { PartDeps } from "./deps.ts";
import { fact, type Facts, factsOfLogin } from "./facts.ts";
import { BadAnswer, type Guard } from "./guard.ts";
import { asFlag, parseJson } from "./json.ts";
import type { LdapClient, LdapEntry } from "./ldap.ts";
import { escapeDn, escapeFilter, verifyLdapPassword } from "./ldap_text.ts";
import { backendFailed, BAD_PASSWORD, overriddenClientId } from "./provider.ts";
import { readRules, RuleProblem } from "./rule_object.ts";
import type { Rule } from "./rule.ts";
import type { RuleSource } from "./source.ts";
import { parseTemplate, render, type Template } from "./template.ts";
import type { AttachedRules, AuthResult, Credentials } from "./types.ts";

/** Where entries are looked for. */
export interface LdapQuery {
  readonly base_dn: string;
  readonly filter: string;
}

/** How the password of an entry is checked. */
export type LdapMethod =
  & { readonly is_superuser_attribute: string; readonly clientid_override_attribute: string }
  & (
    | { readonly type: "hash"; readonly password_attribute: string }
    | { readonly type: "bind"; readonly bind_password: string }
  );

/** Attributes with rules; undefined ones are not asked for. */
export interface LdapRuleAttributes {
  readonly publish_attribute?: string | undefined;
  readonly subscribe_attribute?: string | undefined;
  readonly all_attribute?: string | undefined;
  readonly acl_rule_attribute?: string | undefined;
  readonly acl_ttl_attribute?: string | undefined;
}

/** An authenticator. */
export function ldapProvider(
  options: LdapQuery & LdapRuleAttributes & { readonly method: LdapMethod },
  client: LdapClient,
  guard: Guard,
  deps: PartDeps,
): Provider {
  const search = searcher(options, client);
  const { method } = options;
  const attributes = [
    method.is_superuser_attribute,
    method.clientid_override_attribute,
    ...(method.type === "hash" ? [method.password_attribute, "isEnabled"] : []),
    ...ruleAttributes(options),
  ];
  const password = method.type === "bind" ? parseTemplate(method.bind_password) : [];
  return {
    id: "password_based:ldap",
    guard,
    async authenticate(credentials) {
      // Many servers answer "success" to a bind without a password. [RFC 4513, section 5.1.2]
      const facts = factsOfLogin(credentials);
      const secret = render(password, (name) => fact(facts, name));
      if ((credentials.password?.length ?? 0) === 0) return BAD_PASSWORD;
      if (method.type === "bind" && secret === "") return BAD_PASSWORD;
      const found = await guard.run(async (): Promise<AuthResult> => {
        const entries = await search(facts, attributes);
        if (entries.length > 1) {
          deps.log.warn("several LDAP entries fit one client: refused", {
            username: credentials.username,
          });
          return NOT_AUTHORIZED;
        }
        const entry = entries[0];
        if (entry === undefined) return { kind: "ignore" };
        const right = method.type === "bind"
          ? await client.bind(entry.dn, secret)
          : checkHash(entry, method.password_attribute, credentials.password!);
        return right ? allow(entry, method, options, credentials, deps) : BAD_PASSWORD;
      }, credentials.password);
      if (found !== "failed") return found;
      return backendFailed(deps.failClosed);
    },
    close: () => client.close(),
  };
}

/** A source: what the attributes of a client's entry allow, and rules that may deny. */
export function ldapSource(
  options: LdapQuery & LdapRuleAttributes,
  client: LdapClient,
  guard: Guard,
  deps: Pick<PartDeps, "subjects">,
): RuleSource {
  const search = searcher(options, client);
  return {
    kind: "rules",
    type: "ldap",
    remote: true,
    guard,
    rules: (facts) =>
      guard.run(async () => {
        const entries = await search(facts, ruleAttributes(options));
        if (entries.length > 1) throw new BadAnswer("several entries fit one client");
        return entries.flatMap((entry) => rulesOf(entry, options, deps));
      }),
    close: () => client.close(),
  };
}

function searcher(options: LdapQuery, client: LdapClient) {
  const base: Template = parseTemplate(options.base_dn);
  const filter: Template = parseTemplate(options.filter);
  return (facts: Facts, attributes: readonly string[]) => {
    const lookup = (name: string) => fact(facts, name);
    return client.search(
      render(base, lookup, escapeDn),
      render(filter, lookup, escapeFilter),
      attributes,
    );
  };
}

function ruleAttributes(options: LdapRuleAttributes): string[] {
  return [
    options.publish_attribute,
    options.subscribe_attribute,
    options.all_attribute,
    options.acl_rule_attribute,
    options.acl_ttl_attribute,
  ].filter((name) => name !== undefined);
}

function values(entry: LdapEntry, attribute: string | undefined): readonly string[] {
  return attribute === undefined ? [] : entry.attributes.get(attribute.toLowerCase()) ?? [];
}

function checkHash(entry: LdapEntry, attribute: string, password: Uint8Array): boolean {
  if (values(entry, "isEnabled")[0]?.toLowerCase() === "false") return false;
  const stored = values(entry, attribute);
  const verdicts = stored.map((one) => verifyLdapPassword(password, one));
  if (stored.length === 0 || verdicts.every((verdict) => verdict === undefined)) {
    throw new BadAnswer(`an entry has no usable hash in ${attribute}`);
  }
  return verdicts.includes(true);
}

function allow(
  entry: LdapEntry,
  method: LdapMethod,
  options: LdapRuleAttributes,
  credentials: Credentials,
  deps: PartDeps,
): AuthResult {
  const flag = values(entry, method.is_superuser_attribute)[0]?.toLowerCase();
  const clientId = values(entry, method.clientid_override_attribute)[0];
  return {
    kind: "allow",
    principal: {
      username: credentials.username,
      method: "ldap",
      superuser: asFlag(flag),
      ...overriddenClientId(credentials, clientId),
      ...attachedRules(entry, options, deps),
    },
  };
}

function attachedRules(
  entry: LdapEntry,
  options: LdapRuleAttributes,
  deps: PartDeps,
): { readonly rules?: AttachedRules } {
  const named = [
    options.publish_attribute,
    options.subscribe_attribute,
    options.all_attribute,
    options.acl_rule_attribute,
  ];
  if (named.every((attribute) => attribute === undefined)) return {};
  const ttl = values(entry, options.acl_ttl_attribute)[0];
  const ttl_ms = ttl === undefined ? undefined : durationOf(ttl);
  const expiresAt = ttl_ms === undefined ? undefined : deps.clock.now() + ttl_ms;
  return { rules: { rules: rulesOf(entry, options, deps), final: false, expiresAt } };
}

function rulesOf(
  entry: LdapEntry,
  options: LdapRuleAttributes,
  deps: Pick<PartDeps, "subjects">,
): Rule[] {
  const written = values(entry, options.acl_rule_attribute).flatMap((text) => {
    const value = parseJson(text);
    if (value === undefined) throw new RuleProblem("a rule attribute is not JSON");
    return Array.isArray(value) ? value : [value];
  });
  return [
    ...readRules(written, { ...deps, source: "ldap", namesAreConditions: false }),
    ...readAllowLists(
      [
        ["publish", values(entry, options.publish_attribute)],
        ["subscribe", values(entry, options.subscribe_attribute)],
        ["all", values(entry, options.all_attribute)],
      ],
      deps.subjects,
      "ldap",
    ),
  ];
}

/** `60s`, `5m`, or seconds. Throws `RuleProblem`: rules without an end were not asked for. */
function durationOf(text: string): number {
  const duration_ms = parseDuration(text.replaceAll(" ", ""), 1000);
  if (duration_ms === undefined) throw new RuleProblem(`${JSON.stringify(text)} is no duration`);
  return duration_ms;
}
