/**
 * PUB and HPUB: what becomes of a message that a NATS client sends.
 */
import { type Message, type MessageExtras, own, type QoS } from "../core/message.ts";
import type { Route } from "../core/route.ts";
import { equals } from "../core/route_table.ts";
import type { Topic } from "../core/topic.ts";
import { ProtocolError } from "../errors.ts";
import { countByQos } from "../observe/metrics.ts";
import { spendData } from "./data_limit.ts";
import { encodeMessage, messagePrefix } from "./encode.ts";
import { decodeHeaders, NO_RESPONDERS_BLOCK, takeMqttHeaders } from "./headers.ts";
import { mayPublish } from "./permission.ts";
import { REPLY_PREFIX, unwrapReply } from "./reply.ts";
import type { NatsSession } from "./session.ts";
import { decodeSubject, hasEmptyToken, hasWildcardToken } from "./subject.ts";
import type { NatsSubscription } from "./subscription.ts";

/**
 * `Message.tailDialect` of a frame that any NATS subscriber can be sent as it is: a MSG without
 * reply. One more: with headers. A reply is spelled for one mountpoint, so such frames carry
 * `TAIL_REPLY + 2 * dialect.index` (one more with headers).
 */
export const TAIL_PLAIN = 0;
/** See `TAIL_PLAIN`. */
export const TAIL_REPLY = 2;

/** Handles the PUB or HPUB in the session's decoder. */
export function publish(session: NatsSession): void {
  const decoder = session.decoder;
  session.messagesIn++;
  const { received } = session.server.counters;
  if (decoder.headerSize < 0) received.pub++;
  else received.hpub++;
  let entry = decoder.isNoted ? decoder.note : undefined;
  if (entry === undefined || !entry.route.attached) {
    entry = session.last;
    if (
      entry === undefined || !entry.route.attached ||
      !equals(entry.name, decoder.bytes, decoder.subjectStart, decoder.subjectEnd)
    ) {
      if (startsWithReplyPrefix(decoder.bytes, decoder.subjectStart)) {
        publishReply(session);
        return;
      }
      const { bytes, subjectStart, subjectEnd } = decoder;
      entry = session.last = session.dialect.route(bytes, subjectStart, subjectEnd);
      if (entry === undefined) {
        publishNowhere(session);
        return;
      }
    }
    if (decoder.isNoted) decoder.note = entry;
  }
  // Pedantic clients hear of wildcards in a subject; the message goes its way. [NATS-PUB]
  if (session.options.pedantic && !isLiteral(entry.name)) {
    session.complain("Invalid Publish Subject");
  }
  publishTo(session, entry.route, undefined);
}

/** The same for a client with a limit of data. What is denied counts as well: it came in. */
export function publishMetered(session: NatsSession): void {
  const { bodyStart, bodyEnd } = session.decoder;
  if (spendData(session, bodyEnd - bodyStart)) publish(session);
}

/** Handles a frame whose body is larger than allowed; the decoder throws the body away. */
export function oversize(session: NatsSession): void {
  session.server.counters.dropped.too_large++;
  const text = "Maximum Payload Violation";
  if (session.server.options.oversize === "keep") session.complain(text);
  else session.break(new ProtocolError("payload too large", PACKET_TOO_LARGE, text));
}

/** A reply to a request that came from MQTT: the subject carries the Correlation Data. */
function publishReply(session: NatsSession): void {
  const { decoder, dialect } = session;
  const subject = decodeSubject(decoder.bytes, decoder.subjectStart, decoder.subjectEnd);
  const reply = subject === undefined ? undefined : unwrapReply(subject);
  const topic = subject === undefined ? undefined : dialect.topic(reply?.subject ?? subject);
  if (topic === undefined) {
    publishNowhere(session);
    return;
  }
  // The subject of the frame is not the one that subscribers see.
  if (reply !== undefined) decoder.tailStart = -1;
  publishTo(session, session.server.router.route(topic), reply?.correlationData);
}

