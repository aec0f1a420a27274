/**
 * MySQL and MariaDB, by `mysql2`.
 */
import type { Pool, PoolOptions } from "mysql2/promise";
import { type ClientTls, tlsOptions } from "./client_tls.ts";
import { BadAnswer } from "./guard.ts";
import { type SqlClient, sqlError } from "./sql.ts";

/** How the server is reached. */
export interface MysqlOptions {
  readonly server: { readonly host: string; readonly port: number };
  readonly database: string;
  readonly username: string;
  readonly password?: string | undefined;
  readonly pool_size: number;
  /** Milliseconds. */
  readonly connect_timeout: number;
  readonly query_timeout: number;
  readonly disable_prepared_statements: boolean;
  readonly ssl: ClientTls;
}

/** Makes a client that connects with the first query and whenever it must. */
export function mysqlClient(options: MysqlOptions): SqlClient {
  let pool: Promise<Pool> | undefined;
  const connected = () =>
    pool ??= openPool(options).catch((error) => {
      pool = undefined;
      throw error;
    });
  return {
    async query(sql, values) {
      const request = { sql, timeout: options.query_timeout };
      const open = await connected();
      try {
        const [rows] = options.disable_prepared_statements
          ? await open.query(request, [...values])
          : await open.execute(request, [...values]);
        if (!Array.isArray(rows)) throw new BadAnswer("the query is no SELECT");
        return rows as Record<string, unknown>[];
      } catch (error) {
        // Errors of the connection itself are fatal, whatever their SQLSTATE.
        const { sqlState, fatal } = error as { sqlState?: unknown; fatal?: unknown };
        throw fatal === true ? error : sqlError(error, sqlState);
      }
    },
    async close() {
      const open = await pool?.catch(() => undefined);
      await open?.end();
    },
  };
}

async function openPool(options: MysqlOptions): Promise<Pool> {
  const { createPool } = await import("mysql2/promise");
  const { host, port } = options.server;
  const tls = tlsOptions(options.ssl, host);
  const settings: PoolOptions = {
    host,
    port,
    database: options.database,
    user: options.username,
    ...(options.password === undefined ? {} : { password: options.password }),
    connectionLimit: options.pool_size,
    connectTimeout: options.connect_timeout,
    waitForConnections: true,
    enableKeepAlive: true,
    // Big numbers as text: a column is never worth a rounding error.
    supportBigNumbers: true,
    ...(tls === undefined ? {} : { ssl: { ...tls, verifyIdentity: tls.rejectUnauthorized } }),
  };
  return createPool(settings);
}
