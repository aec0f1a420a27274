/** Packets with flipped bytes, cut anywhere, in any order: nobody else notices. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { PacketType } from "../../gateway/mqtt/packets.ts";
import { type FakeClient, MqttWorld } from "../kit/mqtt_world.ts";
import { RecordingStore } from "../kit/recording_store.ts";
import { randomSeed } from "../kit/seed.ts";
import { anyPacket } from "./any_packet.ts";
import { encode } from "./wire.ts";

const seed = randomSeed("mutated_test");

/** One packet as bytes of a client of that version, with some of them changed. */
function mutated(version: 4 | 5): fc.Arbitrary<Uint8Array> {
  const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 3 });
  return fc.tuple(anyPacket(version), fc.oneof(fc.constant([]), flips)).map(([packet, changes]) => {
    const bytes = encode(version, packet).slice();
    for (const [at, value] of changes) bytes[at % bytes.length] = value;
    return bytes;
  });
}

/** What one client does: log in, send something, cut somewhere, let time pass, or vanish. */
function step(version: 4 | 5) {
  return fc.oneof(
    { weight: 8, arbitrary: fc.record({ bytes: mutated(version), cut: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ pass_ms: fc.integer({ min: 1, max: 20_000 }) }) },
    { weight: 1, arbitrary: fc.constant({ drop: true }) },
  );
}

function play(world: MqttWorld, client: FakeClient, made: object): void {
  if ("bytes" in made) {
    const { bytes, cut } = made as { bytes: Uint8Array; cut: number };
    const at = cut % (bytes.length + 1);
    // Slices, as what a read brought is overwritten by the next.
    client.session.receive(bytes.slice(0, at));
    client.session.receive(bytes.slice(at));
  } else if ("pass_ms" in made) world.pass((made as { pass_ms: number }).pass_ms);
  else client.drop();
}

for (const version of [4, 5] as const) {
  Deno.test(`mutated packets end at most their own connection, version ${version}`, () => {
    const property = fc.property(fc.array(step(version), { maxLength: 40 }), (steps) => {
      const options = { max_inflight: 2, max_mqueue_len: 3, max_awaiting_rel: 2 };
      const world = new MqttWorld({ store: new RecordingStore().store, options });
      const bystander = world.connect("bystander", { version: 4 });
      bystander.subscribe("bystander/t", 1);
      let client: FakeClient | undefined;
      let connections = 0;
      const connect = () => {
        connections++;
        client = world.connect("odd", { version, cleanStart: connections % 2 === 0 });
        client.subscribe("#", 2);
        return client;
      };
      for (const made of steps) {
        if (client === undefined || client.ended !== undefined || "drop" in made) connect();
        play(world, client!, made);
        client!.link.written();
        if (client!.ended !== undefined) assert.equal(client!.session.nextDeadline, Infinity);
      }
      bystander.link.written();
      world.connect("publisher").publish("bystander/t", { qos: 1, payload: "still there" });
      assert.equal(bystander.one(PacketType.Publish).topic, "bystander/t");
    });
    fc.assert(property, { seed, numRuns: 100 });
  });
}
