/**
 * From the configuration of an authenticator to the authenticator. Backends are connected to at
 * the first login.
 */
import { readFileSync } from "node:fs";
import type { AuthenticatorConfig, JwtConfig, PasswordConfig } from "../config/types.ts";
import { EXIT, OperationalError } from "../errors.ts";
import type { Log } from "../observe/log.ts";
import type { Provider } from "./chain.ts";
import type { PartDeps } from "./deps.ts";
import type { Hasher } from "./hasher.ts";
import { Guard } from "./guard.ts";
import { httpClient } from "./http_client.ts";
import { httpProvider } from "./http.ts";
import { jwtProvider } from "./jwt.ts";
import { type JwtKeys, KeySet, publicKeys, secretKeys } from "./jwt_keys.ts";
import { ldapClient } from "./ldap.ts";
import { ldapProvider } from "./ldap_login.ts";
import { mongodbFinder, mongodbProvider } from "./mongodb.ts";
import { mysqlClient } from "./mysql.ts";
import { postgresqlClient } from "./postgresql.ts";
import { parseCommand, redisClient, redisProvider } from "./redis.ts";
import { parseStatement, sqlProvider } from "./sql.ts";
import { ImportProblem, importUsers, readUsers } from "./user_import.ts";
import { builtinProvider, type UserTable } from "./users.ts";

/** Milliseconds to wait for backends that have no setting for it. */
export const BACKEND_TIMEOUT_MS = 5000;

/** Makes an authenticator. Throws `OperationalError` when a key file cannot be read. */
export function createProvider(
  config: AuthenticatorConfig,
  users: UserTable,
  deps: PartDeps,
): Provider {
  if (config.mechanism === "jwt") return jwtProvider(config, jwtKeys(config, deps), deps);
  if (config.backend === "built_in_database") return builtinProvider(config, users, deps.hasher);
  const id = `password_based:${config.backend}`;
  switch (config.backend) {
    case "mysql": {
      const guard = guardFor(id, config.query_timeout, config.pool_size, config.password, deps);
      const statement = parseStatement(config.query, () => "?");
      const algorithm = config.password_hash_algorithm;
      return sqlProvider(id, statement, algorithm, mysqlClient(config), guard, deps);
    }
    case "postgresql": {
      const guard = guardFor(id, config.query_timeout, config.pool_size, config.password, deps);
      const statement = parseStatement(config.query, (n) => `$${n}`);
      const algorithm = config.password_hash_algorithm;
      return sqlProvider(id, statement, algorithm, postgresqlClient(config), guard, deps);
    }
    case "mongodb": {
      const guard = guardFor(id, BACKEND_TIMEOUT_MS, config.pool_size, config.password, deps);
      const finder = mongodbFinder(config, BACKEND_TIMEOUT_MS);
      return mongodbProvider(config, config.password_hash_algorithm, finder, guard, deps);
    }
    case "redis": {
      const secrets = [config.password, config.sentinel_password];
      const guard = guardFor(id, BACKEND_TIMEOUT_MS, config.pool_size, secrets, deps);
      // The schema has checked the command.
      const command = parseCommand(config.cmd)!;
      const client = redisClient(config);
      return redisProvider(command, config.password_hash_algorithm, client, guard, deps);
    }
    case "http": {
      const { request_timeout, enable_pipelining } = config;
      const guard = guardFor(
        id,
        request_timeout,
        enable_pipelining,
        Object.values(config.headers),
        deps,
      );
      return httpProvider(config, httpClient(config), guard, deps);
    }
    case "ldap": {
      const guard = guardFor(id, config.query_timeout, config.pool_size, config.password, deps);
      return ldapProvider(config, ldapClient(config), guard, deps);
    }
  }
}

/** The guard of a backend. */
export function guardFor(
  name: string,
  timeout_ms: number,
  requests_max: number,
  secrets: string | undefined | readonly (string | undefined)[],
  deps: Pick<PartDeps, "clock" | "log">,
): Guard {
  const all = [secrets].flat();
  return new Guard({ name, timeout_ms, requests_max, secrets: all }, deps.clock, deps.log);
}

function jwtKeys(config: JwtConfig, deps: PartDeps): JwtKeys {
  if (config.use_jwks) {
    const client = httpClient({
      url: config.endpoint,
      pool_size: config.pool_size,
      connect_timeout: BACKEND_TIMEOUT_MS,
      max_inactive: BACKEND_TIMEOUT_MS,
      ssl: config.ssl,
    });
    const guard = guardFor("jwt key set", BACKEND_TIMEOUT_MS, config.pool_size, undefined, deps);
    const { endpoint, headers, refresh_interval } = config;
    return new KeySet(endpoint, headers, refresh_interval, client, guard, deps.clock);
  }
  if (config.algorithm === "hmac-based") {
    return secretKeys(config.secret, config.secret_base64_encoded);
  }
  try {
    return publicKeys(config.public_key);
  } catch {
    throw new OperationalError(
      "The public_key of the jwt authenticator is no PEM text and no readable PEM file.",
      EXIT.config,
    );
  }
}

/**
 * Adds the users of the bootstrap file that are not there yet. A file that is missing or broken
 * is a warning: the users that are there can still log in.
 */
export async function bootstrapUsers(
  config: PasswordConfig<"built_in_database">,
  users: UserTable,
  hasher: Hasher,
  log: Log,
): Promise<void> {
  const { bootstrap_file: file, bootstrap_type: type } = config;
  if (file === "") return;
  try {
    const format = file.toLowerCase().endsWith(".json") ? "json" : "csv";
    const rows = readUsers(readFileSync(file, "utf8"), format, type);
    const algorithm = config.password_hash_algorithm;
    const result = await importUsers(rows, type, users, algorithm, hasher, true);
    if (result.success > 0) log.info("users were added", { file, users: result.success });
  } catch (error) {
    if (!(error instanceof ImportProblem) && !isFileError(error)) throw error;
    log.warn("the bootstrap file cannot be used", { file, reason: error.message });
  }
}

function isFileError(error: unknown): error is Error {
  return error instanceof Error && "code" in error;
}
