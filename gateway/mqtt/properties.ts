/**
 * MQTT 5 properties: the one table of ids, types, the packets that may carry each, and which may
 * repeat [MQTT5 2.2.2]; reading and writing of a property block by that table.
 */
import {
  utf8Size,
  VARINT_MAX,
  varintSize,
  writeU16,
  writeU32,
  writeVarint,
} from "../protocol/bytes.ts";
import {
  NO_PROPERTIES,
  PacketType,
  type Properties,
  type ProtocolVersion,
  type UserProperty,
} from "./packets.ts";
import { malformed, type PacketReader, protocolError } from "./reader.ts";
import { writeBinary, writeText } from "./writer.ts";

/** How a value is written. [MQTT5 1.5] `flag` is a byte that is 0 or 1. */
export type PropertyType = "flag" | "u16" | "u32" | "varint" | "text" | "binary" | "pair";

/** A row of the table. */
export interface PropertyRow {
  readonly id: number;
  /** Its field in `Properties`. */
  readonly name: keyof Properties;
  readonly type: PropertyType;
  /** Bit `1 << PacketType` for each packet that may carry it, and `WILL` for will properties. */
  readonly packets: number;
  /** True: several make a list. False: the second one is a protocol error. */
  readonly repeats: boolean;
  /** Smallest allowed number. */
  readonly min: number;
}

/** Stands for "will properties" where a packet type is asked for. */
export const WILL = 0;
/** Where a property block stands. */
export type PropertyPlace = PacketType | typeof WILL;

const IN_WILL = 1 << WILL;
const CONNECT = 1 << PacketType.Connect;
const CONNACK = 1 << PacketType.Connack;
const PUBLISH = 1 << PacketType.Publish;
const SUBSCRIBE = 1 << PacketType.Subscribe;
const DISCONNECT = 1 << PacketType.Disconnect;
const AUTH = 1 << PacketType.Auth;
const ACKS = 1 << PacketType.Puback | 1 << PacketType.Pubrec | 1 << PacketType.Pubrel |
  1 << PacketType.Pubcomp | 1 << PacketType.Suback | 1 << PacketType.Unsuback;
const MESSAGE = PUBLISH | IN_WILL;
const EVERYWHERE = CONNECT | CONNACK | MESSAGE | ACKS | SUBSCRIBE |
  1 << PacketType.Unsubscribe | DISCONNECT | AUTH;

const ONCE = false;
const REPEATS = true;

/** The table, in the order in which blocks are written. */
export const PROPERTIES: readonly PropertyRow[] = [
  row(0x01, "payloadFormat", "flag", MESSAGE, ONCE),
  row(0x02, "messageExpiry", "u32", MESSAGE, ONCE),
  row(0x03, "contentType", "text", MESSAGE, ONCE),
  row(0x08, "responseTopic", "text", MESSAGE, ONCE),
  row(0x09, "correlationData", "binary", MESSAGE, ONCE),
  row(0x0b, "subscriptionIds", "varint", PUBLISH | SUBSCRIBE, REPEATS, 1),
  row(0x11, "sessionExpiry", "u32", CONNECT | CONNACK | DISCONNECT, ONCE),
  row(0x12, "assignedClientId", "text", CONNACK, ONCE),
  row(0x13, "serverKeepAlive", "u16", CONNACK, ONCE),
  row(0x15, "authMethod", "text", CONNECT | CONNACK | AUTH, ONCE),
  row(0x16, "authData", "binary", CONNECT | CONNACK | AUTH, ONCE),
  row(0x17, "requestProblemInfo", "flag", CONNECT, ONCE),
  row(0x18, "willDelay", "u32", IN_WILL, ONCE),
  row(0x19, "requestResponseInfo", "flag", CONNECT, ONCE),
  row(0x1a, "responseInfo", "text", CONNACK, ONCE),
  row(0x1c, "serverReference", "text", CONNACK | DISCONNECT, ONCE),
  row(0x1f, "reasonString", "text", CONNACK | ACKS | DISCONNECT | AUTH, ONCE),
  row(0x21, "receiveMaximum", "u16", CONNECT | CONNACK, ONCE, 1),
  row(0x22, "topicAliasMaximum", "u16", CONNECT | CONNACK, ONCE),
  row(0x23, "topicAlias", "u16", PUBLISH, ONCE, 1),
  row(0x24, "maximumQoS", "flag", CONNACK, ONCE),
  row(0x25, "retainAvailable", "flag", CONNACK, ONCE),
  row(0x26, "userProperties", "pair", EVERYWHERE, REPEATS),
  row(0x27, "maximumPacketSize", "u32", CONNECT | CONNACK, ONCE, 1),
  row(0x28, "wildcardSubscriptionAvailable", "flag", CONNACK, ONCE),
  row(0x29, "subscriptionIdsAvailable", "flag", CONNACK, ONCE),
  row(0x2a, "sharedSubscriptionAvailable", "flag", CONNACK, ONCE),
];

const BY_ID: readonly (PropertyRow | undefined)[] = byId();

type Value = number | string | Uint8Array | UserProperty;

/**
 * Reads a property block with its length in front. Older versions have none, and nothing is read.
 * Throws `ProtocolError`: 0x81 for what cannot be read or does not belong there
 * [MQTT5 2.2.2.2], 0x82 for a property that is there twice or has a value out of range.
 */
