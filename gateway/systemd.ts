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
  const line = address === undefined || address === "" ? undefined : open();
  if (address === undefined || line === undefined) return SILENT;
  // "@name" is an abstract address: its first byte is a NUL.
  const to = { transport: "unixpacket" as const, path: address.replace(/^@/, "\0") };
  const encoder = new TextEncoder();
  const tell = (state: string) => {
    line.socket.send(encoder.encode(state), to).catch(() => {});
  };
  const watchdog_ms = Number(env("WATCHDOG_USEC") ?? 0) / 1000;
  return {
    tell,
    watch: (clock) => watchdog_ms > 0 ? repeat(clock, watchdog_ms / 2, tell) : () => {},
    close: line.close,
  };
}

const SILENT: Notifier = { tell() {}, watch: () => () => {}, close() {} };

function readEnv(name: string): string | undefined {
  return Deno.env.get(name);
}

/** A datagram socket with an abstract address, or, where the runtime has none, with a file. */
function open(): { readonly socket: Deno.DatagramConn; readonly close: () => void } | undefined {
  // Only there when the runtime runs with `--unstable-net`.
  if (typeof Deno.listenDatagram !== "function") return undefined;
  const listen = (path: string) => Deno.listenDatagram({ transport: "unixpacket", path });
  try {
    const socket = listen(`\0natsgate-${Deno.pid}`);
    return { socket, close: () => socket.close() };
  } catch {
    try {
      const directory = Deno.makeTempDirSync({ prefix: "natsgate-" });
      const socket = listen(`${directory}/notify.sock`);
      return {
        socket,
        close() {
          socket.close();
          Deno.removeSync(directory, { recursive: true });
        },
      };
    } catch {
      return undefined;
    }
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
