/**
 * From the configuration to what the MQTT sessions are given.
 */
import { certificateName } from "../auth/certificate_name.ts";
import type { Config } from "../config/types.ts";
import type { RetainedLimits } from "../core/retained.ts";
import type { CertificateNames } from "../mqtt/listener.ts";
import type { MqttOptions } from "../mqtt/options.ts";

/** The options of the broker. */
export function mqttOptions(config: Config): MqttOptions {
  const { mqtt, retainer, store } = config;
  return {
    idle_timeout: mqtt.idle_timeout,
    max_packet_size: mqtt.max_packet_size,
    max_clientid_len: mqtt.max_clientid_len,
    max_topic_levels: mqtt.max_topic_levels,
    max_qos_allowed: mqtt.max_qos_allowed,
    max_topic_alias: mqtt.max_topic_alias,
    retain_available: mqtt.retain_available && retainer.enable,
    wildcard_subscription: mqtt.wildcard_subscription,
    shared_subscription: mqtt.shared_subscription,
    ignore_loop_deliver: mqtt.ignore_loop_deliver,
    keepalive_multiplier: mqtt.keepalive_multiplier,
    server_keepalive: mqtt.server_keepalive === undefined
      ? undefined
      : mqtt.server_keepalive / 1000,
    session_expiry_interval: mqtt.session_expiry_interval,
    max_session_expiry_interval: mqtt.max_session_expiry_interval,
    max_inflight: mqtt.max_inflight,
    max_awaiting_rel: mqtt.max_awaiting_rel,
    await_rel_timeout: mqtt.await_rel_timeout,
    max_mqueue_len: mqtt.max_mqueue_len,
    max_mqueue_bytes: mqtt.max_mqueue_bytes,
    max_mqueue_total_bytes: store.max_queued_bytes,
    mqueue_priorities: mqtt.mqueue_priorities,
    mqueue_default_priority: mqtt.mqueue_default_priority,
    mqueue_store_qos0: mqtt.mqueue_store_qos0,
    retry_interval: mqtt.retry_interval,
    upgrade_qos: mqtt.upgrade_qos,
    max_subscriptions: mqtt.max_subscriptions,
    max_sessions: store.max_sessions,
    response_information: mqtt.response_information,
    server_reference: config.node.server_reference,
    payload_format_check: mqtt.payload_format_check,
    max_pending_bytes: mqtt.max_pending,
    message_expiry_interval: mqtt.message_expiry_interval,
    retained_delivery_rate: retainer.delivery_rate,
    stop_publish_clear_msg: retainer.stop_publish_clear_msg,
  };
}

/** What the retained store may hold. `[retainer]` */
export function retainedLimits(config: Config): RetainedLimits {
  const { retainer } = config;
  return {
    messages_max: retainer.backend.max_retained_messages || Infinity,
    payload_bytes_max: retainer.max_payload_size || Infinity,
    total_bytes_max: retainer.max_retained_bytes,
    expiry_ms: retainer.msg_expiry_interval,
    expiry_override_ms: retainer.msg_expiry_interval_override,
    never_expires_allowed: retainer.allow_never_expire,
    stores_per_second_max: retainer.max_publish_rate,
  };
}

/** `peer_cert_as_username` and `peer_cert_as_clientid`: what a client certificate says. */
export function certificateNames({ mqtt }: Config): CertificateNames {
  return ({ certificate }) => ({
    username: certificateName(mqtt.peer_cert_as_username, certificate),
    clientId: certificateName(mqtt.peer_cert_as_clientid, certificate),
  });
}
