/**
 * PostgreSQL, by `postgres`.
 */
import { connect, type Socket } from "node:net";
import type { Sql } from "postgres";
import type { PasswordConfig } from "../config/types.ts";
import { type ClientTls, tlsOptions } from "./client_tls.ts";
import { OnDemand } from "./on_demand.ts";
import { type Row, type SqlClient, sqlError } from "./sql.ts";

/** How the server is reached. */
export type PostgresqlOptions =
  & Pick<
    PasswordConfig<"postgresql">,
    | "server"
    | "database"
    | "username"
    | "password"
    | "pool_size"
    | "connect_timeout"
    | "disable_prepared_statements"
  >
  & {
    readonly ssl: ClientTls;
  };

/** Seconds after which an idle connection is closed. */
const IDLE_TIMEOUT_S = 300;

/** Milliseconds in which the pool may be opened once without an answer to any query. */
const OPENING_WINDOW_MS = 1000;

/** Makes a client that connects with the first query and whenever it must. */
export function postgresqlClient(options: PostgresqlOptions): SqlClient {
  const door = new Door(options);
  const pool = new OnDemand(() => openPool(options, door));
  return {
    async query(sql, values, signal) {
      const open = await pool.get();
      const prepare = !options.disable_prepared_statements;
      const running = open.unsafe<Row[]>(sql, [...values], { prepare });
      const startedAt = performance.now();
      const cancel = () => {
        door.giveUp(startedAt);
        cancelQuery(running);
      };
      signal.addEventListener("abort", cancel);
      try {
        const rows = [...await running];
        door.answered();
        return rows;
      } catch (error) {
        const { code, severity } = error as { code?: unknown; severity?: unknown };
        if (severity === undefined) throw error;
        door.answered();
        throw sqlError(error, code);
      } finally {
        signal.removeEventListener("abort", cancel);
      }
    },
    async close() {
      await (await pool.take())?.end({ timeout: 1 });
    },
  };
}

/**
 * Tells the server that the answer is not wanted any more. `cancel()` of the driver does that and
 * loses the promise, so a server that cannot be told would end the process.
 */
function cancelQuery(query: object): void {
  const { canceller } = query as { canceller?: ((query: object) => Promise<void>) | null };
  canceller?.(query).catch(() => {});
}

/**
 * Opens connections for the driver, which by itself connects to a server that hangs up during the
 * login hundreds of times a second, for as long as it has a query: a proxy without a server
 * behind it does that.
 */
class Door {
  #answeredAt = -Infinity;
  #windowEnd = -Infinity;
  /** Connections opened in this window. */
  #opened = 0;
  readonly #open = new Set<Socket>();
  constructor(readonly options: PostgresqlOptions) {}

  /** A query was answered: the connections that are open now are good ones. */
  answered(): void {
    this.#answeredAt = performance.now();
    this.#opened = 0;
  }

  /**
   * A query that was sent then has had no answer in time. If none had, the connections lead
   * nowhere: they are closed, and the next query begins with a new one.
   */
  giveUp(sentAt: number): void {
    if (this.#answeredAt >= sentAt) return;
    for (const socket of this.#open) socket.destroy();
    this.#open.clear();
  }

  /** A connection. Rejects when there is none in time, or too many were opened for nothing. */
  open(): Promise<Socket> {
    const now = performance.now();
    if (now >= this.#windowEnd) {
      this.#windowEnd = now + OPENING_WINDOW_MS;
      this.#opened = 0;
    }
    for (const socket of this.#open) if (socket.destroyed) this.#open.delete(socket);
    if (++this.#opened > this.options.pool_size) {
      return Promise.reject(new Error("the server hangs up during the login"));
    }
    const { server: { host, port }, connect_timeout } = this.options;
    return new Promise((resolve, reject) => {
      const socket = connect(port, host);
      const timer = setTimeout(
        () => socket.destroy(new Error(`no connection within ${connect_timeout} ms`)),
        connect_timeout,
      );
      socket.once("error", reject);
      socket.once("close", () => clearTimeout(timer));
      socket.once("connect", () => {
        clearTimeout(timer);
        socket.off("error", reject);
        this.#open.add(socket);
        resolve(socket);
      });
    });
  }
}

async function openPool(options: PostgresqlOptions, door: Door): Promise<Sql> {
  const { default: postgres } = await import("postgres");
  const { host, port } = options.server;
  const tls = tlsOptions(options.ssl, host);
  // The driver's types leave this one out.
  const own: object = { socket: () => door.open() };
  return postgres({
    ...own,
    host,
    port,
    database: options.database,
    username: options.username,
    ...(options.password === undefined ? {} : { password: options.password }),
    max: options.pool_size,
    connect_timeout: Math.max(1, Math.ceil(options.connect_timeout / 1000)),
    idle_timeout: IDLE_TIMEOUT_S,
    backoff: false,
    fetch_types: false,
    onnotice: () => {},
    ssl: tls === undefined ? false : { ...tls },
  });
}
