import assert from "node:assert/strict";
import fc from "fast-check";
import {
  HEADROOM_BYTES,
  Outbox,
  REFERENCE_BYTES,
  type Segment,
} from "../../gateway/protocol/outbox.ts";
import { SLAB_BYTES } from "../../gateway/protocol/slabs.ts";
import { randomSeed } from "../kit/seed.ts";

const SLAB_LARGE_BYTES = SLAB_BYTES[2];
const seed = randomSeed("outbox");

/** An outbox, and how often it asked to be flushed. */
function outbox() {
  const asked = { count: 0 };
  return { out: new Outbox(undefined, () => void asked.count++), asked };
}

/** A different byte for each place in the stream, so that a swap shows. */
function pattern(at: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (at + i) * 31 + ((at + i) >> 8));
}

function write(out: Outbox, bytes: Uint8Array): void {
  out.reserve(bytes.length);
  out.slab.set(bytes, out.at);
  out.at += bytes.length;
}

function everything(out: Outbox): Uint8Array {
  const parts: number[] = [];
  for (let segment; (segment = out.take()) !== undefined; out.done(segment)) {
    for (const byte of segment.bytes) parts.push(byte);
  }
  return Uint8Array.from(parts);
}

const sizes = fc.oneof(
  fc.integer({ min: 0, max: 200 }),
  fc.integer({ min: 900, max: 1100 }),
  fc.integer({ min: 8000, max: 8300 }),
  fc.integer({ min: REFERENCE_BYTES - 3, max: REFERENCE_BYTES + 3 }),
  fc.integer({ min: SLAB_LARGE_BYTES - 40, max: SLAB_LARGE_BYTES + 40 }),
);
const steps = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom("write", "append"), size: sizes }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("take"), size: fc.constant(0) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("done"), size: fc.constant(0) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("clear"), size: fc.constant(0) }) },
);

Deno.test("any sequence of writes and takes gives exactly the bytes, in order", () => {
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 60 }), (steps) => {
      const { out, asked } = outbox();
      const due: number[] = [];
      let at = 0, given = 0, pending = 0;
      // The one segment that a transport writes at a time.
      let flying: Segment | undefined;
      const check = (segment: Segment) => {
        const wanted = Uint8Array.from(due.slice(given, given + segment.bytes.length));
        assert.deepEqual(segment.bytes, wanted);
        assert.equal(segment.headroom <= segment.bytes.byteOffset, true);
        given += segment.bytes.length;
      };
      for (const { kind, size } of steps) {
        if (kind === "write" || kind === "append") {
          const bytes = pattern(at, size);
          at += size;
          if (kind === "write") write(out, bytes);
          else out.append(bytes);
          for (const byte of bytes) due.push(byte);
          pending += size;
          assert.ok(asked.count >= 1);
        } else if (kind === "take" && flying === undefined) {
          flying = out.take();
          if (flying !== undefined) check(flying);
          else assert.equal(given, due.length, "nothing to take, though bytes are due");
        } else if (kind === "done" && flying !== undefined) {
          pending -= flying.bytes.length;
          out.done(flying);
          flying = undefined;
        } else if (kind === "clear") {
          out.clear();
          pending = flying?.bytes.length ?? 0;
          due.length = given;
        }
        assert.equal(out.pendingBytes, pending);
      }
      if (flying !== undefined) out.done(flying);
      for (let rest; (rest = out.take()) !== undefined; out.done(rest)) check(rest);
      assert.equal(given, due.length);
      assert.equal(out.pendingBytes, 0);
    }),
    { numRuns: 300, seed },
  );
});

Deno.test("outboxes that share the pool of slabs never see each other's bytes", () => {
  const step = fc.record({
    who: fc.nat({ max: 3 }),
    size: fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.constant(40_000)),
    flush: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const boxes = [1, 2, 3, 4].map((mark) => ({ mark, out: outbox().out, due: 0 }));
      const drain = ({ mark, out, due }: typeof boxes[number]) => {
        const bytes = everything(out);
        assert.equal(bytes.length, due);
        assert.ok(bytes.every((byte) => byte === mark));
      };
      for (const { who, size, flush } of steps) {
        const box = boxes[who]!;
        write(box.out, new Uint8Array(size).fill(box.mark));
        box.due += size;
        if (!flush) continue;
        drain(box);
        box.due = 0;
      }
      boxes.forEach(drain);
    }),
    { numRuns: 200, seed },
  );
});

