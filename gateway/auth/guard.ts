/**
 * A backend behind a guard: bounded waiting, so many requests at a time, and a breaker that asks
 * a dead backend only now and then. Whatever goes wrong is an answer, never an exception.
 */
import type { Clock } from "../clock.ts";
import type { Log } from "../observe/log.ts";

/** How a backend may be asked. */
export interface GuardOptions {
  /** For log lines, such as `password_based:mysql`. */
  readonly name: string;
  /** Milliseconds from asking to the answer, waiting in line included. */
  readonly timeout_ms: number;
  /** Requests on their way at a time. */
  readonly requests_max: number;
  /** Configured secrets: cut out of what is logged. */
  readonly secrets: readonly (string | undefined)[];
}

/** Requests that may wait in line; the next one fails at once. */
export const WAITING_MAX = 1000;
/** Failures in a row after which the backend is left alone for a while. */
export const FAILURES_MAX = 3;
/** First pause, doubled with each failed trial up to the last one. */
export const PAUSE_MIN_MS = 1000;
export const PAUSE_MAX_MS = 30_000;

/**
 * The backend does answer, only not with anything that helps this client: a row without a hash, a
 * rule that is none. Counts as a failure, but is no reason to leave the backend alone, or one bad
 * row would lock everybody out.
 */
export class BadAnswer extends Error {
  override readonly name: string = "BadAnswer";
}

/** What is known of a backend; shown by the admin API. */
export type BackendStatus = "connecting" | "connected" | "disconnected";

/** Asks one backend. */
export class Guard {
  /** `connecting` until the first answer. */
  status: BackendStatus = "connecting";
  /** Requests that were answered, and those that were not. */
  success = 0;
  failed = 0;
  #running = 0;
  #failures = 0;
  #pause_ms = PAUSE_MIN_MS;
  #openUntil = 0;
  #trial = false;
  #lastReason = "";
  readonly #waiting: (() => void)[] = [];

  constructor(readonly options: GuardOptions, readonly clock: Clock, readonly log: Log) {}

  /** Why it last gave no usable answer; "" once it has given one. Holds no secret. */
  get lastReason(): string {
    return this.#lastReason;
  }

  /**
   * The job's result, or `failed`. The signal fires when the time is up. `password`: the client's,
   * which a server may repeat in what it complains of.
   */
  async run<T>(
    job: (signal: AbortSignal) => Promise<T>,
    password?: Uint8Array,
  ): Promise<T | "failed"> {
    if (!this.#mayAsk()) return this.#refuse();
    const { timeout_ms, requests_max } = this.options;
    const deadline = this.clock.now() + timeout_ms;
    if (this.#running >= requests_max) {
      if (this.#waiting.length >= WAITING_MAX) return this.#refuse();
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#running++;
    const abort = new AbortController();
    const late = Promise.withResolvers<never>();
    const timer = this.clock.at(deadline, () => {
      const error = new Error(`no answer within ${timeout_ms} ms`);
      late.reject(error);
      abort.abort(error);
    });
    try {
      const answer = job(abort.signal);
      // Once the time is up nobody listens to the job any more.
      answer.catch(() => {});
      const result = await Promise.race([answer, late.promise]);
      this.#succeeded();
      return result;
    } catch (error) {
      if (error instanceof BadAnswer) this.#useless();
      else this.#broke();
      this.#tell(error, password);
      return "failed";
    } finally {
      timer.cancel();
      this.#trial = false;
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  /** False while the backend is left alone; one request at a time may try it afterwards. */
  #mayAsk(): boolean {
    if (this.#failures < FAILURES_MAX) return true;
    if (this.#trial || this.clock.now() < this.#openUntil) return false;
    this.#trial = true;
    return true;
  }

  #refuse(): "failed" {
    this.failed++;
    return "failed";
  }

  #succeeded(): void {
    this.success++;
    if (this.status === "disconnected") {
      this.log.info("backend answers again", { backend: this.options.name });
    }
    this.status = "connected";
    this.#failures = 0;
    this.#pause_ms = PAUSE_MIN_MS;
    this.#lastReason = "";
  }

  #broke(): void {
    this.failed++;
    this.status = "disconnected";
    // Many may fail at once; together they are one reason for a pause.
    if (++this.#failures >= FAILURES_MAX && this.clock.now() >= this.#openUntil) {
      this.#openUntil = this.clock.now() + this.#pause_ms;
      this.#pause_ms = Math.min(this.#pause_ms * 2, PAUSE_MAX_MS);
    }
  }

  #useless(): void {
    this.failed++;
    this.status = "connected";
    this.#failures = 0;
  }

  /** Logs a reason when it is another one than the last. */
  #tell(error: unknown, password: Uint8Array | undefined): void {
    const presented = password === undefined ? undefined : new TextDecoder().decode(password);
    const reason = withoutSecrets(reasonOf(error), [...this.options.secrets, presented]);
    if (reason === this.#lastReason) return;
    this.#lastReason = reason;
    this.log.warn("backend gave no usable answer", { backend: this.options.name, reason });
  }
}

/** The text with every secret replaced; short ones, which would hit by chance, stay. */
function withoutSecrets(text: string, secrets: readonly (string | undefined)[]): string {
  return secrets
    .filter((secret): secret is string => secret !== undefined && secret.length >= 4)
    .reduce((clean, secret) => clean.replaceAll(secret, "******"), text);
}

/** What went wrong, in words. Drivers often have an empty message and a telling code. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error && typeof error.code === "string" ? error.code : error.name;
  return error.message === "" ? code : error.message;
}
