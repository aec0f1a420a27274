/**
 * Tells the service manager how the process is doing (sd_notify(3)): ready, reloading, stopping,
 * alive. Silent where there is no service manager, or where the runtime cannot send datagrams.
 */
import type { Clock, Timer } from "./clock.ts";

/** The line to the service manager. */
export interface Notifier {
  /** Sends a state such as `READY=1`. Best effort: nobody waits for it. */
  tell(state: string): void;
  /** Keeps telling that the process is alive, if it was asked to. Returns how to end that. */
  watch(clock: Clock): () => void;
  close(): void;
}

/** The line that the environment names (NOTIFY_SOCKET, WATCHDOG_USEC), or one into the void. */
export function notifier(env: (name: string) => string | undefined = readEnv): Notifier {
  const address = env("NOTIFY_SOCKET");
  const socket = address === undefined || address === "" ? undefined : open();
  if (address === undefined || socket === undefined) return SILENT;
  // "@name" is an abstract address: its first byte is a NUL.
  const to = { transport: "unixpacket" as const, path: address.replace(/^@/, "\0") };
  const encoder = new TextEncoder();
  const tell = (state: string) => {
    socket.send(encoder.encode(state), to).catch(() => {});
  };
  const watchdog_ms = Number(env("WATCHDOG_USEC") ?? 0) / 1000;
  return {
    tell,
    watch: (clock) => watchdog_ms > 0 ? repeat(clock, watchdog_ms / 2, tell) : () => {},
    close: () => socket.close(),
  };
}

const SILENT: Notifier = { tell() {}, watch: () => () => {}, close() {} };

function readEnv(name: string): string | undefined {
  return Deno.env.get(name);
}

/** A datagram socket without a file: its own address is abstract. */
function open(): Deno.DatagramConn | undefined {
  // Only there when the runtime runs with `--unstable-net`.
  if (typeof Deno.listenDatagram !== "function") return undefined;
  try {
    return Deno.listenDatagram({ transport: "unixpacket", path: `\0natsgate-${Deno.pid}` });
  } catch {
    return undefined;
  }
}

function repeat(clock: Clock, interval_ms: number, tell: (state: string) => void): () => void {
  let timer: Timer;
  const next = () => {
    timer = clock.at(clock.now() + interval_ms, () => {
      tell("WATCHDOG=1");
      next();
    });
  };
  next();
  return () => timer.cancel();
}
