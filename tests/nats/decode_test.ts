import assert from "node:assert/strict";
import fc from "fast-check";
import { ProtocolError } from "../../gateway/errors.ts";
import { type DecoderLimits, NatsDecoder } from "../../gateway/nats/decode.ts";
import { Op } from "../../gateway/nats/ops.ts";
import { REFERENCE_BYTES } from "../../gateway/protocol/outbox.ts";
import { concat } from "../kit/raw_nats.ts";
import { randomSeed } from "../kit/seed.ts";

const seed = randomSeed("nats decode");
const LIMITS: DecoderLimits = { control_line_bytes_max: 4096, payload_bytes_max: 100_000 };

/** A frame as a test sees it. */
interface Seen {
  readonly op: Op;
  readonly subject?: string;
  readonly extra?: string;
  readonly sid?: string;
  readonly max?: number;
  readonly headerSize?: number;
  readonly body?: Uint8Array;
  readonly json?: string;
}

const latin1 = new TextDecoder("latin1");

/** The frame that the decoder describes. Plain data, so that it may go on. */
function describe(decoder: NatsDecoder, op: Op): Seen {
  const text = (start: number, end: number) => latin1.decode(decoder.bytes.subarray(start, end));
  switch (op) {
    case Op.Pub:
      return {
        op,
        subject: text(decoder.subjectStart, decoder.subjectEnd),
        extra: text(decoder.extraStart, decoder.extraEnd),
        headerSize: decoder.headerSize,
        body: decoder.bytes.slice(decoder.bodyStart, decoder.bodyEnd),
      };
    case Op.Sub:
      return {
        op,
        subject: text(decoder.subjectStart, decoder.subjectEnd),
        extra: text(decoder.extraStart, decoder.extraEnd),
        sid: text(decoder.sidStart, decoder.sidEnd),
      };
    case Op.Unsub:
      return { op, sid: text(decoder.sidStart, decoder.sidEnd), max: decoder.max };
    case Op.Connect:
      return { op, json: text(decoder.jsonStart, decoder.jsonEnd) };
    default:
      return { op };
  }
}

/** Feeds the stream in pieces, as a transport would, and wipes each piece afterwards. */
function decode(pieces: Uint8Array[], limits = LIMITS, direct = false): Seen[] {
  const decoder = new NatsDecoder(limits);
  const seen: Seen[] = [];
  const drain = () => {
    for (let op: Op; (op = decoder.next()) !== Op.None;) seen.push(describe(decoder, op));
  };
  for (let piece of pieces) {
    while (piece.length > 0) {
      const wanted = direct ? decoder.wanted() : undefined;
      if (wanted !== undefined) {
        const count = Math.min(wanted.length, piece.length);
        wanted.set(piece.subarray(0, count));
        piece = piece.subarray(count);
        decoder.filled(count);
        drain();
      } else {
        const chunk = piece.slice();
        piece = piece.subarray(piece.length);
        decoder.feed(chunk);
        drain();
        chunk.fill(0x3f);
      }
    }
  }
  return seen;
}

function split(bytes: Uint8Array, at: number[]): Uint8Array[] {
  const cuts = [...new Set(at.map((n) => n % (bytes.length + 1)))].sort((a, b) => a - b);
  const ends = [...cuts, bytes.length];
  return ends.map((end, i) => bytes.subarray(i === 0 ? 0 : ends[i - 1]!, end));
}

// What a legal stream is made of.
const blanks = fc.constantFrom(" ", " ", " ", "  ", "\t", " \t ");
const lineEnd = fc.constantFrom("\r\n", "\r\n", "\n");
const word = fc.string({ minLength: 1, maxLength: 8, unit: fc.constantFrom(..."abC.*>$0%é") })
  .map((text) => latin1.decode(new TextEncoder().encode(text)));
const spelled = (name: string) =>
  fc.array(fc.boolean(), { minLength: name.length, maxLength: name.length }).map((lower) =>
    [...name].map((c, i) => lower[i] ? c.toLowerCase() : c).join("")
  );
const bodies = fc.oneof(
  { weight: 8, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constantFrom(3000, 20_000, REFERENCE_BYTES - 20, REFERENCE_BYTES, 70_000, 100_000),
      fc.nat(255),
    ).map(([size, mark]) => new Uint8Array(size).map((_, i) => i * 7 + mark)),
  },
);

