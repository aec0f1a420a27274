/**
 * Retained messages on their way to a new subscription. They are many at times, so they go as
 * the client takes them, and one that was replaced meanwhile is left out: its successor was
 * delivered as it came.
 */
import type { Message, QoS } from "../core/message.ts";
import type { RetainedStore } from "../core/retained.ts";
import type { MqttSubscription } from "./subscription.ts";

/** The retained messages of one SUBSCRIBE, and how far we are. */
export class PendingReplay {
  next = 0;
  constructor(readonly messages: readonly Message[], readonly subscription: MqttSubscription) {}

  /** The next message that is still the last one of its topic; undefined at the end. */
  message(retained: RetainedStore): Message | undefined {
    for (; this.next < this.messages.length; this.next++) {
      const message = this.messages[this.next]!;
      if (retained.get(message.route.topic) === message) return message;
    }
    return undefined;
  }

  /** The QoS at which a message goes out. */
  qos(message: Message): QoS {
    const granted = this.subscription.qos;
    return message.qos < granted ? message.qos : granted;
  }
}

/** What is retained for a subscription, but not the client's own with No Local. */
export function findRetained(
  retained: RetainedStore,
  subscription: MqttSubscription,
): PendingReplay | undefined {
  const messages: Message[] = [];
  const { noLocal, subscriber, permits } = subscription;
  retained.match(subscription, (message) => {
    const own = noLocal && message.origin === subscriber.id;
    if (!own && permits?.(message.route.topic) !== false) messages.push(message);
  });
  return messages.length === 0 ? undefined : new PendingReplay(messages, subscription);
}

/** The replays of one client, one after the other. */
export class Replays {
  readonly #pending: PendingReplay[] = [];
  /** Messages that were sent in this second. */
  #sent = 0;
  #second = 0;

  /** True while something is still to be sent. */
  get waiting(): boolean {
    return this.#pending.length > 0;
  }

  /** Appends a replay. */
  add(replay: PendingReplay): void {
    this.#pending.push(replay);
  }

  /** The replay whose turn it is, which then has a message; undefined when all is sent. */
  current(retained: RetainedStore): PendingReplay | undefined {
    for (;;) {
      const replay = this.#pending[0];
      if (replay === undefined || replay.message(retained) !== undefined) return replay;
      this.#pending.shift();
    }
  }

  /** Counts a message that is about to be sent; false when it must wait for the next second. */
  mayGo(now: number, perSecond: number): boolean {
    const second = Math.floor(now / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#sent = 0;
    }
    return ++this.#sent <= perSecond;
  }

  /** Takes out what was not sent. */
  takeAll(): PendingReplay[] {
    return this.#pending.splice(0);
  }
}
