/**
 * Who may not come in, whatever they present: by client id, user name, address, expression or
 * network, for a time or for good. Holds for both protocols.
 */
import { inNetwork, type Network, parseAddress, parseNetwork } from "../address.ts";
import type { Clock } from "../clock.ts";
import { EXIT, OperationalError } from "../errors.ts";
import type { UserStore } from "./users.ts";

/** By what somebody is banned. */
export type BanKind =
  | "clientid"
  | "username"
  | "peerhost"
  | "clientid_re"
  | "username_re"
  | "peerhost_net";

/** One ban. */
export interface Ban {
  readonly as: BanKind;
  readonly who: string;
  readonly by: string;
  readonly reason: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Milliseconds since the epoch; undefined: for good. */
  readonly until?: number;
}

/** Who is looked up. */
export interface Suspect {
  readonly clientId: string | undefined;
  readonly username: string | undefined;
  readonly address: string;
}

const KIND = "banned";
/** Most bans; the list is looked through at every login. */
const BANS_MAX = 100_000;

/** The list, kept in the store and, ready to be asked, in memory. */
export class BanList {
  readonly #bans = new Map<string, Ban & { readonly fits: (suspect: Suspect) => boolean }>();
  /** Keys of the bans that cannot be looked up by name: expressions and networks. */
  readonly #wide = new Set<string>();

  constructor(readonly store: UserStore, readonly clock: Clock) {
    for (const { value } of store.documents.list(KIND, { limit: BANS_MAX })) {
      const ban = value as Ban;
      const fits = matcher(ban.as, ban.who);
      if (fits !== undefined) this.#keep(ban, fits);
    }
  }

  /** The ban that keeps this one out; undefined for none. */
  find(suspect: Suspect): Ban | undefined {
    if (this.#bans.size === 0) return undefined;
    for (const exact of exactKeys(suspect)) {
      const ban = this.#active(exact);
      if (ban !== undefined) return ban;
    }
    for (const key of this.#wide) {
      const ban = this.#active(key);
      if (ban?.fits(suspect)) return ban;
    }
    return undefined;
  }

  /** True for an address of which nobody may come in, known before anything was said. */
  isBanned(address: string): boolean {
    return this.find({ clientId: undefined, username: undefined, address }) !== undefined;
  }

  /** All bans in force, in no order. */
  list(): Ban[] {
    const keys = [...this.#bans.keys()];
    return keys.flatMap((key) => {
      const ban = this.#active(key);
      if (ban === undefined) return [];
      const { fits: _, ...plain } = ban;
      return [plain];
    });
  }

  /**
   * Adds a ban; one that has run out is replaced. Answers false when there is one already. Throws
   * `OperationalError` for an expression or network that is none, and when it cannot be written.
   */
  add(ban: Ban): boolean {
    const fits = matcher(ban.as, ban.who);
    if (fits === undefined || ban.who === "") {
      throw new OperationalError(`${JSON.stringify(ban.who)} is not valid for ${ban.as}.`);
    }
    const key = keyOf(ban);
    if (this.#active(key) !== undefined) return false;
    if (this.#bans.size >= BANS_MAX) {
      throw new OperationalError(`There are ${BANS_MAX} bans already; delete some first.`);
    }
    this.store.documents.put(KIND, key, ban);
    this.#keep(ban, fits);
    this.#commit();
    return true;
  }

  /** True when there was one. */
  delete(as: BanKind, who: string): boolean {
    const key = keyOf({ as, who });
    const existed = this.#active(key) !== undefined;
    this.#remove(key);
    this.#commit();
    return existed;
  }

  clear(): void {
    for (const key of [...this.#bans.keys()]) this.#remove(key);
    this.#commit();
  }

  #active(key: string) {
    const ban = this.#bans.get(key);
    if (ban?.until === undefined || ban.until > this.clock.calendar()) return ban;
    this.#remove(key);
    return undefined;
  }

  #keep(ban: Ban, fits: (suspect: Suspect) => boolean): void {
    const key = keyOf(ban);
    this.#bans.set(key, { ...ban, fits });
    if (ban.as === "peerhost_net" || ban.as.endsWith("_re")) this.#wide.add(key);
  }

  #remove(key: string): void {
    this.#wide.delete(key);
    if (this.#bans.delete(key)) this.store.documents.delete(KIND, key);
  }

  #commit(): void {
    if (this.store.commit()) return;
    throw new OperationalError(
      "The ban holds, but could not be written to disk; see the log.",
      EXIT.notKept,
    );
  }
}

/** One address has many spellings: its bytes are the key. */
function keyOf({ as, who }: Pick<Ban, "as" | "who">): string {
  return `${as}:${as === "peerhost" ? parseAddress(who)?.join(".") ?? who : who}`;
}

function exactKeys(suspect: Suspect): string[] {
  const keys = [keyOf({ as: "peerhost", who: suspect.address })];
  if (suspect.clientId !== undefined) keys.push(keyOf({ as: "clientid", who: suspect.clientId }));
  if (suspect.username !== undefined) keys.push(keyOf({ as: "username", who: suspect.username }));
  return keys;
}

/** What a ban looks at; undefined when its text is not valid. */
function matcher(as: BanKind, who: string): ((suspect: Suspect) => boolean) | undefined {
  switch (as) {
    case "clientid":
      return (suspect) => suspect.clientId === who;
    case "username":
      return (suspect) => suspect.username === who;
    case "clientid_re":
    case "username_re": {
      const expression = expressionOf(who);
      if (expression === undefined) return undefined;
      const of = (suspect: Suspect) => as === "clientid_re" ? suspect.clientId : suspect.username;
      return (suspect) => {
        const value = of(suspect);
        return value !== undefined && expression.test(value);
      };
    }
    case "peerhost":
    case "peerhost_net":
      return networkMatcher(parseNetwork(who), as === "peerhost");
  }
}

function networkMatcher(network: Network | undefined, single: boolean) {
  if (network === undefined) return undefined;
  if (single && network.bits !== network.bytes.length * 8) return undefined;
  return (suspect: Suspect) => inNetwork(network, suspect.address);
}

function expressionOf(text: string): RegExp | undefined {
  try {
    return new RegExp(text, "u");
  } catch {
    return undefined;
  }
}
