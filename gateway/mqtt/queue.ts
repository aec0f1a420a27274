/**
 * Messages that wait for one session: it is offline, or its window is full.
 */
import type { Outgoing } from "./outgoing.ts";

/** Bytes held by the queues of all sessions together. */
export interface QueueTotal {
  bytes: number;
}

/** One row of messages of the same priority. */
class Lane {
  #items: (Outgoing | undefined)[] = [];
  #head = 0;
  constructor(readonly priority: number) {}

  get length(): number {
    return this.#items.length - this.#head;
  }

  get first(): Outgoing | undefined {
    return this.#items[this.#head];
  }

  push(entry: Outgoing): void {
    this.#items.push(entry);
  }

  shift(): Outgoing | undefined {
    const entry = this.#items[this.#head];
    if (entry === undefined) return undefined;
    this.#items[this.#head++] = undefined;
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
    } else if (this.#head > 64 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return entry;
  }

  *entries(): Generator<Outgoing> {
    for (let i = this.#head; i < this.#items.length; i++) yield this.#items[i]!;
  }
}

/**
 * First in, first out within a priority; higher priorities first. It knows what it holds, not
 * what it may hold: `ClientSession` asks and evicts.
 */
export class MessageQueue {
  /** Highest priority first. Almost always one lane or none. */
  readonly #lanes: Lane[] = [];
  /** Messages held. */
  length = 0;
  /** How many of them have QoS 0. */
  qos0 = 0;
  /** Bytes held, as `Outgoing.bytes` counts them. */
  bytes = 0;
  constructor(readonly total: QueueTotal) {}

  /** Appends behind those of the same priority. */
  push(entry: Outgoing, priority: number): void {
    this.#lane(priority).push(entry);
    this.length++;
    if (entry.qos === 0) this.qos0++;
    this.bytes += entry.bytes;
    this.total.bytes += entry.bytes;
  }

  /** The next message to send, left where it is. */
  peek(): Outgoing | undefined {
    for (const lane of this.#lanes) if (lane.length > 0) return lane.first;
    return undefined;
  }

  /** Takes the next message to send. */
  shift(): Outgoing | undefined {
    for (const lane of this.#lanes) if (lane.length > 0) return this.#took(lane.shift());
    return undefined;
  }

  /** Takes the oldest message of the lowest priority, unless all are above `priority`. */
  evict(priority: number): Outgoing | undefined {
    for (let i = this.#lanes.length - 1; i >= 0; i--) {
      const lane = this.#lanes[i]!;
      if (lane.length === 0) continue;
      return lane.priority > priority ? undefined : this.#took(lane.shift());
    }
    return undefined;
  }

  /** All messages in the order of sending. */
  *entries(): Generator<Outgoing> {
    for (const lane of this.#lanes) yield* lane.entries();
  }

  /** Forgets everything. */
  clear(): void {
    this.#lanes.length = 0;
    this.total.bytes -= this.bytes;
    this.length = this.qos0 = this.bytes = 0;
  }

  #took(entry: Outgoing | undefined): Outgoing | undefined {
    if (entry === undefined) return undefined;
    this.length--;
    if (entry.qos === 0) this.qos0--;
    this.bytes -= entry.bytes;
    this.total.bytes -= entry.bytes;
    return entry;
  }

  #lane(priority: number): Lane {
    let at = 0;
    for (; at < this.#lanes.length; at++) {
      const lane = this.#lanes[at]!;
      if (lane.priority === priority) return lane;
      if (lane.priority < priority) break;
    }
    const lane = new Lane(priority);
    this.#lanes.splice(at, 0, lane);
    return lane;
  }
}
