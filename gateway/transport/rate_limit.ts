/**
 * Rate limits as token buckets. Nothing is ever thrown away: whoever has used more than there was
 * goes into debt, and is not read from (or accepted) again until the debt is paid.
 */

/** How much a second, and how much at once after a pause. */
export interface Rate {
  readonly perSecond: number;
  /** Tokens of a full bucket; at least one, and `perSecond` where nothing else is asked for. */
  readonly burst: number;
}

/** One limit. Time comes in with each call; there is no timer. */
export class TokenBucket {
  #rate: Rate;
  #tokens: number;
  #at: number;

  /** @param now Milliseconds since the epoch, as in every call. */
  constructor(rate: Rate, now: number) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#at = now;
  }

  /** Changes the limit of a bucket in use: debt stays, and a smaller bucket spills. */
  configure(rate: Rate, now: number): void {
    this.#refill(now);
    this.#rate = rate;
    this.#tokens = Math.min(this.#tokens, rate.burst);
  }

  /** Takes `count` tokens, going into debt for those that are not there. */
  spend(count: number, now: number): void {
    this.#refill(now);
    this.#tokens -= count;
  }

  /** Takes one token if there is one. For what can be turned away, such as a connection. */
  tryTake(now: number): boolean {
    this.#refill(now);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** When the bucket is out of debt; in the past or now when it is not in debt. */
  freeAt(now: number): number {
    this.#refill(now);
    return this.#tokens >= 0 ? now : now + (-this.#tokens / this.#rate.perSecond) * 1000;
  }

  #refill(now: number): void {
    // An endless rate never runs dry, and would make NaN of no time at all.
    if (this.#rate.perSecond === Infinity) return;
    // No time, nothing earned, also at an infinite rate (zero times infinity is no number).
    const earned = now <= this.#at ? 0 : ((now - this.#at) / 1000) * this.#rate.perSecond;
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + earned);
    this.#at = now;
  }
}

/** The limits that one connection's reads count against: its own and its listener's. */
export class ReadLimits {
  /** No buckets: no limit. */
  constructor(
    readonly messages: readonly TokenBucket[],
    readonly bytes: readonly TokenBucket[],
  ) {}

  /**
   * Counts what one read brought in.
   * @returns Milliseconds since the epoch until which not to read; `now` when all is well.
   */
  spend(messages: number, bytes: number, now: number): number {
    let until = now;
    for (const bucket of this.messages) {
      bucket.spend(messages, now);
      until = Math.max(until, bucket.freeAt(now));
    }
    for (const bucket of this.bytes) {
      bucket.spend(bytes, now);
      until = Math.max(until, bucket.freeAt(now));
    }
    return until;
  }
}
