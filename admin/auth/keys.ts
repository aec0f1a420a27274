/**
 * API keys: made through the API and kept in the store (secrets as salted digests), or given in
 * the configuration and in a bootstrap file.
 */
import type { GatewayControl } from "../../gateway/control.ts";
import { randomText } from "../../gateway/random_text.ts";
import { Problem } from "../problem.ts";
import { type Role, ROLES, type Scope, SCOPES } from "./caller.ts";
import { digest, sameText } from "./secret.ts";

/** A key as the API shows it: never with its secret. */
export interface KeyView {
  readonly name: string;
  readonly api_key: string;
  readonly desc: string;
  readonly enable: boolean;
  readonly expired: boolean;
  /** RFC 3339, or `infinity`. */
  readonly expired_at: string;
  readonly created_at: string;
  readonly role: Role;
  /** Left out: all. */
  readonly scopes?: readonly Scope[];
}

/** What may be said of a key. */
export interface KeySettings {
  readonly desc?: string | undefined;
  readonly enable?: boolean | undefined;
  /** Milliseconds since the epoch; Infinity: never. */
  readonly expiresAt?: number | undefined;
  readonly role?: Role | undefined;
  readonly scopes?: readonly Scope[] | undefined;
}

/** What a key lets its holder do. */
export interface KeyGrant {
  readonly name: string;
  readonly role: Role;
  readonly scopes: readonly string[] | undefined;
}

/** Most keys that can be made. */
const KEYS_MAX = 100;
/** Document kind. The key of the document is the key's name. */
const KIND = "api key";
const KEY_LETTERS = 16;
/** 43 letters of 62 carry 256 bits. */
const SECRET_LETTERS = 43;

interface KeyRecord {
  readonly api_key: string;
  readonly salt: string;
  readonly secret: string;
  readonly desc: string;
  readonly enable: boolean;
  /** Milliseconds since the epoch; null: never. */
  readonly expiresAt: number | null;
  readonly createdAt: number;
  readonly role: Role;
  readonly scopes: readonly Scope[] | null;
}

/** A key of the configuration or the bootstrap file. */
export interface GivenKey {
  readonly key: string;
  readonly secret: string;
  readonly role: Role;
  readonly scopes: readonly string[] | undefined;
}

/** All keys. */
export class ApiKeys {
  /** Names by key, so that a request costs one look-up. */
  readonly #names = new Map<string, string>();
  #given: ReadonlyMap<string, GivenKey> = new Map();

