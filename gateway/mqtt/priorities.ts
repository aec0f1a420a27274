/**
 * Which topics overtake others in a session's queue: `mqueue_priorities`.
 */
import type { Topic } from "../core/topic.ts";
import type { MqttOptions } from "./options.ts";

const LOWEST = 0;
const HIGHEST = 256;

/** Looks up the priority of a topic: 0 to 256, more is earlier. */
export class TopicPriorities {
  readonly #byTopic: ReadonlyMap<string, number>;
  readonly #default: number;

  constructor(options: Pick<MqttOptions, "mqueue_priorities" | "mqueue_default_priority">) {
    this.#byTopic = new Map(Object.entries(options.mqueue_priorities));
    this.#default = options.mqueue_default_priority === "lowest" ? LOWEST : HIGHEST;
  }

  /** The priority of a topic. */
  of(topic: Topic): number {
    if (this.#byTopic.size === 0) return LOWEST;
    return this.#byTopic.get(topic) ?? this.#default;
  }
}
