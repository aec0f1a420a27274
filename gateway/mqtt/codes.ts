/**
 * MQTT 5 reason codes: the one table of numbers, words, and packets that may carry them.
 * [MQTT5 2.4] Sessions use these for every version; encoders translate for older ones.
 */
import { PacketType } from "./packets.ts";

/** A row of the table. `packets`: bit `1 << PacketType` for each packet that may carry the code. */
export interface ReasonCodeRow {
  readonly code: number;
  readonly text: string;
  readonly packets: number;
}

const CONNACK = 1 << PacketType.Connack;
const PUBACK = 1 << PacketType.Puback;
const PUBREC = 1 << PacketType.Pubrec;
const PUBREL = 1 << PacketType.Pubrel;
const PUBCOMP = 1 << PacketType.Pubcomp;
const SUBACK = 1 << PacketType.Suback;
const UNSUBACK = 1 << PacketType.Unsuback;
const DISCONNECT = 1 << PacketType.Disconnect;
const AUTH = 1 << PacketType.Auth;
const PUBLISHED = PUBACK | PUBREC;
const SUBSCRIBED = SUBACK | UNSUBACK;
const ENDED = CONNACK | DISCONNECT;

const TABLE = {
  Success: row(
    0x00,
    "Success",
    CONNACK | PUBLISHED | PUBREL | PUBCOMP | SUBSCRIBED | DISCONNECT | AUTH,
  ),
  GrantedQoS1: row(0x01, "Granted QoS 1", SUBACK),
  GrantedQoS2: row(0x02, "Granted QoS 2", SUBACK),
  DisconnectWithWill: row(0x04, "Disconnect with Will Message", DISCONNECT),
  NoMatchingSubscribers: row(0x10, "No matching subscribers", PUBLISHED),
  NoSubscriptionExisted: row(0x11, "No subscription existed", UNSUBACK),
  ContinueAuthentication: row(0x18, "Continue authentication", AUTH),
  ReAuthenticate: row(0x19, "Re-authenticate", AUTH),
  UnspecifiedError: row(0x80, "Unspecified error", ENDED | PUBLISHED | SUBSCRIBED),
  MalformedPacket: row(0x81, "Malformed Packet", ENDED),
  ProtocolError: row(0x82, "Protocol Error", ENDED),
  ImplementationSpecificError: row(
    0x83,
    "Implementation specific error",
    ENDED | PUBLISHED | SUBSCRIBED,
  ),
  UnsupportedProtocolVersion: row(0x84, "Unsupported Protocol Version", CONNACK),
  ClientIdentifierNotValid: row(0x85, "Client Identifier not valid", CONNACK),
  BadUserNameOrPassword: row(0x86, "Bad User Name or Password", CONNACK),
  NotAuthorized: row(0x87, "Not authorized", ENDED | PUBLISHED | SUBSCRIBED),
  ServerUnavailable: row(0x88, "Server unavailable", CONNACK),
  ServerBusy: row(0x89, "Server busy", ENDED),
  Banned: row(0x8a, "Banned", CONNACK),
  ServerShuttingDown: row(0x8b, "Server shutting down", DISCONNECT),
  BadAuthenticationMethod: row(0x8c, "Bad authentication method", ENDED),
  KeepAliveTimeout: row(0x8d, "Keep Alive timeout", DISCONNECT),
  SessionTakenOver: row(0x8e, "Session taken over", DISCONNECT),
  TopicFilterInvalid: row(0x8f, "Topic Filter invalid", SUBSCRIBED | DISCONNECT),
  TopicNameInvalid: row(0x90, "Topic Name invalid", ENDED | PUBLISHED),
  PacketIdentifierInUse: row(0x91, "Packet Identifier in use", PUBLISHED | SUBSCRIBED),
  PacketIdentifierNotFound: row(0x92, "Packet Identifier not found", PUBREL | PUBCOMP),
  ReceiveMaximumExceeded: row(0x93, "Receive Maximum exceeded", DISCONNECT),
  TopicAliasInvalid: row(0x94, "Topic Alias invalid", DISCONNECT),
  PacketTooLarge: row(0x95, "Packet too large", ENDED),
  MessageRateTooHigh: row(0x96, "Message rate too high", DISCONNECT),
  QuotaExceeded: row(0x97, "Quota exceeded", ENDED | PUBLISHED | SUBACK),
  AdministrativeAction: row(0x98, "Administrative action", DISCONNECT),
  PayloadFormatInvalid: row(0x99, "Payload format invalid", ENDED | PUBLISHED),
  RetainNotSupported: row(0x9a, "Retain not supported", ENDED),
  QoSNotSupported: row(0x9b, "QoS not supported", ENDED),
  UseAnotherServer: row(0x9c, "Use another server", ENDED),
  ServerMoved: row(0x9d, "Server moved", ENDED),
  SharedSubscriptionsNotSupported: row(
    0x9e,
    "Shared Subscriptions not supported",
    SUBACK | DISCONNECT,
  ),
  ConnectionRateExceeded: row(0x9f, "Connection rate exceeded", ENDED),
  MaximumConnectTime: row(0xa0, "Maximum connect time", DISCONNECT),
  SubscriptionIdentifiersNotSupported: row(
    0xa1,
    "Subscription Identifiers not supported",
    SUBACK | DISCONNECT,
  ),
  WildcardSubscriptionsNotSupported: row(
    0xa2,
    "Wildcard Subscriptions not supported",
    SUBACK | DISCONNECT,
  ),
} satisfies Record<string, ReasonCodeRow>;

