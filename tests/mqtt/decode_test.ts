import assert from "node:assert/strict";
import fc from "fast-check";
import { ProtocolError } from "../../gateway/errors.ts";
import { type Decoder, NEED_MORE, type Side } from "../../gateway/mqtt/decode.ts";
import { PacketType, type ProtocolVersion } from "../../gateway/mqtt/packets.ts";
import { randomSeed } from "../kit/seed.ts";
import { anyPacket } from "./any_packet.ts";
import { asOracleSees, oracleEncode } from "./oracle.ts";
import {
  type AnyPacket,
  decodeAll,
  decoderOf,
  encode,
  fromHex,
  join,
  nextPacket,
  readerOf,
} from "./wire.ts";

const seed = randomSeed("mqtt/decode_test");
const VERSIONS: readonly ProtocolVersion[] = [3, 4, 5];

/** A decoder that is ready for this packet: only CONNECT comes first. */
function readyFor(version: ProtocolVersion, packet: AnyPacket): Decoder {
  return decoderOf(packet.type === PacketType.Connect ? 0 : version, readerOf(packet));
}

for (const version of VERSIONS) {
  Deno.test(`decode: reads what mqtt-packet writes, version ${version}`, () => {
    fc.assert(
      fc.property(anyPacket(version), (any) => {
        const packet = asOracleSees(any);
        const packets = decodeAll(readyFor(version, packet), oracleEncode(version, packet));
        assert.deepEqual(packets, [packet]);
      }),
      { seed, numRuns: 1000 },
    );
  });

  Deno.test(`decode: any split and any stop gives the same packets, version ${version}`, () => {
    const stream = fc.array(anyPacket(version), { minLength: 1, maxLength: 12 });
    const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 });
    const stops = fc.infiniteStream(fc.boolean());
    fc.assert(
      fc.property(stream, cuts, stops, (all, fractions, stop) => {
        const packets = all.filter((one) =>
          readerOf(one) === "server" && one.type !== PacketType.Connect
        );
        const bytes = encode(version, ...packets);
        const at = fractions.map((f) => Math.floor(f * bytes.length)).sort((a, b) => a - b);
        const found = decodeInParts(
          decoderOf(version, "server"),
          bytes,
          at,
          () => stop.next().value!,
        );
        assert.deepEqual(found, packets);
      }),
      { seed, numRuns: 400 },
    );
  });
}

/** Decodes part after part in one reused buffer; `stop` says whether to leave off after a packet. */
function decodeInParts(
  decoder: Decoder,
  bytes: Uint8Array,
  cuts: readonly number[],
  stop: () => boolean,
): AnyPacket[] {
  const found: AnyPacket[] = [];
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    const chunk = bytes.slice(from, to);
    from = to;
    decoder.feed(chunk);
    for (let packet = nextPacket(decoder); packet !== undefined; packet = nextPacket(decoder)) {
      found.push(packet);
      if (stop()) break;
    }
    decoder.keep();
    chunk.fill(0xee); // the read buffer is used again
  }
  for (let packet = nextPacket(decoder); packet !== undefined; packet = nextPacket(decoder)) {
    found.push(packet);
  }
  assert.equal(decoder.keptBytes, 0);
  return found;
}

Deno.test("decode: byte by byte, a large PUBLISH is collected in a buffer of its own", () => {
  const payload = new Uint8Array(70_000).map((_, i) => i);
  const packet: AnyPacket = {
    type: PacketType.Publish,
    qos: 1,
    retain: true,
    dup: true,
    packetId: 258,
    topic: "a/b",
    payload,
    properties: {},
  };
  const bytes = encode(4, packet, { type: PacketType.Pingreq });
  const decoder = decoderOf(4, "server");
  const chunk = new Uint8Array(1);
  let found: AnyPacket | undefined;
  for (const byte of bytes.subarray(0, -2)) {
    chunk[0] = byte;
    decoder.feed(chunk);
    found = nextPacket(decoder) ?? found;
  }
  assert.deepEqual(found, packet);
  const { owned, bytes: own, payloadStart, payloadEnd } = decoder.publish;
  assert.equal(owned, true);
  decoder.feed(bytes.subarray(-2));
  assert.equal(decoder.next(), PacketType.Pingreq);
  assert.deepEqual(own.subarray(payloadStart, payloadEnd), payload);
});

