/**
 * MQTT packets of a client into an outbox, for the test client and the tests. What clients and
 * servers both send is in `encode.ts`.
 */
import { utf8Size, writeU16 } from "../protocol/bytes.ts";
import type { Outbox } from "../protocol/outbox.ts";
import {
  type ConnectPacket,
  PacketType,
  type ProtocolVersion,
  type SubscribePacket,
  type SubscriptionRequest,
  type UnsubscribePacket,
  type Will,
} from "./packets.ts";
import { blockSize, propertiesSize, writeBlock } from "./properties.ts";
import { beginPacket, writeBinary, writeText } from "./writer.ts";

/** CONNECT in the version that the packet names. [MQTT5 3.1] */
export function encodeConnect(out: Outbox, packet: Omit<ConnectPacket, "type">): void {
  const { version, will, username, password } = packet;
  const name = version === 3 ? "MQIsdp" : "MQTT";
  const block = propertiesSize(packet.properties);
  const size = 2 + name.length + 4 + (version === 5 ? blockSize(block) : 0) +
    2 + utf8Size(packet.clientId) + (will === undefined ? 0 : willSize(will, version)) +
    (username === undefined ? 0 : 2 + utf8Size(username)) +
    (password === undefined ? 0 : 2 + password.length);
  let at = beginPacket(out, PacketType.Connect, 0, size);
  const slab = out.slab;
  at = writeText(slab, at, name);
  slab[at++] = version;
  slab[at++] = connectFlags(packet);
  at = writeU16(slab, at, packet.keepAlive);
  if (version === 5) at = writeBlock(slab, at, block, packet.properties);
  at = writeText(slab, at, packet.clientId);
  if (will !== undefined) at = writeWill(slab, at, will, version);
  if (username !== undefined) at = writeText(slab, at, username);
  out.at = password === undefined ? at : writeBinary(slab, at, password);
}

/** SUBSCRIBE; before MQTT 5 the options other than QoS are not sent. [MQTT5 3.8] */
export function encodeSubscribe(
  out: Outbox,
  version: ProtocolVersion,
  packet: Omit<SubscribePacket, "type">,
): void {
  const block = propertiesSize(packet.properties);
  let size = 2 + (version === 5 ? blockSize(block) : 0);
  for (const { filter } of packet.subscriptions) size += 2 + utf8Size(filter) + 1;
  let at = beginPacket(out, PacketType.Subscribe, 2, size);
  const slab = out.slab;
  at = writeU16(slab, at, packet.packetId);
  if (version === 5) at = writeBlock(slab, at, block, packet.properties);
  for (const request of packet.subscriptions) {
    at = writeText(slab, at, request.filter);
    slab[at++] = version === 5 ? subscriptionOptions(request) : request.qos;
  }
  out.at = at;
}

/** UNSUBSCRIBE. [MQTT5 3.10] */
export function encodeUnsubscribe(
  out: Outbox,
  version: ProtocolVersion,
  packet: Omit<UnsubscribePacket, "type">,
): void {
  const block = propertiesSize(packet.properties);
  let size = 2 + (version === 5 ? blockSize(block) : 0);
  for (const filter of packet.filters) size += 2 + utf8Size(filter);
  let at = beginPacket(out, PacketType.Unsubscribe, 2, size);
  at = writeU16(out.slab, at, packet.packetId);
  if (version === 5) at = writeBlock(out.slab, at, block, packet.properties);
  for (const filter of packet.filters) at = writeText(out.slab, at, filter);
  out.at = at;
}

/** PINGREQ. [MQTT5 3.12] */
export function encodePingreq(out: Outbox): void {
  out.at = beginPacket(out, PacketType.Pingreq, 0, 0);
}

function connectFlags({ cleanStart, will, username, password }: Omit<ConnectPacket, "type">) {
  return (cleanStart ? 0x02 : 0) |
    (will === undefined ? 0 : 0x04 | will.qos << 3 | (will.retain ? 0x20 : 0)) |
    (password === undefined ? 0 : 0x40) | (username === undefined ? 0 : 0x80);
}

function subscriptionOptions(request: SubscriptionRequest): number {
  return request.qos | (request.noLocal ? 0x04 : 0) | (request.retainAsPublished ? 0x08 : 0) |
    request.retainHandling << 4;
}

function willSize(will: Will, version: ProtocolVersion): number {
  const block = version === 5 ? blockSize(propertiesSize(will.properties)) : 0;
  return block + 2 + utf8Size(will.topic) + 2 + will.payload.length;
}

function writeWill(slab: Uint8Array, at: number, will: Will, version: ProtocolVersion): number {
  if (version === 5) at = writeBlock(slab, at, propertiesSize(will.properties), will.properties);
  return writeBinary(slab, writeText(slab, at, will.topic), will.payload);
}
