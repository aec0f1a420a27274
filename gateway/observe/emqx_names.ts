/**
 * Counters under the names that EMQX gives them, as the admin API shows them.
 */
import { type MqttCounters, type NatsCounters, type QosCounters, sumOf } from "./metrics.ts";

/** Names with dots, and their values. */
export type NamedCounters = Record<string, number>;

/** `GET /gateways/nats/metrics`. */
export function natsMetrics(nats: NatsCounters): NamedCounters {
  const { dropped } = nats;
  return {
    ...packets(nats),
    "bytes.received": nats.bytes_received,
    "bytes.sent": nats.bytes_sent,
    "messages.received": sumOf(nats.messages_received),
    "messages.delivered": sumOf(nats.messages_sent),
    ...drops("delivery.dropped", dropped),
    "delivery.dropped.max_msgs": 0,
    "delivery.dropped.no_subid": 0,
    "client.connect": nats.received.connect,
    "client.connack": nats.clients_connected,
    "client.connected": nats.clients_connected,
    "client.subscribe": nats.received.sub,
    "client.unsubscribe": nats.received.unsub,
    "client.disconnected": nats.clients_disconnected,
    "session.subscribed": nats.received.sub,
    "session.unsubscribed": nats.received.unsub,
    "session.terminated": nats.clients_disconnected,
    "no_responders": nats.no_responders,
    "slow_consumers": nats.slow_consumers,
  };
}

/** `GET /metrics`: the MQTT side of the broker. */
export function brokerMetrics(mqtt: MqttCounters): NamedCounters {
  const { dropped } = mqtt;
  return {
    "bytes.received": mqtt.bytes_received,
    "bytes.sent": mqtt.bytes_sent,
    "packets.received": sumOf(mqtt.received),
    "packets.sent": sumOf(mqtt.sent),
    ...packets(mqtt),
    "messages.received": sumOf(mqtt.messages_received),
    "messages.sent": sumOf(mqtt.messages_sent),
    ...byQos("received", mqtt.messages_received),
    ...byQos("sent", mqtt.messages_sent),
    "messages.publish": sumOf(mqtt.messages_received),
    "messages.delivered": sumOf(mqtt.messages_sent),
    "messages.acked": mqtt.received.puback + mqtt.received.pubcomp,
    "messages.dropped": sumOf(dropped),
    "messages.dropped.no_subscribers": dropped.no_subscribers,
    ...drops("delivery.dropped", dropped),
    "delivery.dropped.qos0_msg": dropped.offline_qos0,
    "client.connect": mqtt.received.connect,
    "client.connack": mqtt.sent.connack,
    "client.connected": mqtt.clients_connected,
    "client.disconnected": mqtt.clients_disconnected,
    "client.subscribe": mqtt.received.subscribe,
    "client.unsubscribe": mqtt.received.unsubscribe,
    "session.created": mqtt.sessions_created,
    "session.resumed": mqtt.sessions_resumed,
    "session.takenover": mqtt.sessions_taken_over,
    "session.discarded": mqtt.sessions_discarded,
    "session.terminated": mqtt.sessions_terminated,
    "authorization.allow": mqtt.authorization_allowed,
    "authorization.deny": mqtt.authorization_denied,
  };
}

function packets(counters: { readonly received: object; readonly sent: object }): NamedCounters {
  const named: NamedCounters = {};
  for (const [op, count] of Object.entries(counters.received)) {
    named[`packets.${op}.received`] = count;
  }
  for (const [op, count] of Object.entries(counters.sent)) named[`packets.${op}.sent`] = count;
  return named;
}

function byQos(direction: string, counters: QosCounters): NamedCounters {
  return Object.fromEntries(
    Object.entries(counters).map(([qos, count]) => [`messages.${qos}.${direction}`, count]),
  );
}

/** What was on its way to a subscriber; a message that nobody wants was not. */
function drops(prefix: string, counters: object): NamedCounters {
  const named: NamedCounters = { [prefix]: 0 };
  for (const [reason, count] of Object.entries(counters)) {
    if (reason === "no_subscribers") continue;
    named[`${prefix}.${reason}`] = count;
    named[prefix]! += count;
  }
  return named;
}