interface Part {
  readonly bytes: Uint8Array;
  readonly frame: Seen;
}

/** Text of latin1, so that any byte can stand in it. */
function raw(text: string): Uint8Array {
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

function line(name: string, args: string[], gap: string, tail: string, end: string): Uint8Array {
  return raw(name + gap + args.join(gap) + tail + end);
}

const looks = fc.record({ gap: blanks, tail: fc.constantFrom("", "", " ", "\t"), end: lineEnd });

const pub = fc.tuple(spelled("PUB"), word, fc.option(word), bodies, looks)
  .map(([name, subject, reply, body, { gap, tail, end }]): Part => ({
    bytes: concat(
      line(name, [subject, ...(reply === null ? [] : [reply]), `${body.length}`], gap, tail, end),
      body,
      "\r\n",
    ),
    frame: { op: Op.Pub, subject, extra: reply ?? "", headerSize: -1, body },
  }));

const hpub = fc.tuple(spelled("HPUB"), word, fc.option(word), bodies, fc.nat(), looks)
  .map(([name, subject, reply, body, n, { gap, tail, end }]): Part => {
    const headerSize = n % (body.length + 1);
    const sizes = [`${headerSize}`, `00${body.length}`];
    return {
      bytes: concat(
        line(name, [subject, ...(reply === null ? [] : [reply]), ...sizes], gap, tail, end),
        body,
        "\r\n",
      ),
      frame: { op: Op.Pub, subject, extra: reply ?? "", headerSize, body },
    };
  });

const sub = fc.tuple(spelled("SUB"), word, fc.option(word), word, looks)
  .map(([name, subject, queue, sid, { gap, tail, end }]): Part => ({
    bytes: line(name, [subject, ...(queue === null ? [] : [queue]), sid], gap, tail, end),
    frame: { op: Op.Sub, subject, extra: queue ?? "", sid },
  }));

const unsub = fc.tuple(
  spelled("UNSUB"),
  word,
  fc.constantFrom("", "0", "7", "007", "x", "-1"),
  looks,
)
  .map(([name, sid, max, { gap, tail, end }]): Part => ({
    bytes: line(name, max === "" ? [sid] : [sid, max], gap, tail, end),
    frame: { op: Op.Unsub, sid, max: max.endsWith("7") ? 7 : 0 },
  }));

const connect = fc.tuple(spelled("CONNECT"), fc.constantFrom("", " "), fc.json(), lineEnd)
  .map(([name, gap, json, end]): Part => {
    const text = latin1.decode(new TextEncoder().encode(json));
    return {
      bytes: raw(`${name}${gap}${text}${end}`),
      frame: { op: Op.Connect, json: gap + text },
    };
  });

const short = fc.tuple(
  fc.constantFrom<[string, Op]>(
    ["PING", Op.Ping],
    ["PONG", Op.Pong],
    ["+OK", Op.Ignored],
    ["INFO {}", Op.Ignored],
  ).chain(([name, op]) => spelled(name).map((text) => [text, op] as const)),
  fc.constantFrom("", " ", "xyz"),
  lineEnd,
).map(([[name, op], more, end]): Part => ({ bytes: raw(name + more + end), frame: { op } }));

const oversized = fc.tuple(word, fc.integer({ min: 100_001, max: 150_000 }), fc.boolean())
  .map(([subject, size, headers]): Part => ({
    bytes: concat(
      raw(headers ? `HPUB ${subject} 12 ${size}\r\n` : `PUB ${subject} ${size}\r\n`),
      new Uint8Array(size).fill(0x50),
      "\r\n",
    ),
    frame: { op: Op.Oversize },
  }));

const parts = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: pub },
    { weight: 4, arbitrary: hpub },
    { weight: 3, arbitrary: sub },
    { weight: 3, arbitrary: unsub },
    { weight: 2, arbitrary: connect },
    { weight: 3, arbitrary: short },
    { weight: 1, arbitrary: oversized },
  ),
  { minLength: 1, maxLength: 12 },
);

