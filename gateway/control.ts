/**
 * The facade: everything that administration may ask of a running gateway and do to it. Plain
 * data in and out; `compose/control.ts` implements it. `admin/` knows the gateway by this file.
 */
import type { CertificateWatch } from "./compose/certificate_watch.ts";
import type { Access } from "./auth/access.ts";
import type { Decision } from "./auth/types.ts";
import type { ImportResult } from "./auth/user_import.ts";
import type { UserView } from "./auth/users.ts";
import type { Change } from "./config/diff.ts";
import type { Origin } from "./config/layers.ts";
import type { Path } from "./config/path.ts";
import type { Config } from "./config/types.ts";
import type { ClientControl, Page, PageQuery, Protocol, TopicQuestion } from "./control_clients.ts";
import type { QoS } from "./core/message.ts";
import type { Tapped } from "./core/tap.ts";
import type { ConfigIssue } from "./errors.ts";
import type { NamedCounters } from "./observe/emqx_names.ts";
import type { LogLine } from "./observe/log_output.ts";
import type { Log } from "./observe/log.ts";
import type { DocumentStore } from "./store/types.ts";

export type { CertificateHolder } from "./compose/certificate_watch.ts";
export type { Ban } from "./auth/banned.ts";
export type { Provider } from "./auth/chain.ts";
export type { AclSource } from "./auth/source.ts";
export type { OwnedRules, RuleOwner } from "./auth/builtin_rules.ts";
export type { Decision } from "./auth/types.ts";
export type { ImportResult } from "./auth/user_import.ts";
export type { UserView } from "./auth/users.ts";
export type * from "./control_clients.ts";

/** A running gateway as administration sees it. */
export interface GatewayControl {
  /** Milliseconds since the epoch, of the gateway's own clock: see `Clock.now`. */
  now(): number;
  /** Milliseconds since the epoch by the calendar: see `Clock.calendar`. */
  calendar(): number;
  readonly log: Log;
  status(): GatewayStatus;
  readonly clients: ClientControl;
  /** All certificates in use; the admin port adds its own. */
  readonly certificates: CertificateWatch;
  /** Every configured listener, open or not. */
  listeners(): ListenerView[];
  readonly retained: RetainedControl;
  /** Publishes in the name of an operator: no permission is asked. */
  publish(message: PublishRequest): PublishOutcome;
  /** Why a message would be refused; undefined when it would not. */
  publishProblem(message: PublishRequest): PublishOutcome | undefined;
  /** Live traffic: bounded and sampled, see `TapOptions`. Ends with the signal. */
  tap(options: TapOptions, signal: AbortSignal): AsyncIterable<TapEvent>;
  readonly users: UserControl;
  /** Bans, built-in rules, caches and providers. */
  readonly access: Access;
  readonly config: ConfigControl;
  /** Where administration keeps keys, users and its audit trail. */
  readonly documents: DocumentControl;
  /** Counters since the start, under EMQX's names. */
  counters(): Readonly<Record<Protocol, NamedCounters>>;
  /** Numbers of things that are there now, under EMQX's names. */
  stats(): NamedCounters;
  /** The Prometheus exposition of everything. */
  prometheus(): string;
  /** The last lines of the log, oldest first. */
  logs(): readonly LogLine[];
  /** Both spellings of a name; undefined when it has none in the other form. */
  translate(name: string, from: "subject" | "topic"): NameView | undefined;
  /** Which rule decides, and how. */
  decide(question: DecisionQuestion): Promise<Decision>;
  /** Tries a login against a chain, without a connection. Bounded in time. */
  tryLogin(chain: string, login: LoginQuestion): Promise<LoginOutcome>;
  /**
   * The same with one authenticator as it would be after changes of the configuration, which are
   * not made.
   * @throws {ConfigError} the changes are not valid
   */
  tryDraft(draft: AuthenticatorDraft, login: LoginQuestion): Promise<LoginOutcome>;
  readonly backup: BackupControl;
}

