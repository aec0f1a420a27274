/**
 * Time as a dependency: production passes the real clock, tests turn the hands.
 */

/** Wall clock and timers, in milliseconds. */
export interface Clock {
  /**
   * Milliseconds since the epoch, as the calendar stood at the start. Never runs backwards and
   * never jumps: the scale of every deadline.
   */
  now(): number;
  /**
   * Milliseconds since the epoch by the calendar, which may be set while the process runs: a board
   * without a battery starts in 1970. For dates that come from outside or go there.
   */
  calendar(): number;
  /** Calls `run` once, at or soon after `deadline` (on the scale of `now`). */
  at(deadline: number, run: () => void): Timer;
}

/**
 * How far the calendar is ahead of `now`, in milliseconds: what it was set forward since the start.
 * In whole seconds, so that it is 0 while nobody sets it.
 */
export function calendarAhead(clock: Clock): number {
  return Math.round((clock.calendar() - clock.now()) / 1000) * 1000;
}

/** A date of the calendar on the scale of `now`. */
export function fromCalendar(clock: Clock, date: number): number {
  return date - calendarAhead(clock);
}

/** A day in milliseconds. */
export const DAY_MS = 86_400_000;

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
    calendar: Date.now,
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
