import assert from "node:assert/strict";
import { ProtocolError } from "../../gateway/errors.ts";
import type { ConnectPacket } from "../../gateway/mqtt/packets.ts";
import { decodeAll, decoderOf, fromHex } from "./wire.ts";

/** A CONNECT of which the body is given in hex. */
function connect(body: string, flags = 0): Uint8Array {
  const bytes = fromHex(body);
  return Uint8Array.from([0x10 | flags, bytes.length, ...bytes]);
}

function accepted(body: string, flags = 0): ConnectPacket {
  return decodeAll(decoderOf(0, "server"), connect(body, flags))[0] as ConnectPacket;
}

Deno.test("decode_connect: the version is that of name and level", () => {
  assert.equal(accepted("0006 4d5149736470 03 02 000a 0001 61").version, 3);
  assert.equal(accepted("0004 4d515454 04 02 000a 0001 61").version, 4);
  const packet = accepted("0004 4d515454 05 02 000a 00 0001 61");
  assert.equal(packet.version, 5);
  assert.equal(packet.keepAlive, 10);
  assert.equal(packet.cleanStart, true);
});

Deno.test("decode_connect: an unknown level is refused in a version the client understands", () => {
  for (
    const [body, version] of [
      ["0004 4d515454 06 02 000a 00 0000", 5],
      ["0004 4d515454 03 02 000a 0000", 4],
      ["0004 4d515454 84 02 000a 0000", 4],
      ["0004 4d515454 85 02 000a 0000", 5],
      ["0006 4d5149736470 04 02 000a 0001 61", 3],
      ["0004 4d517474 04 02 000a 0000", 0],
      ["0003 485454 04 02 000a 0000", 0],
    ] as const
  ) {
    const decoder = decoderOf(0, "server");
    decoder.feed(connect(body));
    assert.throws(() => decoder.next(), { name: "ProtocolError", reasonCode: 0x84 });
    assert.equal(decoder.version, version, body);
  }
});

Deno.test("decode_connect: MQTT 5 lets a password come without a user name", () => {
  const packet = accepted("0004 4d515454 05 42 0000 00 0001 61 0002 7077");
  assert.equal(packet.username, undefined);
  assert.deepEqual(packet.password, fromHex("7077"));
});

Deno.test("decode_connect: MQTT 3.1 lets announced credentials be left out", () => {
  const none = accepted("0006 4d5149736470 03 c2 0000 0001 61");
  assert.deepEqual([none.username, none.password], [undefined, undefined]);
  const name = accepted("0006 4d5149736470 03 c2 0000 0001 61 0001 75");
  assert.deepEqual([name.username, name.password], ["u", undefined]);
});

Deno.test("decode_connect: what it hands out does not change with the read buffer", () => {
  const bytes = connect("0004 4d515454 04 c6 0000 0001 61 0001 77 0002 6869 0001 75 0002 7077");
  const decoder = decoderOf(0, "server");
  decoder.feed(bytes);
  decoder.next();
  bytes.fill(0);
  const packet = decoder.packet as ConnectPacket;
  assert.deepEqual(packet.will?.payload, fromHex("6869"));
  assert.deepEqual(packet.password, fromHex("7077"));
});

Deno.test("decode_connect: a byte order mark is part of the string [MQTT-1.5.4-3]", () => {
  assert.equal(accepted("0004 4d515454 04 02 0000 0004 efbbbf61").clientId, "\ufeffa");
});

const MQTT4 = "0004 4d515454 04";
const MQTT5 = "0004 4d515454 05";

/** What must be refused: what is wrong, the body, the reason code. */
const REFUSED: readonly (readonly [string, string, number])[] = [
  ["an empty body", "", 0x81],
  ["a name that is cut short", "0004 4d51", 0x81],
  ["a body without flags", MQTT4, 0x81],
  ["a reserved flag [MQTT-3.1.2-3]", `${MQTT4} 03 0000 0001 61`, 0x81],
  ["will QoS 3 [MQTT-3.1.2-12]", `${MQTT4} 1e 0000 0001 61 0001 77 0000`, 0x81],
  ["will QoS without will [MQTT-3.1.2-11]", `${MQTT4} 0a 0000 0001 61`, 0x81],
  ["will retain without will [MQTT-3.1.2-13]", `${MQTT4} 22 0000 0001 61`, 0x81],
  ["a will that is missing", `${MQTT4} 06 0000 0001 61`, 0x81],
  ["a will topic with U+0000", `${MQTT4} 06 0000 0001 61 0001 00 0000`, 0x81],
  ["a password without user name [MQTT3 3.1.2-22]", `${MQTT4} 42 0000 0001 61 0001 70`, 0x82],
  ["a user name that is missing", `${MQTT4} 82 0000 0001 61`, 0x81],
  ["a user name that is not UTF-8", `${MQTT4} 82 0000 0001 61 0001 ff`, 0x81],
  ["a client identifier with U+0000", `${MQTT4} 02 0000 0001 00`, 0x81],
  ["a client identifier with a surrogate", `${MQTT4} 02 0000 0003 eda080`, 0x81],
  ["bytes left over", `${MQTT4} 02 0000 0001 61 00`, 0x81],
  ["no client identifier", `${MQTT5} 02 0000 00`, 0x81],
  ["properties longer than the packet", `${MQTT5} 02 0000 05 0000`, 0x81],
  ["a property of others", `${MQTT5} 02 0000 02 0100 0000`, 0x81],
  ["a will property outside the will", `${MQTT5} 02 0000 05 1800000001 0000`, 0x81],
  ["session expiry twice", `${MQTT5} 02 0000 0a 1100000001 1100000001 0000`, 0x82],
  ["receive maximum 0", `${MQTT5} 02 0000 03 210000 0000`, 0x82],
  ["maximum packet size 0", `${MQTT5} 02 0000 05 2700000000 0000`, 0x82],
  ["request problem information 2", `${MQTT5} 02 0000 02 1702 0000`, 0x82],
  ["request response information 2", `${MQTT5} 02 0000 02 1902 0000`, 0x82],
  ["authentication data without method", `${MQTT5} 02 0000 04 160001 aa 0000`, 0x82],
  [
    "will payload format 2",
    `${MQTT5} 06 0000 00 0000 02 0102 0001 77 0000`,
    0x82,
  ],
  ["a session expiry in the will", `${MQTT5} 06 0000 00 0000 05 1100000001 0001 77 0000`, 0x81],
];

for (const [wrong, body, code] of REFUSED) {
  Deno.test(`decode_connect: refuses ${wrong}`, () => {
    assert.throws(() => accepted(body), (error) => {
      assert(error instanceof ProtocolError);
      assert.equal(error.reasonCode, code, error.message);
      return true;
    });
  });
}

Deno.test("decode_connect: reserved flags of the fixed header are refused, except in MQTT 3.1", () => {
  assert.throws(() => accepted(`${MQTT4} 02 0000 0001 61`, 1), { reasonCode: 0x81 });
  assert.equal(accepted("0006 4d5149736470 03 02 000a 0001 61", 8).version, 3);
});
