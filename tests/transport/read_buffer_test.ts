import assert from "node:assert/strict";
import { READ_BYTES_MAX, READ_BYTES_MIN, ReadBuffer } from "../../gateway/transport/read_buffer.ts";

/** Reads as much as asked, or as fits. */
function read(buffer: ReadBuffer, count: number): number {
  const { bytes } = buffer;
  const got = Math.min(count, bytes.length);
  bytes.fill(7, 0, got);
  assert.deepEqual(buffer.filled(got), new Uint8Array(got).fill(7));
  return got;
}

Deno.test("a read buffer starts small, grows while reads fill it, up to its largest size", () => {
  const buffer = new ReadBuffer();
  assert.equal(buffer.bytes.length, READ_BYTES_MIN);
  let reads = 0;
  while (buffer.bytes.length < READ_BYTES_MAX && reads++ < 100) read(buffer, Infinity);
  assert.equal(buffer.bytes.length, READ_BYTES_MAX);
  assert.ok(reads <= 10, `${reads} reads to get there`);
  read(buffer, Infinity);
  assert.equal(buffer.bytes.length, READ_BYTES_MAX);
});

Deno.test("small reads in a row shrink it again; one larger read starts the count anew", () => {
  const buffer = new ReadBuffer();
  while (buffer.bytes.length < READ_BYTES_MAX) read(buffer, Infinity);
  for (let i = 0; i < 31; i++) read(buffer, 10);
  read(buffer, READ_BYTES_MAX / 2);
  for (let i = 0; i < 31; i++) read(buffer, 10);
  assert.equal(buffer.bytes.length, READ_BYTES_MAX);
  read(buffer, 10);
  assert.equal(buffer.bytes.length, READ_BYTES_MAX / 2);
  for (let i = 0; i < 1000; i++) read(buffer, 1);
  assert.equal(buffer.bytes.length, READ_BYTES_MIN, "and never below its smallest size");
});
