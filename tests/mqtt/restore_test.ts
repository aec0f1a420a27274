/** What the store is told, and what comes back from it after a restart. */
import assert from "node:assert/strict";
import type { Message } from "../../gateway/core/message.ts";
import { PacketType } from "../../gateway/mqtt/packets.ts";
import type { Authorizer } from "../../gateway/auth/types.ts";
import { except } from "../core/kit.ts";
import { ALLOW_ALL, type ConnectFields, MqttWorld } from "../kit/mqtt_world.ts";
import { RecordingStore, restart } from "../kit/recording_store.ts";
import type { PublishPacket } from "./wire.ts";

const KEEP: ConnectFields = { cleanStart: false, properties: { sessionExpiry: 100 } };

const texts = (packets: readonly unknown[]) =>
  (packets as PublishPacket[]).map(({ payload }) => new TextDecoder().decode(payload));

Deno.test("a session comes back after a restart with everything that was its own", () => {
  const recording = new RecordingStore();
  const world = new MqttWorld({ store: recording.store });
  const client = world.connect("c", KEEP);
  client.subscribe("t", 2, { subscriptionIds: [3] });
  client.publish("in", { qos: 2, packetId: 40 });
  client.take();
  const publisher = world.connect("p");
  for (let i = 1; i <= 4; i++) {
    publisher.publish("t", {
      qos: i % 2 + 1 as 1 | 2,
      packetId: i,
      payload: `${i}`,
      properties: { contentType: "x" },
    });
  }
  const sent = client.messages();
  client.ack(PacketType.Puback, sent[1]!.packetId);
  client.ack(PacketType.Pubrec, sent[2]!.packetId);
  client.drop();
  publisher.publish("t", { qos: 1, packetId: 5, payload: "5", properties: { contentType: "x" } });

  const again = restart(recording, world.now + 1000);
  const back = again.connect("c", KEEP);
  assert.equal(back.connack?.sessionPresent, true);
  const [pubrel, ...messages] = back.early;
  assert.deepEqual(pubrel, {
    type: PacketType.Pubrel,
    packetId: sent[2]!.packetId,
    reasonCode: 0,
    properties: {},
  });
  assert.deepEqual(texts(messages), ["1", "4", "5"]);
  const [one, four, five] = messages as PublishPacket[];
  assert.deepEqual([one!.packetId, four!.packetId], [sent[0]!.packetId, sent[3]!.packetId]);
  assert.deepEqual([one!.dup, four!.dup, five!.dup], [true, true, false]);
  assert.deepEqual(five!.properties, { contentType: "x", subscriptionIds: [3] });
  back.publish("in", { qos: 2, packetId: 40, dup: true });
  back.ack(PacketType.Pubrel, 40);
  assert.deepEqual(back.take().map(({ type }) => type), [PacketType.Pubrec, PacketType.Pubcomp]);
  again.connect("p").publish("t", { payload: "live" });
  assert.deepEqual(back.payloads(), ["live"]);
});

Deno.test("the store holds no more than what is unfinished", () => {
  const recording = new RecordingStore();
  const world = new MqttWorld({ store: recording.store, options: { max_inflight: 2 } });
  const client = world.connect("c", KEEP);
  client.subscribe("t", 2);
  const publisher = world.connect("p");
  for (let i = 1; i <= 10; i++) publisher.publish("t", { qos: 2, packetId: i, payload: `${i}` });
  assert.equal(recording.queues.get("c")?.size, 10);
  for (let messages = client.messages(); messages.length > 0; messages = client.messages()) {
    for (const { packetId } of messages) {
      client.ack(PacketType.Pubrec, packetId);
      client.one(PacketType.Pubrel);
    }
    for (const { packetId } of messages) client.ack(PacketType.Pubcomp, packetId);
  }
  assert.equal(recording.queues.get("c")?.size, 0);
  client.publish("x", { qos: 2, packetId: 7 });
  assert.deepEqual([...recording.incoming.get("c")!], [7]);
  client.ack(PacketType.Pubrel, 7);
  assert.equal(recording.incoming.get("c")?.size, 0);
});

