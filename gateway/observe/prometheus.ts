/**
 * Metrics as Prometheus reads them: text exposition format 0.0.4. Every family is declared here,
 * with its help.
 */
import { VERSION } from "../version.ts";
import {
  type AuthenticationCounters,
  type BackendNumbers,
  DropCounters,
  type Histogram,
  type Metrics,
  type TrafficCounters,
} from "./metrics.ts";

/** Label names and values of one sample. No label may take values without bound. */
export type Labels = Readonly<Record<string, string>>;

/** Values that are read when asked, by family: what they mean. */
export const GAUGES = {
  natsgate_connections: "Open connections, by listener.",
  natsgate_connections_max: "Connections a listener takes at most.",
  natsgate_sessions: "Sessions, those without a connection included, by protocol.",
  natsgate_subscriptions: "Subscriptions of all clients, by protocol.",
  natsgate_topics: "Topics and subjects in the route table.",
  natsgate_retained_messages: "Retained messages.",
  natsgate_retained_bytes: "Payload bytes of retained messages.",
  natsgate_queued_messages: "Messages that wait for clients which are away or slow.",
  natsgate_pending_bytes: "Bytes accepted for connections and not yet written, by protocol.",
  natsgate_certificate_expiry_days: "Days until a listener's certificate expires, by listener.",
  natsgate_store_writable: "1 while the store takes changes, 0 while it cannot.",
  natsgate_ready: "1 while the gateway is ready, else 0.",
  natsgate_start_time_seconds: "When the gateway was started, in seconds since the epoch.",
  natsgate_resident_memory_bytes: "Memory of the process.",
  natsgate_heap_used_bytes: "Used part of the JavaScript heap.",
} as const;

/** Family names of `GAUGES`. */
export type GaugeName = keyof typeof GAUGES;

/** One value of a gauge. */
export type GaugeSample = readonly [labels: Labels, value: number];

/** Makes the exposition of everything that is counted or read. */
export class PrometheusText {
  readonly #gauges = new Map<GaugeName, () => Iterable<GaugeSample>>();
  constructor(readonly metrics: Metrics) {}

  /** Says how to read a gauge. Called when somebody asks for the metrics, not before. */
  gauge(name: GaugeName, read: () => Iterable<GaugeSample>): void {
    this.#gauges.set(name, read);
  }

  /**
   * The text of all families.
   * @param protocols whose counters to show: `enable_stats = false` takes one out
   */
  render(protocols: readonly ("nats" | "mqtt")[] = ["nats", "mqtt"]): string {
    const out = new Exposition();
    out.family("natsgate_build_info", "gauge", "1, with the version as a label.");
    out.sample("natsgate_build_info", { version: VERSION }, 1);
    const traffic = protocols.map((name) => [name, this.metrics[name]] as const);
    if (traffic.length > 0) {
      writeTraffic(out, traffic);
      writePackets(out, traffic);
    }
    if (protocols.includes("nats")) {
      out.counter(
        "natsgate_nats_no_responders_total",
        "Requests answered with 503 because nobody had subscribed.",
        [[{}, this.metrics.nats.no_responders]],
      );
    }
    if (protocols.includes("mqtt")) writeSessions(out, this.metrics);
    writeAuthentication(out, [...this.metrics.authenticationMethods()]);
    writeBackends(out, this.metrics.backends());
    writeProcess(out, this.metrics);
    for (const [name, read] of this.#gauges) {
      out.family(name, "gauge", GAUGES[name]);
      for (const [labels, value] of read()) out.sample(name, labels, value);
    }
    return out.text;
  }
}

type Traffic = readonly (readonly [protocol: "nats" | "mqtt", counters: TrafficCounters])[];

/** Counters that both protocols have one of. */
const TRAFFIC: readonly (readonly [name: string, help: string, read: CounterReader])[] = [
  ["bytes_received", "Bytes received from clients.", (c) => c.bytes_received],
  ["bytes_sent", "Bytes sent to clients.", (c) => c.bytes_sent],
  ["connections_accepted", "Connections that a listener took.", (c) => c.connections_accepted],
  [
    "connections_refused",
    "Connections turned away by limits, address rules or handshakes.",
    (c) => c.connections_refused,
  ],
  ["clients_connected", "Clients that got in.", (c) => c.clients_connected],
  ["clients_disconnected", "Clients that left again.", (c) => c.clients_disconnected],
  ["slow_consumers", "Connections cut for not reading.", (c) => c.slow_consumers],
  ["protocol_errors", "Connections closed for breaking the protocol.", (c) => c.protocol_errors],
];

type CounterReader = (counters: TrafficCounters) => number;

