import assert from "node:assert/strict";
import fc from "fast-check";
import type { Dollar } from "../../gateway/core/match.ts";
import type { MessageExtras, QoS } from "../../gateway/core/message.ts";
import { Sieve, type SieveStep } from "../../gateway/core/sieve.ts";
import type { Filter, Topic } from "../../gateway/core/topic.ts";
import { ByteSink, ByteSource, RecordError } from "../../gateway/store/bytes.ts";
import {
  openRecord,
  readEntry,
  readMessage,
  readSession,
  readSubscription,
  readVersion,
  RECORD_VERSION,
  writeEntry,
  writeMessage,
  writeRecord,
  writeSession,
  writeSubscription,
} from "../../gateway/store/record.ts";
import type { StoredWill } from "../../gateway/store/types.ts";
import { except } from "../core/kit.ts";
import { randomSeed } from "../kit/seed.ts";
import { session, subscription } from "./kit.ts";

const seed = randomSeed("record_test");

/** Text as it can come over the wire: no lone surrogates. */
const text = fc.string({ unit: "binary", maxLength: 100 }).map((made) => made.toWellFormed());
const bytes = fc.uint8Array({ maxLength: 300 });
const whole = fc.oneof(fc.nat(200), fc.maxSafeNat());
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const packetId = fc.integer({ min: 0, max: 65535 });
const time = fc.double({ min: 0, max: 1e15, noNaN: true });
const qos = fc.constantFrom<QoS>(0, 1, 2);
const topic = text.map((made) => made as Topic);
const optional = <T>(made: fc.Arbitrary<T>) => fc.option(made, { nil: undefined });

/** Objects like those that the program makes. */
const PLAIN = { noNullPrototype: true } as const;

const extras: fc.Arbitrary<MessageExtras> = fc.record({
  replyTo: topic,
  correlationData: bytes,
  headers: fc.array(fc.tuple(text, text), { maxLength: 5 }),
  contentType: text,
  payloadFormat: fc.constantFrom<0 | 1>(0, 1),
  expiresAt: time,
}, { requiredKeys: [], noNullPrototype: true });

const content = { topic, payload: bytes, qos, retain: fc.boolean(), extras: optional(extras) };

const will: fc.Arbitrary<StoredWill> = fc.record({
  ...content,
  delayInterval: u32,
  expiryInterval: optional(u32),
}, PLAIN);

const step: fc.Arbitrary<SieveStep> = fc.record({
  allow: fc.boolean(),
  pattern: fc.record({
    levels: fc.array(text, { maxLength: 3 }),
    moreMin: fc.integer({ min: -1, max: 3 }),
    dollar: fc.constantFrom<Dollar>("none", "user", "all"),
  }, PLAIN),
}, PLAIN);
const sieve = fc.tuple(fc.array(fc.array(step, { maxLength: 3 }), { maxLength: 2 }), fc.nat())
  .map(([layers, cut]) => new Sieve(layers, cut));

Deno.test("record: a message comes back as it was", () => {
  roundTrip(
    fc.record({ ...content, bodyId: whole }, PLAIN),
    (sink, made) => writeMessage(sink, made.topic, made),
    (source, made) => readMessage(source, made.bodyId),
  );
});

Deno.test("record: a queue entry comes back as it was", () => {
  const made = fc.record({
    seq: whole,
    qos,
    retain: fc.boolean(),
    packetId,
    released: fc.boolean(),
    identifiers: fc.array(fc.integer({ min: 1, max: 268_435_455 }), { maxLength: 4 }),
    share: optional(fc.record({ group: text, filter: text.map((made) => made as Filter) }, PLAIN)),
  }, PLAIN);
  roundTrip(made, writeEntry, readEntry);
});

Deno.test("record: a session comes back as it was", () => {
  const made = fc.record({
    clientId: text,
    username: optional(text),
    version: fc.constantFrom(3, 4, 5),
    expiryInterval: u32,
    disconnectedAt: optional(time),
    createdAt: time,
    will: optional(will),
  }, PLAIN);
  roundTrip(made, writeSession, readSession);
});

Deno.test("record: a subscription comes back as it was", () => {
  const made = fc.record({
    name: text,
    filter: text.map((made) => made as Filter),
    group: optional(text),
    qos,
    noLocal: fc.boolean(),
    retainAsPublished: fc.boolean(),
    retainHandling: fc.constantFrom<0 | 1 | 2>(0, 1, 2),
    identifier: fc.integer({ min: 0, max: 268_435_455 }),
    sieve: optional(sieve),
  }, PLAIN);
  roundTrip(made, writeSubscription, (from) => readSubscription(from, new Map()));
});

