import assert from "node:assert/strict";
import { Metrics } from "../../gateway/observe/metrics.ts";
import { type GaugeName, GAUGES, PrometheusText } from "../../gateway/observe/prometheus.ts";

/** Reads the exposition format strictly: each sample must belong to a declared family. */
function parse(text: string) {
  const families = new Map<string, { type: string; help: string }>();
  const samples = new Map<string, number>();
  let help: [string, string] | undefined;
  let current = "";
  assert(text.endsWith("\n"));
  for (const line of text.slice(0, -1).split("\n")) {
    const helpLine = /^# HELP (\w+) (.+)$/.exec(line);
    const typeLine = /^# TYPE (\w+) (counter|gauge|histogram)$/.exec(line);
    if (helpLine) help = [helpLine[1]!, helpLine[2]!];
    else if (typeLine) {
      current = typeLine[1]!;
      assert.equal(help?.[0], current);
      assert(!families.has(current), `${current} is declared twice`);
      families.set(current, { type: typeLine[2]!, help: help?.[1] ?? "" });
    } else {
      const sample = /^(\w+)(\{(?:\w+="(?:[^"\\\n]|\\["\\n])*",?)*\})? (\S+)$/.exec(line);
      assert(sample, `not a sample: ${line}`);
      const base = sample[1]!.replace(/_(bucket|sum|count)$/, "");
      assert(current === sample[1] || current === base, `${line} stands below ${current}`);
      const key = `${sample[1]}${sample[2] ?? ""}`;
      assert(!samples.has(key), `${key} twice`);
      samples.set(key, Number(sample[3]!.replace("+Inf", "Infinity")));
    }
  }
  return { families, samples };
}

Deno.test("render() gives every family a type and a help, named by convention", () => {
  const text = new PrometheusText(new Metrics());
  for (const name of Object.keys(GAUGES)) text.gauge(name as GaugeName, () => [[{}, 1]]);
  const { families } = parse(text.render());
  assert(families.size > 25);
  for (const [name, { type, help }] of families) {
    assert.match(name, /^natsgate_[a-z0-9_]+$/);
    assert.equal(type === "counter", name.endsWith("_total"), name);
    assert.equal(type === "histogram", name.endsWith("_duration_seconds") || /_lag_/.test(name));
    assert(help.endsWith("."), `${name}: ${help}`);
  }
});

Deno.test("render() shows what was counted", () => {
  const metrics = new Metrics();
  metrics.nats.bytes_received = 12;
  metrics.nats.received.pub = 3;
  metrics.mqtt.messages_sent.qos1 = 4;
  metrics.mqtt.dropped.queue_full = 5;
  metrics.authentication("built_in_database").failure = 6;
  const { samples } = parse(new PrometheusText(metrics).render());
  assert.equal(samples.get('natsgate_bytes_received_total{protocol="nats"}'), 12);
  assert.equal(samples.get('natsgate_packets_received_total{protocol="nats",packet="pub"}'), 3);
  assert.equal(samples.get('natsgate_messages_sent_total{protocol="mqtt",qos="1"}'), 4);
  assert.equal(
    samples.get('natsgate_messages_dropped_total{protocol="mqtt",reason="queue_full"}'),
    5,
  );
  assert.equal(
    samples.get('natsgate_authentication_total{method="built_in_database",result="failure"}'),
    6,
  );
});

Deno.test("render() cumulates buckets and shows durations in seconds", () => {
  const metrics = new Metrics();
  for (const duration_ms of [0.05, 0.1, 3, 20_000]) metrics.store_commit_ms.observe(duration_ms);
  const { samples } = parse(new PrometheusText(metrics).render());
  const name = "natsgate_store_commit_duration_seconds";
  assert.equal(samples.get(`${name}_bucket{le="0.0001"}`), 2);
  assert.equal(samples.get(`${name}_bucket{le="0.0025"}`), 2);
  assert.equal(samples.get(`${name}_bucket{le="0.005"}`), 3);
  assert.equal(samples.get(`${name}_bucket{le="10"}`), 3);
  assert.equal(samples.get(`${name}_bucket{le="+Inf"}`), 4);
  assert.equal(samples.get(`${name}_count`), 4);
  assert.equal(samples.get(`${name}_sum`), 20.00315);
});

Deno.test("render() leaves out a protocol whose statistics are off", () => {
  const text = new PrometheusText(new Metrics());
  assert.doesNotMatch(text.render(["mqtt"]), /protocol="nats"|natsgate_nats_/);
  assert.match(text.render(["mqtt"]), /protocol="mqtt"/);
});

Deno.test("render() reads gauges when asked, and escapes label values", () => {
  const text = new PrometheusText(new Metrics());
  let connections = 1;
  text.gauge("natsgate_connections", () => [[{ listener: 'a"b\\c\nd' }, connections]]);
  connections = 7;
  const { samples } = parse(text.render());
  assert.equal(samples.get('natsgate_connections{listener="a\\"b\\\\c\\nd"}'), 7);
});

Deno.test("render() shows how backends answer; one that nobody asked yet is neither up nor down", () => {
  const metrics = new Metrics();
  const numbers = { chain: "mqtt:global", success: 3, failed: 1 };
  metrics.backends = () => [
    { ...numbers, backend: "password_based:mysql", up: false },
    { ...numbers, chain: "authorization", backend: "redis", up: true },
    { ...numbers, backend: "jwt key set", up: undefined, success: 0, failed: 0 },
  ];
  const { samples } = parse(new PrometheusText(metrics).render());
  const of = (labels: string) => samples.get(`natsgate_backend_up{${labels}}`);
  assert.equal(of('chain="mqtt:global",backend="password_based:mysql"'), 0);
  assert.equal(of('chain="authorization",backend="redis"'), 1);
  assert.equal(of('chain="mqtt:global",backend="jwt key set"'), undefined);
  const labels = 'chain="authorization",backend="redis",result="failed"';
  assert.equal(samples.get(`natsgate_backend_requests_total{${labels}}`), 1);
});