/** CONNECT keeps the blanks around its JSON; they mean nothing. */
function trimmed(frames: Seen[]): Seen[] {
  return frames.map((seen) => seen.json === undefined ? seen : { ...seen, json: seen.json.trim() });
}

Deno.test("any split of any legal stream gives the same frames", () => {
  const cuts = fc.array(fc.nat(400_000), { maxLength: 12 });
  fc.assert(
    fc.property(parts, cuts, fc.boolean(), (parts, cuts, direct) => {
      const stream = concat(...parts.map((part) => part.bytes));
      const wanted = trimmed(parts.map((part) => part.frame));
      assert.deepEqual(trimmed(decode([stream])), wanted);
      assert.deepEqual(trimmed(decode(split(stream, cuts), LIMITS, direct)), wanted);
    }),
    { numRuns: 400, seed },
  );
});

Deno.test("byte by byte is a split like others", () => {
  const small = parts.filter((all) => all.every((part) => part.bytes.length < 500));
  fc.assert(
    fc.property(small, (parts) => {
      const stream = concat(...parts.map((part) => part.bytes));
      const bytes = [...stream].map((byte) => Uint8Array.of(byte));
      assert.deepEqual(trimmed(decode(bytes)), trimmed(parts.map((part) => part.frame)));
    }),
    { numRuns: 200, seed },
  );
});

Deno.test("keep() lets a session stop between frames, and go on when the chunk is gone", () => {
  const decoder = new NatsDecoder(LIMITS);
  const chunk = raw("PUB a 1\r\nx\r\nPUB b 1\r\ny\r\nPUB c 10\r\n01");
  decoder.feed(chunk);
  assert.equal(decoder.next(), Op.Pub);
  decoder.keep();
  chunk.fill(0);
  assert.deepEqual(describe(decoder, decoder.next()).subject, "b");
  assert.equal(decoder.next(), Op.None);
  decoder.feed(raw("23456789\r\nPING\r\n"));
  assert.equal(latin1.decode(describe(decoder, decoder.next()).body), "0123456789");
  assert.equal(decoder.next(), Op.Ping);
});

