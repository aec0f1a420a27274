import assert from "node:assert/strict";
import fc from "fast-check";
import { PacketType } from "../../gateway/mqtt/packets.ts";
import {
  PROPERTIES,
  propertiesSize,
  propertyBlock,
  type PropertyPlace,
  readBlock,
  readProperties,
  WILL,
  writeBlock,
} from "../../gateway/mqtt/properties.ts";
import { PacketReader } from "../../gateway/mqtt/reader.ts";
import { randomSeed } from "../kit/seed.ts";
import { properties } from "./any_packet.ts";
import { fromHex } from "./wire.ts";

const seed = randomSeed("mqtt/properties_test");
const PLACES: readonly PropertyPlace[] = [WILL, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15];

Deno.test("properties: a block that is written is read again, in every place", () => {
  for (const place of PLACES) {
    fc.assert(
      fc.property(properties(5, place), (some) => {
        const block = propertyBlock(some);
        assert.equal(block.length, propertiesSize(some));
        assert.deepEqual(readBlock(new PacketReader(block, 0, block.length), place), some);
      }),
      { seed, numRuns: 200 },
    );
  }
});

Deno.test("properties: reading stops where the block ends", () => {
  const slab = new Uint8Array(300);
  const some = { reasonString: "x".repeat(150) };
  const end = writeBlock(slab, 3, propertiesSize(some), some);
  assert.equal(end, 3 + 2 + 153);
  const reader = new PacketReader(slab, 3, slab.length);
  assert.deepEqual(readProperties(reader, PacketType.Puback, 5), some);
  assert.deepEqual([reader.at, reader.end], [end, slab.length]);
});

Deno.test("properties: a value must not reach over the end of the block", () => {
  const bytes = fromHex("03 1f 0001 78 00");
  const reader = new PacketReader(bytes, 0, bytes.length);
  assert.throws(() => readProperties(reader, PacketType.Puback, 5), { reasonCode: 0x81 });
});

Deno.test("properties: older versions have none, and nothing is read", () => {
  const reader = new PacketReader(fromHex("ff"), 0, 1);
  assert.deepEqual(readProperties(reader, PacketType.Connect, 4), {});
  assert.equal(reader.at, 0);
});

Deno.test("properties: as many as the standard allows in each place", () => {
  const count = (place: PropertyPlace) =>
    PROPERTIES.filter((row) => (row.packets & (1 << place)) !== 0).length;
  // [MQTT5 2.2.2.2], by packet type; 0: will properties; 12 and 13 (pings) have none.
  const counts = [7, 9, 17, 8, 2, 2, 2, 2, 2, 2, 1, 2, 0, 0, 4, 4];
  assert.deepEqual(counts.map((_, place) => count(place as PropertyPlace)), counts);
  assert.equal(PROPERTIES.length, 27);
  assert.equal(new Set(PROPERTIES.map((row) => row.name)).size, 27);
});
