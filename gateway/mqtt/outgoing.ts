/**
 * A message that a session keeps: queued, or sent and not yet acknowledged.
 */
import type { Message, QoS } from "../core/message.ts";
import type { StoredEntry, StoredShare } from "../store/types.ts";

/** Bytes that a kept message costs beside topic and payload; part of what queues count. */
const OVERHEAD_BYTES = 128;

/** One place in a session's outgoing queue or in-flight table. */
export class Outgoing implements StoredEntry {
  packetId = 0;
  released = false;
  /** Resends go by this: the place in the queue, and from PUBREC on the place among those. */
  order: number;
  /** When it was last sent, ms; for `retry_interval`. */
  sentAt = 0;
  /** What it counts in queue limits. */
  readonly bytes: number;
  constructor(
    readonly seq: number,
    /** Owned. */
    readonly message: Message,
    readonly qos: QoS,
    readonly retain: boolean,
    readonly identifiers: readonly number[],
    /** Set for a member of a shared group: the message is handed on when the session ends. */
    readonly share: StoredShare | undefined,
  ) {
    this.order = seq;
    this.bytes = message.size + message.route.topic.length + OVERHEAD_BYTES;
  }
}