/** What the wire hears for input that is not legal; "" is a silent close. */
function failure(pieces: Uint8Array[], limits = LIMITS): ProtocolError {
  try {
    decode(pieces, limits);
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
  throw new Error(`accepted: ${pieces.map((piece) => latin1.decode(piece))}`);
}

const UNKNOWN = "Unknown Protocol Operation";

Deno.test("malformed frames, and what nats-server says to them", () => {
  const cases: Record<string, readonly string[]> = {
    [UNKNOWN]: [
      "\r\n",
      "FOO\r\n",
      "PIN\r\n",
      "PUB\r\n",
      "PUBx a 1\r\n",
      "SUB\r\n",
      "SUBa 1\r\n",
      "UNSUB\r\n",
      "HPUB\r\n",
      "HPUBLISH\r\n",
      "MSG a 1 1\r\nx\r\n",
      "HMSG a 1 1 1\r\nx\r\n",
      " PING\r\n",
      "\tPING\r\n",
      "PUB a 5\r\nhelloXY",
      "PUB a 5\r\nhello\n\n",
      "PUB a 5\r\nhello!\r\n",
      "HPUB a 2 5\r\nhelloXY",
      "+O\r\n",
      "-err\r\n",
      "INFO\r\n",
      "A+ x\r\n",
    ],
    "": [
      "-ERR 'x'\r\n",
      "PUB \r\n",
      "PUB a\r\n",
      "PUB a b 1 2\r\n",
      "PUB a x\r\n",
      "PUB a -1\r\n",
      "PUB a +1\r\n",
      "PUB a 1.5\r\n",
      "PUB a 0x1\r\n",
      "PUB a 1234567890\r\n",
      "PUB a 0000000001\r\n",
      "HPUB a 1\r\n",
      "HPUB a b 1 1 1\r\n",
      "HPUB a 2 1\r\n",
      "HPUB a x 1\r\n",
      "HPUB a 1 x\r\n",
      "HPUB a -1 1\r\n",
      "SUB a\r\n",
      "SUB a b 1 2\r\n",
      "UNSUB  \r\n",
      "UNSUB 1 2 3\r\n",
    ],
    "maximum control line exceeded": [
      `PUB ${"a".repeat(4096)} 1\r\n`,
      `HPUB ${"a".repeat(4096)} 1 1\r\n`,
      `SUB ${"a".repeat(4096)} 1\r\n`,
      `UNSUB ${"1".repeat(4097)}\r\n`,
      `CONNECT {"name":"${"n".repeat(4096)}"}\r\n`,
      `SUB ${" ".repeat(4096)}a 1\r\n`,
      `PUB ${"a".repeat(5000)}`,
      `PING${"x".repeat(5000)}`,
    ],
  };
  for (const [text, inputs] of Object.entries(cases)) {
    for (const input of inputs) {
      const show = JSON.stringify(input.slice(0, 40));
      const bytes = raw(input);
      assert.equal(failure([bytes]).natsText, text, show);
      const single = [...bytes].map((byte) => Uint8Array.of(byte));
      assert.equal(failure(single).natsText, text, `${show}, byte by byte`);
    }
  }
});

Deno.test("good frames before a bad one are found first", () => {
  const decoder = new NatsDecoder(LIMITS);
  decoder.feed(raw("PING\r\nPUB a 1\r\nx\r\nBAD\r\n"));
  assert.equal(decoder.next(), Op.Ping);
  assert.equal(decoder.next(), Op.Pub);
  assert.throws(() => decoder.next(), ProtocolError);
});

Deno.test("a beginning that cannot become an operation is refused at once", () => {
  for (const input of ["X", "PX", "SUN", "GET / HTTP/1.1", "\x16\x03\x01", "-OK"]) {
    assert.equal(failure([raw(input)]).natsText, UNKNOWN, input);
  }
  for (const input of ["P", "pU", "H", "CONN", "+", "-E", "un", "I"]) {
    assert.deepEqual(decode([raw(input)]), [], input);
  }
});

Deno.test("the longest legal line passes, in one piece and in many", () => {
  const subject = "a".repeat(4096 - " 1".length);
  const bytes = raw(`SUB ${subject} 1\r\n`);
  for (const pieces of [[bytes], split(bytes, [1, 5, 100, 4000, 4100, 4101])]) {
    assert.deepEqual(decode(pieces), [{ op: Op.Sub, subject, extra: "", sid: "1" }]);
  }
});

Deno.test("the longest CONNECT has as much JSON as a control line may hold", () => {
  const json = `{"name":"${"n".repeat(4096 - '{"name":""}'.length)}"}`;
  assert.deepEqual(decode([raw(`CONNECT  ${json}\r\n`)]), [{ op: Op.Connect, json }]);
  assert.equal(
    failure([raw(`CONNECT ${json} \r\n`)]).natsText,
    "maximum control line exceeded",
  );
});

Deno.test("an oversize body is never stored, and the next frame is found", () => {
  const limits = { ...LIMITS, payload_bytes_max: 10 };
  const decoder = new NatsDecoder(limits);
  decoder.feed(raw("PUB a 999999999\r\nxxx"));
  assert.equal(decoder.next(), Op.Oversize);
  assert.equal(decoder.next(), Op.None);
  const piece = new Uint8Array(3_000_000);
  for (let left = 999_999_999 + 2 - 3; left > 0;) {
    assert.equal(decoder.wanted(), undefined);
    decoder.feed(piece.subarray(0, Math.min(left, piece.length)));
    assert.equal(decoder.next(), Op.None);
    left -= Math.min(left, piece.length);
  }
  decoder.feed(raw("PING\r\n"));
  assert.equal(decoder.next(), Op.Ping);
});

Deno.test("payloads that outboxes reference never lie in the read buffer", () => {
  for (const size of [REFERENCE_BYTES - 30, REFERENCE_BYTES, 50_000, 65_000]) {
    for (const cuts of [[], [5], [40], [size]]) {
      const body = new Uint8Array(size).map((_, i) => i * 5);
      const stream = concat("PING\r\n", `PUB a.b r ${size}\r\n`, body, "\r\n", "PING\r\n");
      const decoder = new NatsDecoder(LIMITS);
      const kept: Uint8Array[] = [];
      const ops: Op[] = [];
      for (const piece of split(stream, cuts)) {
        const chunk = piece.slice();
        decoder.feed(chunk);
        for (let op: Op; (op = decoder.next()) !== Op.None;) {
          ops.push(op);
          if (op !== Op.Pub) continue;
          assert.equal(describe(decoder, op).subject, "a.b");
          assert.equal(describe(decoder, op).extra, "r");
          const payload = decoder.bytes.subarray(decoder.bodyStart, decoder.bodyEnd);
          const tail = decoder.bytes.subarray(decoder.tailStart, decoder.bodyEnd + 2);
          if (payload.length >= REFERENCE_BYTES) kept.push(payload);
          if (tail.length >= REFERENCE_BYTES) kept.push(tail.subarray(-size - 2, -2));
          assert.ok(decoder.owned || tail.length < REFERENCE_BYTES);
        }
        chunk.fill(0);
      }
      assert.deepEqual(ops, [Op.Ping, Op.Pub, Op.Ping]);
      for (const bytes of kept) assert.deepEqual(bytes, body, `${size} ${cuts}`);
      assert.equal(kept.length > 0, size >= REFERENCE_BYTES);
    }
  }
});

Deno.test("wanted() is exact room for the rest of a large frame, and nothing else", () => {
  const decoder = new NatsDecoder(LIMITS);
  assert.equal(decoder.wanted(), undefined);
  decoder.feed(raw("PUB a 50000\r\n123"));
  assert.equal(decoder.next(), Op.None);
  assert.equal(decoder.wanted()!.length, 50_000 + 2 - 3);
  decoder.wanted()!.fill(0x34);
  decoder.filled(40_000);
  assert.equal(decoder.next(), Op.None);
  assert.equal(decoder.wanted(), undefined, "a small rest comes by an ordinary read");
  decoder.feed(concat(new Uint8Array(9_997).fill(0x35), "\r\nPING\r\n"));
  const seen = describe(decoder, decoder.next());
  assert.equal(latin1.decode(seen.body!.slice(0, 5)), "12344");
  assert.equal(seen.body![49_999], 0x35);
  assert.equal(decoder.owned, true);
  assert.equal(decoder.next(), Op.Ping);
});

Deno.test("the tail is offered when a MSG can end in the same bytes, and only then", () => {
  const tail = (text: string): string | undefined => {
    const decoder = new NatsDecoder(LIMITS);
    decoder.feed(raw(text));
    assert.equal(decoder.next(), Op.Pub);
    if (decoder.tailStart < 0) return undefined;
    return latin1.decode(decoder.bytes.subarray(decoder.tailStart, decoder.bodyEnd + 2));
  };
  assert.equal(tail("PUB a 2\r\nhi\r\n"), "2\r\nhi\r\n");
  assert.equal(tail("pub a r 2\r\nhi\r\n"), "r 2\r\nhi\r\n");
  assert.equal(tail("PUB  a 2\r\nhi\r\n"), "2\r\nhi\r\n", "before the subject anything goes");
  assert.equal(tail("PUB a 0\r\n\r\n"), "0\r\n\r\n");
  assert.equal(tail("HPUB a 1 2\r\nhi\r\n"), "1 2\r\nhi\r\n");
  for (
    const odd of [
      "PUB a  2\r\nhi\r\n",
      "PUB a\t2\r\nhi\r\n",
      "PUB a r  2\r\nhi\r\n",
      "PUB a 2 \r\nhi\r\n",
      "PUB a 2\nhi\r\n",
      "PUB a 02\r\nhi\r\n",
      "HPUB a 01 2\r\nhi\r\n",
      "HPUB a 1 02\r\nhi\r\n",
      "HPUB a 0 2\r\nhi\r\n",
    ]
  ) assert.equal(tail(odd), undefined, JSON.stringify(odd));
});

Deno.test("random bytes never cause anything but a ProtocolError", () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.constantFrom(
      "PUB ",
      "HPUB ",
      "SUB ",
      "UNSUB ",
      "CONNECT ",
      "PING",
      "\r\n",
      "a 5",
      " ",
      "1 2",
    )
      .map(raw),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      try {
        decode(pieces, { control_line_bytes_max: 30, payload_bytes_max: 20 }, true);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
    }),
    { numRuns: 2000, seed },
  );
});
