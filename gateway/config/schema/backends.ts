/**
 * How the databases and servers are reached that logins and permissions come from. Shared by
 * authenticators and authorization sources.
 */
import * as v from "valibot";
import {
  choice,
  duration,
  flag,
  integer,
  oneOf,
  optionalText,
  requiredTemplate,
  requiredText,
  section,
  server,
  servers,
  template,
  text,
} from "./kinds.ts";
import { clientTls, urlTls } from "./tls.ts";
import type { SecurityProfile } from "./profile.ts";
import { templateProblem, type TemplateScope } from "../template.ts";

const pool_size = integer(8, 1, 1024);
/** Accepted from old files; connections always reconnect. */
const auto_reconnect = v.optional(v.boolean("expected true or false"));

/** MySQL and MariaDB. */
export function mysqlConnection(profile: SecurityProfile) {
  return {
    server: server(3306),
    database: requiredText,
    username: text("root"),
    password: optionalText,
    pool_size,
    connect_timeout: duration("15s", 1, 1),
    query_timeout: duration("5s", 1, 1),
    disable_prepared_statements: flag(false),
    ssl: clientTls(profile),
    auto_reconnect,
  };
}

/** PostgreSQL. */
export function postgresqlConnection(profile: SecurityProfile) {
  return {
    server: server(5432),
    database: requiredText,
    username: requiredText,
    password: optionalText,
    pool_size,
    connect_timeout: duration("15s", 1, 1),
    query_timeout: duration("5s", 1, 1),
    /** For pools in front of the server that cannot keep them. */
    disable_prepared_statements: flag(false),
    ssl: clientTls(profile),
    auto_reconnect,
  };
}

/** MongoDB: `server` for `single`, `servers` for the others. */
export function mongodbConnection(profile: SecurityProfile) {
  return {
    mongo_type: oneOf(["single", "rs", "sharded"]),
    server: v.optional(server(27017)),
    servers: v.optional(servers(27017)),
    replica_set_name: optionalText,
    srv_record: flag(false),
    r_mode: choice(["master", "slave_ok"], "master"),
    w_mode: choice(["unsafe", "safe"], "unsafe"),
    use_legacy_protocol: v.optional(
      v.union([v.boolean(), v.literal("auto")], 'expected true, false or "auto"'),
      "auto",
    ),
    username: optionalText,
    password: optionalText,
    auth_source: optionalText,
    database: requiredText,
    collection: requiredText,
    pool_size,
    topology: mongodbTopology,
    ssl: clientTls(profile),
    auto_reconnect,
  };
}

const optionalDuration = v.optional(duration("0s").wrapped);

const mongodbTopology = section({
  connect_timeout_ms: optionalDuration,
  socket_timeout_ms: optionalDuration,
  server_selection_timeout_ms: optionalDuration,
  wait_queue_timeout_ms: optionalDuration,
  local_threshold_ms: optionalDuration,
  heartbeat_frequency_ms: duration("200s", 1, 1),
  min_heartbeat_frequency_ms: optionalDuration,
  pool_size: integer(1, 1, 1024),
  max_overflow: integer(0, 0, 1024),
  overflow_ttl: optionalDuration,
  overflow_check_period: optionalDuration,
});

/** Redis: `server` for `single`, `servers` for the others. */
export function redisConnection(profile: SecurityProfile) {
  return {
    redis_type: choice(["single", "cluster", "sentinel"], "single"),
    server: v.optional(server(6379)),
    servers: v.optional(servers(6379)),
    /** Name of the master, as the sentinels know it. */
    sentinel: optionalText,
    sentinel_username: optionalText,
    sentinel_password: optionalText,
    username: optionalText,
    password: optionalText,
    database: integer(0, 0, 1_000_000),
    pool_size,
    connect_timeout: duration("15s", 1, 1),
    ssl: clientTls(profile),
    auto_reconnect,
  };
}

/** An HTTP server that is asked. */
export function httpConnection(
  profile: SecurityProfile,
  scope: TemplateScope,
  request_timeout: string,
) {
  return {
    method: oneOf(["get", "post"]),
    url: httpUrl(scope),
    headers: headers(scope),
    body: v.optional(v.record(v.string(), template(scope), "expected a table of texts"), {}),
    request_timeout: duration(request_timeout, 1, 1),
    connect_timeout: duration("15s", 1, 1),
    pool_size,
    /** Requests on their way at a time; more wait. */
    enable_pipelining: integer(100, 1, 100_000),
    /** Idle connections are closed after this long. */
    max_inactive: duration("10s", 1, 1),
    ssl: urlTls(profile),
  };
}

/** LDAP: a service account that looks for entries. */
export function ldapConnection(profile: SecurityProfile, scope: TemplateScope, filter: string) {
  return {
    server: server(389),
    username: requiredText,
    password: optionalText,
    pool_size,
    request_timeout: duration("10s", 1, 1),
    query_timeout: duration("5s", 1, 1),
    base_dn: requiredTemplate(scope),
    filter: v.optional(template(scope), filter),
    ssl: clientTls(profile),
  };
}

/** Names in lower case, values with placeholders. */
export function headers(scope: TemplateScope) {
  const name = v.pipe(
    v.string(),
    v.regex(/^[0-9A-Za-z!#$%&'*+.^_`|~-]+$/, "is no name for a header"),
    v.toLowerCase(),
  );
  return v.optional(v.record(name, template(scope), "expected a table of texts"), {});
}

/** `http://` or `https://`; a fixed host, placeholders in path and query, no password. */
export function httpUrl(scope: TemplateScope) {
  const expected = 'expected a URL such as "https://auth.example.com/login"';
  return v.pipe(
    template(scope),
    v.regex(/^https?:\/\/[^/?#\s]+\S*$/i, expected),
    v.check(
      (url) => !/^https?:\/\/[^/?#]*@/i.test(url),
      "must not hold a user name and password; send a header instead",
    ),
    v.check(
      (url) => !/^https?:\/\/[^/?#]*\$\{/i.test(url),
      "must have a fixed host: placeholders may only stand in path and query",
    ),
  );
}

/** A query document; texts in it may hold placeholders. */
export function document(scope: TemplateScope) {
  return v.optional(
    v.pipe(
      v.record(v.string(), v.unknown(), "expected a table"),
      v.rawCheck(({ dataset, addIssue }) => {
        if (!dataset.typed) return;
        const problem = documentProblem(dataset.value, scope);
        if (problem !== undefined) addIssue({ message: problem });
      }),
    ),
    {},
  );
}

/** Rows at most that an authorization query may give. */
export const rowLimits = { limit: integer(1000, 1, 1_000_000), skip: integer(0, 0, Infinity) };

function documentProblem(value: unknown, scope: TemplateScope): string | undefined {
  if (typeof value === "string") return templateProblem(value, scope);
  if (typeof value !== "object" || value === null) return undefined;
  for (const part of Object.values(value)) {
    const problem = documentProblem(part, scope);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
