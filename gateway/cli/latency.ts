/**
 * Latencies in a histogram whose buckets grow with the value, so that any percentile is right to
 * about three percent at a fixed cost of memory.
 */

/** Buckets for each doubling of the value. */
const STEPS = 32;
/** 1 µs to about 2^40 µs: twelve days. */
const DOUBLINGS = 40;

/** Counts durations in microseconds. */
export class LatencyHistogram {
  readonly #counts = new Float64Array(STEPS * (DOUBLINGS + 1));
  /** Number of durations. */
  count = 0;
  /** The longest one. */
  max_us = 0;

  record(duration_us: number): void {
    this.#counts[bucketOf(duration_us)]!++;
    this.count++;
    if (duration_us > this.max_us) this.max_us = duration_us;
  }

  /** The duration that `share` (0 to 1) of all durations do not exceed; 0 when there are none. */
  percentile_us(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.count));
    let seen = 0;
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      seen += this.#counts[bucket]!;
      if (seen >= rank) return Math.min(upperEnd_us(bucket), this.max_us);
    }
    return 0;
  }
}

/** Below `STEPS` every microsecond has a bucket; above, each doubling has `STEPS` of them. */
function bucketOf(duration_us: number): number {
  const value = Math.max(0, Math.floor(duration_us));
  if (value < STEPS) return value;
  const doubling = Math.min(DOUBLINGS - 1, Math.floor(Math.log2(value / STEPS)));
  const step = Math.min(STEPS - 1, Math.floor(value / 2 ** doubling - STEPS));
  return STEPS * (doubling + 1) + step;
}

function upperEnd_us(bucket: number): number {
  if (bucket < STEPS) return bucket + 1;
  const doubling = Math.floor(bucket / STEPS) - 1;
  return (STEPS + bucket % STEPS + 1) * 2 ** doubling;
}
