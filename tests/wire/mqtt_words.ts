/** MQTT packets as the lines of a transcript spell them. */
import assert from "node:assert/strict";
import {
  type AckType,
  PacketType,
  type Properties,
  type ProtocolVersion,
  type QoS,
} from "../../gateway/mqtt/packets.ts";
import type { AnyPacket } from "../mqtt/wire.ts";

/** A line taken apart. */
interface Words {
  readonly name: string;
  /** Words without `=`, quotes taken off. */
  readonly plain: readonly string[];
  readonly fields: ReadonlyMap<string, string>;
}

type Variables = Map<string, number>;

const TYPES = new Map(Object.entries(PacketType).map(([name, type]) => [name.toUpperCase(), type]));

/** The packet that a line says. */
export function parsePacket(
  line: string,
  version: ProtocolVersion,
  variables: Variables,
): AnyPacket {
  const words = parseWords(line);
  const type = TYPES.get(words.name);
  assert.ok(type !== undefined, `unknown packet ${words.name}`);
  const { plain } = words;
  const field = (name: string, absent = 0) => number(words.fields.get(name), absent, variables);
  const packetId = field("id");
  const reasonCode = field("code");
  const properties = propertiesOf(words, "");
  switch (type) {
    case PacketType.Connect:
      return connectOf(words, properties);
    case PacketType.Connack:
      return { type, sessionPresent: field("present") === 1, reasonCode, properties };
    case PacketType.Publish:
      return {
        type,
        topic: plain[0]!,
        payload: bytes(plain[1] ?? ""),
        qos: field("qos") as QoS,
        packetId,
        retain: field("retain") === 1,
        dup: field("dup") === 1,
        properties,
      };
    case PacketType.Puback:
    case PacketType.Pubrec:
    case PacketType.Pubrel:
    case PacketType.Pubcomp:
      return { type: type as AckType, packetId, reasonCode, properties };
    case PacketType.Subscribe:
      return { type, packetId, subscriptions: plain.map(subscriptionOf), properties };
    case PacketType.Unsubscribe:
      return { type, packetId, filters: plain, properties };
    case PacketType.Suback:
      return { type, packetId, reasonCodes: plain.map(Number), properties };
    case PacketType.Unsuback:
      return { type, packetId, reasonCodes: version < 5 ? [] : plain.map(Number), properties };
    case PacketType.Disconnect:
    case PacketType.Auth:
      return { type, reasonCode, properties };
    default:
      return { type } as AnyPacket;
  }
}

/** Compares a packet with the line that says what it must be; binds variables. */
export function assertPacket(
  actual: AnyPacket,
  line: string,
  version: ProtocolVersion,
  variables: Variables,
): void {
  const words = parseWords(line);
  assert.equal(nameOf(actual), words.name, JSON.stringify(actual));
  const bound = words.fields.get("id");
  if (bound?.startsWith("$") && !variables.has(bound) && "packetId" in actual) {
    assert.notEqual(actual.packetId, 0);
    variables.set(bound, actual.packetId);
  }
  const wanted = parsePacket(line, version, variables);
  if (actual.type !== PacketType.Connack || wanted.type !== PacketType.Connack) {
    assert.deepEqual(withoutReason(actual), withoutReason(wanted));
    return;
  }
  assert.equal(actual.reasonCode, wanted.reasonCode);
  assert.equal(actual.sessionPresent, wanted.sessionPresent);
  for (const [name, value] of Object.entries(wanted.properties)) {
    assert.deepEqual(actual.properties[name as keyof Properties], value, name);
  }
}

function nameOf(packet: AnyPacket): string {
  return [...TYPES].find(([, type]) => type === packet.type)![0];
}

function withoutReason(packet: AnyPacket): unknown {
  if (!("properties" in packet)) return packet;
  const { reasonString: _, ...properties } = packet.properties;
  return { ...packet, properties };
}