/** A QoS 0 PUBLISH with a payload of this many bytes. */
function publishOf(size: number): AnyPacket {
  return {
    type: PacketType.Publish,
    qos: 0,
    retain: false,
    dup: false,
    packetId: 0,
    topic: "t",
    payload: new Uint8Array(size),
    properties: {},
  };
}

Deno.test("decode: a PUBLISH is owned exactly when an outbox may keep it by reference", () => {
  for (const [size, owned] of [[100, false], [32_760, false], [32_768, true]] as const) {
    const decoder = decoderOf(4, "server");
    const bytes = encode(4, publishOf(size));
    decoder.feed(bytes);
    assert.equal(decoder.next(), PacketType.Publish);
    assert.equal(decoder.publish.owned, owned, `${size} bytes`);
    assert.equal(decoder.publish.bytes === bytes, !owned);
  }
});

Deno.test("decode: release() gives up what was read of an unfinished packet", () => {
  for (const size of [30, 40_000, 200_000]) {
    const decoder = decoderOf(4, "server");
    decoder.feed(encode(4, publishOf(size)).subarray(0, -10));
    assert.equal(decoder.next(), NEED_MORE);
    assert.ok(decoder.keptBytes > 0);
    decoder.release();
    assert.equal(decoder.keptBytes, 0);
  }
});

Deno.test("decode: an idle decoder holds on to no buffer", () => {
  const decoder = decoderOf(4, "server");
  for (const size of [10, 40_000]) {
    decodeAll(decoder, join([fromHex("c000"), encode(4, publishOf(size))]));
    assert.equal(decoder.publish.bytes.length, 0);
    assert.equal(decoder.keptBytes, 0);
  }
});

Deno.test("decode: the frame of a PUBLISH is used again, and shows where things are", () => {
  const decoder = decoderOf(5, "server");
  decoder.feed(fromHex("3a0d 0003 612f62 0007 03 230005 6869 3005 0001 63 00 21"));
  assert.equal(decoder.next(), PacketType.Publish);
  const frame = decoder.publish;
  assert.deepEqual(
    [frame.topicStart, frame.topicEnd, frame.propertiesStart, frame.propertiesEnd],
    [4, 7, 10, 13],
  );
  assert.deepEqual([frame.payloadStart, frame.payloadEnd, frame.packetId], [13, 15, 7]);
  assert.deepEqual([frame.qos, frame.dup, frame.retain, frame.hasProperties], [
    1,
    true,
    false,
    true,
  ]);
  assert.deepEqual(frame.properties(), { topicAlias: 5 });
  assert.equal(decoder.next(), PacketType.Publish);
  assert.equal(decoder.publish, frame);
  assert.deepEqual([frame.qos, frame.packetId, frame.hasProperties], [0, 0, false]);
  assert.equal(frame.topic(), "c");
  assert.equal(decoder.next(), NEED_MORE);
});

Deno.test("decode: a packet of exactly the limit is taken, one byte more is not even collected", () => {
  const bytes = fromHex("3008 0001 61 0102030405");
  assert.equal(decodeAll(decoderOf(4, "server", 10), bytes).length, 1);
  for (const version of VERSIONS) {
    const decoder = decoderOf(version, "server", 9);
    decoder.feed(bytes.subarray(0, 2));
    assert.throws(() => decoder.next(), { name: "ProtocolError", reasonCode: 0x95 });
  }
  const first = decoderOf(0, "server", 1000);
  first.feed(fromHex("10 ffffff7f"));
  assert.throws(() => first.next(), { reasonCode: 0x95 });
});

