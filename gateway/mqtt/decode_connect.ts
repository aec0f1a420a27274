/**
 * CONNECT, the only big packet. [MQTT5 3.1] [MQTT3 3.1]
 */
import {
  type ConnectPacket,
  PacketType,
  type ProtocolVersion,
  type QoS,
  type Will,
} from "./packets.ts";
import { readProperties, WILL } from "./properties.ts";
import { malformed, type PacketReader, protocolError } from "./reader.ts";

/** What protocol name and level of a CONNECT say. */
export interface Protocol {
  /** The version asked for; of an unknown level the version in which to refuse it. */
  readonly version: ProtocolVersion;
  readonly supported: boolean;
}

/**
 * Reads protocol name and level; undefined when the name is not MQTT's [MQTT-3.1.2-1]. Some
 * bridges set the highest bit of the level; they expect a refusal in the version below it and try
 * again without.
 */
export function readProtocol(reader: PacketReader): Protocol | undefined {
  const name = reader.text();
  if (name !== "MQTT" && name !== "MQIsdp") return undefined;
  const level = reader.u8();
  if (name === "MQIsdp") return { version: 3, supported: level === 3 };
  const supported = level === 4 || level === 5;
  return { version: (level & 0x7f) >= 5 ? 5 : 4, supported };
}

const RESERVED = 0x01;
const CLEAN_START = 0x02;
const WILL_FLAG = 0x04;
const WILL_RETAIN = 0x20;
const PASSWORD = 0x40;
const USERNAME = 0x80;

/** Reads what follows the protocol level. Throws `ProtocolError` 0x81 or 0x82. */
export function decodeConnect(reader: PacketReader, version: ProtocolVersion): ConnectPacket {
  const flags = reader.u8();
  checkFlags(flags, version);
  const keepAlive = reader.u16();
  const properties = readProperties(reader, PacketType.Connect, version);
  const clientId = reader.text(); // [MQTT-3.1.3-3] [MQTT-3.1.3-4]
  const will = (flags & WILL_FLAG) === 0 ? undefined : readWill(reader, flags, version);
  // MQTT 3.1 lets clients announce a user name and password and leave them out.
  const absent = () => version === 3 && reader.at === reader.end;
  const username = (flags & USERNAME) === 0 || absent() ? undefined : reader.text();
  const password = (flags & PASSWORD) === 0 || absent() ? undefined : reader.binary();
  reader.finish();
  return {
    type: PacketType.Connect,
    version,
    clientId,
    cleanStart: (flags & CLEAN_START) !== 0,
    keepAlive,
    username,
    password,
    will,
    properties,
  };
}

function checkFlags(flags: number, version: ProtocolVersion): void {
  if ((flags & RESERVED) !== 0 && version >= 4) {
    throw malformed("reserved CONNECT flag is set"); // [MQTT-3.1.2-3]
  }
  const willQoS = flags >> 3 & 3;
  if (willQoS === 3) throw malformed("will QoS 3"); // [MQTT-3.1.2-12]
  if ((flags & WILL_FLAG) === 0 && (willQoS !== 0 || (flags & WILL_RETAIN) !== 0)) {
    throw malformed("will flags without a will"); // [MQTT-3.1.2-11] [MQTT-3.1.2-13]
  }
  if (version < 5 && (flags & PASSWORD) !== 0 && (flags & USERNAME) === 0) {
    throw protocolError("password without user name"); // [MQTT3 3.1.2-22]
  }
}

function readWill(reader: PacketReader, flags: number, version: ProtocolVersion): Will {
  const properties = readProperties(reader, WILL, version);
  const topic = reader.text(); // [MQTT-3.1.3-11]
  const payload = reader.binary();
  return {
    topic,
    payload,
    qos: (flags >> 3 & 3) as QoS,
    retain: (flags & WILL_RETAIN) !== 0,
    properties,
  };
}
