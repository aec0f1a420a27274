/**
 * From the runtime's connections to Node's: everything is accepted by `Deno.listen`, which stands
 * full descriptor tables and floods (`node:net` stops for good after one EMFILE), but only
 * `node:tls` can verify clients and take over a connection that is already in use.
 */
import net from "node:net";
import process from "node:process";
import { closeQuietly } from "./stream.ts";

/**
 * What is used of the runtime's insides: the handle class below `net.Socket` can open the resource
 * of a `Deno.Conn`. The runtime's own HTTP upgrade does the same. Checked by `tls_probe.ts`.
 */
interface TcpHandle {
  /** 0 when it went well. */
  openFromRid(rid: number): number;
  /** Seconds of silence before the first probe. 0 when it went well. */
  setKeepAlive(on: boolean, idle_s: number): number;
  close(): void;
  readStart(): void;
  readStop(): void;
}
interface TcpBinding {
  readonly TCP: new (type: number) => TcpHandle;
  readonly constants: { readonly SOCKET: number };
}

/** A socket that carries on with an adopted connection. */
export interface Adopted {
  readonly socket: net.Socket;
  /** Stops and starts reading at the source; pausing a TLS socket alone reads on for ever. */
  setReading(on: boolean): void;
}

/**
 * Makes a `net.Socket` of a connection; no read or write may be under way on it. The connection
 * is closed with the socket.
 * @param prefix Bytes that were read already and come first.
 * @throws Error when this runtime cannot do that; the connection is left as it is.
 */
export function adopt(conn: Deno.Conn, prefix: Uint8Array): Adopted {
  const handle = handleOf(conn);
  // The types know another kind of handle only.
  const options: unknown = { handle, allowHalfOpen: true, pauseOnCreate: true };
  const socket = new net.Socket(options as net.SocketConstructorOpts);
  // The resource has a descriptor of its own; without this each connection would leak one.
  socket.once("close", () => closeQuietly(conn));
  socket.on("error", () => {});
  socket.setNoDelay(true);
  if (prefix.length > 0) socket.unshift(prefix);
  return { socket, setReading: (on) => on ? handle.readStart() : handle.readStop() };
}

/** Whether `setKeepAlive` can set when the first probe is sent. */
export function canTimeKeepAlive(): boolean {
  return tcpBinding() !== undefined;
}

/**
 * Switches TCP keep-alive on for a connection.
 * @param idle_s Seconds of silence before the first probe. The runtime's own `setKeepAlive` leaves
 * them to the system (two hours on Linux), and has no word for the probes that follow.
 */
export function setKeepAlive(conn: Deno.TcpConn, idle_s: number): void {
  if (!canTimeKeepAlive()) {
    conn.setKeepAlive(true);
    return;
  }
  const handle = handleOf(conn);
  handle.setKeepAlive(true, idle_s);
  // The handle has a descriptor of its own; the setting is the connection's.
  handle.close();
}

/** @throws Error when this runtime cannot hand out connections */
function handleOf(conn: Deno.Conn): TcpHandle {
  const binding = tcpBinding();
  const symbol = Object.getOwnPropertySymbols(conn)
    .find((each) => each.description === "Deno.internal.rid");
  const rid: unknown = symbol === undefined ? undefined : Reflect.get(conn, symbol);
  if (binding === undefined || typeof rid !== "number") {
    throw new Error("this runtime cannot hand a connection to its Node layer");
  }
  const handle = new binding.TCP(binding.constants.SOCKET);
  const failed = handle.openFromRid(rid);
  if (failed !== 0) throw new Error(`cannot take over the connection (error ${failed})`);
  return handle;
}

function tcpBinding(): TcpBinding | undefined {
  try {
    // Not in the types: deprecated in Node, kept by the runtime for packages that use it.
    const { binding } = process as unknown as { binding(name: string): TcpBinding };
    const found = binding.call(process, "tcp_wrap");
    return typeof found.TCP.prototype.openFromRid === "function" ? found : undefined;
  } catch {
    return undefined;
  }
}
