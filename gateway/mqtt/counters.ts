/**
 * What the MQTT broker counts. Plain fields, read by metrics and `$SYS`.
 */

/** Numbers since the start. */
export class MqttCounters {
  /** PUBLISH packets received, by QoS. */
  readonly received = [0, 0, 0];
  /** Messages that were not delivered to somebody who wanted them, by reason. */
  readonly dropped = {
    /** The session's queue was full: its oldest message went, or the new one. */
    queue_full: 0,
    /** QoS 0, and the socket did not keep up. */
    slow_consumer: 0,
    /** QoS 0 for a session that is offline, with `mqueue_store_qos0` off. */
    offline_qos0: 0,
    /** Larger than the client's Maximum Packet Size. */
    too_large: 0,
    /** Message expiry interval passed. */
    expired: 0,
    /** The store cannot write. */
    store_full: 0,
  };
  /** PUBLISH packets refused, by reason. */
  readonly refused = {
    not_authorized: 0,
    quota: 0,
    payload_format: 0,
  };
  /** PUBLISH packets without any subscriber. */
  no_subscribers = 0;
  /** QoS 2 ids whose PUBREL did not come within `await_rel_timeout`. */
  await_rel_timeout = 0;
  /** Sessions by what became of them. */
  readonly sessions = {
    created: 0,
    resumed: 0,
    taken_over: 0,
    discarded: 0,
    expired: 0,
  };
  /** CONNECTs refused. */
  connect_refused = 0;
}

/** Why a message was not delivered. */
export type DropReason = keyof MqttCounters["dropped"];
