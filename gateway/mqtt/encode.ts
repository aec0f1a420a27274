/**
 * MQTT packets of a server into an outbox. Each function writes one whole packet; reason codes are
 * those of MQTT 5 and are translated for older versions.
 */
import { copyRun } from "../protocol/copy.ts";
import { varintSize, writeU16, writeVarint } from "../protocol/bytes.ts";
import { type Outbox, REFERENCE_BYTES } from "../protocol/outbox.ts";
import { ReasonCode, toReturnCode } from "./codes.ts";
import {
  type AckType,
  NO_PROPERTIES,
  PacketType,
  type PayloadSource,
  type Properties,
  type ProtocolVersion,
  type QoS,
} from "./packets.ts";
import { blockSize, propertiesSize, writeBlock, writeProperties } from "./properties.ts";
import { beginPacket, packetSize } from "./writer.ts";

/** Payloads up to this size are copied byte by byte: cheaper than making a view of them. */
const TINY_BYTES = 24;

/**
 * PUBLISH without properties, the fast path. `topic`: the topic in UTF-8 with its length in two
 * bytes in front, as `publishTopic` makes it. `packetId`: 0 when `qos` is 0. [MQTT5 3.3]
 */
export function encodePublish(
  out: Outbox,
  version: ProtocolVersion,
  topic: Uint8Array,
  payload: PayloadSource,
  qos: QoS,
  retain: boolean,
  dup: boolean,
  packetId: number,
): void {
  const size = payload.end - payload.start;
  const head = topic.length + (qos > 0 ? 2 : 0) + (version === 5 ? 1 : 0);
  const copied = size < REFERENCE_BYTES ? size : 0;
  out.reserve(5 + head + copied);
  const slab = out.slab;
  let at = out.at;
  slab[at++] = firstByte(qos, retain, dup);
  at = writeVarint(slab, at, head + size);
  at = writeTopic(slab, at, topic);
  if (qos > 0) at = writeU16(slab, at, packetId);
  if (version === 5) slab[at++] = 0;
  writePayload(out, at, payload);
}

/**
 * PUBLISH of MQTT 5 with properties: those in `shared`, made once for all receivers by
 * `propertyBlock`, and this receiver's own. The two must not hold the same property, except user
 * properties. [MQTT5 3.3.2.3]
 */
export function encodePublishWith(
  out: Outbox,
  topic: Uint8Array,
  payload: PayloadSource,
  qos: QoS,
  retain: boolean,
  dup: boolean,
  packetId: number,
  shared: Uint8Array,
  own: Properties,
): void {
  const size = payload.end - payload.start;
  const block = shared.length + propertiesSize(own);
  const head = topic.length + (qos > 0 ? 2 : 0) + varintSize(block) + block;
  const copied = size < REFERENCE_BYTES ? size : 0;
  out.reserve(5 + head + copied);
  const slab = out.slab;
  let at = out.at;
  slab[at++] = firstByte(qos, retain, dup);
  at = writeVarint(slab, at, head + size);
  at = writeTopic(slab, at, topic);
  if (qos > 0) at = writeU16(slab, at, packetId);
  at = writeVarint(slab, at, block);
  slab.set(shared, at);
  at = writeProperties(slab, at + shared.length, own);
  writePayload(out, at, payload);
}

/**
 * Bytes of a PUBLISH on the wire, fixed header included, to be compared with the receiver's Maximum
 * Packet Size [MQTT-3.1.2-24]. `topicBytes`: with its length in front. `propertyBytes`: shared and
 * own, without their length.
 */
export function publishSize(
  version: ProtocolVersion,
  topicBytes: number,
  payloadBytes: number,
  qos: QoS,
  propertyBytes: number,
): number {
  const block = version === 5 ? varintSize(propertyBytes) + propertyBytes : 0;
  return packetSize(topicBytes + (qos > 0 ? 2 : 0) + block + payloadBytes);
}

/** CONNACK. `sessionPresent` must be false when refused [MQTT-3.2.2-6]. [MQTT5 3.2] */
export function encodeConnack(
  out: Outbox,
  version: ProtocolVersion,
  sessionPresent: boolean,
  reasonCode: number,
  properties: Properties = NO_PROPERTIES,
): void {
  const block = version === 5 ? propertiesSize(properties) : 0;
  let at = beginPacket(out, PacketType.Connack, 0, version === 5 ? 2 + blockSize(block) : 2);
  // MQTT 3.1 has no session present flag.
  out.slab[at++] = sessionPresent && version >= 4 ? 1 : 0;
  out.slab[at++] = version === 5 ? reasonCode : toReturnCode(reasonCode);
  out.at = version === 5 ? writeBlock(out.slab, at, block, properties) : at;
}

/**
 * PUBACK, PUBREC, PUBREL or PUBCOMP: reason code and properties only where MQTT 5 needs them.
 * [MQTT5 3.4] Before MQTT 5 an error cannot be told, and the code is left out.
 */
export function encodeAck(
  out: Outbox,
  version: ProtocolVersion,
  type: AckType,
  packetId: number,
  reasonCode = 0,
  properties: Properties = NO_PROPERTIES,
): void {
  const flags = type === PacketType.Pubrel ? 2 : 0; // [MQTT-3.6.1-1]
  const block = version === 5 ? propertiesSize(properties) : 0;
  const more = version < 5 || reasonCode + block === 0 ? 0 : block === 0 ? 1 : 1 + blockSize(block);
  let at = beginPacket(out, type, flags, 2 + more);
  at = writeU16(out.slab, at, packetId);
  if (more > 0) out.slab[at++] = reasonCode;
  out.at = more > 1 ? writeBlock(out.slab, at, block, properties) : at;
}

