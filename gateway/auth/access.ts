/**
 * Access control as a whole: from the configuration to one authenticator for each listener and
 * one authorizer for each connection. `gateway.ts` plugs it in; nothing else of this directory
 * is its business.
 */
import type { AuthenticatorConfig, Config, PasswordConfig } from "../config/types.ts";
import { Authorization } from "./acl.ts";
import { type AclFileProblem, parseAclFile } from "./acl_file.ts";
import { BanList } from "./banned.ts";
import { BuiltinRules } from "./builtin_rules.ts";
import { type ChainOptions, type InternalMethod, loginRequired, type Provider } from "./chain.ts";
import type { AccessDeps, PartDeps } from "./deps.ts";
import { createHasher, type Hasher } from "./hasher.ts";
import type { BackendNumbers } from "../observe/metrics.ts";
import { LoginGate } from "./login_gate.ts";
import { LoginThrottle } from "./login_throttle.ts";
import { natsJwtMethod } from "./nats_jwt.ts";
import { nkeyMethod } from "./nkey_method.ts";
import { isBcrypt } from "./password.ts";
import { bootstrapUsers, createProvider } from "./providers.ts";
import { createSource } from "./sources.ts";
import type { AclSource } from "./source.ts";
import { tokenMethod } from "./token.ts";
import type { Authenticator, AuthorizerFactory } from "./types.ts";
import { UserTable } from "./users.ts";

/** Access control of a running gateway. */
export interface Access {
  /** The authenticator of a listener, by id. Stays valid over reloads. */
  authenticatorFor(listenerId: string): Authenticator;
  readonly authorizerFor: AuthorizerFactory;
  /** Takes a new configuration into use. Throws, and changes nothing, when a rule file is bad. */
  reload(config: Config): Promise<void>;
  close(): Promise<void>;
  /** Users of a chain: `nats:global`, `mqtt:global`, or a listener id. */
  users(chain: string): UserTable;
  readonly bans: BanList;
  readonly rules: BuiltinRules;
  readonly authorization: Authorization;
  readonly hasher: Hasher;
  /** State of the authenticators of a chain, in order; empty when it has none. */
  providers(chain: string): readonly Provider[];
  /**
   * An authenticator of another configuration, to try it out; undefined: there is none at that
   * place. It is the caller's to close.
   * @throws {OperationalError} its key file cannot be read
   */
  draft(config: Config, chain: string, index: number): Provider | undefined;
  /** What is wrong with a text, were it the file of a `file` source. */
  ruleFileProblems(text: string): readonly AclFileProblem[];
}

/** Makes everything and reads bootstrap files. Throws `OperationalError` for a bad rule file. */
export async function createAccess(config: Config, deps: AccessDeps): Promise<Access> {
  const access = new ConfiguredAccess(config, deps);
  await access.prepare(config);
  return access;
}

/** What is rebuilt on reload. */
interface State {
  readonly config: Config;
  readonly methods: readonly InternalMethod[];
  /** By chain and text of the configuration, so that an unchanged one keeps its connections. */
  readonly providers: ReadonlyMap<string, Provider>;
  readonly sources: ReadonlyMap<string, AclSource>;
  /** What applies at a listener, by id; filled as listeners ask. */
  readonly chains: Map<string, ChainOptions>;
}

class ConfiguredAccess implements Access {
  readonly hasher: Hasher;
  readonly bans: BanList;
  readonly rules: BuiltinRules;
  readonly authorization: Authorization;
  readonly authorizerFor: AuthorizerFactory;
  readonly #gate: LoginGate;
  readonly #authenticators = new Map<string, Authenticator>();
  #state: State;

