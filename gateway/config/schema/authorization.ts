/** `[authorization]`: who may do what. */
import * as v from "valibot";
import { redisWords } from "../redis_words.ts";
import { nodeCache } from "./authentication.ts";
import {
  document,
  httpConnection,
  ldapConnection,
  mongodbConnection,
  mysqlConnection,
  postgresqlConnection,
  redisConnection,
  rowLimits,
} from "./backends.ts";
import {
  choice,
  duration,
  flag,
  integer,
  network,
  oneOf,
  optionalText,
  requiredTemplate,
  section,
  table,
  template,
  text,
  textList,
} from "./kinds.ts";
import { oncePerProfile, type SecurityProfile } from "./profile.ts";
import { tlsByScheme } from "./tls.ts";
import { ACCESS, ACCESS_HTTP, ACCESS_LDAP, RULE_TOPIC } from "../template.ts";

const regularExpression = v.optional(
  v.pipe(
    v.string("expected a regular expression"),
    v.check(compiles, "is not a regular expression"),
  ),
);

/** One rule. Every condition that is given must hold; the first rule that fits decides. */
const rule = table({
  permission: oneOf(["allow", "deny"]),
  action: v.pipe(
    v.picklist(
      ["publish", "subscribe", "all", "pub", "sub"],
      'expected "publish", "subscribe" or "all"',
    ),
    v.transform((action) => action === "pub" ? "publish" : action === "sub" ? "subscribe" : action),
  ),
  /** MQTT filters, `eq <filter>` for the filter itself, `nats:<subject>` by NATS rules. */
  topics: v.optional(v.array(template(RULE_TOPIC), "expected an array of texts")),
  topic: v.optional(template(RULE_TOPIC)),
  username: optionalText,
  clientid: optionalText,
  username_re: regularExpression,
  clientid_re: regularExpression,
  ipaddr: v.optional(network),
  listener: optionalText,
  listener_re: regularExpression,
  zone: optionalText,
  zone_re: regularExpression,
  qos: v.optional(
    v.pipe(
      v.union(
        [v.picklist([0, 1, 2]), v.array(v.picklist([0, 1, 2]))],
        "expected 0, 1, 2 or an array of them",
      ),
      v.transform((qos) => typeof qos === "number" ? [qos] : qos),
    ),
  ),
  /** Publish only. */
  retain: v.optional(
    v.union([v.boolean(), v.literal("all")], 'expected true, false or "all"'),
    "all",
  ),
});

/** `HGETALL key` or `HMGET key field...`. */
const redisRuleCommand = v.pipe(
  requiredTemplate(ACCESS),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const [name, key, ...fields] = redisWords(dataset.value) ?? [];
    const verb = name?.toUpperCase();
    const whole = verb === "HGETALL" && fields.length === 0;
    if (key !== undefined && (whole || verb === "HMGET" && fields.length > 0)) return;
    addIssue({ message: `expected "HGETALL key" or "HMGET key field..."` });
  }),
);

/** Where permissions come from, by type. */
export const authorizationSource = oncePerProfile((profile) => {
  const enable = flag(true);
  return v.variant("type", [
    table({
      type: v.literal("file"),
      enable,
      /** A file of rules in the classic grammar ... */
      path: optionalText,
      /** ... or rules in this file. */
      rules_list: v.optional(v.array(rule, "expected an array of tables")),
    }),
    table({
      type: v.literal("built_in_database"),
      enable,
      /** Rules of one user, of one client, and for all. */
      max_rules: integer(100, 1, 100_000),
    }),
    table({
      type: v.literal("mysql"),
      enable,
      ...mysqlConnection(profile),
      query: requiredTemplate(ACCESS),
    }),
    table({
      type: v.literal("postgresql"),
      enable,
      ...postgresqlConnection(profile),
      query: requiredTemplate(ACCESS),
    }),
    table({
      type: v.literal("mongodb"),
      enable,
      ...mongodbConnection(profile),
      ...rowLimits,
      filter: document(ACCESS),
    }),
    table({
      type: v.literal("redis"),
      enable,
      ...redisConnection(profile),
      cmd: redisRuleCommand,
    }),
    v.pipe(
      table({ type: v.literal("http"), enable, ...httpConnection(profile, ACCESS_HTTP, "30s") }),
      tlsByScheme(({ url }) => url),
    ),
    table({
      type: v.literal("ldap"),
      enable,
      ...ldapConnection(profile, ACCESS_LDAP, "(objectClass=mqttUser)"),
      publish_attribute: text("mqttPublishTopic"),
      subscribe_attribute: text("mqttSubscriptionTopic"),
      all_attribute: text("mqttPubSubTopic"),
      acl_rule_attribute: text("mqttAclRule"),
    }),
  ]);
});

/** `[authorization]` under a security profile. */
export function authorization(profile: SecurityProfile) {
  return section({
    /** When no source decides. */
    no_match: choice(["allow", "deny"], profile === "hardened" ? "deny" : "allow"),
    /** What a denied client gets: an answer, or the door. */
    deny_action: choice(["ignore", "disconnect"], "ignore"),
    /** True: rules are written for names with their mountpoint. */
    include_mountpoint: flag(false),
    /**
     * True: a subscription that reaches into a denied filter is refused as a whole. False: it is
     * accepted, and messages of denied topics are kept from it.
     */
    subscribe_deny_overlap: flag(false),
    /** Under `hardened`: a source that fails is passed over, as under `legacy`. */
    ignore_backend_failures: flag(false),
    /** Answers kept for each client. */
    cache: section({
      enable: flag(true),
      max_size: integer(32, 1, 1_048_576),
      ttl: duration("1m", 1, 1),
      /** Filters (or `eq <topic>`) that are asked every time. */
      excludes: textList([]),
    }),
    node_cache: nodeCache,
    /** What values that are put into a rule's topic may hold. */
    topic_template_allow: section({
      plus: flag(false),
      hash: flag(false),
      slash: flag(false),
    }),
    /** Asked in order; each type once. */
    sources: v.optional(
      v.array(
        authorizationSource(profile),
        "expected an array of tables: [[authorization.sources]]",
      ),
      [],
    ),
  });
}

function compiles(pattern: string): boolean {
  try {
    new RegExp(pattern, "u");
    return true;
  } catch {
    return false;
  }
}
