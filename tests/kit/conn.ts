/** Plain connections of tests to ports of this machine. */
import { within } from "./wait.ts";

/** Connects, and sends small writes at once. */
export async function dial(port: number): Promise<Deno.TcpConn> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  conn.setNoDelay();
  return conn;
}

/** Sends all of the bytes. */
export async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

/** The next bytes; undefined when the server has closed, be it by a reset. */
export async function readSome(conn: Deno.Conn, what: string): Promise<Uint8Array | undefined> {
  const chunk = new Uint8Array(64 * 1024);
  try {
    const count = await within(conn.read(chunk), what);
    return count === null ? undefined : chunk.subarray(0, count);
  } catch (error) {
    if (isClosed(error)) return undefined;
    throw error;
  }
}

/** Lets go of a connection that may be closed already. */
export function closeConn(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // Closed before.
  }
}

/** True for the error of a write or read on a connection that the other side has closed. */
export function isClosed(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.ConnectionReset;
}

/** A port that was free a moment ago, for programs that cannot be asked to choose one. */
export function freePort(): number {
  return freePorts(1)[0]!;
}

/** Several of them, all different. */
export function freePorts(count: number): number[] {
  const listeners = Array.from(
    { length: count },
    () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
  );
  for (const listener of listeners) listener.close();
  return listeners.map((listener) => (listener.addr as Deno.NetAddr).port);
}

/** True when something listens on the port. */
export async function listens(port: number): Promise<boolean> {
  try {
    (await dial(port)).close();
    return true;
  } catch {
    return false;
  }
}