  constructor(config: Config, readonly deps: AccessDeps) {
    const { clock, log, store } = deps;
    const subjects = deps.subjects(config.gateway.nats.topic_mapping);
    this.hasher = createHasher(clock, log);
    this.bans = new BanList(store, clock);
    this.rules = new BuiltinRules(
      store,
      maxRules(config),
      subjects,
      () => this.authorization.drain(),
    );
    const throttle = new LoginThrottle(config.authentication_settings.login_throttle, clock);
    this.#gate = new LoginGate(this.bans, throttle, deps);
    this.#state = this.#build(config, undefined);
    this.authorization = new Authorization(
      config.authorization,
      [...this.#state.sources.values()],
      config.security_profile === "hardened",
      clock,
      log,
      subjects,
    );
    this.authorizerFor = (client) => this.authorization.for(client);
    deps.metrics.backends = () => this.#backends();
  }

  authenticatorFor(listenerId: string): Authenticator {
    let authenticator = this.#authenticators.get(listenerId);
    if (authenticator === undefined) {
      const chain = () => this.#chainOf(listenerId);
      authenticator = {
        get required() {
          return loginRequired(chain());
        },
        get needsNonce() {
          return chain().methods.some((method) => method.needsNonce);
        },
        authenticate: (credentials) => this.#gate.admit(chain(), credentials),
      };
      this.#authenticators.set(listenerId, authenticator);
    }
    return authenticator;
  }

  users(chain: string): UserTable {
    return new UserTable(this.deps.store, chain);
  }

  providers(chain: string): readonly Provider[] {
    return chainConfigs(this.#state.config, chain).flatMap((config) =>
      this.#state.providers.get(keyOf(chain, config)) ?? []
    );
  }

  draft(config: Config, chain: string, index: number): Provider | undefined {
    const draft = chainConfigs(config, chain)[index];
    if (draft === undefined) return undefined;
    return createProvider(draft, this.users(chain), this.#partDeps(config));
  }

  ruleFileProblems(text: string): readonly AclFileProblem[] {
    const { config } = this.#state;
    const subjects = this.deps.subjects(config.gateway.nats.topic_mapping);
    return parseAclFile(text, "rules", subjects, config.security_profile).problems;
  }

  async reload(config: Config): Promise<void> {
    const old = this.#state;
    // Everything that can fail comes first.
    const next = this.#build(config, old);
    this.#state = next;
    this.#gate.throttle.options = config.authentication_settings.login_throttle;
    this.rules.max_rules = maxRules(config);
    await this.authorization.replace(
      config.authorization,
      [...next.sources.values()],
      config.security_profile === "hardened",
    );
    const gone = [...old.providers].filter(([key]) => !next.providers.has(key));
    await Promise.all(gone.map(([, provider]) => provider.close?.()));
    await this.prepare(config);
  }

  async close(): Promise<void> {
    this.hasher.close();
    await this.authorization.close();
    await Promise.all([...this.#state.providers.values()].map((provider) => provider.close?.()));
  }

  /** Starts what logins will need, and adds the users of bootstrap files that are not there yet. */
  async prepare(config: Config): Promise<void> {
    if (usesBcrypt(config)) await this.hasher.prepare();
    for (const chain of chainIds(config)) {
      for (const one of chainConfigs(config, chain)) {
        if (isBuiltin(one) && one.enable) {
          await bootstrapUsers(one, this.users(chain), this.hasher, this.deps.log);
        }
      }
    }
  }

  /** Every connection asks, so the answer is kept until the configuration changes. */
  #chainOf(listenerId: string): ChainOptions {
    const { chains } = this.#state;
    let chain = chains.get(listenerId);
    if (chain === undefined) chains.set(listenerId, chain = this.#chain(listenerId));
    return chain;
  }

  #chain(listenerId: string): ChainOptions {
    const { config, methods } = this.#state;
    const nats = listenerId.startsWith("nats:");
    const listener = findListener(config, listenerId);
    const own = chainConfigs(config, listenerId);
    const chain = own.length > 0 ? listenerId : nats ? "nats:global" : "mqtt:global";
    const configured = own.length > 0 || chainConfigs(config, chain).length > 0;
    return {
      methods: nats ? methods : [],
      providers: configured ? this.providers(chain) : undefined,
      hardened: config.security_profile === "hardened",
      enabled: listener?.enable_authn ?? true,
    };
  }

  #partDeps(config: Config): PartDeps {
    return {
      clock: this.deps.clock,
      log: this.deps.log,
      hasher: this.hasher,
      subjects: this.deps.subjects(config.gateway.nats.topic_mapping),
      failClosed: config.security_profile === "hardened" &&
        !config.authentication_settings.ignore_backend_failures,
    };
  }

  #backends(): BackendNumbers[] {
    const { config, sources } = this.#state;
    const guarded = [
      ...chainIds(config).flatMap((chain) =>
        this.providers(chain).map(({ guard }) => ({ chain, guard }))
      ),
      ...[...sources.values()].map(({ guard }) => ({ chain: "authorization", guard })),
    ];
    return guarded.flatMap(({ chain, guard }) => {
      if (guard === undefined) return [];
      const { options: { name }, status, success, failed } = guard;
      const up = status === "connecting" ? undefined : status === "connected";
      return [{ chain, backend: name.replace("authorization:", ""), up, success, failed }];
    });
  }

  #build(config: Config, old: State | undefined): State {
    const hardened = config.security_profile === "hardened";
    const comparable = old !== undefined && sameGround(old.config, config) ? old : undefined;
    const parts = this.#partDeps(config);
    const sources = new Map<string, AclSource>();
    for (const source of config.authorization.sources.filter((one) => one.enable)) {
      const key = keyOf("authorization", source);
      // A rule file may have changed though its path did not.
      const kept = source.type === "file" ? undefined : comparable?.sources.get(key);
      sources.set(key, kept ?? createSource(source, this.rules, hardened, parts));
    }
    const providers = new Map<string, Provider>();
    for (const chain of chainIds(config)) {
      for (const one of chainConfigs(config, chain).filter(({ enable }) => enable)) {
        const key = keyOf(chain, one);
        const kept = comparable?.providers.get(key);
        const make = () => createProvider(one, this.users(chain), parts);
        providers.set(key, kept ?? make());
      }
    }
    const methods = config.gateway.nats.internal_authn.map((method): InternalMethod => {
      switch (method.type) {
        case "token":
          return tokenMethod(method, this.hasher);
        case "nkey":
          return nkeyMethod(method);
        case "jwt":
          return natsJwtMethod(method, parts.subjects, this.deps.clock);
      }
    });
    return { config, methods, providers, sources, chains: new Map() };
  }
}

