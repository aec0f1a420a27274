/**
 * Retained messages on their way to a new subscription. They are many at times, so they go as
 * the client takes them, and one that was replaced meanwhile is left out: its successor was
 * delivered as it came.
 */
import type { Message, QoS } from "../core/message.ts";
import type { RetainedStore } from "../core/retained.ts";
import type { MqttSubscription } from "./subscription.ts";

/** The retained messages of one SUBSCRIBE, looked for as they are sent. */
export class PendingReplay {
  readonly #source: Iterator<Message>;
  /** Found and not sent yet. */
  #found: Message | undefined = undefined;

  constructor(source: Iterator<Message>, readonly subscription: MqttSubscription) {
    this.#source = source;
  }

  /** The next message that is still the last one of its topic; undefined at the end. */
  message(retained: RetainedStore): Message | undefined {
    while (
      this.#found === undefined || retained.get(this.#found.route.topic) !== this.#found
    ) {
      const next = this.#source.next();
      if (next.done) return this.#found = undefined;
      this.#found = next.value;
    }
    return this.#found;
  }

  /** The message is on its way: on to the next. */
  sent(): void {
    this.#found = undefined;
  }

  /** What is left and worth keeping for a client that has gone: all but QoS 0. */
  *lasting(retained: RetainedStore): Generator<Message, void, void> {
    if (this.subscription.qos === 0) return;
    for (let left; (left = this.message(retained)) !== undefined; this.sent()) {
      if (left.qos > 0) yield left;
    }
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
): PendingReplay {
  return new PendingReplay(wanted(retained, subscription), subscription);
}

function* wanted(
  retained: RetainedStore,
  subscription: MqttSubscription,
): Generator<Message, void, void> {
  const { noLocal, subscriber, permits } = subscription;
  for (const message of retained.matching(subscription)) {
    const own = noLocal && message.origin === subscriber.id;
    if (!own && permits?.(message.route.topic) !== false) yield message;
  }
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
