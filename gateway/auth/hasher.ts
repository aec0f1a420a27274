/**
 * Checks and makes password hashes without ever blocking the event loop: quick hashes at once,
 * slow ones in workers behind a bounded queue, with a short memory for passwords just proven.
 */
import { createHmac, pbkdf2, randomBytes } from "node:crypto";
import type { Clock } from "../clock.ts";
import { OperationalError } from "../errors.ts";
import type { Log } from "../observe/log.ts";
import {
  digestName,
  equalText,
  type HashAlgorithm,
  hashQuick,
  isBcrypt,
  isSlow,
  MAC_BYTES,
  newSalt,
  type StoredPassword,
  verifyQuick,
} from "./password.ts";
import type { WorkerAnswer, WorkerJob } from "./password_worker.ts";

/** Most slow jobs that may wait; the next login is refused as "server busy". */
export const HASH_QUEUE_MAX = 256;
/** How long a proven password is remembered, so that a reconnect costs microseconds. */
const PROVEN_TTL_MS = 30_000;
/** Most proven passwords remembered; the oldest is forgotten first. */
const PROVEN_MAX = 4096;
/** Dearest bcrypt hash that is checked (2^16 rounds take about 5 s); dearer ones never match. */
const BCRYPT_COST_MAX = 16;
/** Longest password that is hashed, in bytes. */
const PASSWORD_BYTES_MAX = 4096;

/** `busy`: the queue is full or the worker is gone; neither right nor wrong is known. */
export type Verified = boolean | "busy";

/** One per process. */
export interface Hasher {
  /** True when `password` is the one that was stored. A plain answer for quick algorithms. */
  verify(
    algorithm: HashAlgorithm,
    password: Uint8Array,
    stored: StoredPassword,
  ): Verified | Promise<Verified>;
  /** Hashes a new password. Throws `OperationalError` when too many wait. */
  hash(algorithm: HashAlgorithm, password: Uint8Array): Promise<StoredPassword>;
  /**
   * Starts the workers, so that the first logins need not: each start holds the event loop for
   * some 15 ms, and costs some 12 MiB of memory.
   */
  prepare(): Promise<void>;
  close(): void;
}

/** Makes a hasher; workers start with `prepare`, or with the first bcrypt jobs. */
export function createHasher(
  clock: Clock,
  log: Log,
  workers_max: number = defaultWorkers(),
): Hasher {
  const pool = new Pool(workers_max, log);
  const proven = new Proven(clock);
  return {
    verify(algorithm, password, stored) {
      if (password.length > PASSWORD_BYTES_MAX) return false;
      if (!isSlow(algorithm)) return verifyQuick(algorithm, password, stored);
      const text = asText(password);
      if (text === undefined) return false;
      if (algorithm.name === "bcrypt") {
        if (!isBcrypt(stored.hash) || Number(stored.hash.slice(4, 6)) > BCRYPT_COST_MAX) {
          return false;
        }
      }
      const check = algorithm.name === "bcrypt"
        ? () => pool.bcrypt({ kind: "verify", password: text, hash: stored.hash })
        : () => pool.pbkdf2(algorithm, password, stored);
      return proven.remember([JSON.stringify(algorithm), stored.hash, stored.salt, text], check);
    },
    hash: (algorithm, password) => hashNew(pool, algorithm, password),
    prepare: () => pool.prepare(),
    close: () => pool.close(),
  };
}

async function hashNew(
  pool: Pool,
  algorithm: HashAlgorithm,
  password: Uint8Array,
): Promise<StoredPassword> {
  if (!isSlow(algorithm)) return hashQuick(algorithm, password);
  if (algorithm.name === "pbkdf2") {
    const salt = newSalt();
    const derived = await pool.run(() => derive(algorithm, password, salt));
    if (derived === "busy") throw busyError();
    return { hash: derived, salt };
  }
  const text = asText(password);
  if (text === undefined) throw new OperationalError("The password is not valid UTF-8.");
  const answer = await pool.bcryptHash(text, algorithm.salt_rounds);
  if (answer === "busy") throw busyError();
  return { hash: answer, salt: "" };
}

function busyError(): OperationalError {
  return new OperationalError(
    "Too many password hashes are being computed; try again in a second.",
  );
}

/** One thread less than the machine has, so that messages keep flowing; 1 to 4. */
function defaultWorkers(): number {
  return Math.min(Math.max(navigator.hardwareConcurrency - 1, 1), 4);
}

function asText(password: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(password);
  } catch {
    return undefined;
  }
}

function derive(
  algorithm: Extract<HashAlgorithm, { name: "pbkdf2" }>,
  password: Uint8Array,
  salt: string,
): Promise<string> {
  const { mac_fun, iterations } = algorithm;
  const bytes = algorithm.dk_length ?? MAC_BYTES[mac_fun];
  // The runtime computes this on a thread of its own.
  return new Promise((resolve, reject) =>
    pbkdf2(
      password,
      salt,
      iterations,
      bytes,
      digestName(mac_fun),
      (error, key) => error ? reject(error) : resolve(key.toString("hex")),
    )
  );
}

/** Passwords that were proven a moment ago, by a digest that only this process can make. */
class Proven {
  readonly #key = randomBytes(32);
  readonly #until = new Map<string, number>();
  readonly #running = new Map<string, Promise<Verified>>();
  constructor(readonly clock: Clock) {}

