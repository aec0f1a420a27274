/**
 * Binary records of messages, sessions and subscriptions. A record that stands alone begins with
 * `RECORD_VERSION` and a checksum; those inside a segment follow the version of the segment, which
 * has its own.
 */
import type { MessageExtras, QoS } from "../core/message.ts";
import { Sieve } from "../core/sieve.ts";
import type { Filter, Topic } from "../core/topic.ts";
import { type ByteSink, ByteSource, RecordError } from "./bytes.ts";
import { crc32 } from "./crc32.ts";
import type {
  StoredEntry,
  StoredMessage,
  StoredSession,
  StoredSubscription,
  StoredWill,
} from "./types.ts";

/**
 * First byte of a record. A change of the format gets the next number and keeps the old reader.
 * 2 has share groups of queue entries and sieves of subscriptions, behind flags that 1 never set.
 * 3 has checksums.
 */
export const RECORD_VERSION = 3;

/** What a record holds of a message beside its topic. Messages, wills and bodies are such. */
export interface MessageContent {
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly extras: MessageExtras | undefined;
}

/** Writes a record that stands alone, in place of whatever `into` holds. */
export function writeRecord(into: ByteSink, write: (into: ByteSink) => void): Uint8Array {
  into.reset();
  into.byte(RECORD_VERSION);
  into.u32(0);
  const start = into.length;
  write(into);
  into.u32At(start - CHECKSUM_BYTES, into.crcFrom(start));
  return into.written;
}

/** A record that stands alone, ready to be read. Throws `RecordError` when it is damaged. */
export function openRecord(record: Uint8Array): ByteSource {
  const source = new ByteSource(record);
  if (hasChecksums(readVersion(source))) {
    const checksum = source.u32();
    if (crc32(record, source.at, record.length) !== checksum) {
      throw new RecordError("the checksum of a record is wrong");
    }
  }
  return source;
}

/** Reads and checks the version of a record or segment. */
export function readVersion(from: ByteSource): number {
  const version = from.byte();
  if (version < 1 || version > RECORD_VERSION) {
    throw new RecordError(
      `a record has version ${version}; this program reads 1 to ${RECORD_VERSION}`,
    );
  }
  return version;
}

/** True for versions whose records and items have checksums. */
export function hasChecksums(version: number): boolean {
  return version >= 3;
}

/** A message; its payload runs to the end of the record. */
export function writeMessage(into: ByteSink, topic: Topic, content: MessageContent): void {
  const { qos, retain, extras } = content;
  into.byte(qos | (retain ? F_RETAIN : 0) | (extras === undefined ? 0 : F_EXTRAS));
  into.text(topic);
  if (extras !== undefined) writeExtras(into, extras);
  into.raw(content.payload);
}

/** Reads what `writeMessage` wrote, up to the end of `from`. */
export function readMessage(from: ByteSource, bodyId: number): StoredMessage {
  const flags = from.byte();
  const topic = from.text() as Topic;
  const extras = (flags & F_EXTRAS) !== 0 ? readExtras(from) : undefined;
  const retain = (flags & F_RETAIN) !== 0;
  return { topic, payload: from.rest(), qos: toQoS(flags), retain, extras, bodyId };
}

/** A place in a queue, without what it points to. */
export function writeEntry(into: ByteSink, entry: StoredEntry): void {
  const { identifiers, share } = entry;
  into.byte(
    entry.qos | (entry.retain ? F_RETAIN : 0) | (entry.released ? F_RELEASED : 0) |
      (identifiers.length > 0 ? F_IDENTIFIERS : 0) | (share === undefined ? 0 : F_SHARE),
  );
  into.varint(entry.seq);
  into.varint(entry.packetId);
  if (identifiers.length > 0) {
    into.varint(identifiers.length);
    for (const identifier of identifiers) into.varint(identifier);
  }
  if (share === undefined) return;
  into.text(share.group);
  into.text(share.filter);
}

