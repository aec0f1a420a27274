/**
 * Who wants which messages. Protocol sessions implement both interfaces.
 */
import type { Message } from "./message.ts";
import type { Filter, Topic } from "./topic.ts";

/** What became of a message that was offered to a subscriber. */
export const Delivered = {
  /** Written, queued or stored for it. */
  Taken: 0,
  /** Thrown away and counted (queue full, too large for the client); it was interested, though. */
  Dropped: 1,
  /** It cannot take anything now (closed, window and queue full); a group asks its next member. */
  Refused: 2,
} as const;
export type Delivered = (typeof Delivered)[keyof typeof Delivered];

/** What the router calls: protocol sessions and the admin tap. */
export interface Subscriber {
  /** Connection id; compared with `Message.origin` for No Local. */
  readonly id: number;
  /** True while nobody is connected and messages can only wait: groups ask others first. */
  readonly away?: boolean;
  /**
   * Offers one message for one subscription. Synchronous, never throws, never publishes. Keeps
   * nothing of `message` but what `own()` returns.
   */
  deliver(message: Message, target: Target): Delivered;
  /** Hears, to count it, of a message that it does not get because it is its own (No Local). */
  skipped?(): void;
}

/**
 * One subscription. The same object is the key for unsubscribing. Protocols add their own fields
 * (sid, identifier) in classes that implement this.
 */
export interface Subscription {
  /** Canonical filter without share prefix; a final `#` stands for both kinds of rest. */
  readonly filter: Filter;
  /** True for NATS `>`: the final `#` takes one level or more. False for MQTT: also none. */
  readonly oneOrMore: boolean;
  /** True when a wildcard in the first level also matches `$` names other than `$SYS`. */
  readonly matchesDollar: boolean;
  /** NATS queue group or MQTT share name; undefined for a plain subscription. */
  readonly group: string | undefined;
  /** True: one group for the name, whatever the filters (NATS). False: one per filter (MQTT). */
  readonly groupByName: boolean;
  readonly subscriber: Subscriber;
  /** Messages of its own connection are not wanted (No Local, `echo:false`). */
  readonly noLocal: boolean;
  /**
   * Set when permissions allow the filter but deny some of the topics it matches: false means
   * that messages of this topic are not delivered. Asked once per route, not per message.
   */
  readonly permits: ((topic: Topic) => boolean) | undefined;
}

/** A subscription as seen from one route: the place where a subscriber keeps its encoded name. */
export class Target {
  /** What the subscriber writes in front of each message of this route; opaque to the core. */
  wire: Uint8Array | DataView | undefined = undefined;
  constructor(readonly subscription: Subscription) {}
}
