/**
 * One application message on its way from a publisher to its subscribers.
 */
import type { Route } from "./route.ts";
import type { Topic } from "./topic.ts";

/** MQTT delivery guarantee. NATS clients publish at 1 when CONNECT said `verbose`, else at 0. */
export type QoS = 0 | 1 | 2;

/**
 * A published message. The publisher's session reuses one object for message after message, and
 * its bytes may be a window of the read buffer: whoever keeps a message past the `deliver` call
 * keeps the answer of `own()` instead. Between `Router.publish` and its return nothing changes it.
 */
export class Message {
  /** Where it goes, resolved once. */
  route: Route;
  /** The payload is `bytes[start..end)`. */
  bytes: Uint8Array;
  start: number;
  end: number;
  /** True when `bytes` holds the payload for good; false when it dies with this turn. */
  owned = false;
  qos: QoS = 0;
  retain = false;
  /** Connection id of the publisher, for No Local and `echo:false`. 0: the gateway itself. */
  origin = 0;
  /** `hash` of the publisher's client id, for `hash_clientid`. 0: the gateway itself. */
  originHash = 0;
  /** Headers, response topic, correlation data, expiry...; undefined on the common path. */
  extras: MessageExtras | undefined = undefined;
  /**
   * The rest of a frame in the publisher's wire format, ready to be copied to subscribers that
   * speak the same dialect: `bytes[tailStart..tailEnd)`. Opaque to the core; valid while
   * `tailDialect` is not negative.
   */
  tailDialect = -1;
  tailStart = 0;
  tailEnd = 0;
  /** All of `bytes`, if the publisher has such a view at hand. */
  view: DataView | undefined = undefined;
  /** True: copy short runs from `view`. False: several receivers share `tail` and `payload`. */
  single = false;
  /** What `own()` made of it: one copy for all who keep it. */
  kept: Message | undefined = undefined;
  #payload: Uint8Array | undefined = undefined;
  #tail: Uint8Array | undefined = undefined;

  constructor(route: Route, bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.route = route;
    this.bytes = bytes;
    this.start = start;
    this.end = end;
  }

  /** Points this object at the next message; what is not named keeps its last value. */
  reset(route: Route, bytes: Uint8Array, start: number, end: number): void {
    // An old object that is made to point at a young one costs the collector a note each time.
    if (this.route !== route) this.route = route;
    if (this.bytes !== bytes) {
      this.bytes = bytes;
      this.view = undefined;
    }
    this.start = start;
    this.end = end;
    this.tailDialect = -1;
    this.kept = undefined;
    this.#payload = undefined;
    this.#tail = undefined;
  }

  /** Payload size in bytes. */
  get size(): number {
    return this.end - this.start;
  }

  /** The payload as a view, made once for all receivers. */
  get payload(): Uint8Array {
    return this.#payload ??= this.bytes.subarray(this.start, this.end);
  }

  /** The ready-made rest of the frame as a view, made once for all receivers. */
  get tail(): Uint8Array {
    return this.#tail ??= this.bytes.subarray(this.tailStart, this.tailEnd);
  }
}

/** Everything that most messages do not have. One allocation, only when needed. Immutable. */
export interface MessageExtras {
  /** NATS reply subject, MQTT 5 Response Topic: canonical, with mountpoint. */
  readonly replyTo?: Topic;
  readonly correlationData?: Uint8Array;
  /** Ordered pairs, repetition kept: MQTT 5 user properties, NATS headers. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly contentType?: string;
  readonly payloadFormat?: 0 | 1;
  /** Milliseconds since the epoch at which the message is worthless. */
  readonly expiresAt?: number;
  /**
   * `headers` as the publisher wrote them, for subscribers of its protocol; owned. Opaque to the
   * core. Absent when they say something that is meant for the gateway.
   */
  readonly headerBlock?: Uint8Array;
  /**
   * In place of `replyTo` when that is no topic: as the publisher wrote it, for subscribers with
   * the same spelling of names (its number is that of `tailDialect`). Owned; opaque to the core.
   */
  readonly rawReply?: { readonly dialect: number; readonly bytes: Uint8Array };
}

/**
 * A message that stays as it is, for whoever keeps it past `deliver`: for a short time, such as
 * until it is acknowledged. All who ask during one publication get the same object, so that a
 * payload is held (and stored) once.
 */
export function own(message: Message): Message {
  return message.kept ??= copyOf(message, message.size <= SHARED_BYTES_MAX);
}

/**
 * The same for long, such as until a client comes back: small payloads do not share a buffer
 * with others, which they would keep alive.
 */
export function ownForLong(message: Message): Message {
  const { kept } = message;
  if (kept !== undefined && kept.bytes.length - kept.size <= WASTE_BYTES_MAX) return kept;
  return message.kept = copyOf(message, false);
}

/** A copy of its own, even if others keep the message as well. Owned bytes are shared. */
export function copyOf(message: Message, sharesBuffer = false): Message {
  const copy =
    message.owned && (sharesBuffer || message.bytes.length - message.size <= WASTE_BYTES_MAX)
      ? new Message(message.route, message.bytes, message.start, message.end)
      : sharesBuffer
      ? inBuffer(message)
      : new Message(message.route, message.payload.slice());
  copy.owned = true;
  copy.qos = message.qos;
  copy.retain = message.retain;
  copy.origin = message.origin;
  copy.originHash = message.originHash;
  copy.extras = message.extras;
  copy.kept = copy;
  return copy;
}

/** Bytes for many small payloads: to allocate each by itself costs more than all the rest. */
const BUFFER_BYTES = 8192;
/** Payloads up to this size share a buffer. */
const SHARED_BYTES_MAX = 1024;
/** What a kept message may keep alive beside its payload. */
const WASTE_BYTES_MAX = 1024;
let buffer = new Uint8Array(BUFFER_BYTES);
let bufferAt = 0;

function inBuffer(message: Message): Message {
  const { size } = message;
  if (bufferAt + size > BUFFER_BYTES) {
    buffer = new Uint8Array(BUFFER_BYTES);
    bufferAt = 0;
  }
  const start = bufferAt;
  bufferAt += size;
  buffer.set(message.payload, start);
  return new Message(message.route, buffer, start, bufferAt);
}