/** Reads what `writeEntry` wrote. */
export function readEntry(from: ByteSource): StoredEntry {
  const flags = from.byte();
  const seq = from.varint();
  const packetId = from.varint();
  return {
    seq,
    qos: toQoS(flags),
    retain: (flags & F_RETAIN) !== 0,
    packetId,
    released: (flags & F_RELEASED) !== 0,
    identifiers: (flags & F_IDENTIFIERS) !== 0 ? readIdentifiers(from) : NO_IDENTIFIERS,
    share: (flags & F_SHARE) !== 0
      ? { group: from.text(), filter: from.text() as Filter }
      : undefined,
  };
}

/** A session; the will, which may be large, comes last. */
export function writeSession(into: ByteSink, session: StoredSession): void {
  const { username, disconnectedAt, will } = session;
  into.byte(
    (username === undefined ? 0 : F_USERNAME) | (disconnectedAt === undefined ? 0 : F_ENDED) |
      (will === undefined ? 0 : F_WILL),
  );
  into.text(session.clientId);
  into.byte(session.version);
  into.varint(session.expiryInterval);
  into.time(session.createdAt);
  if (username !== undefined) into.text(username);
  if (disconnectedAt !== undefined) into.time(disconnectedAt);
  if (will !== undefined) writeWill(into, will);
}

/** Reads what `writeSession` wrote, up to the end of `from`. */
export function readSession(from: ByteSource): StoredSession {
  const flags = from.byte();
  return {
    clientId: from.text(),
    version: from.byte(),
    expiryInterval: from.varint(),
    createdAt: from.float(),
    username: (flags & F_USERNAME) !== 0 ? from.text() : undefined,
    disconnectedAt: (flags & F_ENDED) !== 0 ? from.float() : undefined,
    will: (flags & F_WILL) !== 0 ? readWill(from) : undefined,
  };
}

/** A subscription with its name. */
export function writeSubscription(into: ByteSink, subscription: StoredSubscription): void {
  const { name, filter, group, retainHandling, sieve } = subscription;
  into.byte(
    subscription.qos | (subscription.noLocal ? F_NO_LOCAL : 0) |
      (subscription.retainAsPublished ? F_AS_PUBLISHED : 0) | (retainHandling << 4) |
      (group === undefined ? 0 : F_GROUP) | (sieve === undefined ? 0 : F_SIEVE),
  );
  into.text(name);
  into.text(filter);
  if (group !== undefined) into.text(group);
  into.varint(subscription.identifier);
  if (sieve !== undefined) into.text(sieve.toText());
}

/**
 * Reads what `writeSubscription` wrote. `sieves`: those that were read before, by their text; many
 * subscriptions have the same.
 */
export function readSubscription(
  from: ByteSource,
  sieves: Map<string, Sieve>,
): StoredSubscription {
  const flags = from.byte();
  return {
    name: from.text(),
    filter: from.text() as Filter,
    group: (flags & F_GROUP) !== 0 ? from.text() : undefined,
    qos: toQoS(flags),
    noLocal: (flags & F_NO_LOCAL) !== 0,
    retainAsPublished: (flags & F_AS_PUBLISHED) !== 0,
    retainHandling: toQoS(flags >> 4),
    identifier: from.varint(),
    sieve: (flags & F_SIEVE) !== 0 ? readSieve(from.text(), sieves) : undefined,
  };
}

function readSieve(text: string, sieves: Map<string, Sieve>): Sieve {
  const sieve = sieves.get(text) ?? Sieve.fromText(text);
  if (sieve === undefined) throw new RecordError("a subscription has permissions of no known form");
  sieves.set(text, sieve);
  return sieve;
}

function readIdentifiers(from: ByteSource): readonly number[] {
  const identifiers: number[] = [];
  for (let left = from.varint(); left > 0; left--) identifiers.push(from.varint());
  return identifiers;
}

