/**
 * The composition root: from a configuration to running parts. The only file that knows every
 * box; it holds no behaviour of its own.
 */
import process from "node:process";
import { setImmediate } from "node:timers";
import { formatBind } from "./address.ts";
import { type Access, createAccess } from "./auth/access.ts";
import { type Clock, realClock } from "./clock.ts";
import { CertificateWatch } from "./compose/certificate_watch.ts";
import { Closures } from "./compose/closures.ts";
import { createControl } from "./compose/control.ts";
import { backupOf } from "./compose/control_backup.ts";
import { noSettings, type SettingsSource } from "./compose/control_config.ts";
import { certificateNames, mqttOptions, retainedLimits } from "./compose/mqtt_options.ts";
import { LameDuck } from "./compose/lame_duck.ts";
import { type ListenerPlan, listenerPlans } from "./compose/listener_plan.ts";
import { ListenerSet } from "./compose/listener_set.ts";
import {
  clientInfoOverride,
  greetsInClear,
  natsOptions,
  natsTlsInfo,
} from "./compose/nats_options.ts";
import { openStore, restoreState, storePath } from "./compose/open_store.ts";
import { periodicJobs } from "./compose/periodic_jobs.ts";
import { timedCommits } from "./compose/timed_commits.ts";
import { tlsConfig } from "./compose/ways_in.ts";
import { type Change, diffConfigs } from "./config/diff.ts";
import type { Config } from "./config/types.ts";
import type { GatewayControl } from "./control.ts";
import { RetainedStore } from "./core/retained.ts";
import { Router } from "./core/router.ts";
import { ConfigError } from "./errors.ts";
import type { Supervised } from "./lifecycle.ts";
import { renderMountpoint } from "./core/mountpoint.ts";
import { MqttBroker } from "./mqtt/broker.ts";
import { createMqttSession } from "./mqtt/session.ts";
import { refusalFrames } from "./nats/encode.ts";
import { infoFor } from "./nats/info.ts";
import { type NatsListenerOptions, NatsServer, type NatsServerParts } from "./nats/server.ts";
import { NatsSession } from "./nats/session.ts";
import { createMapping } from "./nats/subject.ts";
import type { Log } from "./observe/log.ts";
import type { LogLine } from "./observe/log_output.ts";
import { watchLoopLag } from "./observe/loop_lag.ts";
import { Metrics } from "./observe/metrics.ts";
import type { Session } from "./protocol/session.ts";
import { randomText } from "./random_text.ts";
import { type Notice, startNotices } from "./start_notices.ts";
import { Congestion } from "./transport/congestion.ts";
import type { Connection } from "./transport/connection.ts";
import type { Store } from "./store/types.ts";
import { Deadlines } from "./transport/deadlines.ts";
import type { ListenerParts } from "./transport/listener.ts";
import { Turns } from "./transport/turns.ts";

export { checkWaysIn } from "./compose/ways_in.ts";
export type { SettingsSource };

/** What a gateway is given. */
export interface GatewayParts {
  readonly log: Log;
  readonly clock?: Clock;
  /** Where the configuration is read again and changes of it are kept; left out: nowhere. */
  readonly settings?: SettingsSource;
  /** The last lines of the log. */
  readonly logs?: () => readonly LogLine[];
}

/**
 * Starts everything that the configuration asks for.
 * @throws {OperationalError} an address, a certificate or the store cannot be had; nothing is
 * left running then
 */
export async function startGateway(config: Config, parts: GatewayParts): Promise<Gateway> {
  const { log } = parts;
  const clock = parts.clock ?? realClock();
  const metrics = new Metrics();
  const store = openStore(config, clock, log.part("store"));
  try {
    const access = await createAccess(config, {
      clock,
      log: log.part("auth"),
      metrics,
      store,
      subjects: createMapping,
    });
    const { settings = noSettings(config), logs = () => [] } = parts;
    const gateway = new Gateway(config, { log, clock, metrics, store, access, settings, logs });
    await gateway.start();
    return gateway;
  } catch (error) {
    store.close();
    throw error;
  }
}

interface Parts {
  readonly log: Log;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly store: Store;
  readonly access: Access;
  readonly settings: SettingsSource;
  readonly logs: () => readonly LogLine[];
}

