/** True for the error of a write or read on a connection that the other side has closed. */
export function isClosed(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.ConnectionReset;
}
