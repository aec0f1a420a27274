/**
 * Time as a dependency: production passes the real clock, tests turn the hands.
 */

/** Wall clock and timers, in milliseconds. */
export interface Clock {
  /** Milliseconds since the epoch. Never runs backwards within one process. */
  now(): number;
  /** Calls `run` once, at or soon after `deadline` (on the scale of `now`). */
  at(deadline: number, run: () => void): Timer;
}

/** A pending call that can still be called off. */
export interface Timer {
  cancel(): void;
}

/**
 * The machine's clock. `now` follows the monotonic clock from a start on the wall clock, so that
 * setting the wall clock neither expires sessions nor keeps them alive for ever.
 */
export function realClock(): Clock {
  const offset = Date.now() - performance.now();
  const now = () => offset + performance.now();
  return {
    now,
    at(deadline, run) {
      // setTimeout takes at most 2^31-1 ms; a later deadline is re-armed on the way.
      let id: ReturnType<typeof setTimeout>;
      const arm = () => {
        const wait = deadline - now();
        id = setTimeout(
          wait > MAX_TIMEOUT_MS ? arm : run,
          Math.min(Math.max(wait, 0), MAX_TIMEOUT_MS),
        );
      };
      arm();
      return { cancel: () => clearTimeout(id) };
    },
  };
}

const MAX_TIMEOUT_MS = 0x7fffffff;