  constructor(readonly control: GatewayControl) {
    for (const [name, record] of this.#records()) this.#names.set(record.api_key, name);
  }

  /** Replaces the keys that files give; a given key wins over a stored one of the same text. */
  give(keys: readonly GivenKey[]): void {
    this.#given = new Map(keys.map((key) => [key.key, key]));
  }

  /** Number of keys, given ones included. */
  get size(): number {
    return this.#names.size + this.#given.size;
  }

  /** What the key and its secret allow; undefined when they are not right, or no more. */
  verify(key: string, secret: string): KeyGrant | undefined {
    const given = this.#given.get(key);
    if (given !== undefined) {
      if (!sameText(given.secret, secret)) return undefined;
      return { name: key, role: given.role, scopes: given.scopes };
    }
    const name = this.#names.get(key);
    const record = name === undefined ? undefined : this.#record(name);
    // An unknown key takes as long as a wrong secret.
    const expected = record?.secret ?? "";
    const right = sameText(expected, digest(secret, record?.salt ?? ""));
    if (name === undefined || record === undefined || !right) return undefined;
    if (!record.enable || this.#isExpired(record)) return undefined;
    return { name, role: record.role, scopes: record.scopes ?? undefined };
  }

  list(): KeyView[] {
    return [...this.#records()].map(([name, record]) => this.#view(name, record));
  }

  get(name: string): KeyView | undefined {
    const record = this.#record(name);
    return record && this.#view(name, record);
  }

  /** Makes a key. The secret is in the answer and nowhere else. */
  create(name: string, settings: KeySettings): KeyView & { readonly api_secret: string } {
    if (this.#record(name) !== undefined) {
      throw new Problem(400, "BAD_REQUEST", "name_already_exists: choose another name");
    }
    if (this.#names.size >= KEYS_MAX) {
      throw new Problem(400, "BAD_REQUEST", `there are ${KEYS_MAX} keys already; delete one first`);
    }
    this.#checkExpiry(settings.expiresAt);
    const api_key = randomText(KEY_LETTERS);
    const api_secret = randomText(SECRET_LETTERS);
    const salt = randomText(KEY_LETTERS);
    const record: KeyRecord = {
      api_key,
      salt,
      secret: digest(api_secret, salt),
      desc: settings.desc ?? "",
      enable: settings.enable ?? true,
      expiresAt: stored(settings.expiresAt ?? Infinity),
      createdAt: this.control.calendar(),
      role: settings.role ?? "administrator",
      scopes: settings.scopes ?? null,
    };
    this.#put(name, record);
    this.#names.set(api_key, name);
    return { ...this.#view(name, record), api_secret };
  }

  /** Undefined: there is no such key. */
  update(name: string, settings: KeySettings): KeyView | undefined {
    const record = this.#record(name);
    if (record === undefined) return undefined;
    this.#checkExpiry(settings.expiresAt);
    const { desc, enable, role, scopes, expiresAt } = settings;
    const next: KeyRecord = {
      ...record,
      ...(desc !== undefined && { desc }),
      ...(enable !== undefined && { enable }),
      ...(role !== undefined && { role }),
      ...(scopes !== undefined && { scopes }),
      ...(expiresAt !== undefined && { expiresAt: stored(expiresAt) }),
    };
    this.#put(name, next);
    return this.#view(name, next);
  }

  /** False: there was none. */
  delete(name: string): boolean {
    const record = this.#record(name);
    if (record === undefined) return false;
    this.control.documents.delete(KIND, name);
    this.#commit();
    this.#names.delete(record.api_key);
    return true;
  }

  #view(name: string, record: KeyRecord): KeyView {
    const { api_key, desc, enable, role, scopes, createdAt, expiresAt } = record;
    return {
      name,
      api_key,
      desc,
      enable,
      expired: this.#isExpired(record),
      expired_at: expiresAt === null ? "infinity" : new Date(expiresAt).toISOString(),
      created_at: new Date(createdAt).toISOString(),
      role,
      ...(scopes !== null && { scopes }),
    };
  }

  #isExpired({ expiresAt }: KeyRecord): boolean {
    return expiresAt !== null && expiresAt <= this.control.calendar();
  }

  #checkExpiry(expiresAt: number | undefined): void {
    if (expiresAt === undefined || expiresAt > this.control.calendar()) return;
    throw new Problem(400, "BAD_REQUEST", "expired_at: has already passed");
  }

  #record(name: string): KeyRecord | undefined {
    // Only this class writes documents of this kind.
    return this.control.documents.get(KIND, name) as KeyRecord | undefined;
  }

  *#records(): Iterable<[string, KeyRecord]> {
    for (const { key, value } of this.control.documents.list(KIND, { limit: KEYS_MAX })) {
      yield [key, value as KeyRecord];
    }
  }

  #put(name: string, record: KeyRecord): void {
    this.control.documents.put(KIND, name, record);
    this.#commit();
  }

  #commit(): void {
    if (this.control.documents.commit()) return;
    const message = "the key could not be written to disk; see the log";
    throw new Problem(503, "SERVICE_UNAVAILABLE", message);
  }
}

function stored(expiresAt: number): number | null {
  return expiresAt === Infinity ? null : expiresAt;
}

/** What a bootstrap file holds, and what is wrong with it. */
export interface Bootstrap {
  readonly keys: readonly GivenKey[];
  /** Lines for the log; they do not show what is in the file. */
  readonly problems: readonly string[];
}

/**
 * Reads lines of `key:secret`, `key:secret:role` and `key:secret:role:scope,scope`. A line that
 * is none ends the reading; what came before counts.
 */
export function readBootstrap(text: string): Bootstrap {
  const keys: GivenKey[] = [];
  const problems: string[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "") continue;
    const [key, secret, role = "administrator", scopes, ...rest] = line.trim().split(":");
    const known = ROLES.find((one) => one === role);
    if (!key || !secret || known === undefined || rest.length > 0) {
      problems.push(
        `line ${
          index + 1
        } is not key:secret[:role[:scopes]]; this line and all after it are ignored`,
      );
      break;
    }
    const words = scopes?.split(",").map((word) => word.trim()).filter((word) => word !== "");
    const unknown = words?.filter((word) => !(SCOPES as readonly string[]).includes(word)) ?? [];
    if (unknown.length > 0) {
      problems.push(`line ${index + 1} names unknown scopes, which are left out: ${unknown}`);
    }
    keys.push({ key, secret, role: known, scopes: words?.filter((one) => !unknown.includes(one)) });
  }
  return { keys, problems };
}
