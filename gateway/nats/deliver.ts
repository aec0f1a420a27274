/**
 * Messages on their way to a NATS client: MSG and HMSG straight into its outbox.
 */
import type { Message, MessageExtras } from "../core/message.ts";
import { Delivered, type Target } from "../core/subscription.ts";
import type { Topic } from "../core/topic.ts";
import { spendData } from "./data_limit.ts";
import { encodeMessage, encodeTail, messagePrefix } from "./encode.ts";
import { encodeHeaders } from "./headers.ts";
import { TAIL_PLAIN, TAIL_REPLY } from "./publish.ts";
import { wrapReply } from "./reply.ts";
import type { NatsSession } from "./session.ts";
import type { NatsSubscription } from "./subscription.ts";

/** Takes a message from the router. */
export function deliver(session: NatsSession, message: Message, target: Target): Delivered {
  const subscription = target.subscription as NatsSubscription;
  if (session.state === "closed" || !subscription.active) return Delivered.Refused;
  const out = session.link.out;
  if (out.pendingBytes > session.server.options.pending_bytes_max) {
    cutOff(session);
    return Delivered.Refused;
  }
  const wire = target.wire ??= prefixFor(session, message.route.topic, subscription.sid);
  const prefix = wire as DataView;
  if (prefix === UNMAPPABLE) return dropUnmappable(session);
  if (session.dataLeft !== undefined && !mayReceive(session, message, false)) {
    return Delivered.Refused;
  }
  const tail = message.tailDialect;
  const replyTail = TAIL_REPLY + 2 * session.dialect.index;
  if (tail === TAIL_PLAIN || tail === replyTail) {
    encodeTail(out, prefix, message, false);
  } else if (session.options.headers && (tail === TAIL_PLAIN + 1 || tail === replyTail + 1)) {
    encodeTail(out, prefix, message, true);
    session.server.counters.sent.hmsg++;
  } else {
    encodeWhole(session, message, prefix, false);
  }
  count(session, message, subscription);
  return Delivered.Taken;
}

/**
 * Sends what is retained for a new subscription. It all comes at once: beyond half of the queue it
 * is dropped and counted, so that live messages still find room. When the queue was that full
 * before, nobody looks for more than the first: the next SUB may follow at once.
 */
export function deliverRetained(session: NatsSession, subscription: NatsSubscription): void {
  const wasFull = isHalfFull(session);
  for (const message of session.server.router.retained.matching(subscription)) {
    if (subscription.permits?.(message.route.topic) !== false) {
      sendRetained(session, message, subscription);
    }
    if (wasFull || !subscription.active) return;
  }
}

function sendRetained(
  session: NatsSession,
  message: Message,
  subscription: NatsSubscription,
): void {
  if (isHalfFull(session)) {
    session.dropped++;
    return;
  }
  const prefix = prefixFor(session, message.route.topic, subscription.sid);
  if (prefix === UNMAPPABLE) {
    dropUnmappable(session);
    return;
  }
  if (session.dataLeft !== undefined && !mayReceive(session, message, true)) return;
  encodeWhole(session, message, prefix, true);
  count(session, message, subscription);
}

function isHalfFull(session: NatsSession): boolean {
  return session.link.out.pendingBytes > session.server.options.pending_bytes_max / 2;
}

/** A name that NATS cannot spell (plain mapping), or that lies outside of the mountpoint. */
const UNMAPPABLE = new DataView(new ArrayBuffer(0));
/** Rights to answer that one connection may hold; beyond it the oldest go. */
const RESPONSES_MAX = 10_000;

function prefixFor(session: NatsSession, topic: Topic, sid: string): DataView {
  const subject = session.dialect.subject(topic);
  return subject === undefined ? UNMAPPABLE : messagePrefix(subject, sid);
}

function dropUnmappable(session: NatsSession): Delivered {
  session.dropped++;
  session.server.counters.dropped.unmappable++;
  return Delivered.Dropped;
}

/** Counts a message against the client's limit of data; false: it has none left. */
function mayReceive(session: NatsSession, message: Message, retained: boolean): boolean {
  const headers = headerBlock(session, message, retained)?.length ?? 0;
  return spendData(session, headers + message.size);
}

function count(session: NatsSession, message: Message, subscription: NatsSubscription): void {
  session.messagesOut++;
  session.server.counters.messages_sent.qos0++;
  subscription.delivered++;
  if (subscription.max > 0 && subscription.delivered >= subscription.max) {
    session.drop(subscription);
  }
  if (session.responses !== undefined && message.extras?.replyTo !== undefined) {
    allowResponse(session, message.extras.replyTo);
  }
}

function encodeWhole(
  session: NatsSession,
  message: Message,
  prefix: DataView,
  retained: boolean,
): void {
  const { extras } = message;
  const header = headerBlock(session, message, retained);
  const reply = extras === undefined ? undefined : replyFor(session, extras);
  encodeMessage(session.link.out, prefix, reply, header, message);
  if (header !== undefined) session.server.counters.sent.hmsg++;
}

/**
 * The header block as a NATS publisher wrote it, or made of what the message has. Undefined: none,
 * or the client takes none.
 */
function headerBlock(
  session: NatsSession,
  { extras }: Message,
  retained: boolean,
): Uint8Array | undefined {
  if (!session.options.headers || (!retained && extras === undefined)) return undefined;
  if (extras?.headerBlock !== undefined && !retained) return extras.headerBlock;
  return encodeHeaders(extras, retained, session.server.now());
}

/** The reply subject; for MQTT requests it carries the Correlation Data. */
function replyFor(session: NatsSession, extras: MessageExtras): Uint8Array | undefined {
  const { replyTo, correlationData, rawReply } = extras;
  if (rawReply?.dialect === session.dialect.index) return rawReply.bytes;
  if (replyTo === undefined) return undefined;
  const subject = session.dialect.subject(replyTo);
  if (subject === undefined) return undefined;
  const text = correlationData === undefined ? subject : wrapReply(correlationData, subject);
  return encoder.encode(text);
}

function allowResponse(session: NatsSession, replyTo: Topic): void {
  const responses = session.responses!;
  const { max, expires_ms } = session.principal.acl!.responses!;
  if (responses.size >= RESPONSES_MAX) responses.delete(responses.keys().next().value!);
  responses.set(replyTo, {
    left: max < 0 ? Infinity : max,
    until: session.server.now() + expires_ms,
  });
}

/** The client does not read: what waits for it is thrown away, and it has to go. */
export function cutOff(session: NatsSession): void {
  session.server.counters.slow_consumers++;
  session.link.out.clear();
  session.fail("Slow Consumer", { kind: "slow-consumer" });
}

const encoder = new TextEncoder();
