/**
 * Every packet but CONNECT, PUBLISH and its acknowledgements: rare ones, read into fresh objects.
 */
import { fromReturnCode, mayCarry, reasonText } from "./codes.ts";
import {
  type AuthPacket,
  type ConnackPacket,
  type DisconnectPacket,
  NO_PROPERTIES,
  type Packet,
  PacketType,
  type ProtocolVersion,
  type QoS,
  type SubackPacket,
  type SubscribePacket,
  type SubscriptionRequest,
  type UnsubackPacket,
  type UnsubscribePacket,
} from "./packets.ts";
import { readProperties } from "./properties.ts";
import { malformed, type PacketReader, protocolError } from "./reader.ts";

/** Reads a packet of such a type; undefined for pings, which are empty. Throws 0x81 or 0x82. */
export function decodePacket(
  type: PacketType,
  reader: PacketReader,
  version: ProtocolVersion,
): Packet | undefined {
  switch (type) {
    case PacketType.Subscribe:
      return decodeSubscribe(reader, version);
    case PacketType.Unsubscribe:
      return decodeUnsubscribe(reader, version);
    case PacketType.Disconnect:
      return decodeDisconnect(reader, version);
    case PacketType.Auth:
      // [MQTT3 2.2.1]: type 15 is forbidden there.
      if (version < 5) throw malformed("AUTH needs MQTT 5");
      return decodeAuth(reader);
    case PacketType.Connack:
      return decodeConnack(reader, version);
    case PacketType.Suback:
      return decodeSuback(reader, version);
    case PacketType.Unsuback:
      return decodeUnsuback(reader, version);
    default:
      return undefined;
  }
}

/** SUBSCRIBE. [MQTT5 3.8] */
function decodeSubscribe(reader: PacketReader, version: ProtocolVersion): SubscribePacket {
  const packetId = reader.packetId(); // [MQTT-2.2.1-3]
  const properties = readProperties(reader, PacketType.Subscribe, version);
  const subscriptions: SubscriptionRequest[] = [];
  while (reader.at < reader.end) {
    const filter = reader.text(); // [MQTT-3.8.3-1]
    subscriptions.push(subscriptionRequest(filter, reader.u8(), version));
  }
  if (subscriptions.length === 0) throw protocolError("SUBSCRIBE without filters"); // [MQTT-3.8.3-2]
  return { type: PacketType.Subscribe, packetId, subscriptions, properties };
}

function subscriptionRequest(
  filter: string,
  options: number,
  version: ProtocolVersion,
): SubscriptionRequest {
  const qos = options & 3;
  if (qos === 3) throw protocolError("subscription with QoS 3"); // [MQTT5 3.8.3.1]
  const reserved = version === 5 ? 0xc0 : version === 4 ? 0xfc : 0;
  if ((options & reserved) !== 0) {
    throw malformed("reserved bits of subscription options are set"); // [MQTT-3.8.3-5]
  }
  if (version < 5) {
    return {
      filter,
      qos: qos as QoS,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0,
    };
  }
  const retainHandling = options >> 4 & 3;
  if (retainHandling === 3) throw protocolError("retain handling 3"); // [MQTT5 3.8.3.1]
  const noLocal = (options & 0x04) !== 0;
  if (noLocal && filter.startsWith("$share/")) {
    throw protocolError("No Local on a shared subscription"); // [MQTT-3.8.3-4]
  }
  return {
    filter,
    qos: qos as QoS,
    noLocal,
    retainAsPublished: (options & 0x08) !== 0,
    retainHandling: retainHandling as 0 | 1 | 2,
  };
}

/** UNSUBSCRIBE. [MQTT5 3.10] */
function decodeUnsubscribe(
  reader: PacketReader,
  version: ProtocolVersion,
): UnsubscribePacket {
  const packetId = reader.packetId();
  const properties = readProperties(reader, PacketType.Unsubscribe, version);
  const filters: string[] = [];
  while (reader.at < reader.end) filters.push(reader.text()); // [MQTT-3.10.3-1]
  if (filters.length === 0) throw protocolError("UNSUBSCRIBE without filters"); // [MQTT-3.10.3-2]
  return { type: PacketType.Unsubscribe, packetId, filters, properties };
}

