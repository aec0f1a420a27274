/**
 * A gateway without sockets on a clock of its own, with its store in a real file: it can be killed
 * at any moment and comes back from what it had written.
 */
import type { AuthorizerFactory, SubscribeDecision } from "../../gateway/auth/types.ts";
import { toPattern } from "../../gateway/core/match.ts";
import { RetainedStore } from "../../gateway/core/retained.ts";
import { Router } from "../../gateway/core/router.ts";
import { Sieve } from "../../gateway/core/sieve.ts";
import type { Filter } from "../../gateway/core/topic.ts";
import { MqttBroker } from "../../gateway/mqtt/broker.ts";
import { SessionRestorer } from "../../gateway/mqtt/restore.ts";
import { createMqttSession } from "../../gateway/mqtt/session.ts";
import { NatsServer } from "../../gateway/nats/server.ts";
import { NatsSession } from "../../gateway/nats/session.ts";
import { silentLog } from "../../gateway/observe/log.ts";
import { MqttCounters, NatsCounters } from "../../gateway/observe/metrics.ts";
import { openSqliteStore, type SqliteStore } from "../../gateway/store/sqlite.ts";
import { MQTT_DEFAULTS, NATS_DEFAULTS } from "../kit/defaults.ts";
import { LET_IN } from "../kit/mqtt_world.ts";
import type { Chance } from "../kit/random.ts";
import { StillClock } from "../kit/still_clock.ts";
import { type Client, SimConnection } from "./connection.ts";

/** Everybody may publish it, nobody may receive it. */
export const SECRET_TOPIC = "n/secret";

const UNLIMITED = {
  messages_max: Infinity,
  payload_bytes_max: Infinity,
  total_bytes_max: Infinity,
  expiry_ms: 0,
};

/** Nothing is dropped for want of room: what is missing at the end was lost. */
const MQTT_OPTIONS = {
  ...MQTT_DEFAULTS,
  max_mqueue_len: Infinity,
  max_mqueue_bytes: Infinity,
  max_mqueue_total_bytes: Infinity,
};

/** The parts of a gateway between a start and a crash. */
interface Life {
  readonly store: SqliteStore;
  readonly router: Router;
  readonly broker: MqttBroker;
  readonly nats: NatsServer;
}

/** The gateway, the network, and time. */
export class SimWorld {
  readonly clock = new StillClock();
  readonly connections = new Set<SimConnection>();
  readonly #chance: Chance;
  readonly #dir: string;
  #lives = 0;
  #life: Life;
  #depth = 0;

  constructor(chance: Chance, dir: string) {
    this.#chance = chance;
    this.#dir = dir;
    this.#life = this.#start();
  }

  /** What runs now. */
  get life(): Life {
    return this.#life;
  }

  /** How often it was started. */
  get lives(): number {
    return this.#lives;
  }

