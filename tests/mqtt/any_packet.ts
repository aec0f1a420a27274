/**
 * Random packets that keep the rules of the standard.
 */
import fc from "fast-check";
import { mayCarry, REASON_CODES } from "../../gateway/mqtt/codes.ts";
import {
  type AckType,
  PacketType,
  type Properties,
  type ProtocolVersion,
  type QoS,
} from "../../gateway/mqtt/packets.ts";
import {
  PROPERTIES,
  type PropertyPlace,
  type PropertyRow,
  WILL,
} from "../../gateway/mqtt/properties.ts";
import type { AnyPacket } from "./wire.ts";

/** Text that MQTT may carry: no U+0000, no lone surrogates. */
function text(minLength = 0): fc.Arbitrary<string> {
  return fc.string({ unit: "binary", minLength, maxLength: 12 })
    .map((s) => s.replaceAll("\0", "0"));
}

const bytes = (minLength = 0) => fc.uint8Array({ minLength, maxLength: 40 });
const packetId = fc.integer({ min: 1, max: 65535 });
const qos = fc.constantFrom<QoS[]>(0, 1, 2);
const level = () => fc.stringMatching(/^[a-z0-9é€😀 ]{1,8}$/u);
const topic = fc.array(level(), { minLength: 1, maxLength: 4 }).map((levels) => levels.join("/"));

/** A record with the prototype that our packets have. */
function record<T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(fields, { noNullPrototype: true }) as unknown as fc.Arbitrary<T>;
}

/** A random packet of this version; all types come up. */
export function anyPacket(version: ProtocolVersion): fc.Arbitrary<AnyPacket> {
  const packets: fc.Arbitrary<AnyPacket>[] = [
    connect(version),
    connack(version),
    publish(version),
    publish(version),
    ...([4, 5, 6, 7] as const).map((type) => ack(version, type)),
    subscribe(version),
    suback(version),
    record({
      type: fc.constant(PacketType.Unsubscribe),
      packetId,
      filters: fc.array(topic, { minLength: 1, maxLength: 4 }),
      properties: properties(version, PacketType.Unsubscribe),
    }),
    record({
      type: fc.constant(PacketType.Unsuback),
      packetId,
      reasonCodes: version < 5
        ? fc.constant([])
        : fc.array(code(version, PacketType.Unsuback), { minLength: 1, maxLength: 4 }),
      properties: properties(version, PacketType.Unsuback),
    }),
    record({ type: fc.constantFrom(PacketType.Pingreq, PacketType.Pingresp) }),
    record({
      type: fc.constant(PacketType.Disconnect),
      reasonCode: code(version, PacketType.Disconnect),
      properties: properties(version, PacketType.Disconnect),
    }),
  ];
  if (version === 5) {
    packets.push(record({
      type: fc.constant(PacketType.Auth),
      reasonCode: code(version, PacketType.Auth),
      properties: properties(version, PacketType.Auth)
        .map((some) => ({ ...some, authMethod: "SCRAM-SHA-1" })),
    }));
  }
  return fc.oneof(...packets);
}

/** A random PUBLISH; now and then one that is too large for a slab. */
export function publish(version: ProtocolVersion): fc.Arbitrary<AnyPacket> {
  const payload = fc.oneof(
    { arbitrary: bytes(), weight: 9 },
    { arbitrary: fc.constantFrom(32_000, 32_768, 40_000).map(largePayload), weight: 1 },
  );
  return record({
    qos,
    retain: fc.boolean(),
    dup: fc.boolean(),
    packetId,
    topic,
    payload,
    properties: properties(version, PacketType.Publish),
  }).map((some) => ({
    ...some,
    type: PacketType.Publish,
    dup: some.dup && some.qos > 0,
    packetId: some.qos > 0 ? some.packetId : 0,
  }));
}

function largePayload(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => i * 7);
}

