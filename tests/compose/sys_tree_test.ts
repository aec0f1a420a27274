import assert from "node:assert/strict";
import { Periodic } from "../../gateway/compose/periodic.ts";
import { SysTree } from "../../gateway/compose/sys_tree.ts";
import { PacketType } from "../../gateway/mqtt/packets.ts";
import { MqttWorld } from "../kit/mqtt_world.ts";
import { StillClock } from "../kit/still_clock.ts";
import type { PublishPacket } from "../mqtt/wire.ts";

Deno.test("$SYS topics are retained, show the broker's numbers, and hide from wildcards", () => {
  const world = new MqttWorld();
  const clock = new StillClock();
  const tree = new SysTree(world.router, world.broker, world.broker.counters, clock);
  const parked = world.connect("parked", {
    cleanStart: false,
    properties: { sessionExpiry: 100 },
  });
  parked.subscribe("t", 1);
  parked.drop();
  const client = world.connect("client");
  client.subscribe("$share/g/t");
  client.subscribe("#");
  client.publish("t", { qos: 1, payload: "x", retain: true });
  client.take();
  tree.publish();
  clock.advance(5000);
  clock.ahead_ms = 60_000;
  tree.beat();
  assert.deepEqual(client.take(), [], "# does not reach them");
  const [, ...packets] = client.subscribe("$SYS/broker/#");
  const said = new Map(
    (packets as PublishPacket[]).map(({ topic, payload }) => [
      topic.slice("$SYS/broker/".length),
      new TextDecoder().decode(payload),
    ]),
  );
  assert.equal(said.get("clients/connected"), "1");
  assert.equal(said.get("clients/disconnected"), "1");
  assert.equal(said.get("clients/maximum"), "1");
  assert.equal(said.get("subscriptions/count"), "3");
  assert.equal(said.get("shared_subscriptions/count"), "1");
  assert.equal(said.get("store/messages/count"), "1");
  assert.equal(said.get("retained messages/count"), "1");
  assert.equal(said.get("publish/messages/received"), "1");
  assert.equal(said.get("uptime"), "5 seconds");
  const time = new Date(clock.calendar()).toISOString();
  assert.equal(said.get("datetime"), time, "the calendar may have been set");
  assert.ok(packets.every((packet) => packet.type === PacketType.Publish && packet.retain));
});

Deno.test("a periodic job runs at its interval, and never when that is 0", () => {
  let interval_ms = 10;
  const calls: number[] = [];
  const periodic = new Periodic(() => interval_ms, (now) => calls.push(now), 100);
  assert.equal(periodic.nextDeadline, 110);
  periodic.tick(112);
  assert.equal(periodic.nextDeadline, 122);
  interval_ms = 0;
  assert.equal(periodic.nextDeadline, Infinity);
  assert.deepEqual(calls, [112]);
});