function writeWill(into: ByteSink, will: StoredWill): void {
  into.varint(will.delayInterval);
  // 0 stands for none, so every interval is one more.
  into.varint(will.expiryInterval === undefined ? 0 : will.expiryInterval + 1);
  writeMessage(into, will.topic, will);
}

function readWill(from: ByteSource): StoredWill {
  const delayInterval = from.varint();
  const expiry = from.varint();
  const { topic, payload, qos, retain, extras } = readMessage(from, 0);
  const expiryInterval = expiry === 0 ? undefined : expiry - 1;
  return { topic, payload, qos, retain, extras, delayInterval, expiryInterval };
}

function writeExtras(into: ByteSink, extras: MessageExtras): void {
  const { replyTo, correlationData, headers, contentType, payloadFormat, expiresAt } = extras;
  into.byte(
    (replyTo === undefined ? 0 : X_REPLY_TO) |
      (correlationData === undefined ? 0 : X_CORRELATION_DATA) |
      (headers === undefined ? 0 : X_HEADERS) |
      (contentType === undefined ? 0 : X_CONTENT_TYPE) |
      (payloadFormat === undefined ? 0 : X_PAYLOAD_FORMAT) |
      (expiresAt === undefined ? 0 : X_EXPIRES_AT),
  );
  if (replyTo !== undefined) into.text(replyTo);
  if (correlationData !== undefined) into.bytes(correlationData);
  if (headers !== undefined) {
    into.varint(headers.length);
    for (const [name, value] of headers) {
      into.text(name);
      into.text(value);
    }
  }
  if (contentType !== undefined) into.text(contentType);
  if (payloadFormat !== undefined) into.byte(payloadFormat);
  if (expiresAt !== undefined) into.time(expiresAt);
}

function readExtras(from: ByteSource): MessageExtras {
  const flags = from.byte();
  const extras: { -readonly [K in keyof MessageExtras]: MessageExtras[K] } = {};
  if ((flags & X_REPLY_TO) !== 0) extras.replyTo = from.text() as Topic;
  if ((flags & X_CORRELATION_DATA) !== 0) extras.correlationData = from.copy();
  if ((flags & X_HEADERS) !== 0) {
    const headers: [string, string][] = [];
    for (let left = from.varint(); left > 0; left--) headers.push([from.text(), from.text()]);
    extras.headers = headers;
  }
  if ((flags & X_CONTENT_TYPE) !== 0) extras.contentType = from.text();
  if ((flags & X_PAYLOAD_FORMAT) !== 0) extras.payloadFormat = from.byte() === 0 ? 0 : 1;
  if ((flags & X_EXPIRES_AT) !== 0) extras.expiresAt = from.float();
  return extras;
}

/** The low two bits as 0, 1 or 2. */
function toQoS(flags: number): QoS {
  const value = flags & 3;
  if (value === 3) throw new RecordError("a record holds a QoS of 3");
  return value as QoS;
}

/** What a checksum takes. */
const CHECKSUM_BYTES = 4;
/** Most entries have none, and a start reads them by the million. */
const NO_IDENTIFIERS: readonly number[] = [];

// Flags beside the QoS in the first byte of a message or an entry.
const F_RETAIN = 0x04;
const F_EXTRAS = 0x08;
const F_RELEASED = 0x08;
const F_IDENTIFIERS = 0x10;
const F_SHARE = 0x20;

// Flags in the first byte of a subscription; bits 4 and 5 hold the retain handling.
const F_NO_LOCAL = 0x04;
const F_AS_PUBLISHED = 0x08;
const F_GROUP = 0x40;
const F_SIEVE = 0x80;

// Flags in the first byte of a session.
const F_USERNAME = 0x01;
const F_ENDED = 0x02;
const F_WILL = 0x04;

// Which extras are there.
const X_REPLY_TO = 0x01;
const X_CORRELATION_DATA = 0x02;
const X_HEADERS = 0x04;
const X_CONTENT_TYPE = 0x08;
const X_PAYLOAD_FORMAT = 0x10;
const X_EXPIRES_AT = 0x20;
