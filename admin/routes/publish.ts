/**
 * Publishing in the name of an operator.
 */
import * as v from "valibot";
import type { PublishOutcome, PublishRequest } from "../../gateway/control.ts";
import { type Api, json } from "../api.ts";
import { Name, Qos, Text } from "../schemas.ts";

const encoding = v.optional(v.picklist(["plain", "base64"], "expected plain or base64"));
const seconds = "expected seconds from 0 to 4294967295";
/** As far as the four bytes of MQTT go. */
const expiry = v.pipe(
  v.number(seconds),
  v.integer(seconds),
  v.minValue(0, seconds),
  v.maxValue(0xffff_ffff, seconds),
);
const Body = v.strictObject({
  topic: Name,
  payload: v.pipe(v.string("expected text"), v.maxLength(1_000_000, "is too long")),
  payload_encoding: encoding,
  encoding,
  qos: v.optional(Qos, 0),
  retain: v.optional(v.boolean("expected true or false"), false),
  clientid: v.optional(Text),
  properties: v.optional(
    v.strictObject({
      payload_format_indicator: v.optional(v.picklist([0, 1], "expected 0 or 1")),
      message_expiry_interval: v.optional(expiry),
      response_topic: v.optional(Name),
      correlation_data: v.optional(Text),
      user_properties: v.optional(v.record(v.string(), Text, "expected an object of texts")),
      content_type: v.optional(Text),
    }),
    {},
  ),
});

const Published = v.strictObject({ id: v.string() });
const NobodyThere = v.strictObject({ reason_code: v.literal(16), message: v.string() });

/** MQTT reason codes of the answers. */
const REASON = { bad_topic: 144, too_large: 151, other: 131, nobody: 16 } as const;
/** Messages of one call. */
const BULK_MAX = 1000;
const common = { tag: "Publish", scope: "publish", also: "publisher" } as const;

/** `/publish` and `/publish/bulk`. */
export function publishRoutes(api: Api): void {
  const { control } = api.deps;
  api.on({
    ...common,
    method: "post",
    path: "/publish",
    summary: "Publish a message to the clients of both protocols",
    body: Body,
    answers: { 200: Published, 202: NobodyThere },
  }, ({ body }) => {
    const message = messageOf(body);
    if (message === undefined) return refused("payload: not valid base64", REASON.other);
    const outcome = control.publish(message);
    return answer(outcome);
  });

  api.on({
    ...common,
    method: "post",
    path: "/publish/bulk",
    summary: "Publish several messages, or none when one of them is not valid",
    body: v.pipe(
      v.array(Body, "expected an array"),
      v.minLength(1, "is empty"),
      v.maxLength(BULK_MAX),
    ),
    answers: { 200: v.array(Published), 202: v.array(v.union([Published, NobodyThere])) },
  }, ({ body }) => {
    const messages = body.map(messageOf);
    const bad = messages.findIndex((message) =>
      message === undefined || control.publishProblem(message) !== undefined
    );
    if (bad >= 0) {
      const message = messages[bad];
      const outcome = message && control.publishProblem(message);
      return outcome === undefined
        ? refused(`[${bad}].payload: not valid base64`, REASON.other)
        : answer(outcome, `[${bad}].`);
    }
    const answers = messages.map((message) => objectOf(control.publish(message!)));
    const someFoundNobody = answers.some((one) => "reason_code" in one);
    return json(answers, someFoundNobody ? 202 : 200);
  });
}

function messageOf(body: v.InferOutput<typeof Body>): PublishRequest | undefined {
  const { topic, qos, retain, properties } = body;
  const payload = (body.payload_encoding ?? body.encoding) === "base64"
    ? fromBase64(body.payload)
    : new TextEncoder().encode(body.payload);
  if (payload === undefined) return undefined;
  const { correlation_data, user_properties } = properties;
  return {
    topic,
    payload,
    qos,
    retain,
    payloadFormat: properties.payload_format_indicator,
    expiryInterval: properties.message_expiry_interval,
    responseTopic: properties.response_topic,
    correlationData: correlation_data === undefined
      ? undefined
      : new TextEncoder().encode(correlation_data),
    contentType: properties.content_type,
    userProperties: user_properties === undefined ? undefined : Object.entries(user_properties),
  };
}

function fromBase64(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  } catch {
    return undefined;
  }
}

/** @param where the place of the message in a list, for what is wrong with it */
function answer(outcome: PublishOutcome, where = ""): Response {
  switch (outcome.kind) {
    case "published":
      return json(objectOf(outcome), outcome.takers > 0 ? 200 : 202);
    case "bad topic":
      return refused(`${where}topic: ${outcome.reason}`, REASON.bad_topic);
    case "too large":
      return refused(`${where}payload: more than ${outcome.bytes_max} bytes`, REASON.too_large);
  }
}

function objectOf(outcome: PublishOutcome) {
  return outcome.kind === "published" && outcome.takers > 0
    ? { id: crypto.randomUUID().replaceAll("-", "").toUpperCase() }
    : { reason_code: REASON.nobody, message: "no_matching_subscribers" };
}

function refused(message: string, reason_code: number): Response {
  return json({ code: "BAD_REQUEST", reason_code, message }, 400);
}
