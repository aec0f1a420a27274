/**
 * The process around the gateway: signals, the service manager, and how it all ends. The only
 * place that knows signals.
 */
import { type Clock, realClock } from "./clock.ts";
import { EXIT } from "./errors.ts";
import type { Log } from "./observe/log.ts";
import type { Notice } from "./start_notices.ts";
import { type Notifier, notifier } from "./systemd.ts";

/** What the process asks of a running gateway. */
export interface Supervised {
  /** Lines for the log that say which listener is where and who may connect. */
  readonly notices: readonly Notice[];
  /** Ends everything: clients are told, queues flushed until `deadline` (clock time), store closed. */
  stop(deadline: number): Promise<void>;
  /** Reads the configuration again and takes it on if all of it is right. */
  reload(): Promise<void>;
  /** Takes no new connections and sends clients away, little by little; resolves when all left. */
  lameDuck(): Promise<void>;
}

/** What `supervise` needs of the process; tests bring their own. */
export interface ProcessHooks {
  /** Calls back for each signal; returns a function that ends that. */
  onSignal(signal: StopSignal | "SIGHUP" | "SIGUSR2", run: () => void): () => void;
  /** Calls back for each error that nothing caught; returns a function that ends that. */
  onUncaught(run: (error: unknown) => void): () => void;
  readonly notifier: Notifier;
  readonly clock: Clock;
}

type StopSignal = "SIGTERM" | "SIGINT";

/**
 * Runs a started gateway until it is told to stop. Returns the exit code: 0 after a stop, 1 when
 * the stop was not clean, 70 after an error that nothing caught.
 * @param stop_timeout_ms a graceful stop takes no longer
 */
export async function supervise(
  gateway: Supervised,
  log: Log,
  stop_timeout_ms: number,
  hooks: ProcessHooks = processHooks(),
): Promise<number> {
  const { notifier } = hooks;
  const supervisor = new Supervisor(gateway, log, stop_timeout_ms, hooks);
  const undo = [
    hooks.onSignal("SIGTERM", () => supervisor.stop("SIGTERM", 0)),
    hooks.onSignal("SIGINT", () => supervisor.stop("SIGINT", 0)),
    hooks.onSignal("SIGHUP", () => supervisor.reload()),
    hooks.onSignal("SIGUSR2", () => supervisor.lameDuck()),
    hooks.onUncaught((error) => {
      log.error("an error that nothing caught; this is a bug", { error: describe(error) });
      supervisor.stop("bug", EXIT.internal);
    }),
  ];
  for (const { level, text } of gateway.notices) {
    if (level === "warning") log.warn(text);
    else log.info(text);
  }
  log.info("natsgate ready");
  notifier.tell("READY=1");
  undo.push(notifier.watch(hooks.clock));
  const code = await supervisor.ended;
  for (const each of undo) each();
  notifier.close();
  log.info("stopped", { exit_code: code });
  return code;
}

class Supervisor {
  readonly #end = Promise.withResolvers<number>();
  #stopping = false;
  #reloading: Promise<void> = Promise.resolve();
  constructor(
    readonly gateway: Supervised,
    readonly log: Log,
    readonly stop_timeout_ms: number,
    readonly hooks: ProcessHooks,
  ) {}

  /** The exit code, once everything has ended. */
  get ended(): Promise<number> {
    return this.#end.promise;
  }

  stop(reason: string, code: number): void {
    const { log, hooks: { clock, notifier } } = this;
    const unclean = code === 0 ? 1 : code;
    if (this.#stopping) {
      log.warn("stopping at once, because it was asked for twice");
      this.#end.resolve(unclean);
      return;
    }
    this.#stopping = true;
    log.info("stopping", { reason });
    notifier.tell("STOPPING=1");
    const deadline = clock.now() + this.stop_timeout_ms;
    const timeout = clock.at(deadline, () => {
      log.warn("the stop took too long; ending without the rest", {
        timeout_ms: this.stop_timeout_ms,
      });
      this.#end.resolve(unclean);
    });
    this.gateway.stop(deadline).then(
      () => this.#end.resolve(code),
      (error) => {
        log.error("the stop was not clean", { error: describe(error) });
        this.#end.resolve(unclean);
      },
    ).finally(() => timeout.cancel());
  }

  /** One reload after the other, so that the last signal sees the last file. */
  reload(): void {
    if (this.#stopping) return;
    const { log, hooks: { notifier } } = this;
    this.#reloading = this.#reloading.then(async () => {
      notifier.tell(`RELOADING=1\nMONOTONIC_USEC=${Math.round(performance.now() * 1000)}`);
      try {
        await this.gateway.reload();
      } catch (error) {
        log.error("the reload failed; the running configuration stays", { error: describe(error) });
      }
      notifier.tell("READY=1");
    });
  }

  lameDuck(): void {
    if (this.#stopping) return;
    this.log.info("lame duck: no new connections from now on");
    this.gateway.lameDuck().then(() => {
      if (!this.#stopping) this.stop("lame duck", 0);
    });
  }
}

/** An error with its causes, as one text. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const text = error.stack ?? `${error.name}: ${error.message}`;
  return error.cause === undefined ? text : `${text}\ncaused by ${describe(error.cause)}`;
}

/** The hooks of the real process. */
export function processHooks(): ProcessHooks {
  return {
    onSignal(signal, run) {
      // Windows knows Ctrl-C only.
      if (Deno.build.os === "windows" && signal !== "SIGINT") return () => {};
      Deno.addSignalListener(signal, run);
      return () => Deno.removeSignalListener(signal, run);
    },
    onUncaught(run) {
      const onRejection = (event: PromiseRejectionEvent) => {
        event.preventDefault();
        run(event.reason);
      };
      const onError = (event: ErrorEvent) => {
        event.preventDefault();
        run(event.error ?? event.message);
      };
      globalThis.addEventListener("unhandledrejection", onRejection);
      globalThis.addEventListener("error", onError);
      return () => {
        globalThis.removeEventListener("unhandledrejection", onRejection);
        globalThis.removeEventListener("error", onError);
      };
    },
    notifier: notifier(),
    clock: realClock(),
  };
}

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
