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

/** The next message that is still the last one of its topic; undefined at the end. */
export function replayNext(replay: PendingReplay, retained: RetainedStore): Message | undefined {
  for (; replay.next < replay.messages.length; replay.next++) {
    const message = replay.messages[replay.next]!;
    if (retained.get(message.route.topic) === message) return message;
  }
  return undefined;
}