export function readProperties(
  reader: PacketReader,
  place: PropertyPlace,
  version: ProtocolVersion,
): Properties {
  if (version < 5) return NO_PROPERTIES;
  const length = reader.varint();
  if (length === 0) return NO_PROPERTIES;
  const end = reader.at + length;
  if (end > reader.end) throw malformed("property length goes past the end of the packet");
  const rest = reader.end;
  reader.end = end;
  const properties = readBlock(reader, place);
  reader.end = rest;
  return properties;
}

/** Reads properties up to `reader.end`, without a length in front. Throws as `readProperties`. */
export function readBlock(reader: PacketReader, place: PropertyPlace): Properties {
  const found: { [name: string]: Value | Value[] } = {};
  while (reader.at < reader.end) {
    const id = reader.varint();
    const row = BY_ID[id];
    if (row === undefined) throw malformed(`there is no property 0x${id.toString(16)}`);
    if ((row.packets & (1 << place)) === 0) {
      throw malformed(`property ${row.name} does not belong in this packet`);
    }
    const value = readValue(reader, row);
    if (!row.repeats) {
      if (row.name in found) throw protocolError(`property ${row.name} is there twice`);
      found[row.name] = value;
      continue;
    }
    const list = found[row.name] as Value[] | undefined;
    if (list === undefined) found[row.name] = [value];
    // A subscription has one identifier; only a PUBLISH may match several. [MQTT5 3.8.2.1.2]
    else if (place === PacketType.Subscribe && row.name === "subscriptionIds") {
      throw protocolError("SUBSCRIBE has two subscription identifiers");
    } else list.push(value);
  }
  if ("authData" in found && !("authMethod" in found)) {
    throw protocolError("authentication data without a method"); // [MQTT5 3.1.2.11.10]
  }
  return found as Properties;
}

/** Bytes that the properties take in a block, without the length in front. */
export function propertiesSize(properties: Properties): number {
  if (properties === NO_PROPERTIES) return 0;
  let size = 0;
  for (const row of PROPERTIES) {
    const value = properties[row.name];
    if (value === undefined) continue;
    if (!row.repeats) size += 1 + valueSize(row, value as Value);
    else for (const one of value as readonly Value[]) size += 1 + valueSize(row, one);
  }
  return size;
}

/** Bytes of a block of that many bytes with its length in front. */
export function blockSize(propertyBytes: number): number {
  return varintSize(propertyBytes) + propertyBytes;
}

/** Writes a block with its length in front. `size`: what `propertiesSize` says of it. */
export function writeBlock(
  slab: Uint8Array,
  at: number,
  size: number,
  properties: Properties,
): number {
  return writeProperties(slab, writeVarint(slab, at, size), properties);
}

/** Writes the properties, without the length in front: `propertiesSize` bytes. */
export function writeProperties(slab: Uint8Array, at: number, properties: Properties): number {
  if (properties === NO_PROPERTIES) return at;
  for (const row of PROPERTIES) {
    const value = properties[row.name];
    if (value === undefined) continue;
    if (!row.repeats) at = writeValue(slab, at, row, value as Value);
    else for (const one of value as readonly Value[]) at = writeValue(slab, at, row, one);
  }
  return at;
}

/** Properties as a block of bytes, to be made once and sent to many: see `encodePublishWith`. */
export function propertyBlock(properties: Properties): Uint8Array {
  const block = new Uint8Array(propertiesSize(properties));
  writeProperties(block, 0, properties);
  return block;
}

function readValue(reader: PacketReader, row: PropertyRow): Value {
  switch (row.type) {
    case "flag":
      return inRange(row, reader.u8(), 1);
    case "u16":
      return inRange(row, reader.u16(), 0xffff);
    case "u32":
      return inRange(row, reader.u32(), 0xffffffff);
    case "varint":
      return inRange(row, reader.varint(), VARINT_MAX);
    case "text":
      return reader.text();
    case "binary":
      return reader.binary();
    case "pair":
      return [reader.text(), reader.text()];
  }
}

function inRange(row: PropertyRow, value: number, max: number): number {
  if (value < row.min || value > max) {
    throw protocolError(`property ${row.name} cannot be ${value}`);
  }
  return value;
}

function valueSize(row: PropertyRow, value: Value): number {
  switch (row.type) {
    case "flag":
      return 1;
    case "u16":
      return 2;
    case "u32":
      return 4;
    case "varint":
      return varintSize(value as number);
    case "text":
      return 2 + utf8Size(value as string);
    case "binary":
      return 2 + (value as Uint8Array).length;
    case "pair":
      return 4 + utf8Size((value as UserProperty)[0]) + utf8Size((value as UserProperty)[1]);
  }
}

function writeValue(slab: Uint8Array, at: number, row: PropertyRow, value: Value): number {
  slab[at++] = row.id;
  switch (row.type) {
    case "flag":
      slab[at] = value as number;
      return at + 1;
    case "u16":
      return writeU16(slab, at, value as number);
    case "u32":
      return writeU32(slab, at, value as number);
    case "varint":
      return writeVarint(slab, at, value as number);
    case "text":
      return writeText(slab, at, value as string);
    case "binary":
      return writeBinary(slab, at, value as Uint8Array);
    case "pair":
      at = writeText(slab, at, (value as UserProperty)[0]);
      return writeText(slab, at, (value as UserProperty)[1]);
  }
}

function row(
  id: number,
  name: keyof Properties,
  type: PropertyType,
  packets: number,
  repeats: boolean,
  min = 0,
): PropertyRow {
  return { id, name, type, packets, repeats, min };
}

function byId(): (PropertyRow | undefined)[] {
  const rows: (PropertyRow | undefined)[] = new Array(128).fill(undefined);
  for (const found of PROPERTIES) rows[found.id] = found;
  return rows;
}
