/**
 * Retained messages that changed since the last commit. The last change of a topic counts.
 */
import { type Message, own } from "../core/message.ts";
import type { Topic } from "../core/topic.ts";
import type { RetainedLog } from "./types.ts";

/** The log of retained messages of a durable store. */
export class DurableRetained implements RetainedLog {
  /** What waits to be written by topic; undefined waits to be deleted. */
  readonly changed = new Map<Topic, Message | undefined>();
  readonly #onChange: (owed: boolean) => void;

  /** `onChange` hears of each change; `owed` when an acknowledgement rests on it. */
  constructor(onChange: (owed: boolean) => void) {
    this.#onChange = onChange;
  }

  /** True when there is nothing to write. */
  get settled(): boolean {
    return this.changed.size === 0;
  }

  /** See `RetainedLog.put`. */
  put(message: Message): void {
    this.changed.set(message.route.topic, own(message));
    this.#onChange(true);
  }

  /** See `RetainedLog.delete`. */
  delete(topic: Topic): void {
    this.changed.set(topic, undefined);
    this.#onChange(true);
  }

  /** Everything is written. */
  settle(): void {
    this.changed.clear();
  }
}