/** How the gateway is. */
export interface GatewayStatus {
  /** `node.name`. */
  readonly node: string;
  readonly version: string;
  readonly ready: boolean;
  /** What keeps it from being ready. */
  readonly problems: readonly { readonly part: string; readonly reason: string }[];
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly uptime_ms: number;
  /** State of the NATS gateway; the broker always runs. */
  readonly nats: "running" | "stopped";
  /** Open connections. */
  readonly connections: Readonly<Record<Protocol, number>>;
  /** MQTT sessions without a connection. */
  readonly sessionsAway: number;
  readonly subscriptions: number;
  readonly retained: number;
  readonly memory_bytes: number;
  /** CPU time that the process has used since its start. */
  readonly cpu_ms: number;
  /** Topics with a cached match. */
  readonly cachedTopics: number;
}

/** A listener as configured, and how it runs. */
export interface ListenerView {
  /** `nats:tcp:default` */
  readonly id: string;
  readonly protocol: Protocol;
  readonly type: "tcp" | "ssl" | "ws" | "wss";
  readonly name: string;
  /** Where its settings are. */
  readonly path: Path;
  readonly enabled: boolean;
  readonly running: boolean;
  /** In use: with the real port where port 0 is configured. */
  readonly address: string;
  readonly port: number;
  readonly connections: number;
  readonly connectionsMax: number;
  readonly accepted: number;
  readonly refused: number;
  readonly certificates: readonly {
    readonly subject: string;
    readonly issuer: string;
    readonly fingerprint256: string;
    readonly notAfter: number;
    readonly daysLeft: number;
  }[];
}

/** A retained message without its payload. */
export interface RetainedView {
  readonly topic: string;
  readonly qos: QoS;
  readonly bytes: number;
  /** Milliseconds since the epoch; undefined: never. */
  readonly expiresAt: number | undefined;
}

/** Retained messages. */
export interface RetainedControl {
  /** Messages that the filter matches; undefined when it is no filter. */
  list(filter: string, query: PageQuery): Page<RetainedView> | undefined;
  get(topic: string): (RetainedView & { readonly payload: Uint8Array }) | undefined;
  delete(topic: string): boolean;
  /** Deletes what the filter matches; undefined when it is no filter. */
  deleteMatching(filter: string): number | undefined;
  readonly bytes: number;
}

/** A message to publish. */
export interface PublishRequest {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly payloadFormat?: 0 | 1 | undefined;
  /** Seconds. */
  readonly expiryInterval?: number | undefined;
  readonly responseTopic?: string | undefined;
  readonly correlationData?: Uint8Array | undefined;
  readonly contentType?: string | undefined;
  readonly userProperties?: readonly (readonly [name: string, value: string])[] | undefined;
}

/** How many took it, or why it was refused. */
export type PublishOutcome =
  | { readonly kind: "published"; readonly takers: number }
  | { readonly kind: "bad topic"; readonly reason: string }
  | { readonly kind: "too large"; readonly bytes_max: number };

/** What of the traffic to show. */
export interface TapOptions {
  /** MQTT filter, or a NATS subject behind `nats:`. */
  readonly filter: string;
  /** Payload bytes shown of each message. */
  readonly payload_bytes_max: number;
  /** Messages shown per second; the others are counted in `skipped`. */
  readonly rate_max: number;
}

/** A message that passed by. */
export interface TapEvent extends Tapped {
  readonly subject: string | undefined;
}

/** What a change of users came to. */
export type UserOutcome =
  | { readonly kind: "done"; readonly user: UserView }
  | { readonly kind: "exists" }
  | { readonly kind: "no user" };

/** Users of the built-in database of a chain: `nats:global`, `mqtt:global` or a listener id. */
export interface UserControl {
  /** False: the chain has no authenticator of that kind. */
  has(chain: string): boolean;
  list(
    chain: string,
    query: PageQuery & {
      readonly like?: string | undefined;
      readonly superuser?: boolean | undefined;
    },
  ): Page<UserView>;
  get(chain: string, userId: string): UserView | undefined;
  create(
    chain: string,
    user: UserView & { readonly password: string },
  ): Promise<UserOutcome>;
  update(
    chain: string,
    userId: string,
    change: { readonly password?: string | undefined; readonly is_superuser?: boolean | undefined },
  ): Promise<UserOutcome>;
  delete(chain: string, userId: string): boolean;
  /**
   * Adds and replaces users. `progress` is told now and then how many rows of all are done.
   * @throws {OperationalError} a file that cannot be used; nothing was written then
   */
  import(
    chain: string,
    text: string,
    format: "csv" | "json",
    type: "plain" | "hash",
    progress?: (done: number, total: number) => void,
  ): Promise<ImportResult>;
  /** Deletes all users of the chain. */
  clear(chain: string): void;
}

