/**
 * Who may do what: the login's own permissions, then the configured sources in order, then
 * `no_match`.
 */
import type { Clock, Timer } from "../clock.ts";
import { matches, type Pattern, toPattern } from "../core/match.ts";
import { toFilter } from "../core/topic.ts";
import type { Log } from "../observe/log.ts";
import { ClientAuthorizer } from "./authorizer.ts";
import type { SubjectReader } from "./nats_permissions.ts";
import type { TemplateAllowance } from "./rule.ts";
import { type AclSource, SourceCounters } from "./source.ts";
import type { Authorizer, ClientView } from "./types.ts";

/** `[authorization]` without its sources. */
export interface AclSettings {
  readonly no_match: "allow" | "deny";
  readonly deny_action: "ignore" | "disconnect";
  /** True: a deny that reaches into a wanted filter refuses all of it; else it is a sieve. */
  readonly subscribe_deny_overlap: boolean;
  /** Under `hardened`: a source that fails is passed over. */
  readonly ignore_backend_failures: boolean;
  readonly cache: {
    readonly enable: boolean;
    /** Entries for each client. */
    readonly max_size: number;
    /** Milliseconds. */
    readonly ttl: number;
    /** Filters, or `eq <name>`, that are asked every time. */
    readonly excludes: readonly string[];
  };
  readonly topic_template_allow: TemplateAllowance;
}

/** What holds for all clients at once. Swapped whole on reload; connections see it at once. */
export interface AclState {
  readonly settings: AclSettings;
  readonly hardened: boolean;
  readonly sources: readonly AclSource[];
  /** True for names that no cache may answer. */
  readonly isExcluded: (name: string) => boolean;
}

/** The rules of the gateway, shared by all connections. */
export class Authorization {
  /** Grows with every change; answers that were given under another number are void. */
  generation = 0;
  readonly #counters = new Map<string, SourceCounters>();
  #timer: Timer | undefined;
  #state: AclState;

  constructor(
    settings: AclSettings,
    sources: readonly AclSource[],
    hardened: boolean,
    readonly clock: Clock,
    readonly log: Log,
    readonly subjects: SubjectReader,
  ) {
    this.#state = toState(settings, sources, hardened);
    this.#arm();
  }

  get state(): AclState {
    return this.#state;
  }

  /** Takes new settings and sources into use, for connected clients too. */
  async replace(
    settings: AclSettings,
    sources: readonly AclSource[],
    hardened: boolean,
  ): Promise<void> {
    const old = this.#state.sources;
    this.#state = toState(settings, sources, hardened);
    this.drain();
    await closeAll(old.filter((source) => !sources.includes(source)));
  }

  /** Makes the authorizer of a connection. */
  for(client: ClientView): Authorizer {
    return new ClientAuthorizer(this, client);
  }

  /** Voids every answer given so far: rules changed, or an operator wants it. */
  drain(): void {
    this.generation++;
    this.#arm();
  }

  counters(type: string): SourceCounters {
    let counters = this.#counters.get(type);
    if (counters === undefined) this.#counters.set(type, counters = new SourceCounters());
    return counters;
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    await closeAll(this.#state.sources);
  }

  /** What other machines said is asked anew after the ttl. */
  #arm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (!this.#state.sources.some((source) => source.remote)) return;
    const { ttl } = this.#state.settings.cache;
    this.#timer = this.clock.at(this.clock.now() + ttl, () => this.drain());
  }
}

function toState(
  settings: AclSettings,
  sources: readonly AclSource[],
  hardened: boolean,
): AclState {
  const names = new Set<string>();
  const patterns: Pattern[] = [];
  for (const text of settings.cache.excludes) {
    const filter = toFilter(text);
    if (text.startsWith("eq ")) names.add(text.slice(3));
    else if (filter !== undefined) patterns.push(toPattern(filter));
  }
  const isExcluded = (name: string) =>
    names.has(name) || patterns.some((pattern) => matches(pattern, name));
  return { settings, hardened, sources, isExcluded };
}

async function closeAll(sources: readonly AclSource[]): Promise<void> {
  await Promise.all(sources.map((source) => source.close?.()));
}
