/**
 * Addresses from which many logins fail have to wait. Slows guessing down; locks out nobody else.
 */
import { parseAddress } from "../address.ts";
import type { Clock } from "../clock.ts";

/** `[authentication_settings.login_throttle]`. */
export interface ThrottleOptions {
  readonly enable: boolean;
  /** Failed logins within `window_time` after which an address must wait. */
  readonly max_count: number;
  /** Milliseconds. */
  readonly window_time: number;
  /** Milliseconds to wait. */
  readonly ban_time: number;
}

/** Addresses that are watched at a time; the one that failed longest ago is forgotten first. */
export const WATCHED_MAX = 10_000;

interface Record {
  failures: number;
  windowEnd: number;
  blockedUntil: number;
}

/** Counts failures by address; IPv6 by its first 64 bits, which is what one host may own. */
export class LoginThrottle {
  readonly #watched = new Map<string, Record>();
  constructor(public options: ThrottleOptions, readonly clock: Clock) {}

  /** True while logins from the address are refused unseen. */
  isBlocked(address: string): boolean {
    if (!this.options.enable || this.#watched.size === 0) return false;
    const record = this.#watched.get(keyOf(address));
    return record !== undefined && record.blockedUntil > this.clock.now();
  }

  /** Counts a failed login. True when it was the one too many. */
  failed(address: string): boolean {
    if (!this.options.enable) return false;
    const { max_count, window_time, ban_time } = this.options;
    const now = this.clock.now();
    const key = keyOf(address);
    let record = this.#watched.get(key);
    this.#watched.delete(key);
    if (record === undefined || record.windowEnd <= now) {
      record = { failures: 0, windowEnd: now + window_time, blockedUntil: 0 };
    }
    this.#watched.set(key, record);
    if (this.#watched.size > WATCHED_MAX) {
      this.#watched.delete(this.#watched.keys().next().value!);
    }
    if (++record.failures < max_count) return false;
    record.failures = 0;
    record.blockedUntil = now + ban_time;
    return true;
  }
}

function keyOf(address: string): string {
  const bytes = parseAddress(address);
  return bytes?.length === 16 ? bytes.subarray(0, 8).join(".") : address;
}
