/**
 * Topic aliases of one connection, MQTT 5. [MQTT5 3.3.2.3.4] They end with the connection.
 */
import type { Topic } from "../core/topic.ts";

/** What the client's aliases stand for. */
export class IncomingAliases<Value> {
  readonly #values = new Map<number, Value>();
  /** `max`: the Topic Alias Maximum that CONNACK announced. */
  constructor(readonly max: number) {}

  /** True for an alias that the client may use. [MQTT-3.3.2-8] [MQTT-3.3.2-9] */
  allows(alias: number): boolean {
    return alias >= 1 && alias <= this.max;
  }

  /** Gives an alias its meaning, or a new one. [MQTT-3.3.2-12] */
  set(alias: number, value: Value): void {
    this.#values.set(alias, value);
  }

  /** The meaning; undefined when the client never gave one. */
  get(alias: number): Value | undefined {
    return this.#values.get(alias);
  }
}

/** The aliases we use towards a client: the first topics get them, for good. */
export class OutgoingAliases {
  readonly #aliases = new Map<Topic, number>();
  /** `max`: the client's Topic Alias Maximum, or ours if lower. [MQTT-3.1.2-26] */
  constructor(readonly max: number) {}

  /** The alias that the client already knows for the topic; 0 for none. */
  known(topic: Topic): number {
    return this.#aliases.get(topic) ?? 0;
  }

  /** A new alias for a topic without one; 0 when all are in use. [MQTT-3.1.2-27] */
  assign(topic: Topic): number {
    if (this.#aliases.size >= this.max) return 0;
    const alias = this.#aliases.size + 1;
    this.#aliases.set(topic, alias);
    return alias;
  }
}
