/**
 * One timer for everything that has a deadline. Coarse on purpose: an idle gateway wakes up once
 * a second, however many clients it has.
 */
import type { Clock, Timer } from "../clock.ts";

/** Something with a next deadline. */
export interface Ticking {
  /** Milliseconds since the epoch; Infinity for none. */
  readonly nextDeadline: number;
  /** Called at or after the deadline. */
  tick(now: number): void;
}

/** Shortest and longest time between two looks, in milliseconds. */
const SWEEP_MIN_MS = 50;
const SWEEP_MAX_MS = 1000;

/**
 * Calls `tick` of its members: at most a second late, or as soon as `SWEEP_MIN_MS` allows for
 * deadlines it was told of with `hurry`.
 */
export class Deadlines {
  readonly #members = new Set<Ticking>();
  #timer: Timer | undefined;
  /** When it rings. */
  #next = Infinity;

  constructor(
    readonly clock: Clock,
    /** Runs the ticks of one sweep as a turn. */
    readonly turn: (job: () => void) => void,
  ) {}

  add(member: Ticking): void {
    this.#members.add(member);
    this.#arm(this.clock.now());
  }

  remove(member: Ticking): void {
    this.#members.delete(member);
  }

  /** A member has got this deadline, which may be earlier than those it had. */
  hurry(deadline: number): void {
    if (deadline >= this.#next || this.#timer === undefined) return;
    const now = this.clock.now();
    // The next look may be as near as it can be.
    if (this.#next - now <= SWEEP_MIN_MS) return;
    this.#timer.cancel();
    this.#timer = undefined;
    this.#arm(now);
  }

  /** Stops for good. */
  stop(): void {
    this.#members.clear();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(now: number): void {
    if (this.#timer !== undefined || this.#members.size === 0) return;
    let next = now + SWEEP_MAX_MS;
    for (const member of this.#members) if (member.nextDeadline < next) next = member.nextDeadline;
    this.#next = Math.max(next, now + SWEEP_MIN_MS);
    this.#timer = this.clock.at(this.#next, () => this.#sweep());
  }

  #sweep(): void {
    this.#timer = undefined;
    const now = this.clock.now();
    this.turn(() => {
      for (const member of this.#members) if (member.nextDeadline <= now) member.tick(now);
    });
    this.#arm(now);
  }
}