Deno.test("decode: a PUBLISH with an alias and no topic is for the session to judge", () => {
  const [packet] = decodeAll(decoderOf(5, "server"), fromHex("3006 0000 03 230001"));
  assert.equal((packet as { topic: string }).topic, "");
});

Deno.test("decode: only servers are told that a subscription identifier is wrong in PUBLISH", () => {
  const bytes = fromHex("300a 0001 61 04 0b01 0b02 7878");
  const [packet] = decodeAll(decoderOf(5, "client"), bytes);
  assert.deepEqual((packet as { properties: unknown }).properties, { subscriptionIds: [1, 2] });
  assert.equal(refusal(5, bytes), 0x82); // [MQTT-3.3.4-6]
});

Deno.test("decode: MQTT 3.1 lets DUP be set and lengths be longer than needed", () => {
  const packets = decodeAll(
    decoderOf(3, "server"),
    fromHex("8a06 0001 0001 61 01  6a02 0001  aa05 0002 0001 61  c08000"),
  );
  assert.deepEqual(packets.map((one) => one.type), [
    PacketType.Subscribe,
    PacketType.Pubrel,
    PacketType.Unsubscribe,
    PacketType.Pingreq,
  ]);
});

/** The reason code with which the bytes are refused; undefined when they are taken. */
function refusal(
  version: ProtocolVersion | 0,
  bytes: Uint8Array,
  side: Side = "server",
): number | undefined {
  try {
    decodeAll(decoderOf(version, side), bytes);
    return undefined;
  } catch (error) {
    assert(error instanceof ProtocolError, String(error));
    return error.reasonCode;
  }
}