function writeTraffic(out: Exposition, traffic: Traffic): void {
  for (const [name, help, read] of TRAFFIC) {
    const samples = traffic.map(([protocol, counters]) => [{ protocol }, read(counters)] as const);
    out.counter(`natsgate_${name}_total`, help, samples);
  }
  for (const direction of ["received", "sent"] as const) {
    const help = direction === "received"
      ? "Messages published by clients, by QoS."
      : "Messages delivered to clients, by QoS.";
    const samples = traffic.flatMap(([protocol, counters]) => {
      const { qos0, qos1, qos2 } = counters[`messages_${direction}`];
      return [qos0, qos1, qos2].map((value, qos) =>
        [{ protocol, qos: String(qos) }, value] as const
      );
    });
    out.counter(`natsgate_messages_${direction}_total`, help, samples);
  }
  const reasons = Object.keys(new DropCounters()) as (keyof DropCounters)[];
  out.counter(
    "natsgate_messages_dropped_total",
    "Messages that were not delivered, by reason.",
    traffic.flatMap(([protocol, { dropped }]) =>
      reasons.map((reason) => [{ protocol, reason }, dropped[reason]] as const)
    ),
  );
  out.counter(
    "natsgate_authorization_total",
    "Publish and subscribe attempts, by decision.",
    traffic.flatMap(([protocol, counters]) => [
      [{ protocol, result: "allow" }, counters.authorization_allowed] as const,
      [{ protocol, result: "deny" }, counters.authorization_denied] as const,
    ]),
  );
}

function writePackets(out: Exposition, traffic: Traffic): void {
  for (const direction of ["received", "sent"] as const) {
    const samples: GaugeSample[] = [];
    for (const [protocol, counters] of traffic) {
      const packets = (counters as Metrics["nats" | "mqtt"])[direction];
      for (const [packet, count] of Object.entries(packets)) {
        samples.push([{ protocol, packet }, count]);
      }
    }
    const help = `Protocol packets ${direction}, by type.`;
    out.counter(`natsgate_packets_${direction}_total`, help, samples);
  }
}

function writeSessions(out: Exposition, { mqtt }: Metrics): void {
  out.counter("natsgate_mqtt_sessions_total", "What became of MQTT sessions, by event.", [
    [{ event: "created" }, mqtt.sessions_created],
    [{ event: "resumed" }, mqtt.sessions_resumed],
    [{ event: "taken_over" }, mqtt.sessions_taken_over],
    [{ event: "discarded" }, mqtt.sessions_discarded],
    [{ event: "terminated" }, mqtt.sessions_terminated],
  ]);
}

function writeAuthentication(
  out: Exposition,
  methods: readonly (readonly [method: string, counters: AuthenticationCounters])[],
): void {
  out.counter(
    "natsgate_authentication_total",
    "Answers of the authentication methods.",
    methods.flatMap(([method, { success, failure, ignored }]) => [
      [{ method, result: "success" }, success] as const,
      [{ method, result: "failure" }, failure] as const,
      [{ method, result: "ignored" }, ignored] as const,
    ]),
  );
  out.histogram(
    "natsgate_authentication_duration_seconds",
    "How long the authentication methods took.",
    methods.map(([method, { latency_ms }]) => [{ method }, latency_ms] as const),
  );
}

function writeBackends(out: Exposition, backends: readonly BackendNumbers[]): void {
  out.family(
    "natsgate_backend_up",
    "gauge",
    "1 if a backend answered when it was last asked, else 0.",
  );
  for (const { chain, backend, up } of backends) {
    if (up !== undefined) out.sample("natsgate_backend_up", { chain, backend }, up ? 1 : 0);
  }
  out.counter(
    "natsgate_backend_requests_total",
    "Requests to backends of logins and permissions, by whether there was a usable answer.",
    backends.flatMap(({ chain, backend, success, failed }) => [
      [{ chain, backend, result: "success" }, success] as const,
      [{ chain, backend, result: "failed" }, failed] as const,
    ]),
  );
}

function writeProcess(out: Exposition, metrics: Metrics): void {
  out.histogram(
    "natsgate_store_commit_duration_seconds",
    "How long it took to make the changes of a turn durable.",
    [[{}, metrics.store_commit_ms]],
  );
  out.counter("natsgate_store_commit_errors_total", "Commits that failed.", [
    [{}, metrics.store_commit_errors],
  ]);
  out.histogram(
    "natsgate_event_loop_lag_seconds",
    "How late a timer ran: for how long the event loop was busy.",
    [[{}, metrics.event_loop_lag_ms]],
  );
}

class Exposition {
  text = "";

  family(name: string, type: "counter" | "gauge" | "histogram", help: string): void {
    this.text += `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n` +
      `# TYPE ${name} ${type}\n`;
  }

  sample(name: string, labels: Labels, value: number): void {
    this.text += `${name}${labelText(labels)} ${numberText(value)}\n`;
  }

  counter(name: string, help: string, samples: readonly GaugeSample[]): void {
    this.family(name, "counter", help);
    for (const [labels, value] of samples) this.sample(name, labels, value);
  }

  /** Durations in milliseconds come out in seconds, as the convention wants them. */
  histogram(
    name: string,
    help: string,
    samples: readonly (readonly [labels: Labels, histogram: Histogram])[],
  ): void {
    this.family(name, "histogram", help);
    for (const [labels, { bounds_ms, counts, sum_ms, count }] of samples) {
      let below = 0;
      for (const [index, bound_ms] of bounds_ms.entries()) {
        below += counts[index]!;
        this.sample(`${name}_bucket`, { ...labels, le: numberText(bound_ms / 1000) }, below);
      }
      this.sample(`${name}_bucket`, { ...labels, le: "+Inf" }, count);
      this.sample(`${name}_sum`, labels, sum_ms / 1000);
      this.sample(`${name}_count`, labels, count);
    }
  }
}

function numberText(value: number): string {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  // Without the noise that a division leaves behind the twelfth digit.
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(12)));
}

function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => {
    const text = value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
    return `${name}="${text}"`;
  });
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}
