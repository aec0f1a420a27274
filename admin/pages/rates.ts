/** How much single clients send and get, worked out while somebody looks at them. */
import type { ClientView } from "../../gateway/control.ts";

/** A second's worth. */
export interface Rates {
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

const NAMES = ["messagesIn", "messagesOut", "bytesIn", "bytesOut"] as const;

/** Clients that are looked at, at most; those looked at longest ago are forgotten. */
const CLIENTS_MAX = 100;
/** Looks closer together than this see the same rates. */
const INTERVAL_MS = 1000;
/** After a pause this long the average over it would say nothing of now. */
const PAUSE_MS = 15_000;

interface Look {
  readonly at: number;
  readonly connectionId: number;
  readonly totals: Rates;
  readonly rates: Rates | undefined;
}

/** What was seen of clients at the last look. */
export class ClientRates {
  readonly #looks = new Map<string, Look>();
  constructor(readonly now: () => number) {}

  /** Rates since the look before; undefined at the first one. */
  look(client: ClientView): Rates | undefined {
    const key = `${client.protocol} ${client.clientId}`;
    const at = this.now();
    const { messagesIn, messagesOut, bytesIn, bytesOut, connectionId } = client;
    const totals = { messagesIn, messagesOut, bytesIn, bytesOut };
    const before = this.#looks.get(key);
    const isSame = before?.connectionId === connectionId && at - before.at < PAUSE_MS;
    if (isSame && at - before.at < INTERVAL_MS) return before.rates;
    const rates = isSame ? perSecond(before.totals, totals, at - before.at) : undefined;
    this.#looks.delete(key);
    this.#looks.set(key, { at, connectionId, totals, rates });
    if (this.#looks.size > CLIENTS_MAX) this.#looks.delete(this.#looks.keys().next().value!);
    return rates;
  }
}

function perSecond(before: Rates, after: Rates, elapsed_ms: number): Rates {
  const rate = (name: (typeof NAMES)[number]) =>
    Math.max(0, (after[name] - before[name]) * 1000 / elapsed_ms);
  return {
    messagesIn: rate("messagesIn"),
    messagesOut: rate("messagesOut"),
    bytesIn: rate("bytesIn"),
    bytesOut: rate("bytesOut"),
  };
}