Deno.test("a slab is not used again before its segment is done", () => {
  const { out } = outbox();
  write(out, new Uint8Array(3000).fill(1));
  const flying = out.take()!;
  const others: Segment[] = [];
  for (let i = 0; i < 50; i++) {
    const other = outbox().out;
    write(other, new Uint8Array(3000).fill(2));
    others.push(other.take()!);
  }
  assert.ok(flying.bytes.every((byte) => byte === 1));
  assert.ok(others.every((other) => other.slab !== flying.slab));
});

Deno.test("large payloads are referenced, small ones copied", () => {
  const { out } = outbox();
  const large = pattern(0, REFERENCE_BYTES), small = pattern(7, REFERENCE_BYTES - 1);
  write(out, Uint8Array.of(1));
  out.append(large);
  write(out, Uint8Array.of(2));
  assert.deepEqual(out.take()!.bytes, Uint8Array.of(1));
  const middle = out.take()!;
  assert.equal(middle.bytes, large, "the very same object");
  assert.equal(middle.slab, undefined);
  assert.equal(middle.headroom, 0);
  assert.deepEqual(out.take()!.bytes, Uint8Array.of(2));
  out.append(small);
  const copied = out.take()!;
  assert.deepEqual(copied.bytes, small);
  assert.notEqual(copied.bytes.buffer, small.buffer);
});

Deno.test("every slab segment has the headroom it promises", () => {
  const { out } = outbox();
  for (const size of [10, 4000, 4000, 70_000, 5]) {
    write(out, pattern(0, size));
    out.append(new Uint8Array(REFERENCE_BYTES));
  }
  for (let segment; (segment = out.take()) !== undefined; out.done(segment)) {
    if (segment.slab === undefined) continue;
    assert.equal(segment.headroom, HEADROOM_BYTES);
    assert.ok(segment.bytes.byteOffset >= HEADROOM_BYTES);
    assert.equal(segment.bytes.buffer, segment.slab.bytes.buffer);
  }
});

Deno.test("one write at a time asks for one flush; after it was empty, for another", () => {
  const { out, asked } = outbox();
  write(out, Uint8Array.of(1));
  write(out, Uint8Array.of(2));
  out.append(new Uint8Array(REFERENCE_BYTES));
  assert.equal(asked.count, 1);
  everything(out);
  write(out, Uint8Array.of(3));
  assert.equal(asked.count, 2);
  out.clear();
  write(out, Uint8Array.of(4));
  assert.equal(asked.count, 3);
});

Deno.test("under load small frames share segments of up to a large slab", () => {
  const { out } = outbox();
  for (let i = 0; i < 3000; i++) write(out, new Uint8Array(100).fill(i));
  let segments = 0;
  for (let segment; (segment = out.take()) !== undefined; out.done(segment)) segments++;
  assert.ok(segments <= 6, `${segments} writes for 300 000 bytes`);
});

Deno.test("a frame larger than any slab goes in one piece", () => {
  const { out } = outbox();
  const bytes = pattern(3, 200_000);
  write(out, Uint8Array.of(9));
  write(out, bytes);
  assert.deepEqual(everything(out), Uint8Array.from([9, ...bytes]));
});

Deno.test("sentBytes counts what left, pendingBytes what waits", () => {
  const { out } = outbox();
  write(out, new Uint8Array(10));
  assert.deepEqual([out.pendingBytes, out.sentBytes], [10, 0]);
  const segment = out.take()!;
  assert.deepEqual([out.pendingBytes, out.sentBytes], [10, 0]);
  out.done(segment);
  assert.deepEqual([out.pendingBytes, out.sentBytes], [0, 10]);
  write(out, new Uint8Array(10));
  out.clear();
  assert.deepEqual([out.pendingBytes, out.sentBytes], [0, 10], "what is dropped never left");
});
