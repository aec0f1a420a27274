/**
 * Our packets as `mqtt-packet` wants them, so that an independent codec can judge ours.
 */
import { Buffer } from "node:buffer";
import mqtt from "mqtt-packet";
import { toReturnCode } from "../../gateway/mqtt/codes.ts";
import { PacketType, type Properties, type ProtocolVersion } from "../../gateway/mqtt/packets.ts";
import type { AnyPacket } from "./wire.ts";

const COMMANDS = [
  "",
  "connect",
  "connack",
  "publish",
  "puback",
  "pubrec",
  "pubrel",
  "pubcomp",
  "subscribe",
  "suback",
  "unsubscribe",
  "unsuback",
  "pingreq",
  "pingresp",
  "disconnect",
  "auth",
] as const;

/** Its names of our properties; those it takes as booleans end in `?`. */
const NAMES: Readonly<Record<keyof Properties, string>> = {
  payloadFormat: "payloadFormatIndicator?",
  messageExpiry: "messageExpiryInterval",
  contentType: "contentType",
  responseTopic: "responseTopic",
  correlationData: "correlationData",
  subscriptionIds: "subscriptionIdentifier",
  sessionExpiry: "sessionExpiryInterval",
  assignedClientId: "assignedClientIdentifier",
  serverKeepAlive: "serverKeepAlive",
  authMethod: "authenticationMethod",
  authData: "authenticationData",
  requestProblemInfo: "requestProblemInformation?",
  willDelay: "willDelayInterval",
  requestResponseInfo: "requestResponseInformation?",
  responseInfo: "responseInformation",
  serverReference: "serverReference",
  reasonString: "reasonString",
  receiveMaximum: "receiveMaximum",
  topicAliasMaximum: "topicAliasMaximum",
  topicAlias: "topicAlias",
  maximumQoS: "maximumQoS",
  retainAvailable: "retainAvailable?",
  userProperties: "userProperties",
  maximumPacketSize: "maximumPacketSize",
  wildcardSubscriptionAvailable: "wildcardSubscriptionAvailable?",
  subscriptionIdsAvailable: "subscriptionIdentifiersAvailable?",
  sharedSubscriptionAvailable: "sharedSubscriptionAvailable?",
};

/** The bytes that the other codec makes of a packet. */
export function oracleEncode(version: ProtocolVersion, packet: AnyPacket): Uint8Array {
  return new Uint8Array(generate(version, toOracle(version, packet)));
}

/** What the other codec reads in one packet, written again by the other codec. Throws its errors. */
export function oracleRewrite(version: ProtocolVersion, bytes: Uint8Array): Uint8Array {
  const parser = mqtt.parser({ protocolVersion: version });
  let found: mqtt.Packet | undefined;
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("packet", (packet) => found = packet);
  parser.parse(Buffer.from(bytes));
  if (found === undefined) throw new Error("the other codec found no packet");
  return new Uint8Array(generate(version, found));
}

function generate(version: ProtocolVersion, packet: mqtt.Packet): Uint8Array {
  return mqtt.generate(packet, { protocolVersion: version });
}

function toOracle(version: ProtocolVersion, packet: AnyPacket): mqtt.Packet {
  const common = { cmd: COMMANDS[packet.type], ...extra(packet) };
  return { ...common, ...fields(version, packet) } as unknown as mqtt.Packet;
}

function extra(packet: AnyPacket): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  if ("packetId" in packet && packet.packetId > 0) found.messageId = packet.packetId;
  if ("reasonCode" in packet) found.reasonCode = packet.reasonCode;
  if ("properties" in packet && Object.keys(packet.properties).length > 0) {
    found.properties = toOracleProperties(packet.properties);
  }
  return found;
}

function fields(version: ProtocolVersion, packet: AnyPacket): Record<string, unknown> {
  switch (packet.type) {
    case PacketType.Connect:
      return {
        protocolVersion: version,
        protocolId: version === 3 ? "MQIsdp" : "MQTT",
        clientId: packet.clientId,
        clean: packet.cleanStart,
        keepalive: packet.keepAlive,
        username: packet.username,
        password: packet.password && Buffer.from(packet.password),
        will: packet.will && {
          ...packet.will,
          payload: Buffer.from(packet.will.payload),
          properties: toOracleProperties(packet.will.properties),
        },
      };
    case PacketType.Connack:
      return {
        sessionPresent: packet.sessionPresent,
        returnCode: version < 5 ? toReturnCode(packet.reasonCode) : undefined,
      };
    case PacketType.Publish: {
      const { qos, retain, dup, topic, payload } = packet;
      return { qos, retain, dup, topic, payload: Buffer.from(payload) };
    }
    case PacketType.Subscribe:
      return {
        subscriptions: packet.subscriptions.map((one) => ({
          topic: one.filter,
          qos: one.qos,
          nl: one.noLocal,
          rap: one.retainAsPublished,
          rh: one.retainHandling,
        })),
      };
    case PacketType.Unsubscribe:
      return { unsubscriptions: packet.filters };
    case PacketType.Suback:
    case PacketType.Unsuback:
      return { granted: packet.reasonCodes };
    default:
      return {};
  }
}

function toOracleProperties(properties: Properties): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(properties)) {
    const name = NAMES[key as keyof Properties];
    if (key === "userProperties") found[name] = byName(value);
    else if (name.endsWith("?")) found[name.slice(0, -1)] = value === 1;
    else found[name] = value instanceof Uint8Array ? Buffer.from(value) : value;
  }
  return found;
}

/** The other codec keeps user properties by name, so their order across names is lost there. */
function byName(pairs: readonly (readonly [string, string])[]): Record<string, string[]> {
  const names: Record<string, string[]> = Object.create(null);
  for (const [name, value] of pairs) (names[name] ??= []).push(value);
  return names;
}

/**
 * The packet without what the other codec loses: the order of user properties across names, empty
 * values of a name that is there more than once, and code 0x8C in DISCONNECT (the standard has it
 * in the table of all codes, not in that of DISCONNECT).
 */
export function asOracleSees(packet: AnyPacket): AnyPacket {
  if (packet.type === PacketType.Disconnect && packet.reasonCode === 0x8c) {
    return asOracleSees({ ...packet, reasonCode: 0x87 });
  }
  if (packet.type === PacketType.Connect && packet.will !== undefined) {
    const will = { ...packet.will, properties: grouped(packet.will.properties) };
    return { ...packet, will, properties: grouped(packet.properties) };
  }
  return "properties" in packet ? { ...packet, properties: grouped(packet.properties) } : packet;
}

function grouped(properties: Properties): Properties {
  if (properties.userProperties === undefined) return properties;
  const pairs = properties.userProperties.map(([name, value]) => [name, value || "-"] as const);
  const userProperties = Object.entries(byName(pairs))
    .flatMap(([name, values]) => values.map((value) => [name, value] as const));
  return { ...properties, userProperties };
}
