/** `[gateway.nats]`. */
import * as v from "valibot";
import { authenticator } from "./authentication.ts";
import { internalAuthn } from "./internal_authn.ts";
import {
  bindOrOff,
  choice,
  count,
  duration,
  flag,
  section,
  size,
  sizeOrInfinity,
  template,
  text,
} from "./kinds.ts";
import { natsListeners } from "./listeners.ts";
import type { SecurityProfile } from "./profile.ts";
import { CLIENT_INFO, MOUNTPOINT } from "../template.ts";

/** `[gateway.nats]` under a security profile. */
export function gatewayNats(profile: SecurityProfile) {
  return section({
    enable: flag(true),
    /** Counters of this gateway. */
    enable_stats: flag(true),
    server_id: text("emqx_nats_gateway"),
    server_name: text("emq_nats_gateway"),
    /** PING to a client after this long without a word from it; 0: never. */
    default_heartbeat_interval: duration("60s"),
    /** Closed when no word came for this long after the PING. */
    heartbeat_wait_timeout: duration("5s", 1, 1),
    /** From accept to CONNECT or the first command. */
    idle_timeout: duration("30s", 1, 1),
    /** From accept (or the end of the TLS handshake) to a login, where one is needed. */
    auth_timeout: duration("5s", 1, 1),
    mountpoint: v.optional(template(MOUNTPOINT), ""),
    topic_mapping: choice(["lossless", "plain"], "lossless"),
    /** Whether `>` and `*` match names that begin with `$`. */
    dollar_topics: choice(["mqtt", "nats"], "mqtt"),
    deliver_retained: flag(true),
    /** Subscriptions of one connection. */
    max_subscriptions: count("infinity"),
    /** Bytes that may wait for one client; beyond it the client is closed as too slow. */
    max_pending: sizeOrInfinity("64MB"),
    /** One write may take this long; then the client is closed as too slow. */
    write_deadline: duration("10s", 1, 1),
    /** Where nats-server's monitoring URLs are served besides the admin port. */
    monitor_bind: bindOrOff,
    protocol: section({
      max_payload_size: size("1MB"),
      /** Longest control line, arguments of CONNECT included. */
      max_control_line: size("4KB", 512),
      /** What an oversized payload does to the connection. */
      oversize: choice(["keep", "close"], "keep"),
    }),
    clientinfo_override: section({
      username: v.optional(template(CLIENT_INFO), "${Packet.user}"),
      password: v.optional(template(CLIENT_INFO), "${Packet.pass}"),
      /** Left out or empty once rendered: a random id. */
      clientid: v.optional(template(CLIENT_INFO)),
    }),
    /** NATS's own methods, in order. */
    internal_authn: internalAuthn,
    authentication: v.optional(authenticator(profile)),
    listeners: natsListeners(profile),
  });
}
