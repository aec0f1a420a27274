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
  /** Open connections of both protocols. */
  readonly connections: number;
}

/** Samples kept. */
const SAMPLES_MAX = 120;
/** Looks closer together than this give the sample that is there. */
const INTERVAL_MS = 1000;

/** The samples so far. */
export class History {
  readonly #samples: Sample[] = [];
  #last: { readonly at: number; readonly received: number; readonly sent: number };

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
    this.#samples.push({
      at: now,
      received: (totals.received - this.#last.received) * 1000 / elapsed_ms,
      sent: (totals.sent - this.#last.sent) * 1000 / elapsed_ms,
      connections: nats + mqtt,
    });
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift();
    this.#last = totals;
    return this.#samples;
  }

  #totals() {
    const { nats, mqtt } = this.control.counters();
    return {
      at: this.control.now(),
      received: (nats["messages.received"] ?? 0) + (mqtt["messages.received"] ?? 0),
      sent: (nats["messages.delivered"] ?? 0) + (mqtt["messages.delivered"] ?? 0),
    };
  }
}
