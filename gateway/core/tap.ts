/**
 * Looks at live traffic without being part of it: bounded, sampled, and invisible to publishers
 * (nobody counts it as a subscriber).
 */
import type { Message } from "./message.ts";
import { Delivered, type Subscriber, type Subscription } from "./subscription.ts";
import type { Filter } from "./topic.ts";

/** What of the traffic to look at. */
export interface TapFilter {
  readonly filter: Filter;
  /** See `Subscription`. */
  readonly oneOrMore: boolean;
  readonly matchesDollar: boolean;
  /** Messages shown per second; the others are counted. */
  readonly rate_max: number;
  readonly payload_bytes_max: number;
}

/** A message that passed by, with the beginning of its payload. */
export interface Tapped {
  readonly topic: string;
  readonly qos: Message["qos"];
  readonly retain: boolean;
  readonly bytes: number;
  /** The beginning of the payload. */
  readonly payload: Uint8Array;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Messages since the last one that were not shown. */
  readonly skipped: number;
}

/** Messages that wait for a slow watcher; further ones are skipped. */
const TAP_QUEUE_MAX = 256;

/** The subscriber behind one watcher. */
export class Tap implements Subscriber {
  /** No connection has this id. */
  readonly id = -1;
  readonly subscription: Subscription;
  readonly #options: TapFilter;
  readonly #now: () => number;
  #queue: Tapped[] = [];
  #skipped = 0;
  #second = 0;
  #shown = 0;
  #wake: (() => void) | undefined;
  #closed = false;

  constructor(options: TapFilter, now: () => number) {
    this.#options = options;
    this.#now = now;
    const { filter, oneOrMore, matchesDollar } = options;
    this.subscription = {
      filter,
      oneOrMore,
      matchesDollar,
      group: undefined,
      groupByName: false,
      subscriber: this,
      noLocal: false,
      permits: undefined,
    };
  }

  /** Always `Refused`, so that "nobody has subscribed" stays true with a watcher. */
  deliver(message: Message): Delivered {
    const now = this.#now();
    const second = Math.floor(now / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#shown = 0;
    }
    const { rate_max, payload_bytes_max } = this.#options;
    if (this.#shown >= rate_max || this.#queue.length >= TAP_QUEUE_MAX) {
      this.#skipped++;
      return Delivered.Refused;
    }
    this.#shown++;
    this.#queue.push({
      topic: message.route.topic,
      qos: message.qos,
      retain: message.retain,
      bytes: message.size,
      payload: message.payload.slice(0, payload_bytes_max),
      headers: message.extras?.headers ?? [],
      at: now,
      skipped: this.#skipped,
    });
    this.#skipped = 0;
    this.#wake?.();
    return Delivered.Refused;
  }

  /** Ends `events`. */
  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  /** Messages as they pass by, until `close`. */
  async *events(): AsyncGenerator<Tapped, void, void> {
    while (!this.#closed) {
      const queue = this.#queue;
      if (queue.length === 0) {
        await new Promise<void>((wake) => this.#wake = wake);
        this.#wake = undefined;
        continue;
      }
      this.#queue = [];
      yield* queue;
    }
  }
}