  /** A new connection to the MQTT port. */
  connectMqtt(client: Client): SimConnection {
    return this.#connect(
      client,
      "mqtt:tcp:default",
      (link) =>
        createMqttSession(link, this.#life.broker, {
          authenticator: LET_IN,
          authorizerFor: NOBODY_HEARS_SECRETS,
          mountpoint: () => "",
          rulesSeeMountpoint: false,
          certificateNames: () => ({ username: undefined, clientId: undefined }),
        }),
    );
  }

  /** A new connection to the NATS port. */
  connectNats(client: Client): SimConnection {
    return this.#connect(
      client,
      "nats:tcp:default",
      (link) =>
        new NatsSession(link, this.#life.nats, {
          mountpoint: undefined,
          authenticator: LET_IN,
          tls: { required: false, available: false, verify: false, handshakeFirst: false },
        }),
    );
  }

  /** Some bytes of some connection arrive. False when none are on their way. */
  move(): boolean {
    const busy = [...this.connections].filter((connection) => connection.busy);
    if (busy.length === 0) return false;
    this.#chance.pick(busy).move(this.#chance);
    return true;
  }

  /** The network fails: bytes that were on their way are lost, on both sides. */
  cut(connection: SimConnection): void {
    this.connections.delete(connection);
    this.turn(() => connection.end({ kind: "peer" }));
    connection.hangUp(this.#chance, false);
  }

  /** Time passes, and whoever waits for it is called. */
  pass(ms: number): void {
    this.clock.advance(ms);
    this.turn(() => {
      const now = this.clock.now();
      const { broker } = this.#life;
      if (broker.nextDeadline <= now) broker.tick(now);
      for (const { session, ended } of this.connections) {
        if (!ended && session.nextDeadline <= now) session.tick(now);
      }
    });
  }

  /**
   * SIGKILL and a new start. Before that a piece of work may have been done whose results were
   * neither committed nor sent.
   */
  crash(unfinished: () => void): void {
    this.#depth++; // A turn that never ends.
    unfinished();
    this.#depth = 0;
    const files = this.#files(this.#lives);
    const { store } = this.#life;
    for (const [i, file] of this.#files(this.#lives + 1).entries()) copyIfThere(files[i]!, file);
    this.#life = this.#start();
    // Only the copy counts: this one is closed for the sake of its lock and its memory.
    store.close();
    for (const file of files) removeIfThere(file);
    const cut = [...this.connections];
    this.connections.clear();
    for (const connection of cut) connection.hangUp(this.#chance, false);
  }

  /** Runs a piece of work, commits, and sends what was written: see `transport/turns.ts`. */
  turn(job: () => void): void {
    this.#depth++;
    job();
    if (--this.#depth > 0) return;
    for (let more = true; more;) {
      this.#life.store.commit();
      more = false;
      for (const connection of [...this.connections]) {
        if (connection.flush()) more = true;
        const { cause } = connection.link;
        if (cause === undefined) continue;
        more = true;
        this.connections.delete(connection);
        this.#depth++;
        connection.end(cause);
        this.#depth--;
        connection.hangUp(this.#chance, true);
      }
    }
  }

  /** Closes the store. */
  close(): void {
    this.#life.store.close();
  }

  #connect(
    client: Client,
    listener: string,
    open: ConstructorParameters<typeof SimConnection>[3],
  ): SimConnection {
    const connection = new SimConnection(client, (job) => this.turn(job), listener, open);
    this.connections.add(connection);
    this.turn(() => connection.session.open());
    return connection;
  }

  #start(): Life {
    this.#lives++;
    const now = () => this.clock.now();
    const [path] = this.#files(this.#lives);
    const store = openSqliteStore({ path: path!, sync: "off", clock: this.clock });
    const router = new Router(new RetainedStore(UNLIMITED, now));
    const broker = new MqttBroker({
      router,
      store,
      options: MQTT_OPTIONS,
      log: silentLog,
      counters: new MqttCounters(),
      now,
    });
    const restorer = new SessionRestorer(broker);
    store.load(restorer);
    restorer.finish();
    router.retained.listener = store.retained;
    let texts = 0;
    const nats = new NatsServer({
      router,
      now,
      randomText: (length) => `${this.#lives}x${++texts}`.padStart(length, "x"),
      log: silentLog,
      counters: new NatsCounters(),
      refuses: (message) => broker.refuses(message),
      clientInfo: () => ({ username: undefined, password: undefined, clientId: undefined }),
      authorizerFor: NOBODY_HEARS_SECRETS,
    }, { ...NATS_DEFAULTS, heartbeat_interval_ms: 0, idle_timeout_ms: 0 });
    return { store, router, broker, nats };
  }

  #files(life: number): readonly string[] {
    return ["", "-wal"].map((end) => `${this.#dir}/${life}.db${end}`);
  }
}

const ALLOWED: SubscribeDecision = { allowed: true, rule: "allow all", source: "simulation" };

const NO_SECRETS = new Sieve([[{
  allow: false,
  pattern: toPattern(SECRET_TOPIC as Filter),
}]]);

const NOBODY_HEARS_SECRETS: AuthorizerFactory = () => ({
  generation: 0,
  denyAction: "ignore",
  publish: () => ALLOWED,
  subscribe: () => ({ ...ALLOWED, sieve: NO_SECRETS }),
});

function copyIfThere(from: string, to: string): void {
  try {
    Deno.copyFileSync(from, to);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function removeIfThere(file: string): void {
  try {
    Deno.removeSync(file);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
