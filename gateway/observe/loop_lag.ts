/**
 * Measures for how long the event loop is busy, by how late a timer runs.
 */
import type { Clock, Timer } from "../clock.ts";
import type { Histogram } from "./metrics.ts";

/** Time between two measurements: often enough to see a stall, seldom enough to cost nothing. */
export const LAG_INTERVAL_MS = 2000;

/** Starts measuring into the histogram; returns how to stop it. */
export function watchLoopLag(clock: Clock, lag_ms: Histogram): () => void {
  let timer: Timer;
  const next = () => {
    const due = clock.now() + LAG_INTERVAL_MS;
    timer = clock.at(due, () => {
      lag_ms.observe(Math.max(0, clock.now() - due));
      next();
    });
  };
  next();
  return () => timer.cancel();
}
