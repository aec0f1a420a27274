/**
 * Writes PUBLISH and its acknowledgements for one connection.
 */
import { unmount } from "../core/mountpoint.ts";
import type { Message, MessageExtras } from "../core/message.ts";
import type { Topic } from "../core/topic.ts";
import type { Outbox } from "../protocol/outbox.ts";
import { countByQos, type MqttCounters } from "../observe/metrics.ts";
import type { OutgoingAliases } from "./aliases.ts";
import {
  encodeAck,
  encodePublish,
  encodePublishWith,
  publishSize,
  publishTopic,
} from "./encode.ts";
import { type AckType, NO_PROPERTIES, type Properties, type ProtocolVersion } from "./packets.ts";
import type { QoS } from "./packets.ts";
import { propertiesSize, propertyBlock } from "./properties.ts";

/** What the client said about itself, as far as sending goes. */
export interface Receiver {
  readonly version: ProtocolVersion;
  /** Prefix of its names in the tree. */
  readonly mountpoint: string;
  /** Unacknowledged QoS 1 and 2 messages it takes at a time. */
  readonly window: number;
  /** Largest packet it takes, bytes; Infinity when it did not say. [MQTT-3.1.2-24] */
  readonly packet_bytes_max: number;
  /** Undefined when it takes none. */
  readonly aliases: OutgoingAliases | undefined;
}

/** The outgoing half of a connection. */
export class Sender {
  readonly window: number;
  /** PUBLISH packets sent. */
  messages = 0;
  readonly #version: ProtocolVersion;
  readonly #mountpoint: string;
  readonly #packet_bytes_max: number;
  readonly #aliases: OutgoingAliases | undefined;
  readonly #now: () => number;
  readonly #counters: MqttCounters;

  constructor(
    readonly out: Outbox,
    receiver: Receiver,
    counters: MqttCounters,
    now: () => number,
  ) {
    this.window = receiver.window;
    this.#version = receiver.version;
    this.#mountpoint = receiver.mountpoint;
    this.#packet_bytes_max = receiver.packet_bytes_max;
    this.#aliases = receiver.aliases;
    this.#now = now;
    this.#counters = counters;
  }

