import assert from "node:assert/strict";
import fc from "fast-check";
import { Outbox } from "../../gateway/protocol/outbox.ts";
import {
  encodeAck,
  encodeConnack,
  encodeDisconnect,
  encodePublish,
  encodePublishWith,
  encodeSuback,
  packetSizeWith,
  publishSize,
  publishTopic,
} from "../../gateway/mqtt/encode.ts";
import {
  NO_PROPERTIES,
  PacketType,
  type Properties,
  type ProtocolVersion,
} from "../../gateway/mqtt/packets.ts";
import { propertiesSize, propertyBlock } from "../../gateway/mqtt/properties.ts";
import { randomSeed } from "../kit/seed.ts";
import { anyPacket, publish } from "./any_packet.ts";
import { asOracleSees, oracleRewrite } from "./oracle.ts";
import {
  decodeAll,
  decoderOf,
  drain,
  encode,
  payloadSource,
  type PublishPacket,
  readerOf,
  toHex,
} from "./wire.ts";

const seed = randomSeed("mqtt/encode_test");
const VERSIONS: readonly ProtocolVersion[] = [3, 4, 5];

for (const version of VERSIONS) {
  Deno.test(`encode: mqtt-packet reads what we write, version ${version}`, () => {
    fc.assert(
      fc.property(anyPacket(version), (any) => {
        const packet = asOracleSees(any);
        const bytes = oracleRewrite(version, encode(version, packet));
        const first = packet.type === PacketType.Connect ? 0 : version;
        assert.deepEqual(decodeAll(decoderOf(first, readerOf(packet)), bytes), [packet]);
      }),
      { seed, numRuns: 1000 },
    );
  });

  Deno.test(`encode: our own decoder reads what we write, version ${version}`, () => {
    fc.assert(
      fc.property(anyPacket(version), (packet) => {
        const first = packet.type === PacketType.Connect ? 0 : version;
        const decoder = decoderOf(first, readerOf(packet));
        assert.deepEqual(decodeAll(decoder, encode(version, packet)), [packet]);
      }),
      { seed, numRuns: 1000 },
    );
  });

  Deno.test(`encode: publishSize is the size on the wire, version ${version}`, () => {
    fc.assert(
      fc.property(publish(version), (any) => {
        const packet = any as PublishPacket;
        const size = publishSize(
          version,
          publishTopic(packet.topic).length,
          packet.payload.length,
          packet.qos,
          propertiesSize(packet.properties),
        );
        assert.equal(size, encode(version, packet).length);
      }),
      { seed, numRuns: 300 },
    );
  });
}

/** What a function writes into an empty outbox, in hex. */
function written(write: (out: Outbox) => void): string {
  const out = new Outbox(undefined, () => {});
  write(out);
  return toHex(drain(out));
}

Deno.test("encode: acknowledgements say no more than needed", () => {
  const { Puback, Pubrel } = PacketType;
  assert.equal(written((out) => encodeAck(out, 4, Puback, 258)), "40020102");
  assert.equal(written((out) => encodeAck(out, 4, Puback, 258, 0x97)), "40020102");
  assert.equal(written((out) => encodeAck(out, 5, Puback, 258)), "40020102");
  assert.equal(written((out) => encodeAck(out, 5, Puback, 258, 0x10)), "4003010210");
  assert.equal(
    written((out) => encodeAck(out, 5, Pubrel, 1, 0, { reasonString: "x" })),
    "6208000100041f000178",
  );
});

Deno.test("encode: older versions get the codes that they know", () => {
  assert.equal(written((out) => encodeConnack(out, 4, false, 0x84)), "20020001");
  assert.equal(written((out) => encodeConnack(out, 4, false, 0x86)), "20020004");
  assert.equal(written((out) => encodeConnack(out, 4, false, 0x89)), "20020003");
  assert.equal(written((out) => encodeConnack(out, 3, false, 0x8a)), "20020005");
  assert.equal(written((out) => encodeConnack(out, 4, true, 0)), "20020100");
  assert.equal(written((out) => encodeConnack(out, 3, true, 0)), "20020000");
  assert.equal(written((out) => encodeConnack(out, 5, false, 0x84)), "2003008400");
  assert.equal(
    written((out) => encodeSuback(out, 4, 1, [0, 2, 0x87, 0x8f])),
    "900600010002" + "8080",
  );
  assert.equal(written((out) => encodeDisconnect(out, 4, 0)), "e000");
  assert.equal(written((out) => encodeDisconnect(out, 5, 0)), "e000");
  assert.equal(written((out) => encodeDisconnect(out, 5, 0x8e)), "e0018e");
});

Deno.test("encode: packetSizeWith is the size on the wire", () => {
  const properties = { reasonString: "é".repeat(70), userProperties: [["a", "b"]] as const };
  const ack = written((out) => encodeAck(out, 5, PacketType.Puback, 1, 0x87, properties));
  assert.equal(packetSizeWith(properties, 3), ack.length / 2);
  const disconnect = written((out) => encodeDisconnect(out, 5, 0x87, properties));
  assert.equal(packetSizeWith(properties, 1), disconnect.length / 2);
  const suback = written((out) => encodeSuback(out, 5, 1, [0, 1], properties));
  assert.equal(packetSizeWith(properties, 4), suback.length / 2);
});

Deno.test("encode: a receiver's own properties follow those that all share", () => {
  const shared: Properties = { contentType: "text", userProperties: [["a", "1"], ["a", "2"]] };
  const own: Properties = { subscriptionIds: [1, 300], topicAlias: 7, messageExpiry: 60 };
  const out = new Outbox(undefined, () => {});
  encodePublishWith(
    out,
    publishTopic("t"),
    payloadSource(new Uint8Array([1, 2])),
    1,
    false,
    false,
    9,
    propertyBlock(shared),
    own,
  );
  const [packet] = decodeAll(decoderOf(5, "client"), drain(out));
  assert.deepEqual((packet as PublishPacket).properties, { ...shared, ...own });
  assert.deepEqual((packet as PublishPacket).payload, new Uint8Array([1, 2]));
});

Deno.test("encode: a large payload is handed on by reference, and what follows comes after it", () => {
  const payload = payloadSource(new Uint8Array(40_000).fill(7));
  const out = new Outbox(undefined, () => {});
  const topic = publishTopic("a/b");
  encodePublish(out, 4, topic, payload, 0, false, false, 0);
  encodePublishWith(out, topic, payload, 0, false, false, 0, new Uint8Array(0), NO_PROPERTIES);
  const head = out.take();
  const body = out.take();
  assert.equal(head?.bytes.length, 4 + 5);
  assert.equal(body?.bytes, payload.payload);
  const rest = drain(out);
  assert.equal(rest.length, publishSize(5, topic.length, 40_000, 0, 0));
});
