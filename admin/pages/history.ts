/**
 * Rates of the last minutes. They are worked out when somebody looks, so that a gateway without
 * an open dashboard does nothing for them.
 */
import type { GatewayControl } from "../../gateway/control.ts";

/** Rates between two looks. */
export interface Sample {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Messages a second. */
  readonly received: number;
  readonly sent: number;
  /** Bytes a second. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** Open connections of both protocols. */
  readonly connections: number;
}

/** Samples kept. */
const SAMPLES_MAX = 120;
/** Looks closer together than this give the sample that is there. */
const INTERVAL_MS = 1000;

/** Counters at one moment. */
type Totals = Omit<Sample, "connections">;

/** The samples so far. */
export class History {
  readonly #samples: Sample[] = [];
  #last: Totals;

  constructor(readonly control: GatewayControl) {
    this.#last = this.#totals();
  }

  /** Oldest first; takes a new one when it is time. */
  read(): readonly Sample[] {
    const now = this.control.now();
    const elapsed_ms = now - this.#last.at;
    if (elapsed_ms < INTERVAL_MS) return this.#samples;
    const totals = this.#totals();
    const { nats, mqtt } = this.control.status().connections;
    const rate = (name: keyof Totals) => (totals[name] - this.#last[name]) * 1000 / elapsed_ms;
    this.#samples.push({
      at: now,
      received: rate("received"),
      sent: rate("sent"),
      bytesReceived: rate("bytesReceived"),
      bytesSent: rate("bytesSent"),
      connections: nats + mqtt,
    });
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift();
    this.#last = totals;
    return this.#samples;
  }

  #totals(): Totals {
    const { nats, mqtt } = this.control.counters();
    const both = (name: string) => (nats[name] ?? 0) + (mqtt[name] ?? 0);
    return {
      at: this.control.now(),
      received: both("messages.received"),
      sent: both("messages.delivered"),
      bytesReceived: both("bytes.received"),
      bytesSent: both("bytes.sent"),
    };
  }
}
