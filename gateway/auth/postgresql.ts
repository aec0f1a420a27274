/**
 * PostgreSQL, by `postgres`.
 */
import type { Sql } from "postgres";
import { type ClientTls, tlsOptions } from "./client_tls.ts";
import { type Row, type SqlClient, sqlError } from "./sql.ts";

/** How the server is reached. */
export interface PostgresqlOptions {
  readonly server: { readonly host: string; readonly port: number };
  readonly database: string;
  readonly username: string;
  readonly password?: string | undefined;
  readonly pool_size: number;
  /** Milliseconds. */
  readonly connect_timeout: number;
  readonly disable_prepared_statements: boolean;
  readonly ssl: ClientTls;
}

/** Seconds after which an idle connection is closed. */
const IDLE_TIMEOUT_S = 300;

/** Makes a client that connects with the first query and whenever it must. */
export function postgresqlClient(options: PostgresqlOptions): SqlClient {
  let pool: Promise<Sql> | undefined;
  const connected = () =>
    pool ??= openPool(options).catch((error) => {
      pool = undefined;
      throw error;
    });
  return {
    async query(sql, values, signal) {
      const open = await connected();
      const prepare = !options.disable_prepared_statements;
      const running = open.unsafe<Row[]>(sql, [...values], { prepare });
      const cancel = () => running.cancel();
      signal.addEventListener("abort", cancel);
      try {
        return [...await running];
      } catch (error) {
        const { code, severity } = error as { code?: unknown; severity?: unknown };
        throw severity === undefined ? error : sqlError(error, code);
      } finally {
        signal.removeEventListener("abort", cancel);
      }
    },
    async close() {
      const open = await pool?.catch(() => undefined);
      await open?.end({ timeout: 1 });
    },
  };
}

async function openPool(options: PostgresqlOptions): Promise<Sql> {
  const { default: postgres } = await import("postgres");
  const { host, port } = options.server;
  const tls = tlsOptions(options.ssl, host);
  return postgres({
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
