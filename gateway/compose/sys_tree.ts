/**
 * Publishes the `$SYS` tree of a gateway.
 */
import type { Clock } from "../clock.ts";
import { Message } from "../core/message.ts";
import type { Router } from "../core/router.ts";
import type { Topic } from "../core/topic.ts";
import type { MqttBroker } from "../mqtt/broker.ts";
import { type MqttCounters, sumOf } from "../observe/metrics.ts";
import { sysHeartbeat, type SysNumbers, type SysTopic, SysTopics } from "../observe/sys_topics.ts";
import { VERSION } from "../version.ts";

/** The broker's numbers, published as retained messages with QoS 0. */
export class SysTree {
  readonly #topics = new SysTopics();
  readonly #startedAt: number;
  #clientsMaximum = 0;

  constructor(
    readonly router: Router,
    readonly broker: MqttBroker,
    readonly counters: MqttCounters,
    readonly clock: Clock,
  ) {
    this.#startedAt = clock.now();
  }

  /** Publishes what has changed since the last time. */
  publish(): void {
    this.#say(this.#topics.changes(this.#numbers()));
  }

  /** Publishes uptime and time of day. */
  beat(): void {
    const uptime_s = Math.floor((this.clock.now() - this.#startedAt) / 1000);
    this.#say(sysHeartbeat(uptime_s, new Date(this.clock.calendar())));
  }

  #say(topics: readonly SysTopic[]): void {
    for (const [topic, text] of topics) {
      const message = new Message(this.router.route(topic as Topic), TEXT.encode(text));
      message.owned = true;
      message.retain = true;
      this.router.publish(message);
    }
  }

  #numbers(): SysNumbers {
    const { counters, broker, router } = this;
    const { connected, shared, queued } = broker.census();
    this.#clientsMaximum = Math.max(this.#clientsMaximum, connected);
    return {
      version: VERSION,
      clients: {
        connected,
        disconnected: broker.sessions.size - connected,
        maximum: this.#clientsMaximum,
      },
      packets: { received: sumOf(counters.received), sent: sumOf(counters.sent) },
      messages: {
        received: sumOf(counters.messages_received),
        sent: sumOf(counters.messages_sent),
        dropped: sumOf(counters.dropped),
        queued,
        queued_bytes: broker.queued.bytes,
      },
      bytes: { received: counters.bytes_received, sent: counters.bytes_sent },
      subscriptions: router.subscriptions,
      shared_subscriptions: shared,
      retained: router.retained.count,
    };
  }
}

const TEXT = new TextEncoder();