/** True when the parts of one are good for the other, where their own settings are the same. */
function sameGround(a: Config, b: Config): boolean {
  return a.security_profile === b.security_profile &&
    a.gateway.nats.topic_mapping === b.gateway.nats.topic_mapping &&
    a.authentication_settings.ignore_backend_failures ===
      b.authentication_settings.ignore_backend_failures;
}

const LISTENER_TYPES = ["tcp", "ssl", "ws", "wss"] as const;

/** The settings of a listener by its id, such as `nats:tcp:default` or `mqtt:ws:default`. */
function findListener(config: Config, id: string) {
  const [protocol, type, name] = id.split(":");
  const known = LISTENER_TYPES.find((one) => one === type);
  if (known === undefined || name === undefined) return undefined;
  if (protocol === "nats") return config.gateway.nats.listeners[known][name];
  return protocol === "mqtt" ? config.listeners[known][name] : undefined;
}

/** The chains that exist: one for each protocol, and one for each listener with its own. */
function chainIds(config: Config): string[] {
  const ids = ["nats:global", "mqtt:global"];
  for (const type of LISTENER_TYPES) {
    for (const name of Object.keys(config.gateway.nats.listeners[type])) {
      ids.push(`nats:${type}:${name}`);
    }
    for (const name of Object.keys(config.listeners[type])) ids.push(`mqtt:${type}:${name}`);
  }
  return ids;
}

/** The authenticators of a chain as configured, disabled ones too. */
function chainConfigs(config: Config, chain: string): readonly AuthenticatorConfig[] {
  if (chain === "mqtt:global") return config.authentication;
  const own = chain === "nats:global"
    ? config.gateway.nats.authentication
    : findListener(config, chain)?.authentication;
  if (own === undefined) return [];
  return isList(own) ? own : [own];
}

function isList(
  own: AuthenticatorConfig | readonly AuthenticatorConfig[],
): own is readonly AuthenticatorConfig[] {
  return Array.isArray(own);
}

/** True when logins will be checked against bcrypt hashes, as far as the configuration tells. */
function usesBcrypt(config: Config): boolean {
  const { internal_authn } = config.gateway.nats;
  return internal_authn.some((one) => one.type === "token" && isBcrypt(one.token)) ||
    chainIds(config).flatMap((id) => chainConfigs(config, id)).some((one) =>
      one.enable && "password_hash_algorithm" in one &&
      one.password_hash_algorithm.name === "bcrypt"
    );
}

function isBuiltin(config: AuthenticatorConfig): config is PasswordConfig<"built_in_database"> {
  return config.mechanism === "password_based" && config.backend === "built_in_database";
}

function keyOf(chain: string, config: unknown): string {
  return `${chain} ${JSON.stringify(config)}`;
}

/** `max_rules` where no source says otherwise. */
const RULES_MAX_DEFAULT = 100;

function maxRules(config: Config): number {
  const source = config.authorization.sources.find((one) => one.type === "built_in_database");
  return source?.type === "built_in_database" ? source.max_rules : RULES_MAX_DEFAULT;
}
