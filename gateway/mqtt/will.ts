/**
 * Wills: what a client wants published when it is lost. [MQTT5 3.1.2.5]
 */
import { mount } from "../core/mountpoint.ts";
import { Message, type MessageExtras } from "../core/message.ts";
import type { Router } from "../core/router.ts";
import { type Topic, toTopic } from "../core/topic.ts";
import { isUtf8 } from "../protocol/bytes.ts";
import type { StoredWill } from "../store/types.ts";
import { ReasonCode } from "./codes.ts";
import type { MqttOptions } from "./options.ts";
import type { Properties, Will } from "./packets.ts";

/** The rules for wills that come from settings. */
export type WillLimits = Pick<
  MqttOptions,
  "max_qos_allowed" | "max_topic_levels" | "retain_available" | "payload_format_check"
>;

/** Why a will cannot be accepted: a reason code for CONNACK; undefined when it can. */
export function willProblem(will: Will, limits: WillLimits): number | undefined {
  if (toTopic(will.topic, limits.max_topic_levels) === undefined) {
    return ReasonCode.TopicNameInvalid; // [MQTT-3.1.3-11]
  }
  if (will.qos > limits.max_qos_allowed) return ReasonCode.QoSNotSupported; // [MQTT-3.2.2-12]
  if (will.retain && !limits.retain_available) return ReasonCode.RetainNotSupported; // [MQTT-3.2.2-13]
  const text = limits.payload_format_check && will.properties.payloadFormat === 1;
  if (text && !isUtf8(will.payload, 0, will.payload.length, true)) {
    return ReasonCode.PayloadFormatInvalid;
  }
  return undefined;
}

/** The will as the session keeps it, with its topic in the tree. */
export function toStoredWill(will: Will, mountpoint: string): StoredWill {
  const { properties } = will;
  return {
    topic: mount(mountpoint, will.topic) as Topic,
    payload: will.payload.slice(),
    qos: will.qos,
    retain: will.retain,
    extras: toExtras(properties, mountpoint, undefined),
    delayInterval: properties.willDelay ?? 0,
    expiryInterval: properties.messageExpiry,
  };
}

/** Publishes a will. Returns how many took it. `origin`: whose it is. [MQTT-3.1.2-8] */
export function publishWill(
  router: Router,
  will: StoredWill,
  origin: { readonly id: number; readonly idHash: number },
  now: number,
): number {
  const message = new Message(router.route(will.topic), will.payload);
  message.owned = true;
  message.qos = will.qos;
  message.retain = will.retain;
  message.origin = origin.id;
  message.originHash = origin.idHash;
  message.extras = will.expiryInterval === undefined
    ? will.extras
    : { ...will.extras, expiresAt: now + will.expiryInterval * 1000 };
  return router.publish(message);
}

/**
 * The properties of a PUBLISH or will as the core knows them; undefined when there are none.
 * `expiresAt`: milliseconds since the epoch. [MQTT-3.3.2-17] [MQTT-3.3.2-4]
 */
export function toExtras(
  properties: Properties,
  mountpoint: string,
  expiresAt: number | undefined,
): MessageExtras | undefined {
  const { payloadFormat, contentType, correlationData, userProperties } = properties;
  const responseTopic = properties.responseTopic;
  const extras = {
    ...(payloadFormat === undefined ? {} : { payloadFormat }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(responseTopic === undefined ? {} : { replyTo: mount(mountpoint, responseTopic) as Topic }),
    ...(correlationData === undefined ? {} : { correlationData }),
    ...(userProperties === undefined ? {} : { headers: userProperties }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
  for (const _ in extras) return extras;
  return undefined;
}
