/**
 * PUBLISH and its acknowledgements as decoded: objects that the decoder uses again for the next
 * packet, so that a message costs no allocation.
 */
import { readUtf8 } from "../protocol/bytes.ts";
import { NO_PROPERTIES, PacketType, type Properties, type QoS } from "./packets.ts";
import { readBlock } from "./properties.ts";
import { malformed, PacketReader, protocolError } from "./reader.ts";

/**
 * A PUBLISH. All positions are in `bytes`, which is valid until the decoder is asked for the next
 * packet, or for good when `owned`. Topic and properties are only checked by `topic()` and
 * `properties()`: a session that knows the bytes of the topic need not look at them again.
 */
export class PublishFrame {
  bytes: Uint8Array = new Uint8Array(0);
  /** True when `bytes` was made for this packet and nobody will write to it. */
  owned = false;
  qos: QoS = 0;
  retain = false;
  dup = false;
  /** 1..65535; 0 when `qos` is 0. */
  packetId = 0;
  /** The topic, without its length: `bytes[topicStart..topicEnd)`. Empty: MQTT 5 topic alias. */
  topicStart = 0;
  topicEnd = 0;
  /** The properties, without their length; empty before MQTT 5. */
  propertiesStart = 0;
  propertiesEnd = 0;
  payloadStart = 0;
  payloadEnd = 0;
  /** `fromClient`: a server reads, so that subscription identifiers are forbidden. */
  constructor(readonly fromClient: boolean) {}

  /** True when `properties()` has something to say, and to check: call it then. */
  get hasProperties(): boolean {
    return this.propertiesStart !== this.propertiesEnd;
  }

  /** The topic as text; wildcards are not looked for. Throws `ProtocolError` 0x81. */
  topic(): string {
    const topic = readUtf8(this.bytes, this.topicStart, this.topicEnd); // [MQTT-3.3.2-1]
    if (topic === undefined) throw malformed("topic is not valid UTF-8 or holds U+0000");
    return topic;
  }

  /** The properties, which may be kept. Throws `ProtocolError` 0x81 or 0x82. */
  properties(): Properties {
    if (!this.hasProperties) return NO_PROPERTIES;
    const reader = new PacketReader(this.bytes, this.propertiesStart, this.propertiesEnd);
    const properties = readBlock(reader, PacketType.Publish);
    if (this.fromClient && properties.subscriptionIds !== undefined) {
      throw protocolError("a client's PUBLISH has a subscription identifier"); // [MQTT-3.3.4-6]
    }
    return properties;
  }
}

/** A PUBACK, PUBREC, PUBREL or PUBCOMP; which one, `Decoder.next` has said. */
export class AckFrame {
  packetId = 0;
  /** 0 before MQTT 5. */
  reasonCode = 0;
  properties: Properties = NO_PROPERTIES;
}