Deno.test("what queues drop and what expires leaves the store as well", () => {
  const recording = new RecordingStore();
  const world = new MqttWorld({ store: recording.store, options: { max_mqueue_len: 2 } });
  const client = world.connect("c", KEEP);
  client.subscribe("t", 1);
  client.drop();
  const publisher = world.connect("p");
  for (let i = 1; i <= 5; i++) {
    publisher.publish("t", { qos: 1, packetId: i, properties: { messageExpiry: 5 } });
  }
  assert.equal(recording.queues.get("c")?.size, 2);
  world.pass(6000);
  assert.deepEqual(world.connect("c", KEEP).early, []);
  assert.equal(recording.queues.get("c")?.size, 0);
});

Deno.test("one body for all sessions that keep a message", () => {
  const recording = new RecordingStore();
  const seen: Message[] = [];
  const { sessions } = recording.store;
  const counting = { ...sessions, body: (message: Message) => (seen.push(message), 1) };
  const world = new MqttWorld({ store: { ...recording.store, sessions: counting } });
  for (const id of ["a", "b", "c"]) {
    const client = world.connect(id, KEEP);
    client.subscribe("t", 1);
    client.drop();
  }
  world.connect("p").publish("t", { qos: 1, payload: "x" });
  assert.equal(seen.length, 3);
  assert.equal(new Set(seen).size, 1);
});

Deno.test("sessions that end with their connection never reach the store", () => {
  const recording = new RecordingStore();
  const world = new MqttWorld({ store: recording.store });
  const client = world.connect("c");
  client.subscribe("t", 1);
  world.connect("p").publish("t", { qos: 1 });
  client.publish("x", { qos: 2, packetId: 1 });
  assert.equal(recording.sessions.size + recording.queues.size + recording.incoming.size, 0);
});

Deno.test("the store forgets sessions that expire, start clean, or lose their expiry", () => {
  const recording = new RecordingStore();
  const world = new MqttWorld({ store: recording.store });
  for (const id of ["expires", "clean", "shrinks", "stays"]) {
    const client = world.connect(id, KEEP);
    client.subscribe("t", 1);
    client.drop();
  }
  world.connect("clean", { cleanStart: true });
  world.connect("shrinks", { cleanStart: false });
  world.connect("stays", { properties: { sessionExpiry: 1000 }, cleanStart: false }).drop();
  world.pass(100_000);
  assert.deepEqual([...recording.sessions.keys()], ["stays"]);
  assert.deepEqual([...recording.subscriptions.keys()], ["stays"]);
});

Deno.test("after a crash a connected client counts as lost: expiry and will run from the start", () => {
  const recording = new RecordingStore();
  const world = new MqttWorld({ store: recording.store });
  const will = {
    topic: "w",
    payload: new TextEncoder().encode("gone"),
    qos: 1,
    retain: false,
    properties: { willDelay: 10 },
  } as const;
  world.connect("c", { ...KEEP, will });
  world.connect("now", { ...KEEP, will: { ...will, properties: {} } });
  const again = restart(recording, world.now + 500_000);
  const watcher = again.connect("watcher");
  watcher.subscribe("w");
  again.pass(0);
  assert.deepEqual(watcher.payloads(), ["gone"]);
  again.pass(9999);
  assert.deepEqual(watcher.payloads(), []);
  again.pass(1);
  assert.deepEqual(watcher.payloads(), ["gone"]);
  again.pass(90_000);
  assert.equal(recording.sessions.size, 0);
});

Deno.test("retained messages come back", () => {
  const recording = new RecordingStore();
  const world = new MqttWorld({ store: recording.store });
  const publisher = world.connect("p");
  publisher.publish("a", { retain: true, payload: "1", properties: { contentType: "x" } });
  publisher.publish("b", { retain: true, payload: "2" });
  publisher.publish("b", { retain: true });
  const again = restart(recording, world.now);
  const [, message, ...rest] = again.connect("c").subscribe("#");
  assert.equal(rest.length, 0);
  assert.deepEqual(texts([message]), ["1"]);
  assert.equal((message as PublishPacket).properties.contentType, "x");
});

