/**
 * Users of the built-in databases, chain by chain.
 */
import type { Access } from "../auth/access.ts";
import { DEFAULT_ALGORITHM, type HashAlgorithm } from "../auth/password.ts";
import { ImportProblem, type ImportResult, importUsers, readUsers } from "../auth/user_import.ts";
import type { UserRecord } from "../auth/users.ts";
import type { AuthenticatorConfig, Config } from "../config/types.ts";
import type { Page, UserControl, UserOutcome, UserView } from "../control.ts";
import { OperationalError } from "../errors.ts";

/** See `UserControl`. */
export class BuiltinUsers implements UserControl {
  constructor(readonly access: Access, readonly config: () => Config) {}

  has(chain: string): boolean {
    return this.#settings(chain) !== undefined;
  }

  list(
    chain: string,
    { page, limit, like, superuser }: Parameters<UserControl["list"]>[1],
  ): Page<UserView> {
    const table = this.access.users(chain);
    const from = (page - 1) * limit;
    const found = table.list((user) =>
      (like === undefined || user.user_id.includes(like)) &&
      (superuser === undefined || user.is_superuser === superuser), from + limit + 1);
    const count = like !== undefined
      ? undefined
      : superuser === undefined
      ? table.size
      : table.list((user) => user.is_superuser === superuser, Infinity).length;
    return { data: found.slice(from, from + limit), count, hasNext: found.length > from + limit };
  }

  get(chain: string, userId: string): UserView | undefined {
    return this.access.users(chain).get(userId);
  }

  async create(
    chain: string,
    { user_id, is_superuser, password }: UserView & { readonly password: string },
  ): Promise<UserOutcome> {
    const table = this.access.users(chain);
    if (table.get(user_id) !== undefined) return { kind: "exists" };
    const record = await this.#record(chain, password, is_superuser);
    // Hashing takes time: somebody may have been quicker.
    if (table.get(user_id) !== undefined) return { kind: "exists" };
    table.put(user_id, record);
    return { kind: "done", user: { user_id, is_superuser } };
  }

  async update(
    chain: string,
    userId: string,
    { password, is_superuser }: Parameters<UserControl["update"]>[2],
  ): Promise<UserOutcome> {
    const table = this.access.users(chain);
    if (table.record(userId) === undefined) return { kind: "no user" };
    const secret = password === undefined ? {} : await this.#record(chain, password, false);
    const before = table.record(userId);
    if (before === undefined) return { kind: "no user" };
    const record = { ...before, ...secret, is_superuser: is_superuser ?? before.is_superuser };
    table.put(userId, record);
    return { kind: "done", user: { user_id: userId, is_superuser: record.is_superuser } };
  }

  delete(chain: string, userId: string): boolean {
    return this.access.users(chain).delete(userId);
  }

  async import(
    chain: string,
    text: string,
    format: "csv" | "json",
    type: "plain" | "hash",
    progress?: (done: number, total: number) => void,
  ): Promise<ImportResult> {
    try {
      const users = readUsers(text, format, type);
      const table = this.access.users(chain);
      const { hasher } = this.access;
      const tell = (done: number) => progress?.(done, users.length);
      tell(0);
      return await importUsers(users, type, table, this.#algorithm(chain), hasher, false, tell);
    } catch (error) {
      if (error instanceof ImportProblem) throw new OperationalError(error.message);
      throw error;
    }
  }

  clear(chain: string): void {
    this.access.users(chain).clear();
  }

  async #record(chain: string, password: string, is_superuser: boolean): Promise<UserRecord> {
    const algorithm = this.#algorithm(chain);
    const secret = new TextEncoder().encode(password);
    const { hash, salt } = await this.access.hasher.hash(algorithm, secret);
    return { password_hash: hash, salt, is_superuser, algorithm };
  }

  #algorithm(chain: string): HashAlgorithm {
    return this.#settings(chain)?.password_hash_algorithm ?? DEFAULT_ALGORITHM;
  }

  #settings(chain: string) {
    return authenticatorsOf(this.config(), chain).find((one) =>
      one.mechanism === "password_based" && one.backend === "built_in_database"
    ) as { readonly password_hash_algorithm: HashAlgorithm } | undefined;
  }
}

/** The authenticators of a chain (`nats:global`, `mqtt:global`, a listener id) as configured. */
function authenticatorsOf(config: Config, chain: string): readonly AuthenticatorConfig[] {
  if (chain === "mqtt:global") return config.authentication;
  if (chain === "nats:global") return list(config.gateway.nats.authentication);
  const [protocol, type, name = ""] = chain.split(":");
  const listeners = protocol === "nats" ? config.gateway.nats.listeners : config.listeners;
  if (type !== "tcp" && type !== "ssl" && type !== "ws" && type !== "wss") return [];
  return list(listeners[type][name]?.authentication);
}

function list(
  own: AuthenticatorConfig | readonly AuthenticatorConfig[] | undefined,
): readonly AuthenticatorConfig[] {
  if (own === undefined) return [];
  return Array.isArray(own) ? own : [own as AuthenticatorConfig];
}