/**
 * A subject that names no topic. With an empty token nobody can have subscribed to it, and only
 * pedantic clients hear that, as from nats-server: a library that gets an error it does not know
 * closes its connection for good. Whatever else MQTT could not spell is refused.
 */
function publishNowhere(session: NatsSession): void {
  const { decoder, options, server } = session;
  const subject = decodeSubject(decoder.bytes, decoder.subjectStart, decoder.subjectEnd);
  const isTaken = subject !== undefined && hasEmptyToken(subject);
  if (!isTaken || options.pedantic) session.complain("Invalid Publish Subject");
  if (!isTaken) return;
  session.acknowledge();
  server.counters.dropped.no_subscribers++;
  if (!options.noResponders || decoder.extraEnd === decoder.extraStart) return;
  const extras: WritableExtras = {};
  addReply(session, extras);
  if (extras.replyTo !== undefined) sendNoResponders(session, extras.replyTo);
}

function publishTo(
  session: NatsSession,
  route: Route,
  correlationData: Uint8Array | undefined,
): void {
  const decoder = session.decoder;
  const headers = decoder.headerSize > 0;
  const payloadStart = decoder.bodyStart + (headers ? decoder.headerSize : 0);
  const message = session.server.batch.next(
    route,
    decoder.bytes,
    payloadStart,
    decoder.bodyEnd,
  );
  message.owned = decoder.owned;
  message.single = route.direct.length <= 1;
  if (message.view === undefined) message.view = decoder.view;
  message.origin = session.id;
  message.originHash = session.clientIdHash;
  message.qos = session.options.verbose ? 1 : 0;
  message.retain = false;
  message.extras = undefined;
  const withReply = decoder.extraEnd > decoder.extraStart;
  if (withReply || headers || correlationData !== undefined) {
    addExtras(session, message, correlationData);
  }
  if (decoder.tailStart >= 0) {
    message.tailDialect = (withReply ? TAIL_REPLY + 2 * session.dialect.index : TAIL_PLAIN) +
      (headers ? 1 : 0);
    message.tailStart = decoder.tailStart;
    message.tailEnd = decoder.bodyEnd + 2;
  }
  if (session.authorizer === undefined) {
    send(session, message);
    return;
  }
  const allowed = mayPublish(session, session.authorizer, message);
  if (typeof allowed === "boolean") {
    settle(session, message, allowed);
    return;
  }
  const kept = own(message);
  session.waitFor(allowed, (answer) => settle(session, kept, answer));
}

/** The last step: `+OK` goes out before the client's own copy of the message. */
function send(session: NatsSession, message: Message): void {
  if (session.options.verbose && session.server.parts.refuses(message)) {
    session.complain("Storage Unavailable");
    return;
  }
  session.acknowledge();
  const { batch, router, counters } = session.server;
  countByQos(counters.messages_received, message.qos);
  if (mayBeGathered(message) && batch.suits(message.route)) {
    batch.add(message);
    return;
  }
  batch.flush();
  const takers = router.publish(message);
  if (takers > 0) return;
  counters.dropped.no_subscribers++;
  if (session.options.noResponders && message.extras?.replyTo !== undefined) {
    sendNoResponders(session, message.extras.replyTo);
  }
}

/** Nobody asks how many take it, and it is the batch's own object. */
function mayBeGathered(message: Message): boolean {
  return !message.retain && message.extras?.replyTo === undefined && message.kept === undefined;
}

function settle(session: NatsSession, message: Message, allowed: boolean): void {
  if (!allowed) {
    deny(session, message.route.topic);
    return;
  }
  session.server.counters.authorization_allowed++;
  send(session, message);
}

function deny(session: NatsSession, topic: Topic): void {
  session.server.counters.dropped.denied++;
  session.server.counters.authorization_denied++;
  const subject = session.dialect.subject(topic) ?? topic;
  session.complain(`Permissions Violation for Publish to ${JSON.stringify(subject)}`);
  if (session.authorizer!.denyAction === "disconnect") {
    session.close({ kind: "auth", detail: `publish to ${subject} denied` });
  }
}