/** What must be refused: what is wrong, the version, the bytes, the reason code. */
const REFUSED: readonly (readonly [string, ProtocolVersion | 0, string, number])[] = [
  ["a first packet that is not CONNECT [MQTT-3.1.0-1]", 0, "c000", 0x82],
  ["a second CONNECT [MQTT-3.1.0-2]", 4, "100d 00044d515454 04 02 0000 0001 61", 0x82],
  ["packet type 0", 4, "0000", 0x82],
  ["CONNACK to a server", 4, "20020000", 0x82],
  ["SUBACK to a server", 4, "9003000100", 0x82],
  ["UNSUBACK to a server", 4, "b0020001", 0x82],
  ["PINGRESP to a server", 4, "d000", 0x82],
  ["AUTH before MQTT 5", 4, "f000", 0x81],
  ["remaining length of five bytes", 4, "30 8080808001", 0x81],
  ["remaining length that is not minimal [MQTT-1.5.5-1]", 5, "c0 8000", 0x81],

  ["PUBACK with flags [MQTT-2.1.3-1]", 4, "41020001", 0x81],
  ["PUBREC with flags", 5, "52020001", 0x81],
  ["PUBREL without its flag [MQTT-3.6.1-1]", 4, "60020001", 0x81],
  ["PUBREL with DUP", 5, "6a020001", 0x81],
  ["PUBCOMP with flags", 4, "72020001", 0x81],
  ["SUBSCRIBE without its flag [MQTT-3.8.1-1]", 4, "8006 0001 000161 00", 0x81],
  ["UNSUBSCRIBE without its flag [MQTT-3.10.1-1]", 5, "a006 0001 00 000161", 0x81],
  ["PINGREQ with flags", 4, "c100", 0x81],
  ["DISCONNECT with flags [MQTT-3.14.1-1]", 5, "e100", 0x81],
  ["AUTH with flags [MQTT-3.15.1-1]", 5, "f100", 0x81],

  ["PUBLISH with QoS 3 [MQTT-3.3.1-4]", 4, "3606 000161 0001 21", 0x81],
  ["PUBLISH with DUP and QoS 0 [MQTT-3.3.1-2]", 5, "3805 000161 00 21", 0x81],
  ["PUBLISH with packet identifier 0 [MQTT-2.2.1-3]", 4, "3206 000161 0000 21", 0x81],
  ["PUBLISH without packet identifier", 4, "3204 000161 00", 0x81],
  ["PUBLISH without topic length", 4, "300100", 0x81],
  ["empty PUBLISH", 5, "3000", 0x81],
  ["PUBLISH whose topic is longer than the packet", 4, "3004 0003 6161", 0x81],
  ["PUBLISH with an empty topic [MQTT-4.7.3-1]", 4, "3003 0000 21", 0x82],
  ["PUBLISH with neither topic nor alias", 5, "3003 0000 00", 0x82],
  ["PUBLISH without property length", 5, "3003 000161", 0x81],
  ["PUBLISH whose properties go past the packet", 5, "3005 000161 02 01", 0x81],
  ["PUBLISH with a five-byte property length", 5, "3009 000161 8080808001 21", 0x81],
  ["PUBLISH with a property length that is not minimal", 5, "3005 000161 8000", 0x81],
  ["topic with U+0000 [MQTT-1.5.4-2]", 4, "3005 0003 610062", 0x81],
  ["topic with an overlong form [MQTT-1.5.4-1]", 4, "3004 0002 c0af", 0x81],
  ["topic with a surrogate [MQTT-1.5.4-1]", 5, "3006 0003 eda080 00", 0x81],
  ["topic that ends within a character", 4, "3004 0002 e282", 0x81],

  ["PUBACK without packet identifier", 4, "400100", 0x81],
  ["PUBACK with packet identifier 0", 5, "40020000", 0x81],
  ["PUBACK with bytes left over", 4, "4003000100", 0x81],
  ["PUBACK with bytes after its properties", 5, "4005 0001 00 00 00", 0x81],
  ["PUBACK with a code of other packets [MQTT-3.4.2-1]", 5, "4003 0001 92", 0x82],
  ["PUBREL with a code of other packets [MQTT-3.6.2-1]", 5, "6203 0001 10", 0x82],
  ["PUBCOMP with an unknown code [MQTT-3.7.2-1]", 5, "7003 0001 42", 0x82],
  ["PUBREC with a property of others", 5, "5006 0001 00 02 0101", 0x81],

  ["SUBSCRIBE without filters [MQTT-3.8.3-2]", 4, "82020001", 0x82],
  ["SUBSCRIBE without filters", 5, "8203 0001 00", 0x82],
  ["SUBSCRIBE with packet identifier 0", 4, "8206 0000 000161 00", 0x81],
  ["SUBSCRIBE whose filter has no options", 4, "8205 0001 000161", 0x81],
  ["SUBSCRIBE with QoS 3", 4, "8206 0001 000161 03", 0x82],
  ["SUBSCRIBE with reserved bits before MQTT 5", 4, "8206 0001 000161 04", 0x81],
  ["SUBSCRIBE with reserved bits [MQTT-3.8.3-5]", 5, "8207 0001 00 000161 40", 0x81],
  ["SUBSCRIBE with retain handling 3", 5, "8207 0001 00 000161 30", 0x82],
  [
    "No Local on a shared subscription [MQTT-3.8.3-4]",
    5,
    "8210 0001 00 000a 2473686172652f672f61 04",
    0x82,
  ],
  ["SUBSCRIBE with identifier 0", 5, "8209 0001 02 0b00 000161 00", 0x82],
  ["SUBSCRIBE with two identifiers", 5, "820b 0001 04 0b01 0b02 000161 00", 0x82],
  ["SUBSCRIBE with a filter that is not UTF-8 [MQTT-3.8.3-1]", 4, "8206 0001 0001ff 00", 0x81],
  ["UNSUBSCRIBE without filters [MQTT-3.10.3-2]", 4, "a2020001", 0x82],
  ["UNSUBSCRIBE whose filter is cut short", 4, "a204 0001 0001", 0x81],

  ["PINGREQ with a body", 4, "c00100", 0x81],
  ["DISCONNECT with a body before MQTT 5", 4, "e00100", 0x81],
  ["DISCONNECT with a code of other packets [MQTT-3.14.2-1]", 5, "e00110", 0x82],
  ["DISCONNECT with bytes left over", 5, "e0030000 21", 0x81],
  ["AUTH with a code of other packets [MQTT-3.15.2-1]", 5, "f00187", 0x82],
  ["AUTH without method", 5, "f0021800", 0x82],

  ["unknown property", 5, "3006 000161 02 7f00", 0x81],
  ["property that is not PUBLISH's", 5, "3007 000161 03 210001", 0x81],
  ["property twice", 5, "3008 000161 04 0100 0101", 0x82],
  ["payload format 2", 5, "3006 000161 02 0102", 0x82],
  ["topic alias 0 [MQTT-3.3.2-8]", 5, "3007 000161 03 230000", 0x82],
  ["property that is cut short", 5, "3006 000161 02 0200", 0x81],
  ["user property with U+0000", 5, "300a 000161 06 26 0000 0001 00", 0x81],
  ["content type that is not UTF-8 [MQTT-3.3.2-19]", 5, "3008 000161 04 03 0001 80", 0x81],
  ["two response topics", 5, "300a 000161 06 080000 080000", 0x82],
];