  /** The topic as this client knows it, encoded. Clients without mountpoint share the bytes. */
  wire(topic: Topic): Uint8Array {
    if (this.#mountpoint !== "") return publishTopic(unmount(this.#mountpoint, topic) ?? topic);
    if (topic !== lastTopic) {
      lastTopic = topic;
      lastWire = publishTopic(topic);
    }
    return lastWire;
  }

  /** Writes a PUBLISH. False when it is too large for the client. [MQTT-3.1.2-24] */
  publish(
    message: Message,
    wire: Uint8Array,
    qos: QoS,
    retain: boolean,
    dup: boolean,
    packetId: number,
    identifiers: readonly number[],
  ): boolean {
    const version = this.#version;
    if (version === 5) {
      if (
        message.extras !== undefined || identifiers.length > 0 || this.#aliases !== undefined
      ) return this.#publishWith(message, wire, qos, retain, dup, packetId, identifiers);
      if (
        this.#packet_bytes_max !== Infinity &&
        publishSize(5, wire.length, message.size, qos, 0) > this.#packet_bytes_max
      ) return false;
    }
    encodePublish(this.out, version, wire, message, qos, retain, dup, packetId);
    this.#count(qos);
    return true;
  }

  /** Writes PUBREL (6) and the answers to a client's PUBLISH (4, 5, 7). */
  ackOut(type: AckType, packetId: number, reasonCode: number, properties = NO_PROPERTIES): void {
    this.#counters.sent[ACK_NAMES[type]]++;
    encodeAck(this.out, this.#version, type, packetId, reasonCode, properties);
  }

  #publishWith(
    message: Message,
    wire: Uint8Array,
    qos: QoS,
    retain: boolean,
    dup: boolean,
    packetId: number,
    identifiers: readonly number[],
  ): boolean {
    const { extras } = message;
    const shared = extras === undefined ? NO_BLOCK : this.#sharedBlock(extras);
    let own: Properties = identifiers.length === 0
      ? NO_PROPERTIES
      : { subscriptionIds: identifiers };
    if (extras?.expiresAt !== undefined) {
      // What is left of it, started seconds included. [MQTT-3.3.2-6]
      const left_s = Math.ceil((extras.expiresAt - this.#now()) / 1000);
      own = { ...own, messageExpiry: Math.min(Math.max(left_s, 0), 0xffffffff) };
    }
    const propertyBytes = shared.length + propertiesSize(own);
    const bytes = publishSize(5, wire.length, message.size, qos, propertyBytes);
    if (bytes > this.#packet_bytes_max) return false;
    // With room for a new alias beside the topic, and for a longer property length.
    if (this.#aliases !== undefined && bytes + ALIAS_BYTES <= this.#packet_bytes_max) {
      const { topic } = message.route;
      const known = this.#aliases.known(topic);
      const topicAlias = known === 0 ? this.#aliases.assign(topic) : known;
      if (topicAlias !== 0) own = { ...own, topicAlias };
      if (known !== 0) wire = NO_TOPIC;
    }
    encodePublishWith(this.out, wire, message, qos, retain, dup, packetId, shared, own);
    this.#count(qos);
    return true;
  }

  #count(qos: QoS): void {
    this.messages++;
    this.#counters.sent.publish++;
    countByQos(this.#counters.messages_sent, qos);
  }

  /** The properties that all receivers of a message get, encoded once. */
  #sharedBlock(extras: MessageExtras): Uint8Array {
    if (extras !== lastExtras || this.#mountpoint !== lastMountpoint) {
      lastExtras = extras;
      lastMountpoint = this.#mountpoint;
      lastBlock = propertyBlock(toProperties(extras, this.#mountpoint));
    }
    return lastBlock;
  }
}

/** The names under which acknowledgements are counted. */
const ACK_NAMES = { 4: "puback", 5: "pubrec", 6: "pubrel", 7: "pubcomp" } as const;
/** Bytes that a topic alias may add: the property, and one more of property and packet length. */
const ALIAS_BYTES = 5;
const NO_BLOCK = new Uint8Array(0);
/** An empty topic: the alias says which. [MQTT-3.3.2-8] */
const NO_TOPIC = new Uint8Array(2);

// One message goes to many receivers one after the other: what was encoded last is remembered.
let lastTopic: Topic | undefined;
let lastWire: Uint8Array = NO_TOPIC;
let lastExtras: MessageExtras | undefined;
let lastMountpoint = "";
let lastBlock: Uint8Array = NO_BLOCK;

/** Longest text of an MQTT string, in UTF-16 units that surely fit into 65535 bytes. */
const TEXT_UNITS_MAX = 21_845;

/** What MQTT cannot spell (U+0000, half a surrogate pair, too long) is left out. */
function isSpellable(text: string): boolean {
  return text.length <= TEXT_UNITS_MAX && !text.includes("\0") && text.isWellFormed();
}

function toProperties(extras: MessageExtras, mountpoint: string): Properties {
  const { replyTo, correlationData, headers, contentType, payloadFormat } = extras;
  const responseTopic = replyTo === undefined ? undefined : unmount(mountpoint, replyTo);
  return {
    ...(payloadFormat === undefined ? {} : { payloadFormat }),
    ...(contentType === undefined || !isSpellable(contentType) ? {} : { contentType }),
    ...(responseTopic === undefined || responseTopic === "" ? {} : { responseTopic }),
    ...(correlationData === undefined ? {} : { correlationData }),
    ...(headers === undefined ? {} : {
      userProperties: headers.filter(([name, value]) => isSpellable(name) && isSpellable(value)),
    }),
  };
}