/** Extras before they are handed on. */
type WritableExtras = { -readonly [K in keyof MessageExtras]: MessageExtras[K] };

function addExtras(
  session: NatsSession,
  message: Message,
  correlationData: Uint8Array | undefined,
): void {
  const decoder = session.decoder;
  const extras: WritableExtras = {};
  if (decoder.extraEnd > decoder.extraStart) addReply(session, extras);
  if (correlationData !== undefined) extras.correlationData = correlationData;
  if (decoder.headerSize > 0) addHeaders(session, message, extras);
  message.extras = extras;
}

/** nats-server never looks at a reply: one that is no subject passes as it is. */
function addReply(
  { decoder, dialect }: NatsSession,
  extras: WritableExtras,
): void {
  const { bytes, extraStart, extraEnd } = decoder;
  const subject = decodeSubject(bytes, extraStart, extraEnd);
  const isName = subject !== undefined && !hasWildcardToken(subject);
  const replyTo = isName ? dialect.topic(subject) : undefined;
  if (replyTo !== undefined) extras.replyTo = replyTo;
  else extras.rawReply = { dialect: dialect.index, bytes: bytes.slice(extraStart, extraEnd) };
}

/** Takes the `Mqtt-…` headers off; the rest become user properties. */
function addHeaders(
  session: NatsSession,
  message: Message,
  extras: WritableExtras,
): void {
  const { decoder, server } = session;
  const { bytes, bodyStart, headerSize } = decoder;
  const block = decodeHeaders(bytes, bodyStart, bodyStart + headerSize);
  const mqtt = takeMqttHeaders(block.headers);
  if (mqtt.headers.length < block.headers.length) decoder.tailStart = -1;
  else extras.headerBlock = bytes.slice(bodyStart, bodyStart + headerSize);
  // A block that is none passes from NATS to NATS as it is, and is nothing to MQTT.
  if (block.problem !== undefined) return;
  if (mqtt.headers.length > 0) extras.headers = mqtt.headers;
  if (mqtt.contentType !== undefined) extras.contentType = mqtt.contentType;
  if (mqtt.messageExpiry !== undefined) {
    extras.expiresAt = server.now() + mqtt.messageExpiry * 1000;
  }
  if (mqtt.qos !== undefined) message.qos = mqtt.qos as QoS;
  message.retain = mqtt.retain;
}

/**
 * Tells the requester that nobody listens, on its own subscription for the reply. The router finds
 * that one: a client may have a hundred thousand others.
 */
function sendNoResponders(session: NatsSession, replyTo: Topic): void {
  const { dialect, link, server } = session;
  const reply = dialect.subject(replyTo);
  if (reply === undefined) return;
  const route = server.router.route(replyTo);
  server.router.refresh(route);
  const own = route.direct.find(({ subscription }) => subscription.subscriber === session);
  if (own === undefined) return;
  server.counters.no_responders++;
  server.counters.sent.hmsg++;
  const prefix = messagePrefix(reply, (own.subscription as NatsSubscription).sid);
  encodeMessage(link.out, prefix, undefined, NO_RESPONDERS_BLOCK, NO_PAYLOAD);
}

function isLiteral(subject: Uint8Array): boolean {
  if (!subject.includes(STAR) && !subject.includes(GREATER)) return true;
  return !hasWildcardToken(decodeSubject(subject, 0, subject.length)!);
}

function startsWithReplyPrefix(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === UNDERSCORE && bytes[at + 1] === LETTER_R && bytes[at + 2] === DOT;
}

/** MQTT's number for it; NATS has the text only. */
const PACKET_TOO_LARGE = 0x95;
const STAR = 0x2a, GREATER = 0x3e;
const NO_PAYLOAD = { start: 0, end: 0, payload: new Uint8Array(0) };
const [UNDERSCORE, LETTER_R, DOT] = [...REPLY_PREFIX].map((c) => c.charCodeAt(0));
