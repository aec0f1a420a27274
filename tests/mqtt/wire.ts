/**
 * Packets of every type as plain data, to bytes and back, for the tests of the codec.
 */
import { Outbox } from "../../gateway/protocol/outbox.ts";
import { Decoder, NEED_MORE, type Side } from "../../gateway/mqtt/decode.ts";
import * as server from "../../gateway/mqtt/encode.ts";
import * as client from "../../gateway/mqtt/encode_client.ts";
import {
  type AckType,
  type Packet,
  PacketType,
  type PayloadSource,
  type Properties,
  type ProtocolVersion,
  type QoS,
} from "../../gateway/mqtt/packets.ts";
import { propertyBlock } from "../../gateway/mqtt/properties.ts";

/** What a PUBLISH says. */
export interface PublishPacket {
  readonly type: typeof PacketType.Publish;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly dup: boolean;
  readonly packetId: number;
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly properties: Properties;
}

/** What a PUBACK, PUBREC, PUBREL or PUBCOMP says. */
export interface AckPacket {
  readonly type: AckType;
  readonly packetId: number;
  readonly reasonCode: number;
  readonly properties: Properties;
}

/** PINGREQ and PINGRESP. */
export interface PingPacket {
  readonly type: typeof PacketType.Pingreq | typeof PacketType.Pingresp;
}

export type AnyPacket = Packet | PublishPacket | AckPacket | PingPacket;

/** The bytes that our encoders make of packets. */
export function encode(version: ProtocolVersion, ...packets: readonly AnyPacket[]): Uint8Array {
  const out = new Outbox(undefined, () => {});
  for (const packet of packets) encodeInto(out, version, packet);
  return drain(out);
}

/** Everything in an outbox, taken out. */
export function drain(out: Outbox): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let segment = out.take(); segment !== undefined; segment = out.take()) {
    parts.push(segment.bytes.slice());
    out.done(segment);
  }
  return join(parts);
}

export function join(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Spaces are for the reader. */
export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.replaceAll(" ", "").match(/../g) ?? [], (byte) => parseInt(byte, 16));
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A payload in the middle of other bytes, as it is in a read buffer. */
export function payloadSource(payload: Uint8Array): PayloadSource {
  const bytes = new Uint8Array(payload.length + 5).fill(0xee);
  bytes.set(payload, 3);
  return { bytes, start: 3, end: 3 + payload.length, payload };
}

function encodeInto(out: Outbox, version: ProtocolVersion, packet: AnyPacket): void {
  switch (packet.type) {
    case PacketType.Connect:
      return client.encodeConnect(out, packet);
    case PacketType.Connack: {
      const { sessionPresent, reasonCode, properties } = packet;
      return server.encodeConnack(out, version, sessionPresent, reasonCode, properties);
    }
    case PacketType.Publish:
      return encodePublishInto(out, version, packet);
    case PacketType.Puback:
    case PacketType.Pubrec:
    case PacketType.Pubrel:
    case PacketType.Pubcomp: {
      const { type, packetId, reasonCode, properties } = packet;
      return server.encodeAck(out, version, type, packetId, reasonCode, properties);
    }
    case PacketType.Subscribe:
      return client.encodeSubscribe(out, version, packet);
    case PacketType.Suback:
      return server.encodeSuback(
        out,
        version,
        packet.packetId,
        packet.reasonCodes,
        packet.properties,
      );
    case PacketType.Unsubscribe:
      return client.encodeUnsubscribe(out, version, packet);
    case PacketType.Unsuback:
      return server.encodeUnsuback(
        out,
        version,
        packet.packetId,
        packet.reasonCodes,
        packet.properties,
      );
    case PacketType.Pingreq:
      return client.encodePingreq(out);
    case PacketType.Pingresp:
      return server.encodePingresp(out);
    case PacketType.Disconnect:
      return server.encodeDisconnect(out, version, packet.reasonCode, packet.properties);
    case PacketType.Auth:
      return server.encodeAuth(out, packet.reasonCode, packet.properties);
  }
}

/** The part of the properties that goes into the shared block here: as a message's own would. */
function encodePublishInto(out: Outbox, version: ProtocolVersion, packet: PublishPacket): void {
  const { qos, retain, dup, packetId, properties } = packet;
  const topic = server.publishTopic(packet.topic);
  const payload = payloadSource(packet.payload);
  if (Object.keys(properties).length === 0) {
    return server.encodePublish(out, version, topic, payload, qos, retain, dup, packetId);
  }
  const { contentType, correlationData, responseTopic, payloadFormat, ...own } = properties;
  const shared = propertyBlock(
    withoutUndefined({ contentType, correlationData, responseTopic, payloadFormat }),
  );
  server.encodePublishWith(out, topic, payload, qos, retain, dup, packetId, shared, own);
}

function withoutUndefined(fields: Record<string, unknown>): Properties {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** A decoder that has seen a CONNECT of this version, or a client's. */
export function decoderOf(version: ProtocolVersion | 0, side: Side, packet_bytes_max = 1 << 20) {
  const decoder = new Decoder(packet_bytes_max, side);
  decoder.version = version;
  return decoder;
}

/** Which decoder reads packets of this type. */
export function readerOf(packet: AnyPacket): Side {
  switch (packet.type) {
    case PacketType.Connack:
    case PacketType.Suback:
    case PacketType.Unsuback:
    case PacketType.Pingresp:
      return "client";
    default:
      return "server";
  }
}

/** The next packet as plain data that lasts; undefined when there is none yet. */
export function nextPacket(decoder: Decoder): AnyPacket | undefined {
  const type = decoder.next();
  switch (type) {
    case NEED_MORE:
      return undefined;
    case PacketType.Publish: {
      const frame = decoder.publish;
      return {
        type,
        qos: frame.qos,
        retain: frame.retain,
        dup: frame.dup,
        packetId: frame.packetId,
        topic: frame.topic(),
        payload: frame.bytes.slice(frame.payloadStart, frame.payloadEnd),
        properties: frame.properties(),
      };
    }
    case PacketType.Puback:
    case PacketType.Pubrec:
    case PacketType.Pubrel:
    case PacketType.Pubcomp: {
      const { packetId, reasonCode, properties } = decoder.ack;
      return { type, packetId, reasonCode, properties };
    }
    case PacketType.Pingreq:
    case PacketType.Pingresp:
      return { type };
    default:
      return decoder.packet;
  }
}

/** All packets in the bytes. */
export function decodeAll(decoder: Decoder, bytes: Uint8Array): AnyPacket[] {
  const packets: AnyPacket[] = [];
  decoder.feed(bytes);
  for (let packet = nextPacket(decoder); packet !== undefined; packet = nextPacket(decoder)) {
    packets.push(packet);
  }
  return packets;
}
