/**
 * People who log in to the dashboard. Passwords are hashed as those of clients are.
 */
import type { GatewayControl } from "../../gateway/control.ts";
import { Problem } from "../problem.ts";

/** What people may be; publishing alone is for keys. */
export const USER_ROLES = ["administrator", "viewer"] as const;
/** One of them. */
export type UserRole = (typeof USER_ROLES)[number];

/** A user as the API shows it. */
export interface AdminUser {
  readonly username: string;
  readonly description: string;
  readonly role: UserRole;
}

interface UserRecord {
  readonly description: string;
  readonly role: UserRole;
  readonly hash: string;
  readonly salt: string;
  /** Iterations, should they change one day. */
  readonly iterations: number;
}

/** Most users. */
const USERS_MAX = 1000;
const KIND = "admin user";
/** As OWASP recommends for PBKDF2 with SHA-512. */
const ITERATIONS = 210_000;

/** All users. */
export class AdminUsers {
  constructor(readonly control: GatewayControl) {}

  get size(): number {
    return this.control.documents.count(KIND);
  }

  list(): AdminUser[] {
    return this.control.documents.list(KIND, { limit: USERS_MAX })
      .map(({ key, value }) => view(key, value as UserRecord));
  }

  get(username: string): AdminUser | undefined {
    const record = this.#record(username);
    return record && view(username, record);
  }

  /** True when the password is that of the user. An unknown name takes as long as a wrong one. */
  async verify(username: string, password: string): Promise<boolean> {
    const record = this.#record(username);
    const { hash, salt, iterations } = record ?? NOBODY;
    const verified = await this.control.access.hasher.verify(
      algorithm(iterations),
      new TextEncoder().encode(password),
      { hash, salt },
    );
    if (verified === "busy") {
      const message = "too many passwords are being checked; try again in a second";
      throw new Problem(503, "SERVICE_UNAVAILABLE", message);
    }
    return verified && record !== undefined;
  }

  /** @throws {Problem} 400 for a name that is taken or a password that is too simple */
  async create(user: AdminUser, password: string): Promise<AdminUser> {
    checkPassword(password);
    if (!/^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$/.test(user.username)) {
      const message = "username: 1 to 64 letters, digits, and _ . @ - after the first";
      throw new Problem(400, "BAD_REQUEST", message);
    }
    const secret = await this.#hash(password);
    if (this.#record(user.username) !== undefined) {
      throw new Problem(400, "ALREADY_EXISTS", "there is a user of that name already");
    }
    if (this.size >= USERS_MAX) {
      throw new Problem(400, "BAD_REQUEST", `there are ${USERS_MAX} users already`);
    }
    const { description, role } = user;
    this.#put(user.username, { description, role, ...secret });
    return user;
  }

  /** Undefined: there is no such user. */
  update(username: string, change: Partial<Omit<AdminUser, "username">>): AdminUser | undefined {
    const record = this.#record(username);
    if (record === undefined) return undefined;
    if (change.role !== undefined && change.role !== "administrator") this.#keepOne(username);
    const next = { ...record, ...change };
    this.#put(username, next);
    return view(username, next);
  }

  /** False: there is no such user. */
  async changePassword(username: string, password: string): Promise<boolean> {
    checkPassword(password);
    const secret = await this.#hash(password);
    const record = this.#record(username);
    if (record === undefined) return false;
    this.#put(username, { ...record, ...secret });
    return true;
  }

  /** False: there was none. */
  delete(username: string): boolean {
    if (this.#record(username) === undefined) return false;
    this.#keepOne(username);
    this.control.documents.delete(KIND, username);
    this.#commit();
    return true;
  }

  /** The last administrator must stay. */
  #keepOne(username: string): void {
    const others = this.list().some((user) =>
      user.role === "administrator" && user.username !== username
    );
    if (others) return;
    throw new Problem(400, "BAD_REQUEST", "this is the last administrator; make another one first");
  }

  async #hash(password: string) {
    const { hasher } = this.control.access;
    const bytes = new TextEncoder().encode(password);
    const { hash, salt } = await hasher.hash(algorithm(ITERATIONS), bytes);
    return { hash, salt, iterations: ITERATIONS };
  }

  #record(username: string): UserRecord | undefined {
    // Only this class writes documents of this kind.
    return this.control.documents.get(KIND, username) as UserRecord | undefined;
  }

  #put(username: string, record: UserRecord): void {
    this.control.documents.put(KIND, username, record);
    this.#commit();
  }

  #commit(): void {
    if (this.control.documents.commit()) return;
    const message = "the user could not be written to disk; see the log";
    throw new Problem(503, "SERVICE_UNAVAILABLE", message);
  }
}

const NOBODY = { hash: "0".repeat(128), salt: "nobody", iterations: ITERATIONS };

function algorithm(iterations: number) {
  return { name: "pbkdf2", mac_fun: "sha512", iterations, dk_length: undefined } as const;
}

function view(username: string, { description, role }: UserRecord): AdminUser {
  return { username, description, role };
}

/** @throws {Problem} the password is too simple */
function checkPassword(password: string): void {
  const kinds = [/[a-z]/, /[A-Z]/, /[0-9]/, /[^a-zA-Z0-9]/].filter((kind) => kind.test(password));
  if (/^[\x20-\x7e]{8,64}$/.test(password) && kinds.length >= 2) return;
  throw new Problem(
    400,
    "BAD_REQUEST",
    "password: 8 to 64 ASCII characters of at least two kinds " +
      "(lower case, upper case, digits, others)",
  );
}
