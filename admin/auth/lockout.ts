/**
 * The brake on guessing: who fails too often must wait.
 */

/** Failures within `LOCKOUT_WINDOW_MS` that lock a name for one address. */
const FAILURES_MAX = 5;
/** Failures of one address, whatever the name. */
const ADDRESS_FAILURES_MAX = 50;
/** Failures longer ago than this are forgotten. */
const LOCKOUT_WINDOW_MS = 5 * 60_000;
/** How long a lock lasts. */
export const LOCKOUT_MS = 10 * 60_000;
/** Names and addresses watched at a time; the oldest are forgotten first. */
const WATCHED_MAX = 10_000;

interface Watched {
  failures: number;
  since: number;
  lockedUntil: number;
}

/** Counts failures. A name is locked for one address only: nobody can lock others out. */
export class Lockout {
  readonly #watched = new Map<string, Watched>();
  constructor(readonly now: () => number) {}

  /** Milliseconds to wait; 0 when it may be tried. */
  wait_ms(name: string, address: string): number {
    const waits = [pair(name, address), address].map((key) =>
      (this.#watched.get(key)?.lockedUntil ?? 0) - this.now()
    );
    return Math.max(0, ...waits);
  }

  failed(name: string, address: string): void {
    this.#count(pair(name, address), FAILURES_MAX);
    this.#count(address, ADDRESS_FAILURES_MAX);
  }

  succeeded(name: string, address: string): void {
    this.#watched.delete(pair(name, address));
  }

  #count(key: string, failures_max: number): void {
    const now = this.now();
    let watched = this.#watched.get(key);
    if (watched === undefined || now - watched.since > LOCKOUT_WINDOW_MS) {
      watched = { failures: 0, since: now, lockedUntil: watched?.lockedUntil ?? 0 };
      this.#watched.delete(key);
      this.#watched.set(key, watched);
      const [oldest] = this.#watched.keys();
      if (this.#watched.size > WATCHED_MAX) this.#watched.delete(oldest!);
    }
    if (++watched.failures >= failures_max) {
      watched.lockedUntil = now + LOCKOUT_MS;
      watched.failures = 0;
      watched.since = now;
    }
  }
}

function pair(name: string, address: string): string {
  return `${address} ${name}`;
}
