/**
 * Going away slowly: clients are told, and then closed one by one, so that they do not all arrive
 * at the next server in the same moment.
 */
import type { Clock, Timer } from "../clock.ts";
import type { Connection } from "../transport/connection.ts";

/** How a lame duck goes about it. */
export interface LameDuckOptions {
  /** Between telling clients and closing the first. */
  readonly grace_ms: number;
  /** Over which all are closed. */
  readonly duration_ms: number;
  readonly clock: Clock;
  /** Runs a job as a turn. */
  readonly turn: (job: () => void) => void;
}

/** Longest time between two closes: with few clients it need not take the whole duration. */
const GAP_MS_MAX = 1000;

/** Sends the connections of a gateway away. */
export class LameDuck {
  readonly #waiting: Connection[];
  readonly #options: LameDuckOptions;
  readonly #gap_ms: number;
  readonly #end = Promise.withResolvers<void>();
  #timer: Timer | undefined;

  constructor(connections: readonly Connection[], options: LameDuckOptions) {
    this.#options = options;
    this.#waiting = [...connections];
    this.#gap_ms = Math.min(GAP_MS_MAX, options.duration_ms / Math.max(connections.length, 1));
    // NATS clients can move on by themselves (INFO with `ldm`); MQTT clients only by being closed.
    options.turn(() => {
      for (const { session } of connections) {
        if (session.protocol === "nats") session.goodbye("lame-duck");
      }
    });
    const first_ms = connections.length === 0 ? 0 : options.grace_ms;
    this.#timer = options.clock.at(options.clock.now() + first_ms, () => this.#next());
  }

  /** Resolves when everyone has left. */
  get ended(): Promise<void> {
    return this.#end.promise;
  }

  /** Closes nobody any more; `ended` never resolves. */
  cancel(): void {
    this.#timer?.cancel();
  }

  #next(): void {
    const connection = this.#waiting.shift();
    if (connection === undefined) {
      this.#end.resolve();
      return;
    }
    this.#options.turn(() => {
      if (connection.session.protocol === "mqtt") connection.session.goodbye("lame-duck");
      connection.close({ kind: "shutdown" });
    });
    const { clock } = this.#options;
    this.#timer = clock.at(clock.now() + this.#gap_ms, () => this.#next());
  }
}
