import assert from "node:assert/strict";
import fc from "fast-check";
import {
  AUTHENTICATION_METHODS_MAX,
  Histogram,
  Metrics,
  MqttCounters,
  NatsCounters,
} from "../../gateway/observe/metrics.ts";
import { brokerMetrics, natsMetrics } from "../../gateway/observe/emqx_names.ts";

Deno.test("Histogram puts each duration into the first bucket that holds it", () => {
  const histogram = new Histogram([1, 5]);
  for (const duration_ms of [0, 1, 1.1, 5, 5.1]) histogram.observe(duration_ms);
  assert.deepEqual([...histogram.counts], [2, 2, 1]);
});

Deno.test("Histogram loses no observation", () => {
  fc.assert(fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true })), (durations) => {
    const histogram = new Histogram();
    for (const duration_ms of durations) histogram.observe(duration_ms);
    assert.equal(histogram.count, durations.length);
    assert.equal(histogram.counts.reduce((a, b) => a + b, 0), durations.length);
  }));
});

Deno.test("Metrics.authentication() keeps counters by method, up to a bound", () => {
  const metrics = new Metrics();
  metrics.authentication("nkey").success++;
  metrics.authentication("nkey").success++;
  assert.equal(metrics.authentication("nkey").success, 2);
  for (let i = 0; i < AUTHENTICATION_METHODS_MAX + 5; i++) {
    metrics.authentication(`m${i}`).failure++;
  }
  assert.equal([...metrics.authenticationMethods()].length, AUTHENTICATION_METHODS_MAX + 1);
  assert.equal(metrics.authentication("other").failure, 6);
});

Deno.test("natsMetrics() and brokerMetrics() use EMQX's names", () => {
  const nats = new NatsCounters();
  nats.received.hpub = 2;
  nats.dropped.too_large = 1;
  nats.dropped.no_subscribers = 9;
  const named = natsMetrics(nats);
  assert.equal(named["packets.hpub.received"], 2);
  assert.equal(named["delivery.dropped.too_large"], 1);
  assert.equal(named["delivery.dropped"], 1);
  const mqtt = new MqttCounters();
  mqtt.received.publish = 3;
  mqtt.received.puback = 4;
  mqtt.messages_received.qos2 = 5;
  mqtt.dropped.queue_full = 6;
  mqtt.dropped.no_subscribers = 7;
  const broker = brokerMetrics(mqtt);
  assert.equal(broker["packets.publish.received"], 3);
  assert.equal(broker["packets.received"], 7);
  assert.equal(broker["messages.qos2.received"], 5);
  assert.equal(broker["messages.received"], 5);
  assert.equal(broker["delivery.dropped"], 6);
  assert.equal(broker["messages.dropped"], 13);
  for (const value of Object.values(broker)) assert(Number.isInteger(value));
});
