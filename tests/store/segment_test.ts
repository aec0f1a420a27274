import assert from "node:assert/strict";
import fc from "fast-check";
import { ByteSink, RecordError } from "../../gateway/store/bytes.ts";
import { Body, Entry, Incoming, type LedgerItem } from "../../gateway/store/ledger.ts";
import {
  appendItem,
  beginSegment,
  compactSegment,
  readSegment,
  Segment,
} from "../../gateway/store/segment.ts";
import { randomSeed } from "../kit/seed.ts";
import { entry, message } from "./kit.ts";

const seed = randomSeed("segment_test");

/** What is read of a segment: a line for each living item. */
function read(blob: Uint8Array, dead?: Uint8Array): { slots: number; lines: string[] } {
  const lines: string[] = [];
  const slots = readSegment(blob, dead, {
    body: (slot, { bodyId, topic, payload }) =>
      void lines.push(`${slot} body ${bodyId} ${topic} ${payload.length}`),
    entry: (slot, sessionId, bodyId, { seq }) =>
      void lines.push(`${slot} entry ${sessionId} ${bodyId} ${seq}`),
    incoming: (slot, sessionId, packetId) =>
      void lines.push(`${slot} incoming ${sessionId} ${packetId}`),
    damaged: (slot) => void lines.push(`${slot} damaged`),
  });
  return { slots, lines };
}

/** Items of three kinds, told apart by their number, and the line for each. */
function make(kind: number, number: number): { item: LedgerItem; line: string } {
  if (kind === 0) {
    const made = message("t/x", new Uint8Array(number % 300));
    const item = new Body(number, Body.weigh(made.size), made);
    return { item, line: `body ${number} t/x ${number % 300}` };
  }
  if (kind === 1) {
    const item = new Entry(number, new Body(7, 1), entry(number * 3));
    return { item, line: `entry ${number} 7 ${number * 3}` };
  }
  return { item: new Incoming(number, 9), line: `incoming ${number} 9` };
}

Deno.test("segment: items keep their slots, however often it is written without the dead", () => {
  const kinds = fc.array(fc.nat(2), { minLength: 1, maxLength: 40 });
  const deaths = fc.array(fc.array(fc.nat(39), { maxLength: 15 }), { maxLength: 4 });
  fc.assert(
    fc.property(kinds, deaths, (kinds, deaths) => {
      const sink = new ByteSink();
      const made = kinds.map((kind, index) => make(kind, index + 1));
      beginSegment(sink);
      for (const { item } of made) appendItem(sink, item);
      let blob = sink.written.slice();
      let living = made.map(({ line }, slot) => `${slot} ${line}`);
      assert.deepEqual(read(blob), { slots: kinds.length, lines: living });
      for (const slots of deaths) {
        const dead = new Uint8Array((kinds.length + 7) >> 3);
        for (const slot of slots) if (slot < kinds.length) dead[slot >> 3]! |= 1 << (slot & 7);
        living = living.filter((line) => !slots.includes(Number(line.split(" ")[0])));
        assert.deepEqual(read(blob, dead), { slots: kinds.length, lines: living });
        compactSegment(sink, blob, dead);
        assert(sink.length <= blob.length + 8);
        blob = sink.written.slice();
        assert.deepEqual(read(blob), { slots: kinds.length, lines: living });
      }
    }),
    { seed },
  );
});

Deno.test("segment: of a damaged one, each item is what was written, or not there", () => {
  const sink = new ByteSink();
  const made = [0, 1, 0, 2, 0, 1, 2].map((kind, index) => make(kind, index + 20));
  beginSegment(sink);
  for (const { item } of made) appendItem(sink, item);
  const first = sink.written.slice();
  compactSegment(sink, first, Uint8Array.of(0b100));
  let single = 0;
  for (const blob of [first, sink.written.slice()]) {
    const { lines } = read(blob);
    for (let at = 1; at < blob.length; at++) {
      const damaged = blob.slice();
      damaged[at]! ^= 0x11;
      const found: string[] = [];
      const note = (slot: number, text: string) => void found.push(`${slot} ${text}`);
      try {
        readSegment(damaged, undefined, {
          body: (slot, { bodyId, topic, payload }) =>
            note(slot, `body ${bodyId} ${topic} ${payload.length}`),
          entry: (slot, sessionId, bodyId, { seq }) =>
            note(slot, `entry ${sessionId} ${bodyId} ${seq}`),
          incoming: (slot, sessionId, packetId) => note(slot, `incoming ${sessionId} ${packetId}`),
          damaged: () => single++,
        });
      } catch (error) {
        assert(error instanceof RecordError);
      }
      assert(found.length < lines.length && found.every((line) => lines.includes(line)), `${at}`);
    }
  }
  assert(single > first.length, `${single} times one item was damaged, and the rest was read`);
});

Deno.test("segment: one of an earlier version is read, and has checksums once written again", () => {
  const sink = new ByteSink();
  sink.byte(2);
  const made = [0, 2, 1].map((kind, index) => make(kind, index + 1));
  for (const { item } of made) {
    const at = sink.length;
    sink.u32(0);
    item.write(sink);
    sink.u32At(at, sink.length - at - 4);
  }
  const old = sink.written.slice();
  const lines = made.map(({ line }, slot) => `${slot} ${line}`);
  assert.deepEqual(read(old), { slots: 3, lines });
  compactSegment(sink, old, Uint8Array.of(0b010));
  const compacted = sink.written.slice();
  assert.deepEqual(read(compacted), { slots: 3, lines: [lines[0], lines[2]] });
  compacted[compacted.length - 1]! ^= 1;
  assert.deepEqual(read(compacted).lines, [lines[0], "2 damaged"]);
});

Deno.test("segment: arbitrary bytes are read or refused, never anything else", () => {
  const blob = fc.uint8Array({ maxLength: 100 }).map((tail) => new Uint8Array([1, ...tail]));
  fc.assert(
    fc.property(blob, (blob) => {
      try {
        read(blob);
      } catch (error) {
        assert(error instanceof RecordError);
      }
    }),
    { seed },
  );
});

Deno.test("segment: it is sparse when three quarters are dead, and not again once rewritten", () => {
  const items = Array.from({ length: 100 }, (_, slot) => new Body(slot, 100));
  const segment = new Segment(1);
  items.forEach((item, slot) => segment.place(item, slot));
  segment.complete(100);
  const kill = (count: number) => items.splice(0, count).forEach((item) => segment.kill(item));
  kill(74);
  assert.equal(segment.sparse, false);
  kill(1);
  assert.equal(segment.sparse, true);
  segment.compacted();
  assert.equal(segment.sparse, false);
  assert.equal(segment.dead, undefined);
  kill(24);
  assert.equal(segment.sparse, false, "what is left fits a page");
  assert.equal(segment.empty, false);
  kill(1);
  assert.equal(segment.empty, true);
});

Deno.test("segment: a blob that could not be read is never sparse", () => {
  const items = Array.from({ length: 100 }, (_, slot) => new Body(slot, 100));
  const segment = new Segment(1);
  items.forEach((item, slot) => segment.place(item, slot));
  segment.complete(100, undefined, false);
  for (const item of items.slice(1)) segment.kill(item);
  assert.equal(segment.sparse, false);
});
