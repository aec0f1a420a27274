/**
 * Settings of the MQTT broker: `[mqtt]` and `[retainer]` of the configuration under their own
 * names, as plain numbers. Times are milliseconds, sizes bytes, Infinity is "infinity".
 */
import type { QoS } from "../core/message.ts";

/** `[mqtt]`. Reload replaces the whole object; sessions read it when they need a value. */
export interface MqttOptions {
  /** From accept to CONNECT, ms. */
  readonly idle_timeout: number;
  /** Largest packet taken from a client, fixed header included, bytes. Told in CONNACK. */
  readonly max_packet_size: number;
  /** Longest client id, bytes of UTF-8. */
  readonly max_clientid_len: number;
  /** Most levels in a topic or filter. */
  readonly max_topic_levels: number;
  /** Publishing above it is answered by 0x9B, subscribing is granted this much. */
  readonly max_qos_allowed: QoS;
  /** Topic aliases a client may use, and the most we use towards it. 0: none. */
  readonly max_topic_alias: number;
  readonly retain_available: boolean;
  readonly wildcard_subscription: boolean;
  readonly shared_subscription: boolean;
  /** 3.1.1 clients do not get what they published themselves; MQTT 5 has No Local instead. */
  readonly ignore_loop_deliver: boolean;
  /** A client is gone after this many keep-alive intervals of silence. */
  readonly keepalive_multiplier: number;
  /** Seconds, imposed on MQTT 5 clients; undefined: the client's own. */
  readonly server_keepalive: number | undefined;
  /** Lifetime of a 3.1.1 session without Clean Session, ms. MQTT 5 clients say it themselves. */
  readonly session_expiry_interval: number;
  /** Most lifetime any session may have after its connection, ms. */
  readonly max_session_expiry_interval: number;
  /** QoS 1 and 2 messages on their way to one client at a time; its Receive Maximum lowers it. */
  readonly max_inflight: number;
  /**
   * QoS 2 packet ids of one client that wait for PUBREL: the Receive Maximum of MQTT 5 clients
   * (beyond: 0x93); older clients are cut off.
   */
  readonly max_awaiting_rel: number;
  /** A PUBREL that does not come in this time is no longer waited for, ms connected. */
  readonly await_rel_timeout: number;
  /** Messages that wait for one session (offline, or window full). Beyond: the oldest goes. */
  readonly max_mqueue_len: number;
  /** Bytes that wait for one session. Beyond: the oldest goes. */
  readonly max_mqueue_bytes: number;
  /** Bytes that wait for all sessions together. Beyond: the session's own oldest goes. */
  readonly max_mqueue_total_bytes: number;
  /** Topics that overtake in the queue: 1 to 255, more is earlier. */
  readonly mqueue_priorities: Readonly<Record<string, number>>;
  /** Where topics without a priority stand. */
  readonly mqueue_default_priority: "lowest" | "highest";
  /** Whether QoS 0 messages wait for sessions that are offline. */
  readonly mqueue_store_qos0: boolean;
  /** Unacknowledged messages go again after this, ms; before MQTT 5 only. [MQTT-4.4.0-1] */
  readonly retry_interval: number;
  /** Deliver at the subscription's QoS even when published lower. */
  readonly upgrade_qos: boolean;
  /** Subscriptions of one session. Beyond: 0x97. */
  readonly max_subscriptions: number;
  /** Sessions, with or without a connection. Beyond: CONNECT is refused with 0x97. */
  readonly max_sessions: number;
  /** Told to MQTT 5 clients that ask for Response Information; empty: nothing. */
  readonly response_information: string;
  /** Where MQTT 5 clients are sent when the server goes away slowly; empty: nowhere. */
  readonly server_reference: string;
  /** Text payloads that are not UTF-8 are refused (0x99). */
  readonly payload_format_check: boolean;
  /** Bytes not yet written to a socket above which QoS 0 messages for it are thrown away. */
  readonly max_pending_bytes: number;
  /** Longest message expiry interval, ms; messages without one get it. */
  readonly message_expiry_interval: number;
  /** `[retainer] delivery_rate`: retained messages a second to one client's subscriptions. */
  readonly retained_delivery_rate: number;
  /** `[retainer]`: a retained message that is cleared by an empty one is cleared silently. */
  readonly stop_publish_clear_msg: boolean;
}
