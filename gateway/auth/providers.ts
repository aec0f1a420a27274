/**
 * From the configuration of an authenticator to the authenticator.
 */
import { readFileSync } from "node:fs";
import type { AuthenticatorConfig, PasswordConfig } from "../config/types.ts";
import type { Log } from "../observe/log.ts";
import type { Provider } from "./chain.ts";
import type { PartDeps } from "./deps.ts";
import type { Hasher } from "./hasher.ts";
import { ImportProblem, importUsers, readUsers } from "./user_import.ts";
import { builtinProvider, type UserTable } from "./users.ts";

/** Makes an authenticator; backends are connected to at the first login. */
export function createProvider(
  config: AuthenticatorConfig,
  users: UserTable,
  deps: PartDeps,
): Provider {
  if (config.mechanism === "jwt") throw new Error("not yet");
  switch (config.backend) {
    case "built_in_database":
      return builtinProvider(config, users, deps.hasher);
    default:
      throw new Error("not yet");
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
