import assert from "node:assert/strict";
import fc from "fast-check";
import {
  FrameError,
  frameHeaderBytes,
  FrameParser,
  type FrameRules,
  OPCODE,
  writeFrameHeader,
} from "../../gateway/transport/websocket_frames.ts";
import { clientFrame } from "../kit/websocket_frame.ts";

const RULES: FrameRules = { maskRequired: true, compression: false, messageBytesMax: Infinity };

/** Feeds a stream in pieces, each at its own offset in a buffer; returns what was reported. */
function parse(stream: Uint8Array, sizes: readonly number[] = [], rules = RULES) {
  const seen: { payload: number[]; messages: string[]; control: [number, number[]][] } = {
    payload: [],
    messages: [],
    control: [],
  };
  let message = 0;
  const parser: FrameParser = new FrameParser(rules, {
    payload(bytes, from, to) {
      message += to - from;
      for (let at = from; at < to; at++) seen.payload.push(bytes[at]!);
    },
    messageEnd() {
      const marks = (parser.text ? "t" : "b") + (parser.compressed ? "z" : "");
      seen.messages.push(`${marks}${message}`);
      message = 0;
    },
    control(opcode, payload) {
      seen.control.push([opcode, [...payload]]);
      return opcode !== OPCODE.close;
    },
  });
  let at = 0;
  for (let turn = 0; at < stream.length; turn++) {
    const size = Math.min(sizes[turn % sizes.length] ?? stream.length, stream.length - at);
    // One byte short of a multiple of four, and not at the start: the odd cases of unmasking.
    const buffer = new Uint8Array(size + 3 + (turn % 4));
    const window = buffer.subarray(1);
    window.set(stream.subarray(at, at + size), turn % 3);
    parser.push(window, turn % 3, turn % 3 + size);
    at += size;
  }
  return seen;
}

function codeOf(stream: Uint8Array, rules = RULES): number {
  try {
    parse(stream, [], rules);
  } catch (error) {
    if (error instanceof FrameError) return error.code;
    throw error;
  }
  return 0;
}

const bytes = (...lists: ArrayLike<number>[]) =>
  Uint8Array.from(lists.flatMap((list) => Array.from(list)));

Deno.test("websocket_frames: any stream of messages is read the same however it is cut", () => {
  const part = fc.record({
    opcode: fc.constantFrom(OPCODE.text, OPCODE.binary),
    payload: fc.uint8Array({ maxLength: 300 }),
    pieces: fc.integer({ min: 1, max: 4 }),
    ping: fc.boolean(),
    mask: fc.integer(),
  });
  fc.assert(fc.property(
    fc.array(part, { maxLength: 8 }),
    fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 10 }),
    (parts, sizes) => {
      const frames: Uint8Array[] = [];
      for (const { opcode, payload, pieces, ping, mask } of parts) {
        const step = Math.ceil(payload.length / pieces);
        for (let piece = 0; piece < pieces; piece++) {
          const kind = piece === 0 ? opcode : OPCODE.continuation;
          const slice = payload.subarray(piece * step, (piece + 1) * step);
          frames.push(clientFrame(kind, slice, { fin: piece === pieces - 1, mask }));
          if (ping) frames.push(clientFrame(OPCODE.ping, [piece], { mask }));
        }
      }
      const whole = parse(bytes(...frames));
      assert.deepEqual(whole.payload, [...bytes(...parts.map((each) => each.payload))]);
      assert.deepEqual(
        whole.messages,
        parts.map((each) => (each.opcode === OPCODE.text ? "t" : "b") + each.payload.length),
      );
      assert.deepEqual(parse(bytes(...frames), sizes), whole);
    },
  ));
});

Deno.test("websocket_frames: lengths of 16 and 64 bits", () => {
  for (const size of [0, 1, 125, 126, 65535, 65536, 70001]) {
    const payload = new Uint8Array(size).fill(7);
    const seen = parse(clientFrame(OPCODE.binary, payload), [5, 4096]);
    assert.deepEqual(seen.messages, [`b${size}`]);
    assert(seen.payload.every((byte) => byte === 7));
  }
});

Deno.test("websocket_frames: what the protocol forbids has its close code", () => {
  const frame = clientFrame;
  const cases: [string, number, Uint8Array][] = [
    ["unmasked", 1002, frame(2, [1], { mask: undefined })],
    ["unmasked and empty", 1002, frame(2, [], { mask: undefined })],
    ["reserved bit", 1002, frame(2, [1], { reserved: 0x20 })],
    ["compressed though not negotiated", 1002, frame(2, [1], { reserved: 0x40 })],
    ["unknown data opcode", 1002, frame(3, [1])],
    ["unknown control opcode", 1002, frame(11, [])],
    ["fragmented ping", 1002, frame(9, [1], { fin: false })],
    ["long ping", 1002, frame(9, new Uint8Array(126))],
    ["continuation alone", 1002, frame(0, [1])],
    ["message in a message", 1002, bytes(frame(2, [1], { fin: false }), frame(2, [2]))],
    ["continuation after the end", 1002, bytes(frame(2, [1]), frame(0, [2]))],
  ];
  for (const [name, code, stream] of cases) assert.equal(codeOf(stream), code, name);
});

Deno.test("websocket_frames: the size limit holds for a message, whole or in pieces", () => {
  const rules = { ...RULES, messageBytesMax: 10 };
  assert.equal(codeOf(clientFrame(2, new Uint8Array(10)), rules), 0);
  assert.equal(codeOf(clientFrame(2, new Uint8Array(11)), rules), 1009);
  const piece = clientFrame(2, new Uint8Array(6), { fin: false });
  assert.equal(codeOf(bytes(piece, clientFrame(0, new Uint8Array(4))), rules), 0);
  assert.equal(codeOf(bytes(piece, clientFrame(0, new Uint8Array(5))), rules), 1009);
  const huge = [0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
  assert.equal(codeOf(bytes(huge), rules), 1009, "refused by its header alone");
  huge[2] = 0xff;
  assert.equal(codeOf(bytes(huge)), 1002, "a length has 63 bits, whatever the limit");
});

Deno.test("websocket_frames: negotiated rules let unmasked and compressed frames pass", () => {
  const rules = { ...RULES, maskRequired: false, compression: true };
  const seen = parse(clientFrame(2, [1, 2], { mask: undefined, reserved: 0x40 }), [], rules);
  assert.deepEqual(seen.messages, ["bz2"]);
  const later = bytes(clientFrame(2, [1], { fin: false }), clientFrame(0, [1], { reserved: 0x40 }));
  assert.equal(codeOf(later, rules), 1002, "only the first frame may carry the mark");
});

Deno.test("websocket_frames: nothing is taken after a close frame", () => {
  const seen = parse(bytes(clientFrame(2, [1]), clientFrame(8, [3, 232]), clientFrame(2, [2])));
  assert.deepEqual(seen.payload, [1]);
  assert.deepEqual(seen.control, [[8, [3, 232]]]);
});

Deno.test("websocket_frames: headers written are headers read", () => {
  for (const size of [0, 125, 126, 65535, 65536, 5_000_000_000]) {
    const header = new Uint8Array(frameHeaderBytes(size) + 1);
    writeFrameHeader(header, 1, OPCODE.binary, size, size === 126);
    assert.equal(header[1], size === 126 ? 0xc2 : 0x82);
    const rules = { ...RULES, maskRequired: false, compression: true, messageBytesMax: size - 1 };
    assert.equal(codeOf(header.subarray(1), rules), 1009);
    assert.equal(codeOf(header.subarray(1), { ...rules, messageBytesMax: size }), 0);
  }
});