/** The numbers by name: `ReasonCode.PacketTooLarge` is 0x95. */
export const ReasonCode = Object.fromEntries(
  Object.entries(TABLE).map(([name, { code }]) => [name, code]),
) as { readonly [Name in keyof typeof TABLE]: number };

/** The rows by number; holes are numbers that the standard does not use. */
export const REASON_CODES: readonly (ReasonCodeRow | undefined)[] = byCode();

/** The standard's words for a code, for logs: `Packet too large`. */
export function reasonText(code: number): string {
  return REASON_CODES[code]?.text ?? `reason code 0x${code.toString(16).padStart(2, "0")}`;
}

/** True when packets of this type may carry the code. [MQTT-3.4.2-1] and its like */
export function mayCarry(type: PacketType, code: number): boolean {
  const found = REASON_CODES[code];
  return found !== undefined && (found.packets & (1 << type)) !== 0;
}

/** CONNACK return code of 3.1 and 3.1.1 that comes closest to a reason code. [MQTT3 3.2.2.3] */
export function toReturnCode(reasonCode: number): number {
  if (reasonCode === ReasonCode.Success) return 0;
  const code = RETURN_CODES.indexOf(reasonCode);
  if (code > 0) return code;
  switch (reasonCode) {
    case ReasonCode.ServerBusy:
    case ReasonCode.UseAnotherServer:
    case ReasonCode.ServerMoved:
    case ReasonCode.QuotaExceeded:
    case ReasonCode.ConnectionRateExceeded:
    case ReasonCode.UnspecifiedError:
      return 3;
    default:
      return 5;
  }
}

/** Reason code for a CONNACK return code of 3.1 and 3.1.1; undefined for reserved ones. */
export function fromReturnCode(returnCode: number): number | undefined {
  return RETURN_CODES[returnCode];
}

/** Reason codes in the order of the return codes 0 to 5. */
const RETURN_CODES: readonly number[] = [
  ReasonCode.Success,
  ReasonCode.UnsupportedProtocolVersion,
  ReasonCode.ClientIdentifierNotValid,
  ReasonCode.ServerUnavailable,
  ReasonCode.BadUserNameOrPassword,
  ReasonCode.NotAuthorized,
];

function row(code: number, text: string, packets: number): ReasonCodeRow {
  return { code, text, packets };
}

function byCode(): (ReasonCodeRow | undefined)[] {
  const rows: (ReasonCodeRow | undefined)[] = new Array(256).fill(undefined);
  for (const found of Object.values(TABLE)) rows[found.code] = found;
  return rows;
}