/** A change of the configuration. */
export interface ConfigEdit {
  readonly path: Path;
  /** What stands there from now on, as the file would say it; undefined: nothing. */
  readonly value: unknown;
}

/** Changes, or what works them out. */
export type ConfigEdits = readonly ConfigEdit[] | (() => readonly ConfigEdit[]);

/** The configuration: read, checked, changed. */
export interface ConfigControl {
  /** In force: values as the program uses them. */
  readonly current: Config;
  /** Changes with every change of the configuration: for ETags. */
  readonly version: string;
  /**
   * What holds at a path (all of it: `[]`), as a file would say it: every default filled in,
   * secrets hidden. Undefined when nothing stands there.
   */
  effective(path: Path): unknown;
  /** The same with secrets: to be changed and given back to `change`, never to be shown. */
  written(path: Path): unknown;
  /** Where explicitly given settings were given; all others have their defaults. */
  origins(): ReadonlyMap<string, Origin>;
  /** The text of the overlay, secrets hidden. */
  overlay(): string;
  /** Problems of a complete configuration file, were it in use instead of the present one. */
  check(toml: string): readonly ConfigIssue[];
  /**
   * The configuration as it would be after the changes of `change`; none is made.
   * @throws {ConfigError} what is wrong with them
   */
  preview(edits: readonly ConfigEdit[]): Config;
  /** What would change if the settings of a TOML text were put over the present ones. */
  diff(toml: string): readonly Change[];
  /**
   * Puts the settings of a TOML text over the present ones. See `change`.
   * @param before runs when the changes before it are done; throws to let this one be
   */
  merge(toml: string, by: string, before?: () => void): Promise<readonly Change[]>;
  /**
   * Makes changes, all or none: checked as a whole, taken into use, kept in the overlay. `******`
   * stands for the secret that is there. Changes come one after the other: edits that depend on
   * what is there are a function, which is called when the changes before it are done.
   * @throws {ConfigError} what is wrong; everything stays as it was
   * @throws {OperationalError} an address, certificate or file cannot be had; the same
   */
  change(edits: ConfigEdits, by: string): Promise<readonly Change[]>;
  /** Reads the files again. */
  reload(by: string): Promise<readonly Change[]>;
  /** Calls back after each change that was taken into use. */
  onChange(run: (config: Config) => void): void;
}

/** Documents and the barrier that makes them durable. */
export interface DocumentControl extends DocumentStore {
  /** False: they could not be written. */
  commit(): boolean;
}

/** One name in both spellings. */
export interface NameView {
  readonly topic: string;
  readonly subject: string;
  readonly wildcard: boolean;
}

/** May this client do that? */
export interface DecisionQuestion extends TopicQuestion {
  readonly protocol: Protocol;
  readonly clientId: string;
  readonly username?: string | undefined;
  readonly address: string;
}

/** Credentials to try. */
export interface LoginQuestion {
  readonly clientId: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

/** An authenticator that is not there yet, or not like that. */
export interface AuthenticatorDraft {
  /** `nats:global`, `mqtt:global` or a listener id. */
  readonly chain: string;
  /** Its place in the chain after the changes. */
  readonly index: number;
  /** The changes that would make it. */
  readonly edits: readonly ConfigEdit[];
}

/** What the chain says. */
export interface LoginOutcome {
  readonly result: "allow" | "deny" | "ignore";
  readonly method?: string | undefined;
  readonly superuser?: boolean | undefined;
  readonly reason?: string | undefined;
  readonly duration_ms: number;
}

/** Backup and restore of durable state. */
export interface BackupControl {
  /** False: state is kept in memory only, there is nothing to back up. */
  readonly available: boolean;
  /** Writes a copy of the running store to a new file. */
  save(target: string): Promise<void>;
  /** Checks a backup file and lays it ready; it is put in place at the next start. */
  restore(source: string): Promise<Readonly<Record<string, number>>>;
}
