/**
 * What is counted while the gateway runs. Counters are plain integer fields, so that counting
 * costs an addition; whoever shows them reads the fields when asked.
 */

/**
 * Messages that were accepted or could have been delivered, and were not: by reason. The names
 * are those of EMQX where it has them (`delivery.dropped.queue_full`...).
 */
export class DropCounters {
  /** A published message that nobody had subscribed to. */
  no_subscribers = 0;
  /** The publisher itself, with No Local or `echo:false`. */
  no_local = 0;
  /** Larger than the receiver takes. */
  too_large = 0;
  /** QoS 0 for a client that is away. */
  offline_qos0 = 0;
  /** The session's queue is full. */
  queue_full = 0;
  /** Its expiry interval passed while it waited. */
  expired = 0;
  /** The connection does not read what it is sent. */
  slow_consumer = 0;
  /** The disk is full or broken. */
  store_full = 0;
  /** The name cannot be spelled on the other side (`topic_mapping = "plain"`). */
  unmappable = 0;
  /** A rule forbids it. */
  denied = 0;
  /** Announced as text (MQTT 5 Payload Format Indicator), and it is none. */
  not_text = 0;
}

/** Messages by QoS. */
export class QosCounters {
  qos0 = 0;
  qos1 = 0;
  qos2 = 0;
}

/** Counts one message. */
export function countByQos(counters: QosCounters, qos: 0 | 1 | 2): void {
  if (qos === 0) counters.qos0++;
  else if (qos === 1) counters.qos1++;
  else counters.qos2++;
}

/** The sum of all fields of an object of counters. */
export function sumOf(counters: object): number {
  return Object.values(counters).reduce((total: number, count: number) => total + count, 0);
}

/** What both protocols count. */
export class TrafficCounters {
  /** Bytes of the protocol, without TLS and WebSocket framing. */
  bytes_received = 0;
  bytes_sent = 0;
  /** Application messages that clients published. */
  readonly messages_received: QosCounters = new QosCounters();
  /** Application messages that were delivered to clients. */
  readonly messages_sent: QosCounters = new QosCounters();
  readonly dropped: DropCounters = new DropCounters();
  /** Connections that a listener took. */
  connections_accepted = 0;
  /** Connections turned away before the protocol began: limits, address rules, handshakes. */
  connections_refused = 0;
  /** Clients that got through the login (or needed none), and those that left again. */
  clients_connected = 0;
  clients_disconnected = 0;
  /** Connections cut for pending bytes or the write deadline. */
  slow_consumers = 0;
  /** Connections closed for breaking the protocol. */
  protocol_errors = 0;
  /** Publish and subscribe attempts, by decision. */
  authorization_allowed = 0;
  authorization_denied = 0;
}

/** Counters of the NATS side: one object for the gateway. */
export class NatsCounters extends TrafficCounters {
  /** Operations by name, as clients sent them. */
  readonly received = { connect: 0, pub: 0, hpub: 0, sub: 0, unsub: 0, ping: 0, pong: 0 };
  /** Operations by name, as sent to clients. */
  readonly sent = natsSent(this);
  /** Requests answered with `503` because nobody had subscribed. */
  no_responders = 0;
}

function natsSent(counters: NatsCounters) {
  return {
    info: 0,
    /** Deliveries without headers: worked out, so that the most frequent one costs nothing. */
    get msg(): number {
      return sumOf(counters.messages_sent) + counters.no_responders - this.hmsg;
    },
    hmsg: 0,
    ping: 0,
    pong: 0,
    ok: 0,
    err: 0,
  };
}

