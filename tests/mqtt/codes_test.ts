import assert from "node:assert/strict";
import {
  fromReturnCode,
  mayCarry,
  REASON_CODES,
  ReasonCode,
  reasonText,
  toReturnCode,
} from "../../gateway/mqtt/codes.ts";
import { PacketType } from "../../gateway/mqtt/packets.ts";

Deno.test("codes: the table holds the standard's 43 numbers, each under one name", () => {
  const used = REASON_CODES.filter((row) => row !== undefined);
  assert.equal(used.length, 43);
  assert.equal(new Set(Object.values(ReasonCode)).size, used.length);
  for (const row of used) assert.equal(REASON_CODES[row.code], row);
});

Deno.test("codes: as many codes as the standard allows for each packet", () => {
  const count = (type: PacketType) =>
    REASON_CODES.filter((row) => row !== undefined && mayCarry(type, row.code)).length;
  assert.equal(count(PacketType.Connack), 22); // [MQTT5 3.2.2.2]
  assert.equal(count(PacketType.Puback), 9); // [MQTT5 3.4.2.1]
  assert.equal(count(PacketType.Pubrec), 9); // [MQTT5 3.5.2.1]
  assert.equal(count(PacketType.Pubrel), 2); // [MQTT5 3.6.2.1]
  assert.equal(count(PacketType.Pubcomp), 2); // [MQTT5 3.7.2.1]
  assert.equal(count(PacketType.Suback), 12); // [MQTT5 3.9.3]
  assert.equal(count(PacketType.Unsuback), 7); // [MQTT5 3.11.3]
  assert.equal(count(PacketType.Disconnect), 30); // [MQTT5 2.4]: 3.14.2.1 leaves out 0x8C
  assert.equal(count(PacketType.Auth), 3); // [MQTT5 3.15.2.1]
});

Deno.test("codes: return codes of older versions and back", () => {
  for (let code = 0; code <= 5; code++) assert.equal(toReturnCode(fromReturnCode(code)!), code);
  assert.equal(fromReturnCode(6), undefined);
  assert.equal(toReturnCode(ReasonCode.QuotaExceeded), 3);
  assert.equal(toReturnCode(ReasonCode.Banned), 5);
});

Deno.test("codes: words for logs, also for numbers that the standard does not use", () => {
  assert.equal(reasonText(ReasonCode.PacketTooLarge), "Packet too large");
  assert.equal(reasonText(0x42), "reason code 0x42");
});
