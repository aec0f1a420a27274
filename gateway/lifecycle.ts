/**
 * The process around the gateway: signals, and how it ends.
 */

/** Aborts when the user presses Ctrl-C or the process is told to stop. Made at first use. */
export function interruption(): AbortSignal {
  if (interrupted === undefined) {
    const controller = new AbortController();
    interrupted = controller.signal;
    const stop = () => controller.abort();
    Deno.addSignalListener("SIGINT", stop);
    // Windows has no SIGTERM to listen to.
    if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", stop);
  }
  return interrupted;
}

let interrupted: AbortSignal | undefined;