/** Counters of the MQTT side: one object for the broker. */
export class MqttCounters extends TrafficCounters {
  /** Packets by name, as clients sent them. */
  readonly received = {
    connect: 0,
    publish: 0,
    puback: 0,
    pubrec: 0,
    pubrel: 0,
    pubcomp: 0,
    subscribe: 0,
    unsubscribe: 0,
    pingreq: 0,
    disconnect: 0,
    auth: 0,
  };
  /** Packets by name, as sent to clients. */
  readonly sent = {
    connack: 0,
    publish: 0,
    puback: 0,
    pubrec: 0,
    pubrel: 0,
    pubcomp: 0,
    suback: 0,
    unsuback: 0,
    pingresp: 0,
    disconnect: 0,
    auth: 0,
  };
  sessions_created = 0;
  sessions_resumed = 0;
  /** The same client id came back over another connection. */
  sessions_taken_over = 0;
  /** A clean start threw an old session away. */
  sessions_discarded = 0;
  /** QoS 2 ids whose PUBREL did not come within `mqtt.await_rel_timeout`. */
  await_rel_timeouts = 0;
  /** Sessions that ended for good: expired, or over with their connection. */
  sessions_terminated = 0;
}

/** Bounds of latency buckets, in milliseconds: 0.1 ms to 10 s. */
const LATENCY_BOUNDS_MS: readonly number[] = [
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
  25,
  50,
  100,
  250,
  500,
  1000,
  2500,
  5000,
  10_000,
];

/** How long something took, counted in fixed buckets. */
export class Histogram {
  /** Observations up to each bound, not cumulated; the last one is for everything above. */
  readonly counts: Float64Array;
  /** Sum of all observations, in milliseconds. */
  sum_ms = 0;
  /** Number of all observations. */
  count = 0;
  constructor(readonly bounds_ms: readonly number[] = LATENCY_BOUNDS_MS) {
    this.counts = new Float64Array(bounds_ms.length + 1);
  }

  observe(duration_ms: number): void {
    const bounds = this.bounds_ms;
    let at = 0;
    while (at < bounds.length && duration_ms > bounds[at]!) at++;
    this.counts[at]!++;
    this.sum_ms += duration_ms;
    this.count++;
  }
}

/** Logins by one method, such as `built_in_database` or `nkey`. */
export class AuthenticationCounters {
  success = 0;
  failure = 0;
  /** Not the kind of credentials this method looks at, or unknown to it. */
  ignored = 0;
  readonly latency_ms: Histogram = new Histogram();
}

/** Methods beyond this are counted together as `other`: labels must not grow without bound. */
export const AUTHENTICATION_METHODS_MAX = 100;

/** How a server that logins or permissions depend on has answered so far. */
export interface BackendNumbers {
  /** Whose it is: `nats:global`, `mqtt:global`, a listener id, or `authorization`. */
  readonly chain: string;
  /** Such as `password_based:mysql`. */
  readonly backend: string;
  /** Undefined: it was not asked yet. */
  readonly up: boolean | undefined;
  readonly success: number;
  readonly failed: number;
}

/** Everything that is counted in one process. */
export class Metrics {
  /** Reads the numbers of all backends; whoever has some puts itself in here. */
  backends: () => readonly BackendNumbers[] = () => [];
  readonly nats: NatsCounters = new NatsCounters();
  readonly mqtt: MqttCounters = new MqttCounters();
  /** How long the store took to make a turn's changes durable. */
  readonly store_commit_ms: Histogram = new Histogram();
  /** Commits that failed. */
  store_commit_errors = 0;
  /** How late a timer ran: the time for which the event loop was busy. */
  readonly event_loop_lag_ms: Histogram = new Histogram();
  readonly #authentication = new Map<string, AuthenticationCounters>();

  /** The counters of an authentication method, made at first use. */
  authentication(method: string): AuthenticationCounters {
    const known = this.#authentication.get(method);
    if (known !== undefined) return known;
    if (this.#authentication.size >= AUTHENTICATION_METHODS_MAX && method !== "other") {
      return this.authentication("other");
    }
    const counters = new AuthenticationCounters();
    this.#authentication.set(method, counters);
    return counters;
  }

  /** All authentication methods that were used so far. */
  authenticationMethods(): Iterable<[method: string, counters: AuthenticationCounters]> {
    return this.#authentication;
  }
}
