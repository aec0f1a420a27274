import assert from "node:assert/strict";
import fc from "fast-check";
import { NatsDecoder } from "../../gateway/nats/decode.ts";
import {
  ascii,
  encodeBareError,
  encodeError,
  encodeInfo,
  encodeMessage,
  encodeTail,
  messagePrefix,
} from "../../gateway/nats/encode.ts";
import { Op } from "../../gateway/nats/ops.ts";
import { Outbox, REFERENCE_BYTES } from "../../gateway/protocol/outbox.ts";
import { concat } from "../kit/raw_nats.ts";
import { viewOf } from "../../gateway/protocol/copy.ts";
import { randomSeed } from "../kit/seed.ts";

const seed = randomSeed("nats encode");

/** The bytes that `write` leaves in an outbox. */
function written(write: (out: Outbox) => void): Uint8Array {
  const out = new Outbox(undefined, () => {});
  write(out);
  const parts: Uint8Array[] = [];
  for (let segment; (segment = out.take()) !== undefined;) parts.push(segment.bytes);
  return concat(...parts);
}

function text(write: (out: Outbox) => void): string {
  return new TextDecoder().decode(written(write));
}

/** A payload on its own, as a single receiver gets it. */
function run(payload: Uint8Array) {
  return { start: 0, end: payload.length, payload, view: viewOf(payload), single: true };
}

Deno.test("MSG and HMSG, with and without reply", () => {
  const prefix = messagePrefix("a.b", "sid-1");
  const reply = ascii("_INBOX.x"), header = ascii("NATS/1.0\r\n\r\n"), payload = ascii("hello");
  const none = new Uint8Array(0);
  const cases: [Uint8Array | undefined, Uint8Array | undefined, Uint8Array, string][] = [
    [undefined, undefined, payload, "MSG a.b sid-1 5\r\nhello\r\n"],
    [reply, undefined, payload, "MSG a.b sid-1 _INBOX.x 5\r\nhello\r\n"],
    [undefined, undefined, none, "MSG a.b sid-1 0\r\n\r\n"],
    [undefined, header, payload, "HMSG a.b sid-1 12 17\r\nNATS/1.0\r\n\r\nhello\r\n"],
    [reply, header, none, "HMSG a.b sid-1 _INBOX.x 12 12\r\nNATS/1.0\r\n\r\n\r\n"],
  ];
  for (const [r, h, p, wanted] of cases) {
    assert.equal(text((out) => encodeMessage(out, prefix, r, h, run(p))), wanted);
  }
});

Deno.test("sizes are written in plain digits at every power of ten", () => {
  for (const size of [0, 9, 10, 99, 100, 999, 1000, 9999, 10_000, 99_999, 100_000, 1_048_576]) {
    const bytes = written((out) =>
      encodeMessage(out, messagePrefix("a", "1"), undefined, undefined, run(new Uint8Array(size)))
    );
    assert.deepEqual(bytes, concat(`MSG a 1 ${size}\r\n`, new Uint8Array(size), "\r\n"));
  }
});

Deno.test("subjects beyond ASCII are counted and written in UTF-8", () => {
  const prefix = messagePrefix("ä.€", "1");
  assert.equal(
    text((out) => encodeMessage(out, prefix, undefined, undefined, run(ascii("x")))),
    "MSG ä.€ 1 1\r\nx\r\n",
  );
});

Deno.test("a sid is written byte for byte", () => {
  const sid = [0x01, 0x7f, 0x80, 0xc3, 0xff];
  const prefix = messagePrefix("a", String.fromCharCode(...sid));
  assert.deepEqual(new Uint8Array(prefix.buffer), concat("MSG a ", Uint8Array.from(sid), " "));
});

Deno.test("errors are quoted but for the two that never are; INFO ends in a blank", () => {
  assert.equal(text((out) => encodeError(out, "Stale Connection")), "-ERR 'Stale Connection'\r\n");
  assert.equal(text((out) => encodeBareError(out, "Kicked out")), "-ERR Kicked out\r\n");
  assert.equal(text((out) => encodeBareError(out, "Discarded")), "-ERR Discarded\r\n");
  assert.equal(text((out) => encodeInfo(out, { a: 1 })), 'INFO {"a":1} \r\n');
});

Deno.test("encodeTail() of a frame gives what encodeMessage() builds from its parts", () => {
  const word = fc.string({ minLength: 1, maxLength: 9, unit: fc.constantFrom(..."ab.*$%é") });
  const sizes = fc.oneof(
    fc.nat(300),
    fc.constantFrom(3980, REFERENCE_BYTES - 12, REFERENCE_BYTES - 1, REFERENCE_BYTES, 70_000),
  );
  fc.assert(
    fc.property(
      word,
      fc.option(word, { nil: undefined }),
      fc.option(fc.nat(40), { nil: undefined }),
      sizes,
      fc.nat(9000),
      (subject, reply, headerSize, size, before) => {
        const header = headerSize === undefined || headerSize === 0
          ? undefined
          : new Uint8Array(headerSize).map((_, i) => 65 + i);
        const payload = new Uint8Array(size).map((_, i) => i * 3);
        const total = size + (header?.length ?? 0);
        const frame = concat(
          header === undefined ? "PUB " : "HPUB ",
          `${subject} ${reply === undefined ? "" : `${reply} `}`,
          header === undefined ? `${total}\r\n` : `${header.length} ${total}\r\n`,
          header ?? "",
          payload,
          "\r\n",
        );
        const decoder = new NatsDecoder({ control_line_bytes_max: 4096, payload_bytes_max: 1e6 });
        decoder.feed(frame);
        assert.equal(decoder.next(), Op.Pub);
        assert.ok(decoder.tailStart >= 0);
        const tailEnd = decoder.bodyEnd + 2;
        const tail = decoder.bytes.subarray(decoder.tailStart, tailEnd);
        const prefix = messagePrefix(subject, "9");
        const replyBytes = reply === undefined ? undefined : new TextEncoder().encode(reply);
        const filler = new Uint8Array(before);
        const copied = [decoder.view, undefined].map((view) =>
          written((out) => {
            out.append(filler);
            const single = view !== undefined;
            const source = { tailStart: decoder.tailStart, tailEnd, tail, view, single };
            encodeTail(out, prefix, source, header !== undefined);
          })
        );
        const whole = written((out) => {
          out.append(filler);
          encodeMessage(out, prefix, replyBytes, header, run(payload));
        });
        assert.deepEqual(copied, [whole, whole]);
      },
    ),
    { numRuns: 300, seed },
  );
});
