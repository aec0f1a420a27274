/**
 * MQTT control packets as plain data, for 3.1, 3.1.1 and 5.0. PUBLISH and its acknowledgements,
 * which are decoded into reused objects, are in `frames.ts`.
 */
import type { ByteRun } from "../protocol/copy.ts";

/** Number of a control packet type: the high half of its first byte. [MQTT5 2.1.2] */
export const PacketType = {
  Connect: 1,
  Connack: 2,
  Publish: 3,
  Puback: 4,
  Pubrec: 5,
  Pubrel: 6,
  Pubcomp: 7,
  Subscribe: 8,
  Suback: 9,
  Unsubscribe: 10,
  Unsuback: 11,
  Pingreq: 12,
  Pingresp: 13,
  Disconnect: 14,
  /** MQTT 5 only. */
  Auth: 15,
} as const;
export type PacketType = (typeof PacketType)[keyof typeof PacketType];

/** The four that answer a PUBLISH; they share one layout. */
export type AckType = 4 | 5 | 6 | 7;

/** Protocol level of CONNECT. 3: MQTT 3.1 (`MQIsdp`), 4: MQTT 3.1.1, 5: MQTT 5.0. */
export type ProtocolVersion = 3 | 4 | 5;

/** Delivery guarantee. */
export type QoS = 0 | 1 | 2;

/** Name and value; order and repetition count. [MQTT5 1.5.7] */
export type UserProperty = readonly [name: string, value: string];

/**
 * MQTT 5 properties of any packet; which of them a packet may carry is in `properties.ts`. For the
 * older versions always empty. Absent means that the packet does not have it: the defaults of the
 * standard are for the reader to apply.
 */
export interface Properties {
  /** 1: the payload is UTF-8 text. */
  readonly payloadFormat?: 0 | 1;
  /** Seconds. */
  readonly messageExpiry?: number;
  readonly contentType?: string;
  readonly responseTopic?: string;
  readonly correlationData?: Uint8Array;
  /** 1..268 435 455; only PUBLISH to a client may have several. */
  readonly subscriptionIds?: readonly number[];
  /** Seconds; 0xFFFFFFFF: never. */
  readonly sessionExpiry?: number;
  readonly assignedClientId?: string;
  /** Seconds. */
  readonly serverKeepAlive?: number;
  readonly authMethod?: string;
  readonly authData?: Uint8Array;
  readonly requestProblemInfo?: 0 | 1;
  /** Seconds. */
  readonly willDelay?: number;
  readonly requestResponseInfo?: 0 | 1;
  readonly responseInfo?: string;
  readonly serverReference?: string;
  readonly reasonString?: string;
  /** 1..65535 packets in flight. */
  readonly receiveMaximum?: number;
  readonly topicAliasMaximum?: number;
  /** 1..65535. */
  readonly topicAlias?: number;
  readonly maximumQoS?: 0 | 1;
  readonly retainAvailable?: 0 | 1;
  readonly userProperties?: readonly UserProperty[];
  /** Bytes, 1 or more. */
  readonly maximumPacketSize?: number;
  readonly wildcardSubscriptionAvailable?: 0 | 1;
  readonly subscriptionIdsAvailable?: 0 | 1;
  readonly sharedSubscriptionAvailable?: 0 | 1;
}

/** No properties at all; shared, so compare with it to know without looking. */
export const NO_PROPERTIES: Properties = Object.freeze({});

/** A client introduces itself. [MQTT5 3.1] */
export interface ConnectPacket {
  readonly type: typeof PacketType.Connect;
  readonly version: ProtocolVersion;
  /** May be empty: what that means is for the session. */
  readonly clientId: string;
  /** Clean Session of the older versions. */
  readonly cleanStart: boolean;
  /** Seconds; 0: none. */
  readonly keepAlive: number;
  readonly username: string | undefined;
  readonly password: Uint8Array | undefined;
  readonly will: Will | undefined;
  readonly properties: Properties;
}

/** What to publish when the client is lost. [MQTT5 3.1.3.2] */
export interface Will {
  /** Valid UTF-8, not yet checked as a topic. */
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly properties: Properties;
}

/** The answer to CONNECT. [MQTT5 3.2] */
export interface ConnackPacket {
  readonly type: typeof PacketType.Connack;
  readonly sessionPresent: boolean;
  /** MQTT 5 reason code; return codes of older versions are translated. */
  readonly reasonCode: number;
  readonly properties: Properties;
}

/** A client wants messages. [MQTT5 3.8] */
export interface SubscribePacket {
  readonly type: typeof PacketType.Subscribe;
  readonly packetId: number;
  /** At least one. */
  readonly subscriptions: readonly SubscriptionRequest[];
  readonly properties: Properties;
}

/** One filter of SUBSCRIBE with its options; for older versions all but `qos` are off. */
export interface SubscriptionRequest {
  /** Valid UTF-8, not yet checked as a filter; with `$share/…/` if it has that. */
  readonly filter: string;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  /** 0: send retained messages; 1: only if the subscription is new; 2: never. */
  readonly retainHandling: 0 | 1 | 2;
}

/** The answer to SUBSCRIBE: a code for each filter, in order. [MQTT5 3.9] */
export interface SubackPacket {
  readonly type: typeof PacketType.Suback;
  readonly packetId: number;
  readonly reasonCodes: readonly number[];
  readonly properties: Properties;
}

/** A client wants no more. [MQTT5 3.10] */
export interface UnsubscribePacket {
  readonly type: typeof PacketType.Unsubscribe;
  readonly packetId: number;
  /** At least one; valid UTF-8, not yet checked as filters. */
  readonly filters: readonly string[];
  readonly properties: Properties;
}

/** The answer to UNSUBSCRIBE; without codes before MQTT 5. [MQTT5 3.11] */
export interface UnsubackPacket {
  readonly type: typeof PacketType.Unsuback;
  readonly packetId: number;
  readonly reasonCodes: readonly number[];
  readonly properties: Properties;
}

/** The sender ends the connection. [MQTT5 3.14] */
export interface DisconnectPacket {
  readonly type: typeof PacketType.Disconnect;
  /** 0 before MQTT 5. */
  readonly reasonCode: number;
  readonly properties: Properties;
}

/** A step of enhanced authentication, MQTT 5 only. [MQTT5 3.15] */
export interface AuthPacket {
  readonly type: typeof PacketType.Auth;
  readonly reasonCode: number;
  readonly properties: Properties;
}

/** What the decoder hands out as a fresh object; PINGREQ and PINGRESP hold nothing to hand out. */
export type Packet =
  | ConnectPacket
  | ConnackPacket
  | SubscribePacket
  | SubackPacket
  | UnsubscribePacket
  | UnsubackPacket
  | DisconnectPacket
  | AuthPacket;

/**
 * A payload to send, as `Message` holds it: `bytes[start..end)`. From
 * `REFERENCE_BYTES` on it must be owned: an outbox keeps it as it is until it is written.
 */
export interface PayloadSource extends ByteRun {
  readonly bytes: Uint8Array;
}