Deno.test("record: arbitrary bytes are read or refused, never anything else", () => {
  const readers = [readEntry, readSession, (from: ByteSource) => {
    readSubscription(from, new Map());
  }, (from: ByteSource) => {
    readMessage(from, 0);
  }];
  fc.assert(
    fc.property(bytes, fc.constantFrom(...readers), (made, read) => {
      try {
        read(new ByteSource(made));
      } catch (error) {
        assert(error instanceof RecordError);
      }
    }),
    { seed },
  );
});

Deno.test("record: equal sieves are one object; one of no known form refuses the record", () => {
  const stored = subscription("a/#", { sieve: except("a/secret") });
  const sink = new ByteSink();
  writeSubscription(sink, stored);
  const record = sink.written.slice();
  const sieves = new Map<string, Sieve>();
  const read = () => readSubscription(new ByteSource(record), sieves).sieve;
  assert.equal(read(), read());
  sink.reset();
  writeSubscription(sink, { ...stored, sieve: { toText: () => '{"cut":0}' } as Sieve });
  const bad = sink.written.slice();
  assert.throws(() => readSubscription(new ByteSource(bad), sieves), RecordError);
});

Deno.test("record: the read payload does not hold on to the record", () => {
  const sink = new ByteSink();
  const payload = new Uint8Array([1, 2, 3]);
  writeMessage(sink, "t" as Topic, { payload, qos: 0, retain: false, extras: undefined });
  const record = sink.written.slice();
  const read = readMessage(new ByteSource(record), 0);
  record.fill(0);
  assert.deepEqual(read.payload, payload);
  assert.ok(read.payload.buffer.byteLength <= 8192, "nor on to many others");
  const large = new Uint8Array(2000).fill(7);
  sink.reset();
  writeMessage(sink, "t" as Topic, { payload: large, qos: 0, retain: false, extras: undefined });
  const alone = readMessage(new ByteSource(sink.written), 0).payload;
  assert.deepEqual(alone, large);
  assert.equal(alone.buffer.byteLength, 2000);
});

Deno.test("record: a record of another version is refused in words", () => {
  readVersion(new ByteSource(new Uint8Array([RECORD_VERSION])));
  assert.throws(
    () => readVersion(new ByteSource(new Uint8Array([RECORD_VERSION + 1]))),
    /a record has version 4; this program reads 1 to 3/,
  );
});

Deno.test("record: one that stands alone is what was written, or refused", () => {
  const sink = new ByteSink();
  const record = writeRecord(sink, (into) => writeSession(into, session("c"))).slice();
  assert.deepEqual(readSession(openRecord(record)), session("c"));
  for (let at = 1; at < record.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const damaged = record.slice();
      damaged[at]! ^= 1 << bit;
      assert.throws(() => openRecord(damaged), RecordError, `byte ${at}, bit ${bit}`);
    }
  }
  assert.throws(() => openRecord(record.subarray(0, -1)), RecordError);
  // Those of earlier versions have no checksum.
  sink.reset();
  sink.byte(2);
  writeSession(sink, session("old"));
  assert.deepEqual(readSession(openRecord(sink.written)), session("old"));
});

Deno.test("record: a sink gives back the room of a large record", () => {
  const sink = new ByteSink();
  sink.raw(new Uint8Array(5 << 20));
  assert.equal(sink.written.length, 5 << 20);
  sink.reset();
  sink.byte(1);
  assert(sink.written.buffer.byteLength <= 1 << 20);
});

/** Written twice in a row and read one after the other, framed by the end of each. */
function roundTrip<T>(
  values: fc.Arbitrary<T>,
  write: (sink: ByteSink, value: T) => void,
  read: (source: ByteSource, value: T) => unknown,
): void {
  fc.assert(
    fc.property(values, values, (first, second) => {
      const sink = new ByteSink(1);
      write(sink, first);
      const middle = sink.length;
      write(sink, second);
      const source = new ByteSource(sink.written, middle);
      assert.deepEqual(read(source, first), first);
      assert.equal(source.at, middle);
      source.end = sink.length;
      assert.deepEqual(read(source, second), second);
      assert.equal(source.at, sink.length);
    }),
    { seed },
  );
}