/** Splits at blanks outside of quotes. */
function parseWords(line: string): Words {
  const [name, ...rest] = line.match(/(?:[^\s"]|"[^"]*")+/g) ?? [];
  const plain: string[] = [];
  const fields = new Map<string, string>();
  for (const word of rest) {
    const at = word.startsWith('"') ? -1 : word.indexOf("=");
    if (at < 0) plain.push(unquote(word));
    else fields.set(word.slice(0, at), unquote(word.slice(at + 1)));
  }
  return { name: name!, plain, fields };
}

const unquote = (word: string) => word.startsWith('"') ? word.slice(1, -1) : word;

function connectOf({ plain, fields }: Words, properties: Properties): AnyPacket {
  const flag = (name: string, absent: number) => Number(fields.get(name) ?? absent);
  const topic = fields.get("will");
  const password = fields.get("password");
  return {
    type: PacketType.Connect,
    version: flag("v", 5) as ProtocolVersion,
    clientId: plain[0] ?? "",
    cleanStart: flag("clean", 1) === 1,
    keepAlive: flag("keepAlive", 0),
    username: fields.get("username"),
    password: password === undefined ? undefined : bytes(password),
    will: topic === undefined ? undefined : {
      topic,
      payload: bytes(fields.get("will.payload") ?? ""),
      qos: flag("will.qos", 0) as QoS,
      retain: flag("will.retain", 0) === 1,
      properties: propertiesOf({ name: "", plain, fields }, "will."),
    },
    properties,
  };
}

/** `filter:qos`, with `:nl`, `:rap` and `:rh1` or `:rh2` behind it. */
function subscriptionOf(word: string) {
  const [filter, qos, ...options] = word.split(":");
  const handling = options.find((option) => option.startsWith("rh"))?.slice(2) ?? 0;
  return {
    filter: filter!,
    qos: Number(qos ?? 0) as QoS,
    noLocal: options.includes("nl"),
    retainAsPublished: options.includes("rap"),
    retainHandling: Number(handling) as 0 | 1 | 2,
  };
}

const TEXTS = [
  "contentType",
  "responseTopic",
  "assignedClientId",
  "authMethod",
  "responseInfo",
  "reasonString",
];
const NUMBERS = [
  "payloadFormat",
  "messageExpiry",
  "sessionExpiry",
  "serverKeepAlive",
  "requestProblemInfo",
  "willDelay",
  "requestResponseInfo",
  "receiveMaximum",
  "topicAliasMaximum",
  "topicAlias",
  "maximumQoS",
  "retainAvailable",
  "maximumPacketSize",
  "wildcardSubscriptionAvailable",
  "sharedSubscriptionAvailable",
];

function propertiesOf({ fields }: Words, prefix: string): Properties {
  const properties: Record<string, unknown> = {};
  for (const [key, value] of fields) {
    if (!key.startsWith(prefix)) continue;
    const name = key.slice(prefix.length);
    if (TEXTS.includes(name)) properties[name] = value;
    else if (NUMBERS.includes(name)) properties[name] = Number(value);
    else if (name === "correlationData" || name === "authData") properties[name] = bytes(value);
    else if (name === "subscriptionIds") properties[name] = value.split(",").map(Number);
    else if (name === "userProperties") {
      properties[name] = value.split(",").map((pair) => pair.split(":"));
    } else assert.ok(OTHER_FIELDS.has(key), `unknown field ${key}`);
  }
  return properties;
}

const OTHER_FIELDS = new Set([
  "v",
  "clean",
  "keepAlive",
  "username",
  "password",
  "id",
  "code",
  "present",
  "qos",
  "retain",
  "dup",
  "will",
  "will.payload",
  "will.qos",
  "will.retain",
  ...[...TEXTS, ...NUMBERS].map((name) => `will.${name}`),
]);

function number(text: string | undefined, absent: number, variables: Variables): number {
  if (text === undefined) return absent;
  if (!text.startsWith("$")) return Number(text);
  const value = variables.get(text);
  assert.ok(value !== undefined, `${text} has no value yet`);
  return value;
}

const bytes = (text: string) => new TextEncoder().encode(text);
