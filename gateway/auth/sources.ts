/**
 * From the configuration of an authorization source to the source. Backends are connected to at
 * the first question.
 */
import type { SourceConfig } from "../config/types.ts";
import type { BuiltinRules } from "./builtin_rules.ts";
import type { PartDeps } from "./deps.ts";
import { fileSource } from "./file_source.ts";
import { httpSource } from "./http.ts";
import { httpClient } from "./http_client.ts";
import { ldapClient } from "./ldap.ts";
import { ldapSource } from "./ldap_login.ts";
import { mongodbFinder, mongodbSource } from "./mongodb.ts";
import { mysqlClient } from "./mysql.ts";
import { postgresqlClient } from "./postgresql.ts";
import { BACKEND_TIMEOUT_MS, guardFor } from "./providers.ts";
import { parseCommand, redisClient, redisSource } from "./redis.ts";
import type { AclSource } from "./source.ts";
import { parseStatement, sqlSource } from "./sql.ts";

/** Makes a source. Throws `OperationalError` when a rule file cannot be used. */
export function createSource(
  config: SourceConfig,
  rules: BuiltinRules,
  hardened: boolean,
  deps: Omit<PartDeps, "failClosed">,
): AclSource {
  const { type } = config;
  const name = `authorization:${type}`;
  switch (type) {
    case "file":
      return fileSource(config, deps.subjects, hardened ? "hardened" : "legacy");
    case "built_in_database":
      return rules.source();
    case "mysql": {
      const guard = guardFor(name, config.query_timeout, config.pool_size, config.password, deps);
      const statement = parseStatement(config.query, () => "?");
      return sqlSource(type, statement, mysqlClient(config), guard, deps);
    }
    case "postgresql": {
      const guard = guardFor(name, config.query_timeout, config.pool_size, config.password, deps);
      const statement = parseStatement(config.query, (n) => `$${n}`);
      return sqlSource(type, statement, postgresqlClient(config), guard, deps);
    }
    case "mongodb": {
      const guard = guardFor(name, BACKEND_TIMEOUT_MS, config.pool_size, config.password, deps);
      const finder = mongodbFinder(config, BACKEND_TIMEOUT_MS);
      return mongodbSource(config, finder, guard, deps);
    }
    case "redis": {
      const secrets = [config.password, config.sentinel_password];
      const guard = guardFor(name, BACKEND_TIMEOUT_MS, config.pool_size, secrets, deps);
      // The schema has checked the command.
      return redisSource(parseCommand(config.cmd)!, redisClient(config), guard, deps);
    }
    case "http": {
      const { request_timeout, enable_pipelining } = config;
      const guard = guardFor(
        name,
        request_timeout,
        enable_pipelining,
        Object.values(config.headers),
        deps,
      );
      return httpSource(config, httpClient(config), guard);
    }
    case "ldap": {
      const guard = guardFor(name, config.query_timeout, config.pool_size, config.password, deps);
      return ldapSource(config, ldapClient(config), guard, deps);
    }
  }
}
