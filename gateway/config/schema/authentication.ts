/** Authenticators: `[gateway.nats.authentication]`, `[[authentication]]`, and their settings. */
import * as v from "valibot";
import { redisWords } from "../redis_words.ts";
import {
  document,
  headers,
  httpConnection,
  httpUrl,
  ldapConnection,
  mongodbConnection,
  mysqlConnection,
  postgresqlConnection,
  redisConnection,
} from "./backends.ts";
import {
  choice,
  count,
  duration,
  flag,
  integer,
  optionalText,
  requiredTemplate,
  requiredText,
  section,
  size,
  table,
  template,
  text,
  wholeNumber,
} from "./kinds.ts";
import { oncePerProfile, type SecurityProfile } from "./profile.ts";
import { tlsByScheme, urlTls } from "./tls.ts";
import { CLAIM, LOGIN } from "../template.ts";

const salt_position = choice(["prefix", "suffix", "disable"], "prefix");

/** `password_hash_algorithm`: how stored passwords are hashed. */
const passwordHash = v.optional(
  v.variant("name", [
    table({
      name: v.picklist(["plain", "md5", "sha", "sha256", "sha512"]),
      salt_position,
    }),
    table({
      name: v.literal("bcrypt"),
      /** Cost of new hashes; stored ones carry their own. */
      salt_rounds: integer(10, 5, 10),
    }),
    table({
      name: v.literal("pbkdf2"),
      mac_fun: v.picklist(
        ["sha", "sha224", "sha256", "sha384", "sha512"],
        'expected "sha", "sha224", "sha256", "sha384" or "sha512"',
      ),
      iterations: wholeNumber(1, 10_000_000),
      /** Bytes; left out: the size of the digest. */
      dk_length: v.optional(wholeNumber(1, 1024)),
    }),
  ]),
  { name: "sha256" },
);

const passwordBased = {
  mechanism: v.literal("password_based"),
  enable: flag(true),
  password_hash_algorithm: passwordHash,
};

const FIELDS = ["password_hash", "password", "salt", "is_superuser", "clientid_override"];

/** `HGET key field` or `HMGET key field...` with a password among the fields. */
const redisLoginCommand = v.pipe(
  requiredTemplate(LOGIN),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const [name, key, ...fields] = redisWords(dataset.value) ?? [];
    const verb = name?.toUpperCase();
    const shown = JSON.stringify(dataset.value);
    if (verb !== "HGET" && verb !== "HMGET" || key === undefined) {
      addIssue({ message: `expected "HGET key field" or "HMGET key field..."` });
    } else if (verb === "HGET" && fields.length !== 1) {
      addIssue({ message: `HGET takes one field, got ${shown}; use HMGET for more` });
    } else if (!fields.includes("password_hash") && !fields.includes("password")) {
      addIssue({ message: `must ask for password_hash or password, got ${shown}` });
    }
    const strange = fields.find((field) => !FIELDS.includes(field));
    if (strange !== undefined) {
      addIssue({
        message: `cannot use the field ${strange} in ${shown}; known are ${FIELDS.join(", ")}`,
      });
    }
  }),
);

/** `mechanism = "password_based"`, by backend. */
function passwordBackends(profile: SecurityProfile) {
  return v.variant("backend", [
    table({
      ...passwordBased,
      backend: v.literal("built_in_database"),
      user_id_type: choice(["username", "clientid"], "username"),
      /** Users to add at start, CSV or JSON; those that are there already stay as they are. */
      bootstrap_file: text(""),
      bootstrap_type: choice(["plain", "hash"], "plain"),
    }),
    table({
      ...passwordBased,
      backend: v.literal("mysql"),
      ...mysqlConnection(profile),
      query: requiredTemplate(LOGIN),
    }),
    table({
      ...passwordBased,
      backend: v.literal("postgresql"),
      ...postgresqlConnection(profile),
      query: requiredTemplate(LOGIN),
    }),
    table({
      ...passwordBased,
      backend: v.literal("mongodb"),
      ...mongodbConnection(profile),
      filter: document(LOGIN),
      password_hash_field: text("password_hash"),
      salt_field: text("salt"),
      is_superuser_field: text("is_superuser"),
      clientid_override_field: optionalText,
    }),
    table({
      ...passwordBased,
      backend: v.literal("redis"),
      ...redisConnection(profile),
      cmd: redisLoginCommand,
    }),
    v.pipe(
      table({
        mechanism: v.literal("password_based"),
        enable: flag(true),
        backend: v.literal("http"),
        ...httpConnection(profile, LOGIN, "5s"),
      }),
      tlsByScheme(({ url }) => url),
    ),
    table({
      mechanism: v.literal("password_based"),
      enable: flag(true),
      backend: v.literal("ldap"),
      ...ldapConnection(profile, LOGIN, "(objectClass=mqttUser)"),
      method: ldapMethod,
      publish_attribute: optionalText,
      subscribe_attribute: optionalText,
      all_attribute: optionalText,
      acl_rule_attribute: optionalText,
      acl_ttl_attribute: optionalText,
    }),
  ]);
}