for (const [wrong, version, hex, code] of REFUSED) {
  Deno.test(`decode: refuses ${wrong}, version ${version}`, () => {
    assert.equal(refusal(version, fromHex(hex)), code);
  });
}

/** What a client must refuse. */
const REFUSED_BY_CLIENT: readonly (readonly [string, ProtocolVersion, string, number])[] = [
  ["CONNECT", 4, "100d 00044d515454 04 02 0000 0001 61", 0x82],
  ["SUBSCRIBE", 4, "8206 0001 000161 00", 0x82],
  ["CONNACK with reserved flags [MQTT-3.2.2-1]", 4, "20020200", 0x81],
  ["CONNACK with an unknown return code", 4, "20020006", 0x81],
  ["CONNACK with a code of other packets", 5, "2003001000", 0x82],
  ["CONNACK with maximum QoS 2", 5, "2005 0000 02 2402", 0x82],
  ["SUBACK with an unknown code [MQTT-3.9.3-2]", 4, "9003 0001 42", 0x82],
  ["UNSUBACK with codes before MQTT 5", 4, "b003 0001 00", 0x81],
];

for (const [wrong, version, hex, code] of REFUSED_BY_CLIENT) {
  Deno.test(`decode: a client refuses ${wrong}, version ${version}`, () => {
    assert.equal(refusal(version, fromHex(hex), "client"), code);
  });
}

Deno.test("decode: garbage is refused with a reason code and never hangs", () => {
  const garbage = fc.uint8Array({ maxLength: 200 });
  fc.assert(
    fc.property(garbage, fc.constantFrom(0, 3, 4, 5), side(), (bytes, version, reader) => {
      expectEnd(decoderOf(version as ProtocolVersion | 0, reader), bytes);
    }),
    { seed, numRuns: 2000 },
  );
});

for (const version of VERSIONS) {
  Deno.test(`decode: damaged packets are refused or read, version ${version}`, () => {
    const damage = fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(anyPacket(version), damage, (packet, changes) => {
        const bytes = join([encode(version, packet), fromHex("c000")]);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        expectEnd(readyFor(version, packet), bytes);
      }),
      { seed, numRuns: 2000 },
    );
  });
}

function side(): fc.Arbitrary<Side> {
  return fc.constantFrom("server", "client");
}

/** Reads to the end or to a refusal: a packet has two bytes or more, so that is bounded. */
function expectEnd(decoder: Decoder, bytes: Uint8Array): void {
  decoder.feed(bytes);
  try {
    for (let packets = 0; nextPacket(decoder) !== undefined; packets++) {
      assert(packets <= bytes.length / 2, "more packets than bytes");
    }
  } catch (error) {
    assert(error instanceof ProtocolError, String((error as Error).stack));
    assert(error.reasonCode >= 0x81 && error.reasonCode <= 0x95);
  }
}
