/**
 * `openssl s_client` as a NATS client: it says PING and tells what came back.
 */
import { hasProgram, Program } from "./clients.ts";

/** For tests that need it. */
export const HAS_OPENSSL = hasProgram("openssl", "version");
/** Added to the name of a test that is skipped. */
export const OPENSSL_NOTE = HAS_OPENSSL ? "" : " (skipped: no openssl)";

/**
 * Shakes hands, says PING, and gives the first line that is no INFO; undefined when the connection
 * ends without one.
 * @param begin `upgrade`: INFO is read in the clear before TLS.
 */
export async function pingByOpenssl(
  port: number,
  begin: "first" | "upgrade",
  ...args: string[]
): Promise<string | undefined> {
  using relay = begin === "upgrade" ? relayBehindInfo(port) : undefined;
  const to = `127.0.0.1:${relay?.port ?? port}`;
  await using client = Program.start(
    "sh",
    ...["-c", `printf 'PING\\r\\n' | exec openssl s_client -quiet -connect "$@" 2>&1`],
    ...["sh", to, ...args],
  );
  for (;;) {
    const line = await client.line();
    if (line === undefined || /^(PONG|-ERR)/.test(line)) return line?.trim();
  }
}

/** A port whose connections lead to `port`, from the moment when INFO has come. */
function relayBehindInfo(port: number): Disposable & { readonly port: number } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open: Deno.Conn[] = [];
  (async () => {
    for await (const client of listener) {
      const server = await Deno.connect({ hostname: "127.0.0.1", port });
      open.push(client, server);
      await server.read(new Uint8Array(4096));
      client.readable.pipeTo(server.writable).catch(() => {});
      server.readable.pipeTo(client.writable).catch(() => {});
    }
  })().catch(() => {});
  return {
    port: listener.addr.port,
    [Symbol.dispose]() {
      listener.close();
      for (const conn of open) {
        try {
          conn.close();
        } catch {
          // The pipe has closed it.
        }
      }
    },
  };
}