function connect(version: ProtocolVersion): fc.Arbitrary<AnyPacket> {
  const will = record({
    topic,
    payload: bytes(1),
    qos,
    retain: fc.boolean(),
    properties: properties(version, WILL),
  });
  return record({
    type: fc.constant(PacketType.Connect),
    version: fc.constant(version),
    clientId: text(1),
    cleanStart: fc.boolean(),
    keepAlive: fc.nat(65535),
    username: fc.option(text(), { nil: undefined }),
    password: fc.option(bytes(), { nil: undefined }),
    will: fc.option(will, { nil: undefined }),
    properties: properties(version, PacketType.Connect),
  }).map((some) => ({
    ...some,
    password: some.username === undefined ? undefined : some.password,
  }));
}

function connack(version: ProtocolVersion): fc.Arbitrary<AnyPacket> {
  const reasonCode = version === 5
    ? code(version, PacketType.Connack)
    : fc.constantFrom(0, 0x84, 0x85, 0x86, 0x87, 0x88);
  return record({
    type: fc.constant(PacketType.Connack),
    sessionPresent: version === 3 ? fc.constant(false) : fc.boolean(),
    reasonCode,
    properties: properties(version, PacketType.Connack),
  });
}

function ack(version: ProtocolVersion, type: AckType): fc.Arbitrary<AnyPacket> {
  return record({
    type: fc.constant(type),
    packetId,
    reasonCode: code(version, type),
    properties: properties(version, type),
  });
}

function subscribe(version: ProtocolVersion): fc.Arbitrary<AnyPacket> {
  const option = (arbitrary: fc.Arbitrary<boolean>) =>
    version === 5 ? arbitrary : fc.constant(false);
  const request = record({
    filter: topic,
    qos,
    noLocal: option(fc.boolean()),
    retainAsPublished: option(fc.boolean()),
    retainHandling: version === 5 ? fc.constantFrom<(0 | 1 | 2)[]>(0, 1, 2) : fc.constant<0>(0),
  });
  return record({
    type: fc.constant(PacketType.Subscribe),
    packetId,
    subscriptions: fc.array(request, { minLength: 1, maxLength: 4 }),
    properties: properties(version, PacketType.Subscribe),
  });
}

function suback(version: ProtocolVersion): fc.Arbitrary<AnyPacket> {
  const one = version === 5 ? code(version, PacketType.Suback) : fc.constantFrom(0, 1, 2, 0x80);
  return record({
    type: fc.constant(PacketType.Suback),
    packetId,
    reasonCodes: fc.array(one, { minLength: 1, maxLength: 4 }),
    properties: properties(version, PacketType.Suback),
  });
}

function code(version: ProtocolVersion, type: PacketType): fc.Arbitrary<number> {
  if (version < 5) return fc.constant(0);
  const codes = REASON_CODES.flatMap((row) => row === undefined ? [] : [row.code]);
  return fc.constantFrom(...codes.filter((one) => mayCarry(type, one)));
}

/** Random properties of those that may be in this place. */
export function properties(
  version: ProtocolVersion,
  place: PropertyPlace,
): fc.Arbitrary<Properties> {
  if (version < 5) return fc.constant({});
  const fields: Record<string, fc.Arbitrary<unknown>> = {};
  for (const row of PROPERTIES) {
    // A client's PUBLISH has none; the test of the encoder writes them.
    if (row.name === "subscriptionIds" && place === PacketType.Publish) continue;
    if ((row.packets & (1 << place)) !== 0) fields[row.name] = propertyValue(row);
  }
  return fc.record(fields, { requiredKeys: [], noNullPrototype: true }).map((some) => {
    if ("authData" in some) some.authMethod ??= "PLAIN";
    return some as Properties;
  });
}

function propertyValue(row: PropertyRow): fc.Arbitrary<unknown> {
  const { min } = row;
  switch (row.type) {
    case "flag":
      return fc.constantFrom(0, 1);
    case "u16":
      return fc.integer({ min, max: 0xffff });
    case "u32":
      return fc.integer({ min, max: 0xffffffff });
    case "varint":
      return fc.integer({ min, max: 268_435_455 }).map((value) => [value]);
    case "text":
      return text();
    case "binary":
      return bytes();
    case "pair":
      return fc.array(fc.tuple(text(), text()), { minLength: 1, maxLength: 5 });
  }
}