  /** The remembered answer, else the answer of `check`, which is remembered when it is true. */
  remember(parts: readonly string[], check: () => Promise<Verified>): true | Promise<Verified> {
    const hmac = createHmac("sha256", this.#key);
    for (const part of parts) hmac.update(`${part.length}:${part}`);
    const id = hmac.digest("base64");
    const until = this.#until.get(id);
    if (until !== undefined && until > this.clock.now()) return true;
    this.#until.delete(id);
    // The same password asked twice at once is computed once.
    let running = this.#running.get(id);
    if (running === undefined) {
      running = check().then((ok) => {
        if (ok === true) this.#add(id);
        return ok;
      }).finally(() => this.#running.delete(id));
      this.#running.set(id, running);
    }
    return running;
  }

  #add(id: string): void {
    if (this.#until.size >= PROVEN_MAX) this.#until.delete(this.#until.keys().next().value!);
    this.#until.set(id, this.clock.now() + PROVEN_TTL_MS);
  }
}

/** Runs slow jobs, `jobs_max` at a time; more wait in line, up to `HASH_QUEUE_MAX`. */
class Pool {
  #running = 0;
  #closed = false;
  readonly #waiting: (() => void)[] = [];
  readonly #idle: Worker[] = [];
  readonly #workers = new Map<Worker, (answer: WorkerAnswer) => void>();
  #turn = Promise.resolve();
  constructor(readonly jobs_max: number, readonly log: Log) {}

  async pbkdf2(
    algorithm: Extract<HashAlgorithm, { name: "pbkdf2" }>,
    password: Uint8Array,
    stored: StoredPassword,
  ): Promise<Verified> {
    const derived = await this.run(() => derive(algorithm, password, stored.salt));
    return derived === "busy" ? "busy" : equalText(derived, stored.hash.toLowerCase());
  }

  async bcrypt(job: Extract<WorkerJob, { kind: "verify" }>): Promise<Verified> {
    const answer = await this.run(() => this.#ask(job));
    if (answer === "busy" || answer.kind === "failed") return "busy";
    return answer.kind === "verified" && answer.ok;
  }

  async bcryptHash(password: string, rounds: number): Promise<string | "busy"> {
    const answer = await this.run(() => this.#ask({ kind: "hash", password, rounds }));
    return answer !== "busy" && answer.kind === "hashed" ? answer.hash : "busy";
  }

  /** Runs the job when its turn comes; `busy` when too many wait. */
  async run<T>(job: () => Promise<T>): Promise<T | "busy"> {
    if (this.#closed) return "busy";
    if (this.#running >= this.jobs_max) {
      if (this.#waiting.length >= HASH_QUEUE_MAX) return "busy";
      // The one who is done hands its place over, so nobody can slip in between.
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
      if (this.#closed) return "busy";
    } else this.#running++;
    try {
      return await job();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  close(): void {
    this.#closed = true;
    for (const [worker, resolve] of this.#workers) {
      worker.terminate();
      resolve({ kind: "failed", message: "closed" });
    }
    this.#workers.clear();
    this.#idle.length = 0;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Starts the workers that are missing. */
  async prepare(): Promise<void> {
    for (let i = 0; i < this.jobs_max; i++) {
      await this.#pause();
      if (this.#closed || this.#workers.size >= this.jobs_max) return;
      this.#idle.push(this.#start());
    }
  }

  async #ask(job: WorkerJob): Promise<WorkerAnswer> {
    if (this.#idle.length === 0) await this.#pause();
    if (this.#closed) return { kind: "failed", message: "closed" };
    const worker = this.#idle.pop() ?? this.#start();
    return await new Promise((resolve) => {
      this.#workers.set(worker, resolve);
      worker.postMessage(job);
    });
  }

  /** Lets the event loop go round: starts in one turn would add up. Those who wait go in order. */
  #pause(): Promise<void> {
    return this.#turn = this.#turn.then(() => new Promise((resolve) => setTimeout(resolve)));
  }

  #start(): Worker {
    const worker = new Worker(workerUrl(), { type: "module" });
    worker.onmessage = (event: MessageEvent<WorkerAnswer>) => {
      const resolve = this.#workers.get(worker);
      this.#workers.set(worker, () => {});
      this.#idle.push(worker);
      resolve?.(event.data);
    };
    this.#workers.set(worker, () => {});
    // Without preventDefault a dead worker takes the process with it. The next job starts anew.
    worker.onerror = (event) => {
      event.preventDefault();
      this.log.error("password worker failed; logins with bcrypt are refused meanwhile", {
        reason: event.message,
      });
      this.#workers.get(worker)?.({ kind: "failed", message: event.message });
      this.#workers.delete(worker);
      const at = this.#idle.indexOf(worker);
      if (at >= 0) this.#idle.splice(at, 1);
      worker.terminate();
    };
    return worker;
  }
}

/**
 * From source and in a compiled binary the worker is this file's neighbour (`--include` it); a
 * bundle has it as `password_worker.js` beside its own files.
 */
function workerUrl(): URL {
  const name = import.meta.url.endsWith(".ts") ? "password_worker.ts" : "password_worker.js";
  return new URL(`./${name}`, import.meta.url);
}
