/**
 * MySQL and MariaDB, by `mysql2`.
 */
import type { Pool, PoolOptions } from "mysql2/promise";
import { connect, type Socket } from "node:net";
import type { PasswordConfig } from "../config/types.ts";
import { type ClientTls, serverName, tlsOptions } from "./client_tls.ts";
import { BadAnswer } from "./guard.ts";
import { OnDemand } from "./on_demand.ts";
import { type SqlClient, sqlError } from "./sql.ts";

/** How the server is reached. */
export type MysqlOptions =
  & Pick<
    PasswordConfig<"mysql">,
    | "server"
    | "database"
    | "username"
    | "password"
    | "pool_size"
    | "connect_timeout"
    | "query_timeout"
    | "disable_prepared_statements"
  >
  & {
    readonly ssl: ClientTls;
  };

/** Milliseconds for saying goodbye; then connections are cut. */
const GOODBYE_MS = 500;

/** Makes a client that connects with the first query and whenever it must. */
export function mysqlClient(options: MysqlOptions): SqlClient {
  const sockets = new Set<Socket>();
  const pool = new OnDemand(() => openPool(options, sockets));
  return {
    async query(sql, values) {
      const request = { sql, timeout: options.query_timeout };
      const open = await pool.get();
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
      const open = await pool.take();
      if (open === undefined) return;
      // The driver waits for connections that are still being made, whose server may be silent.
      const timer = setTimeout(() => sockets.forEach((socket) => socket.destroy()), GOODBYE_MS);
      await open.end().catch(() => {});
      clearTimeout(timer);
    },
  };
}

async function openPool(options: MysqlOptions, sockets: Set<Socket>): Promise<Pool> {
  const { createPool } = await import("mysql2/promise");
  const { host, port } = options.server;
  const tls = tlsOptions(options.ssl, host);
  const name = serverName(options.ssl, host)!;
  const settings: PoolOptions = {
    // What the driver checks a certificate against; the address goes to the stream.
    host: name,
    port,
    database: options.database,
    user: options.username,
    ...(options.password === undefined ? {} : { password: options.password }),
    connectionLimit: options.pool_size,
    connectTimeout: options.connect_timeout,
    waitForConnections: true,
    // Big numbers as text: a column is never worth a rounding error.
    supportBigNumbers: true,
    ...(tls === undefined ? {} : { ssl: { ...tls, verifyIdentity: tls.rejectUnauthorized } }),
    stream: () => openSocket(host, port, name, sockets),
  };
  return createPool(settings);
}

/**
 * A connection to the server. The driver checks the certificate against its `host`, and where that
 * is an address against the name that node:net keeps with the socket, which is none then.
 */
function openSocket(host: string, port: number, name: string, sockets: Set<Socket>): Socket {
  const socket = connect(port, host);
  socket.setKeepAlive(true);
  sockets.add(socket);
  socket.once("close", () => sockets.delete(socket));
  return Object.assign(socket, { _host: name });
}