/** A running gateway. */
export class Gateway implements Supervised {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly store: Store;
  readonly access: Access;
  readonly router: Router;
  readonly nats: NatsServer;
  readonly mqtt: MqttBroker;
  readonly listeners: ListenerSet;
  readonly certificates: CertificateWatch;
  /** What administration may ask and do. */
  readonly control: GatewayControl;
  readonly #turns: Turns;
  readonly #congestion = new Congestion();
  readonly #deadlines: Deadlines;
  #lameDuck: LameDuck | undefined;
  readonly #closures = new Closures();
  readonly #stopLag: () => void;
  #config: Config;
  #nextId = 0;

  constructor(config: Config, parts: Parts) {
    this.#config = config;
    this.clock = parts.clock;
    this.log = parts.log;
    this.metrics = parts.metrics;
    this.store = parts.store;
    this.access = parts.access;
    const now = () => this.clock.now();
    this.#turns = new Turns(timedCommits(this.store, this.metrics), setImmediate);
    this.#stopLag = watchLoopLag(this.clock, this.metrics.event_loop_lag_ms);
    this.#deadlines = new Deadlines(this.clock, (job) => this.#turns.run(job));
    this.router = new Router(new RetainedStore(retainedLimits(config), now));
    this.router.strategy = config.mqtt.shared_subscription_strategy;
    this.nats = new NatsServer(this.#natsParts(config), natsOptions(config));
    this.mqtt = new MqttBroker({
      router: this.router,
      store: this.store,
      options: mqttOptions(config),
      log: this.log.part("mqtt"),
      counters: this.metrics.mqtt,
      now,
    });
    restoreState(this.store, this.mqtt, config);
    this.#deadlines.add(this.mqtt);
    const jobs = periodicJobs(() => this.#config, this.mqtt, this.metrics.mqtt, this.clock);
    for (const job of jobs) this.#deadlines.add(job);
    this.certificates = new CertificateWatch(this.log.part("listeners"), this.clock);
    this.listeners = new ListenerSet({
      certificates: this.certificates,
      clock: this.clock,
      listenerParts: (plan) => this.#listenerParts(plan),
      disconnect: (connections) => this.#disconnect(connections),
    });
    this.control = createControl(this, {
      settings: parts.settings,
      logs: parts.logs,
      closures: () => this.#closures.list(),
      backup: backupOf(storePath(config)),
      turn: (job) => this.#turns.run(job),
    });
  }

  /** The configuration in force. */
  get config(): Config {
    return this.#config;
  }

  async start(): Promise<void> {
    try {
      await this.listeners.change(listenerPlans(this.#config));
    } catch (error) {
      this.#deadlines.stop();
      this.#stopLag();
      throw error;
    }
  }

  get notices(): readonly Notice[] {
    return startNotices(
      [...this.listeners.open.values()].map(({ plan, listener }) => {
        const { id, transport } = listener.options;
        const tls = tlsConfig(plan);
        const { bind } = listener;
        return {
          id,
          protocol: plan.protocol === "nats" ? "NATS" as const : "MQTT" as const,
          transport,
          address: "path" in bind ? formatBind(bind) : bind.host,
          port: listener.port,
          path: "websocket" in plan.listener ? plan.listener.websocket.path : "",
          anonymous: !this.access.authenticatorFor(id).required,
          certificateRequired: tls?.verify === "verify_peer" && tls.fail_if_no_peer_cert,
        };
      }),
    );
  }

  async stop(deadline: number): Promise<void> {
    this.#lameDuck?.cancel();
    this.certificates.stop();
    this.listeners.stop();
    this.#disconnect(this.connections());
    await Promise.race([
      Promise.all([...this.connections()].map((connection) => connection.ended)),
      new Promise<void>((done) => this.clock.at(deadline, done)),
    ]);
    this.#deadlines.stop();
    this.#stopLag();
    await this.access.close();
    this.store.commit();
    this.store.close();
  }

  async reload(): Promise<void> {
    if (this.#lameDuck !== undefined) return;
    try {
      await this.control.config.reload("a signal");
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      for (const { path, message } of error.issues) this.log.error(message, { setting: path });
      this.log.error("not reloaded: the configuration has mistakes");
    }
  }

  /** CPU time that the process has used, in ms. */
  cpuTime(): number {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  }

  /** Memory of the process, in bytes. */
  memoryUsage(): { readonly rss: number; readonly heapUsed: number } {
    return Deno.memoryUsage();
  }

  /**
   * Takes on another configuration, all of it or nothing. Connections stay, except those of
   * listeners that are closed or get another address.
   * @returns what has changed, and which changes wait for a restart
   * @throws {OperationalError} an address, a certificate or a rule file cannot be had
   */
  async apply(next: Config): Promise<Change[]> {
    const changes = diffConfigs(this.#config, next);
    // Access first: a new listener must know whom to let in.
    await this.access.reload(next);
    try {
      await this.listeners.change(listenerPlans(next));
    } catch (error) {
      await this.access.reload(this.#config);
      throw error;
    }
    this.#config = next;
    this.nats.reconfigure(this.#natsParts(next), natsOptions(next));
    this.mqtt.options = mqttOptions(next);
    this.router.strategy = next.mqtt.shared_subscription_strategy;
    this.router.retained.limits = retainedLimits(next);
    logChanges(changes, this.log);
    return changes;
  }

  lameDuck(): Promise<void> {
    this.listeners.stop();
    const { lame_duck_grace_period, lame_duck_duration } = this.#config.node;
    this.#lameDuck = new LameDuck([...this.connections()], {
      grace_ms: lame_duck_grace_period,
      duration_ms: lame_duck_duration,
      clock: this.clock,
      turn: (job) => this.#turns.run(job),
    });
    return this.#lameDuck.ended;
  }

  /** All connections, of all listeners. */
  connections(): Iterable<Connection> {
    return this.listeners.connections();
  }

  #disconnect(connections: Iterable<Connection>): void {
    this.#turns.run(() => {
      for (const connection of connections) {
        connection.session.goodbye("shutdown");
        connection.close({ kind: "shutdown" });
      }
    });
  }

  #listenerParts(plan: () => ListenerPlan): ListenerParts {
    const settings = () =>
      plan().protocol === "nats" ? this.#config.gateway.nats : this.#config.mqtt;
    return {
      turns: this.#turns,
      deadlines: this.#deadlines,
      log: this.log,
      clock: this.clock,
      /** As configured now: a reload changes it for connections that are there. */
      get write_deadline_ms() {
        const { send_timeout } = plan().listener.tcp_options;
        return Math.min(settings().write_deadline, send_timeout);
      },
      get high_watermark_bytes() {
        return plan().listener.tcp_options.high_watermark;
      },
      congestion: this.#congestion,
      now: () => this.clock.now(),
      nextId: () => ++this.#nextId,
      onClosed: (session, peer, cause) =>
        this.#closures.note(session, peer.address, cause, this.clock.now()),
      isBanned: (address) => this.access.bans.isBanned(address),
      onRefused: () => void this.metrics[plan().protocol].connections_refused++,
      createSession: (connection) => this.#createSession(plan(), connection),
      refusal: (peer) => {
        const current = plan();
        return greetsInClear(current)
          ? refusalFrames(
            infoFor(this.nats.options, this.#natsListener(current), peer, undefined, false),
            "maximum connections exceeded",
          )
          : undefined;
      },
    };
  }

  #createSession(plan: ListenerPlan, connection: Connection): Session {
    if (plan.protocol === "nats") {
      return new NatsSession(connection, this.nats, this.#natsListener(plan));
    }
    const { mountpoint } = plan.listener;
    return createMqttSession(connection, this.mqtt, {
      authenticator: this.access.authenticatorFor(plan.id),
      authorizerFor: this.access.authorizerFor,
      mountpoint: ({ clientId, peer, principal }) =>
        renderMountpoint(mountpoint ?? "", {
          username: principal.username,
          clientid: clientId,
          account: principal.account,
          peerhost: peer.address,
          zone: "default",
          client_attrs: principal.attributes,
        }),
      certificateNames: certificateNames(this.#config),
      rulesSeeMountpoint: this.#config.authorization.include_mountpoint,
    });
  }

  #natsListener(plan: ListenerPlan): NatsListenerOptions {
    return {
      mountpoint: plan.listener.mountpoint,
      authenticator: this.access.authenticatorFor(plan.id),
      tls: natsTlsInfo(plan),
    };
  }

  #natsParts(config: Config): NatsServerParts {
    return {
      router: this.router,
      now: () => this.clock.now(),
      randomText,
      log: this.log.part("nats"),
      counters: this.metrics.nats,
      refuses: (message) => this.mqtt.refuses(message),
      clientInfo: clientInfoOverride(config.gateway.nats.clientinfo_override),
      authorizerFor: this.access.authorizerFor,
    };
  }
}

/** Says what a reload has done. */
function logChanges(changes: readonly Change[], log: Log): void {
  for (const { path, live, reason } of changes) {
    const effect = live ? reason : `only after a restart: ${reason}`;
    log.info("setting changed", { setting: path, effect });
  }
  log.info("reloaded", { changes: changes.length });
}
