/**
 * Users of the built-in database: one table for each chain, in the store's documents.
 */
import { EXIT, OperationalError } from "../errors.ts";
import type { DocumentStore } from "../store/types.ts";
import type { Provider } from "./chain.ts";
import type { Hasher } from "./hasher.ts";
import type { HashAlgorithm } from "./password.ts";
import { judgePassword } from "./provider.ts";

/** A user as others may see it: never with a password or its hash. */
export interface UserView {
  readonly user_id: string;
  readonly is_superuser: boolean;
}

/** A user as it is stored. The algorithm stays with the hash, whatever is configured later. */
export interface UserRecord {
  readonly password_hash: string;
  readonly salt: string;
  readonly is_superuser: boolean;
  readonly algorithm: HashAlgorithm;
}

/** Where documents are kept, and how they are made safe. */
export interface UserStore {
  readonly documents: DocumentStore;
  /** Makes changes durable; false when they could not be written. */
  commit(): boolean;
}

/** Longest user id in bytes of UTF-16. */
const USER_ID_LENGTH_MAX = 65535;
/** Users that one call lists at most. */
const PAGE_MAX = 10_000;

/** The users of one chain, such as `nats:global`. */
export class UserTable {
  readonly #kind: string;
  constructor(readonly store: UserStore, readonly chain: string) {
    this.#kind = `user ${chain}`;
  }

  /** The stored record; undefined when there is no such user. */
  record(userId: string): UserRecord | undefined {
    // Only this class writes documents of this kind.
    return this.store.documents.get(this.#kind, userId) as UserRecord | undefined;
  }

  get(userId: string): UserView | undefined {
    const record = this.record(userId);
    return record && { user_id: userId, is_superuser: record.is_superuser };
  }

  /** Users in the order of their ids, those that `accept` takes. `after`: the last one seen. */
  list(accept: (user: UserView) => boolean, limit = PAGE_MAX, after?: string): UserView[] {
    const found: UserView[] = [];
    let from = after;
    while (found.length < limit) {
      const page = this.store.documents.list(this.#kind, {
        limit: PAGE_MAX,
        ...(from === undefined ? {} : { after: from }),
      });
      for (const { key, value } of page) {
        const user = { user_id: key, is_superuser: (value as UserRecord).is_superuser };
        if (found.length < limit && accept(user)) found.push(user);
      }
      if (page.length < PAGE_MAX) return found;
      from = page.at(-1)!.key;
    }
    return found;
  }

  get size(): number {
    return this.store.documents.count(this.#kind);
  }

  /** Creates or replaces a user, durably. Throws `OperationalError` when it cannot be written. */
  put(userId: string, record: UserRecord): void {
    this.stage(userId, record);
    this.#commit();
  }

  /** True when there was one. */
  delete(userId: string): boolean {
    const existed = this.store.documents.delete(this.#kind, userId);
    if (existed) this.#commit();
    return existed;
  }

  /** Deletes all users: the authenticator itself was deleted. */
  clear(): void {
    for (const { user_id } of this.list(() => true, Infinity)) {
      this.store.documents.delete(this.#kind, user_id);
    }
    this.#commit();
  }

  /** Writes many users in one go: all are durable when this returns. */
  putAll(users: Iterable<readonly [userId: string, record: UserRecord]>): void {
    for (const [userId, record] of users) this.stage(userId, record);
    this.#commit();
  }

  private stage(userId: string, record: UserRecord): void {
    if (userId === "" || userId.length > USER_ID_LENGTH_MAX) {
      throw new OperationalError("A user id must have 1 to 65535 characters.");
    }
    this.store.documents.put(this.#kind, userId, record);
  }

  #commit(): void {
    if (this.store.commit()) return;
    throw new OperationalError(
      "The user could not be written to disk; see store errors in the log.",
      EXIT.notKept,
    );
  }
}

/** `password_based:built_in_database`. */
export interface BuiltinOptions {
  readonly user_id_type: "username" | "clientid";
}

/** Makes the authenticator. Unknown users pass on to the next one. */
export function builtinProvider(
  options: BuiltinOptions,
  users: UserTable,
  hasher: Hasher,
): Provider {
  return {
    id: "password_based:built_in_database",
    authenticate(credentials) {
      const userId = options.user_id_type === "clientid"
        ? credentials.clientId
        : credentials.username;
      const record = userId === undefined ? undefined : users.record(userId);
      if (record === undefined) return { kind: "ignore" };
      const stored = { hash: record.password_hash, salt: record.salt };
      return judgePassword(hasher, record.algorithm, credentials, stored, {
        username: credentials.username,
        method: "built_in_database",
        superuser: record.is_superuser,
      });
    },
  };
}
