import assert from "node:assert/strict";
import fc from "fast-check";
import { Outbox } from "../../gateway/protocol/outbox.ts";
import {
  encodeConnect,
  encodePing,
  encodePub,
  encodeSub,
  encodeUnsub,
  NatsClientDecoder,
  publishPrefix,
  ServerOp,
} from "../../gateway/nats/client.ts";
import { ProtocolError } from "../../gateway/errors.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (from: Uint8Array, start?: number, end?: number) =>
  new TextDecoder().decode(from.subarray(start, end));

/** Everything the decoder finds in the chunks, in words. */
function decodeAll(chunks: readonly Uint8Array[]): string[] {
  const decoder = new NatsClientDecoder();
  const found: string[] = [];
  for (const chunk of chunks) {
    decoder.feed(chunk);
    for (let op = decoder.next(); op !== ServerOp.None; op = decoder.next()) {
      const d = decoder;
      if (op === ServerOp.Msg) {
        const header = d.headerSize < 0 ? "" : ` header ${d.headerSize}`;
        const reply = text(d.bytes, d.replyStart, d.replyEnd);
        found.push(
          `${d.sid} ${text(d.bytes, d.subjectStart, d.subjectEnd)} <${reply}>${header} ` +
            text(d.bytes, d.bodyStart, d.bodyEnd),
        );
      } else if (op === ServerOp.Info || op === ServerOp.Err) {
        found.push(`${op} ${text(d.bytes, d.textStart, d.textEnd)}`);
      } else found.push(String(op));
    }
    // The read buffer is used again: what the decoder keeps must be a copy.
    chunk.fill(0);
  }
  return found;
}

const STREAM = "INFO {\"a\":1} \r\nPING\r\nPONG\r\n+OK\r\n-ERR 'Bad'\r\nMSG a.b 7 3\r\nx\r\n\r\n" +
  "MSG a 12 _INBOX.1 0\r\n\r\nHMSG h 3 r 12 14\r\nNATS/1.0\r\n\r\nhi\r\nPING\r\n";
const FOUND = [
  `${ServerOp.Info} {"a":1} `,
  `${ServerOp.Ping}`,
  `${ServerOp.Pong}`,
  `${ServerOp.Ok}`,
  `${ServerOp.Err} 'Bad'`,
  "7 a.b <> x\r\n",
  "12 a <_INBOX.1> ",
  "3 h <r> header 12 NATS/1.0\r\n\r\nhi",
  `${ServerOp.Ping}`,
];

Deno.test("NatsClientDecoder reads everything a server sends", () => {
  assert.deepEqual(decodeAll([bytes(STREAM)]), FOUND);
});

Deno.test("NatsClientDecoder finds the same frames however the stream is cut", () => {
  const cuts = fc.array(fc.integer({ min: 0, max: STREAM.length }), { maxLength: 12 });
  fc.assert(fc.property(cuts, (at) => {
    const ends = [...at, STREAM.length].sort((a, b) => a - b);
    const chunks = ends.map((end, i) => bytes(STREAM.slice(ends[i - 1] ?? 0, end)));
    assert.deepEqual(decodeAll(chunks), FOUND);
  }));
});

Deno.test("NatsClientDecoder reads a body that comes in many pieces", () => {
  const body = "0123456789".repeat(20_000);
  const stream = bytes(`MSG big 1 ${body.length}\r\n${body}\r\nPING\r\n`);
  const chunks = Array.from(
    { length: Math.ceil(stream.length / 4096) },
    (_, i) => stream.slice(i * 4096, (i + 1) * 4096),
  );
  assert.deepEqual(decodeAll(chunks), [`1 big <> ${body}`, `${ServerOp.Ping}`]);
});

Deno.test("NatsClientDecoder refuses what no server sends", () => {
  for (const line of ["HTTP/1.1 400\r\n", "MSG a\r\n", "MSG a 1 x\r\n", "\u0010\u0000\n"]) {
    assert.throws(() => decodeAll([bytes(line)]), ProtocolError, line);
  }
});

Deno.test("the encoders write what a client sends", () => {
  const out = new Outbox(undefined, () => {});
  encodeConnect(out, { verbose: false });
  encodeSub(out, "a.*", 1);
  encodeSub(out, "b", 2, "q");
  encodeUnsub(out, 1);
  encodeUnsub(out, 2, 5);
  encodePub(out, publishPrefix("a"), bytes("hi"));
  encodePub(out, publishPrefix("a", "r", true), bytes("hi"), bytes("NATS/1.0\r\n\r\n"));
  encodePing(out);
  let written = "";
  for (let segment = out.take(); segment !== undefined; segment = out.take()) {
    written += text(segment.bytes);
    out.done(segment);
  }
  assert.equal(
    written,
    'CONNECT {"verbose":false}\r\nSUB a.* 1\r\nSUB b q 2\r\nUNSUB 1\r\nUNSUB 2 5\r\n' +
      "PUB a 2\r\nhi\r\nHPUB a r 12 14\r\nNATS/1.0\r\n\r\nhi\r\nPING\r\n",
  );
});