/** SUBACK: a code for each filter, in order [MQTT-3.8.4-6]. [MQTT5 3.9] */
export function encodeSuback(
  out: Outbox,
  version: ProtocolVersion,
  packetId: number,
  reasonCodes: readonly number[],
  properties: Properties = NO_PROPERTIES,
): void {
  const block = version === 5 ? propertiesSize(properties) : 0;
  const size = 2 + (version === 5 ? blockSize(block) : 0) + reasonCodes.length;
  let at = beginPacket(out, PacketType.Suback, 0, size);
  at = writeU16(out.slab, at, packetId);
  if (version === 5) at = writeBlock(out.slab, at, block, properties);
  for (const code of reasonCodes) {
    // Older versions know one way to fail. [MQTT3 3.9.3]
    out.slab[at++] = version < 5 && code >= 0x80 ? ReasonCode.UnspecifiedError : code;
  }
  out.at = at;
}

/** UNSUBACK: a code for each filter in MQTT 5 [MQTT-3.11.3-1], none before. [MQTT5 3.11] */
export function encodeUnsuback(
  out: Outbox,
  version: ProtocolVersion,
  packetId: number,
  reasonCodes: readonly number[],
  properties: Properties = NO_PROPERTIES,
): void {
  if (version < 5) {
    const at = beginPacket(out, PacketType.Unsuback, 0, 2);
    out.at = writeU16(out.slab, at, packetId);
    return;
  }
  const block = propertiesSize(properties);
  let at = beginPacket(out, PacketType.Unsuback, 0, 2 + blockSize(block) + reasonCodes.length);
  at = writeU16(out.slab, at, packetId);
  at = writeBlock(out.slab, at, block, properties);
  for (const code of reasonCodes) out.slab[at++] = code;
  out.at = at;
}

/** PINGRESP. [MQTT5 3.13] */
export function encodePingresp(out: Outbox): void {
  out.at = beginPacket(out, PacketType.Pingresp, 0, 0);
}

/**
 * DISCONNECT. Code and properties are left out where they say nothing, and before MQTT 5, where
 * only clients may send it. [MQTT5 3.14]
 */
export function encodeDisconnect(
  out: Outbox,
  version: ProtocolVersion,
  reasonCode: number,
  properties: Properties = NO_PROPERTIES,
): void {
  encodeReason(out, version, PacketType.Disconnect, reasonCode, properties);
}

/** AUTH, MQTT 5 only. [MQTT5 3.15] */
export function encodeAuth(out: Outbox, reasonCode: number, properties: Properties): void {
  encodeReason(out, 5, PacketType.Auth, reasonCode, properties);
}

/**
 * Bytes of an MQTT 5 packet other than PUBLISH on the wire: `otherBytes` is its body without
 * properties (CONNACK 2, acknowledgements 3, SUBACK 2 and one for each code, DISCONNECT 1). For
 * leaving out a Reason String that makes it too large for the client. [MQTT-3.1.2-24]
 */
export function packetSizeWith(properties: Properties, otherBytes: number): number {
  return packetSize(otherBytes + blockSize(propertiesSize(properties)));
}

/** A topic as `encodePublish` wants it: UTF-8 with its length in two bytes in front. */
export function publishTopic(topic: string): Uint8Array {
  const text = new TextEncoder().encode(topic);
  const wire = new Uint8Array(2 + text.length);
  writeU16(wire, 0, text.length);
  wire.set(text, 2);
  return wire;
}

function encodeReason(
  out: Outbox,
  version: ProtocolVersion,
  type: PacketType,
  reasonCode: number,
  properties: Properties,
): void {
  const block = version === 5 ? propertiesSize(properties) : 0;
  const size = version < 5 || reasonCode + block === 0 ? 0 : block === 0 ? 1 : 1 + blockSize(block);
  let at = beginPacket(out, type, 0, size);
  if (size > 0) out.slab[at++] = reasonCode;
  out.at = size > 1 ? writeBlock(out.slab, at, block, properties) : at;
}

function firstByte(qos: QoS, retain: boolean, dup: boolean): number {
  return PacketType.Publish << 4 | (dup ? 8 : 0) | qos << 1 | (retain ? 1 : 0);
}

function writeTopic(slab: Uint8Array, at: number, topic: Uint8Array): number {
  const size = topic.length;
  if (size <= TINY_BYTES) { for (let i = 0; i < size; i++) slab[at + i] = topic[i]!; }
  else slab.set(topic, at);
  return at + size;
}

/** Ends a PUBLISH: the payload behind `at`, copied into the slab or handed on by reference. */
function writePayload(out: Outbox, at: number, payload: PayloadSource): void {
  const { bytes, start, end } = payload;
  const size = end - start;
  if (size <= TINY_BYTES) {
    const slab = out.slab;
    for (let i = start; i < end; i++) slab[at++] = bytes[i]!;
    out.at = at;
  } else if (size < REFERENCE_BYTES) {
    copyRun(out.slab, out.view, at, payload);
    out.at = at + size;
  } else {
    out.at = at;
    out.append(payload.payload);
  }
}