/** Compare a hash here, or let the server check the password. */
const ldapMethod = v.variant("type", [
  table({
    type: v.literal("hash"),
    password_attribute: text("userPassword"),
    is_superuser_attribute: text("isSuperuser"),
    clientid_override_attribute: text("clientIdOverride"),
  }),
  table({
    type: v.literal("bind"),
    bind_password: v.optional(template(LOGIN), "${password}"),
    is_superuser_attribute: text("isSuperuser"),
    clientid_override_attribute: text("clientIdOverride"),
  }),
]);

const EXPECTED_CLAIMS =
  'expected claims such as { aud = "nats" } or [{ name = "aud", value = "nats" }]';

/** What the token must say: a table, or an array of name and value. Gives an array. */
const verifyClaims = v.optional(
  v.pipe(
    v.union([
      v.record(v.string(), template(CLAIM)),
      v.array(table({ name: v.string(), value: template(CLAIM) })),
    ], EXPECTED_CLAIMS),
    v.transform((claims) =>
      Array.isArray(claims)
        ? claims
        : Object.entries(claims).map(([name, value]) => ({ name, value }))
    ),
    v.check(
      (claims) => claims.every(({ name }) => !["", "exp", "iat", "nbf"].includes(name)),
      "must not name exp, iat, nbf or an empty claim; times are always checked",
    ),
  ),
  {},
);

/** A boolean that may be written as text. */
function literalFlag<const Value extends boolean>(value: Value) {
  return v.pipe(
    v.union([v.literal(value), v.literal(`${value}`)]),
    v.transform((): Value => value),
  );
}

/** `mechanism = "jwt"`: a token in the password or user name. */
function jwt(profile: SecurityProfile) {
  const common = {
    mechanism: v.literal("jwt"),
    enable: flag(true),
    /** Which field carries the token. */
    from: choice(["password", "username"], "password"),
    verify_claims: verifyClaims,
    acl_claim_name: text("acl"),
    disconnect_after_expire: flag(true),
    on_missing_jwt: choice(["ignore", "deny"], profile === "hardened" ? "deny" : "ignore"),
  };
  return v.variant("use_jwks", [
    v.pipe(
      table({
        ...common,
        use_jwks: literalFlag(true),
        endpoint: httpUrl({ names: [], used_in: "endpoint" }),
        headers: headers({ names: [], used_in: "headers of a key set" }),
        refresh_interval: duration("300s", 1000, 10_000),
        max_fail_count: integer(5, 1, 1000),
        pool_size: integer(8, 1, 1024),
        // Whoever can pose as this server can make keys: it is verified unless told otherwise.
        ssl: urlTls("hardened"),
      }),
      tlsByScheme(({ endpoint }) => endpoint),
    ),
    v.variant("algorithm", [
      table({
        ...common,
        use_jwks: literalFlag(false),
        algorithm: v.literal("hmac-based"),
        secret: requiredText,
        secret_base64_encoded: flag(false),
      }),
      table({
        ...common,
        use_jwks: literalFlag(false),
        algorithm: v.literal("public-key"),
        /** PEM text, or the path of a PEM file. */
        public_key: requiredText,
      }),
    ]),
  ]);
}

/** One authenticator of any kind. Four places of the configuration share it. */
export const authenticator = oncePerProfile((profile) =>
  v.variant("mechanism", [passwordBackends(profile), jwt(profile)])
);

/** The MQTT chain, asked in order. */
export function mqttChain(profile: SecurityProfile) {
  return v.array(authenticator(profile), "expected an array of tables: [[authentication]]");
}

/** Backend answers that are kept for a while. */
export const nodeCache = section({
  enable: flag(false),
  cache_ttl: duration("1m", 1, 1),
  cleanup_interval: duration("1m", 1, 1),
  stat_update_interval: duration("5s", 1, 1),
  max_count: count(1_000_000, 1),
  max_memory: size("100MB"),
});

/** `[authentication_settings]`. */
export const authenticationSettings = section({
  /** Under `hardened`: a backend that fails passes the client on to the next, as under `legacy`. */
  ignore_backend_failures: flag(false),
  node_cache: nodeCache,
  builtin_record_count_refresh_interval: duration("1h", 1, 1),
  /** Addresses with many failed logins have to wait. */
  login_throttle: section({
    enable: flag(true),
    /** Failed logins from one address within `window_time`. */
    max_count: integer(100, 1, 1_000_000),
    window_time: duration("1m", 1, 1),
    /** Then every login from there is refused for this long. */
    ban_time: duration("1m", 1, 1),
  }),
});
