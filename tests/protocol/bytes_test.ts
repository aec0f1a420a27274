import assert from "node:assert/strict";
import fc from "fast-check";
import {
  isUtf8,
  readU16,
  readU32,
  readUtf8,
  utf8Size,
  VARINT_MAX,
  varintSize,
  writeDecimal,
  writeU16,
  writeU32,
  writeUtf8,
  writeVarint,
} from "../../gateway/protocol/bytes.ts";
import { randomSeed } from "../kit/seed.ts";

const seed = randomSeed("protocol/bytes_test");
const runs = { seed, numRuns: 1000 };

/** What a writer puts behind the first byte of a slab. */
function written(write: (slab: Uint8Array, at: number) => number): number[] {
  const slab = new Uint8Array(100);
  return [...slab.subarray(1, write(slab, 1))];
}

Deno.test("bytes: integers, big end first", () => {
  assert.deepEqual(written((slab, at) => writeU16(slab, at, 0x1234)), [0x12, 0x34]);
  assert.deepEqual(written((slab, at) => writeU32(slab, at, 0xfedcba98)), [0xfe, 0xdc, 0xba, 0x98]);
  assert.equal(readU16(Uint8Array.of(9, 0xff, 0xfe), 1), 0xfffe);
  assert.equal(readU32(Uint8Array.of(9, 0xff, 0xff, 0xff, 0xfe), 1), 0xfffffffe);
});

Deno.test("bytes: variable byte integers at their borders [MQTT5 1.5.5]", () => {
  const wanted: [number, number[]][] = [
    [0, [0]],
    [127, [0x7f]],
    [128, [0x80, 0x01]],
    [16_383, [0xff, 0x7f]],
    [16_384, [0x80, 0x80, 0x01]],
    [2_097_151, [0xff, 0xff, 0x7f]],
    [2_097_152, [0x80, 0x80, 0x80, 0x01]],
    [VARINT_MAX, [0xff, 0xff, 0xff, 0x7f]],
  ];
  for (const [value, bytes] of wanted) {
    assert.deepEqual(written((slab, at) => writeVarint(slab, at, value)), bytes);
    assert.equal(varintSize(value), bytes.length);
  }
});

Deno.test("bytes: decimal numbers", () => {
  fc.assert(
    fc.property(fc.oneof(fc.nat(2000), fc.integer({ min: 0, max: 0xffffffff })), (value) => {
      const digits = written((slab, at) => writeDecimal(slab, at, value));
      assert.equal(String.fromCharCode(...digits), String(value));
    }),
    runs,
  );
});

Deno.test("bytes: text is written as TextEncoder writes it, lone surrogates included", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary-ascii" }),
      fc.string({ unit: "binary" }),
      loneSurrogate(),
      (a, b, c) => {
        const text = (a + c + b).slice(0, 30);
        const wanted = new TextEncoder().encode(text);
        assert.deepEqual(written((slab, at) => writeUtf8(slab, at, text)), [...wanted]);
        assert.equal(utf8Size(text), wanted.length);
      },
    ),
    runs,
  );
});

function loneSurrogate(): fc.Arbitrary<string> {
  return fc.constantFrom("", "\ud800", "\udc00", "\udfff\ud83d", "\ud83d\ude00");
}

Deno.test("bytes: isUtf8 and readUtf8 agree with the runtime's decoder on any bytes", () => {
  const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  // Bytes that are at the borders of the ranges of UTF-8 come up often.
  const byte = fc.oneof(
    fc.nat(255),
    fc.constantFrom(0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1),
    fc.constantFrom(0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff),
  );
  const bytes = fc.oneof(
    fc.array(byte, { maxLength: 6 }).map((some) => Uint8Array.from(some)),
    fc.string({ unit: "binary" }).map((text) => new TextEncoder().encode(text)),
  );
  fc.assert(
    fc.property(bytes, (some) => {
      let wanted: string | undefined;
      try {
        wanted = strict.decode(some);
      } catch {
        wanted = undefined;
      }
      const around = Uint8Array.from([0x80, ...some, 0x80]);
      const end = 1 + some.length;
      assert.equal(isUtf8(around, 1, end, true), wanted !== undefined);
      const nul = wanted?.includes("\0") ?? false;
      assert.equal(isUtf8(around, 1, end), wanted !== undefined && !nul);
      assert.equal(readUtf8(around, 1, end), nul ? undefined : wanted);
    }),
    { seed, numRuns: 5000 },
  );
});
