/**
 * Reply subjects that carry MQTT 5 Correlation Data. A NATS responder sends its answer to
 * `_R.<correlation data in base64url>.<subject of the Response Topic>`; the gateway takes the
 * prefix off and puts the Correlation Data back. The subject is the only memory there is.
 */

/** First token of such subjects. */
export const REPLY_PREFIX = "_R.";

/** A reply subject taken apart. */
export interface Reply {
  readonly correlationData: Uint8Array;
  /** Subject of the Response Topic. */
  readonly subject: string;
}

/**
 * The reply subject for a request. Empty Correlation Data is written `_`, which is no base64url.
 * Data of more than about 3 kB makes an answer longer than the default `max_control_line`.
 */
export function wrapReply(correlationData: Uint8Array, subject: string): string {
  const data = correlationData.length === 0 ? EMPTY : correlationData.toBase64(BASE64URL);
  return `${REPLY_PREFIX}${data}.${subject}`;
}

/** The parts of a subject that `wrapReply` made; undefined for any other. */
export function unwrapReply(subject: string): Reply | undefined {
  if (!subject.startsWith(REPLY_PREFIX)) return undefined;
  const dot = subject.indexOf(".", REPLY_PREFIX.length);
  if (dot < 0 || dot === subject.length - 1) return undefined;
  const data = subject.slice(REPLY_PREFIX.length, dot);
  if (data.length === 0) return undefined;
  try {
    const correlationData = data === EMPTY
      ? new Uint8Array(0)
      : Uint8Array.fromBase64(data, { alphabet: "base64url" });
    const reply = { correlationData, subject: subject.slice(dot + 1) };
    // Only the exact form counts: no padding, no stray bits, one subject for each reply.
    return wrapReply(correlationData, reply.subject) === subject ? reply : undefined;
  } catch {
    return undefined;
  }
}

const EMPTY = "_";
const BASE64URL = { alphabet: "base64url", omitPadding: true } as const;