Deno.test("shared messages are handed on after a restart: expired, clean start, taken away", () => {
  const ends: Record<string, (world: MqttWorld) => void> = {
    "the session expires": (world) => world.pass(200_000),
    "clean start": (world) => void world.connect("one", { cleanStart: true }),
    "an operator ends it": (world) => world.broker.end(world.broker.sessions.get("one")!),
  };
  for (const [how, end] of Object.entries(ends)) {
    const recording = new RecordingStore();
    const world = new MqttWorld({ store: recording.store, mountpoint: () => "m/" });
    const one = world.connect("one", KEEP);
    one.subscribe("$share/g/t/#", 1);
    one.subscribe("$share/h/t/+", 1);
    one.subscribe("t/1", 1);
    one.drop();
    world.connect("p").publish("t/1", { qos: 1, payload: "x" });
    assert.equal(recording.queues.get("one")?.size, 3);

    const again = restart(recording, world.now + 1000, { mountpoint: () => "m/" });
    const [member, stranger] = [again.connect("member"), again.connect("stranger")];
    member.subscribe("$share/g/t/#", 1);
    stranger.subscribe("$share/other/t/#", 1);
    stranger.subscribe("t/1", 1);
    end(again);
    assert.deepEqual(member.payloads(), ["x"], `${how}: once, for the group it waited for`);
    assert.deepEqual(stranger.payloads(), [], how);
  }
});

Deno.test("what was sent but not acknowledged before the restart is handed on, QoS 2 is not", () => {
  const recording = new RecordingStore();
  const world = new MqttWorld({ store: recording.store });
  const one = world.connect("one", KEEP);
  one.subscribe("$share/g/t", 2);
  const publisher = world.connect("p");
  publisher.publish("t", { qos: 1, payload: "at least once" });
  publisher.publish("t", { qos: 2, packetId: 2, payload: "exactly once" });
  assert.equal(one.messages().length, 2);
  const again = restart(recording, world.now);
  const two = again.connect("two", KEEP);
  two.subscribe("$share/g/t", 2);
  again.connect("one", { cleanStart: true });
  assert.deepEqual(two.payloads(), ["at least once"]);
  assert.equal(recording.queues.get("two")?.size, 1, "and it is stored for who has it now");
});

Deno.test("topics that permissions except do not queue for a client that is not back yet", () => {
  const recording = new RecordingStore();
  const denying = {
    authorizerFor: (): Authorizer => ({
      ...ALLOW_ALL,
      subscribe: () => ({
        allowed: true,
        rule: "",
        source: "",
        sieve: except("a/secret").and(except("a/inner/#")),
      }),
    }),
    mountpoint: () => "m/",
  };
  const world = new MqttWorld({ ...denying, store: recording.store });
  const client = world.connect("c", KEEP);
  client.subscribe("a/#", 1);
  client.drop();

  const again = restart(recording, world.now, denying);
  const publisher = again.connect("p");
  const names = ["a/secret", "a/open", "a/inner/x"];
  for (const topic of names) publisher.publish(topic, { qos: 1, payload: topic });
  assert.equal(recording.queues.get("c")?.size, 1);
  const back = again.connect("c", KEEP);
  assert.deepEqual(texts(back.early), ["a/open"]);

  // Rules that have changed hold from the next time the client comes on, also over a restart.
  const freed = restart(recording, world.now, { mountpoint: () => "m/" });
  freed.connect("c", KEEP).drop();
  const last = restart(recording, world.now, denying);
  last.connect("p").publish("a/secret", { qos: 1, payload: "a/secret" });
  assert.deepEqual(texts(last.connect("c", KEEP).early).slice(-1), ["a/secret"]);
});
