/** `[mqtt]`, `[retainer]`, `[sys_topics]`: the broker. */
import * as v from "valibot";
import {
  choice,
  count,
  duration,
  durationOrDisabled,
  durationOrInfinity,
  flag,
  integer,
  rate,
  section,
  size,
  sizeOrInfinity,
  text,
  wholeNumber,
} from "./kinds.ts";

/** What of a client certificate becomes a name. */
const certificateName = choice(["disabled", "cn", "dn", "crt", "pem", "md5"], "disabled");

/** Seconds, or `"disabled"` (undefined). */
const serverKeepalive = v.optional(
  v.pipe(
    v.union(
      [v.literal("disabled"), wholeNumber(1, 65535)],
      'expected seconds from 1 to 65535, or "disabled"',
    ),
    v.transform((value) => value === "disabled" ? undefined : value * 1000),
  ),
  "disabled",
);

/** Priorities 1 to 255 by topic, or `"disabled"` (an empty map). */
const queuePriorities = v.optional(
  v.pipe(
    v.union(
      [v.literal("disabled"), v.record(v.string(), wholeNumber(1, 255))],
      'expected a table of topics with priorities from 1 to 255, or "disabled"',
    ),
    v.transform((value): Record<string, number> => value === "disabled" ? {} : value),
  ),
  "disabled",
);

/** `[mqtt]`: what every MQTT client gets. */
export const mqtt = section({
  /** From accept to CONNECT. */
  idle_timeout: duration("15s", 1, 1),
  /** Largest packet taken; leaves room for a payload of 1 MiB with its properties. */
  max_packet_size: size("2MB", 1024),
  max_clientid_len: integer(65535, 23, 65535),
  max_topic_levels: integer(128, 1, 65535),
  max_qos_allowed: v.optional(
    v.picklist([0, 1, 2], "expected 0, 1 or 2"),
    2,
  ),
  /** Topic aliases of one client, each way. */
  max_topic_alias: integer(64, 0, 65535),
  retain_available: flag(true),
  wildcard_subscription: flag(true),
  shared_subscription: flag(true),
  shared_subscription_strategy: v.optional(
    v.pipe(
      v.picklist(
        ["round_robin", "random", "sticky", "hash_clientid", "hash_topic", "local"],
        'expected "round_robin", "random", "sticky", "hash_clientid", "hash_topic" or "local"',
      ),
      // All members are local: there is one node.
      v.transform((strategy) => strategy === "local" ? "random" : strategy),
    ),
    "round_robin",
  ),
  /** A client is gone after this many keep-alive intervals of silence. */
  keepalive_multiplier: v.optional(
    v.pipe(
      v.number("expected a number, 1 or more"),
      v.minValue(1, "expected a number, 1 or more"),
    ),
    1.5,
  ),
  /** Keep-alive in place of the client's own. Seconds in the file, milliseconds here. */
  server_keepalive: serverKeepalive,
  /** How long a 3.1.1 session lives without its client. 5.0 clients say it themselves. */
  session_expiry_interval: durationOrInfinity("2h"),
  /** The longest that any session may live without its client. */
  max_session_expiry_interval: durationOrInfinity("infinity"),
  /** The longest life of a message; those without an expiry get it. */
  message_expiry_interval: durationOrInfinity("infinity"),
  /** QoS 1 and 2 messages to one client that wait for their acknowledgement. */
  max_inflight: integer(32, 1, 65535),
  /** QoS 2 messages from one client that wait for PUBREL. */
  max_awaiting_rel: count(100, 1),
  await_rel_timeout: duration("300s", 1, 1),
  /** Messages of one session that wait for their turn or their client. */
  max_mqueue_len: count(1000),
  /** The same in bytes of payload. */
  max_mqueue_bytes: sizeOrInfinity("64MB"),
  mqueue_priorities: queuePriorities,
  /** Priority of topics without one. */
  mqueue_default_priority: choice(["lowest", "highest"], "lowest"),
  mqueue_store_qos0: flag(true),
  /** Unacknowledged messages are sent again after this long (3.1.1); 5.0: only on reconnect. */
  retry_interval: durationOrInfinity("infinity"),
  /** Messages do not come back to their publisher (3.1.1 clients). */
  ignore_loop_deliver: flag(false),
  /** Delivered at the subscription's QoS even when the message has a lower one. */
  upgrade_qos: flag(false),
  max_subscriptions: count("infinity"),
  /** Prefix that 5.0 clients are told to use for response topics. */
  response_information: text(""),
  /** Payloads that are marked as UTF-8 must be UTF-8. */
  payload_format_check: flag(false),
  /** Bytes that may wait for one client's socket; beyond it QoS 0 messages are dropped. */
  max_pending: sizeOrInfinity("64MB"),
  /** One write may take this long; then the client is closed. */
  write_deadline: duration("10s", 1, 1),
  peer_cert_as_username: certificateName,
  peer_cert_as_clientid: certificateName,
});

/** `[retainer]`. */
export const retainer = section({
  enable: flag(true),
  /** How long messages without an expiry of their own are kept; 0: for ever. */
  msg_expiry_interval: duration("0s"),
  /** In place of the message's own expiry. */
  msg_expiry_interval_override: durationOrDisabled,
  /** False: messages that would never expire are not kept. */
  allow_never_expire: flag(true),
  /** How often expired messages are looked for; 0: only when one is met. */
  msg_clear_interval: duration("0s"),
  max_payload_size: size("1MB"),
  /** True: an empty retained message is not passed on, it only clears. */
  stop_publish_clear_msg: flag(false),
  /** Retained messages a second to one new subscription. */
  delivery_rate: rate("1000/s"),
  /** Retained messages a second that are taken; more are passed on but not kept. */
  max_publish_rate: rate("infinity"),
  /** Bytes of retained payloads; more are passed on but not kept. */
  max_retained_bytes: sizeOrInfinity("1GB"),
  backend: section({
    type: choice(["built_in_database"], "built_in_database"),
    /** `ram`: not kept over a restart. */
    storage_type: choice(["disc", "ram"], "disc"),
    /** 0: no limit. */
    max_retained_messages: integer(0, 0, Infinity),
  }),
});

/** `[sys_topics]`: the `$SYS` tree. */
export const sysTopics = section({
  /** 0: never. */
  sys_msg_interval: duration("1m"),
  sys_heartbeat_interval: duration("30s"),
});