/** DISCONNECT: empty before MQTT 5, and may be empty there. [MQTT5 3.14] */
function decodeDisconnect(
  reader: PacketReader,
  version: ProtocolVersion,
): DisconnectPacket {
  const { reasonCode, properties } = readReason(reader, PacketType.Disconnect, version);
  return { type: PacketType.Disconnect, reasonCode, properties };
}

/** AUTH: MQTT 5 only. [MQTT5 3.15] */
function decodeAuth(reader: PacketReader): AuthPacket {
  const empty = reader.at === reader.end;
  const { reasonCode, properties } = readReason(reader, PacketType.Auth, 5);
  if (!empty && properties.authMethod === undefined) {
    throw protocolError("AUTH without authentication method"); // [MQTT5 3.15.2.2.2]
  }
  return { type: PacketType.Auth, reasonCode, properties };
}

/** CONNACK, for clients. [MQTT5 3.2] */
function decodeConnack(reader: PacketReader, version: ProtocolVersion): ConnackPacket {
  const flags = reader.u8();
  if (flags > 1 && version >= 4) throw malformed("reserved CONNACK flags are set"); // [MQTT-3.2.2-1]
  const code = reader.u8();
  const reasonCode = version === 5 ? code : fromReturnCode(code);
  if (reasonCode === undefined) throw malformed(`CONNACK return code ${code}`);
  checkCode(PacketType.Connack, reasonCode);
  const properties = readProperties(reader, PacketType.Connack, version);
  reader.finish();
  return {
    type: PacketType.Connack,
    sessionPresent: version >= 4 && flags === 1,
    reasonCode,
    properties,
  };
}

/** SUBACK, for clients. [MQTT5 3.9] */
function decodeSuback(reader: PacketReader, version: ProtocolVersion): SubackPacket {
  const packetId = reader.packetId();
  const properties = readProperties(reader, PacketType.Suback, version);
  const reasonCodes = readCodes(reader, PacketType.Suback);
  return { type: PacketType.Suback, packetId, reasonCodes, properties };
}

/** UNSUBACK, for clients. [MQTT5 3.11] */
function decodeUnsuback(reader: PacketReader, version: ProtocolVersion): UnsubackPacket {
  const packetId = reader.packetId();
  const properties = readProperties(reader, PacketType.Unsuback, version);
  if (version < 5) reader.finish();
  const reasonCodes = readCodes(reader, PacketType.Unsuback);
  return { type: PacketType.Unsuback, packetId, reasonCodes, properties };
}

/** Throws 0x82 when packets of this type cannot carry the code. [MQTT-3.14.2-1] and its like */
export function checkCode(type: PacketType, code: number): void {
  if (!mayCarry(type, code)) {
    throw protocolError(`${reasonText(code)} (${code}) does not belong in packet type ${type}`);
  }
}

function readReason(reader: PacketReader, type: PacketType, version: ProtocolVersion) {
  if (version < 5) reader.finish();
  if (reader.at === reader.end) return { reasonCode: 0, properties: NO_PROPERTIES };
  const reasonCode = reader.u8();
  checkCode(type, reasonCode);
  // The property length may be left out when there are none. [MQTT5 3.14.2.2.1]
  if (reader.at === reader.end) return { reasonCode, properties: NO_PROPERTIES };
  const properties = readProperties(reader, type, version);
  reader.finish();
  return { reasonCode, properties };
}

function readCodes(reader: PacketReader, type: PacketType): number[] {
  const codes: number[] = [];
  while (reader.at < reader.end) {
    const code = reader.u8();
    checkCode(type, code);
    codes.push(code);
  }
  return codes;
}
