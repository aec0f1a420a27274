/**
 * The bytes a connection has yet to send. Pure: sessions append, the transport takes segments
 * and writes them. Small frames are copied into pooled slabs, large payloads kept by reference.
 */

import { NO_SLAB, releaseSlab, type Slab, SLAB_BYTES, takeSlab } from "./slabs.ts";

/** Payloads from here on are referenced rather than copied: about the break-even of two writes. */
export const REFERENCE_BYTES = 32 * 1024;
/** Free room in front of each slab, for a transport that frames what it sends (WebSocket). */
export const HEADROOM_BYTES = 16;

/** Called when an outbox gets its first byte after it was empty. */
export type OnDirty = (outbox: Outbox) => void;

/** Write queue of one connection. */
export class Outbox {
  /** Where the next byte goes: write into `slab` from `at`, then set `at`. See `reserve`. */
  slab: Uint8Array = NO_SLAB.bytes;
  /** The same bytes, for `copyShort`. */
  view: DataView = NO_SLAB.view;
  at = 0;
  #slab: Slab = NO_SLAB;
  /** Bytes in closed segments, those given to the transport included. */
  #closedBytes = 0;
  #segments: Segment[] = [];
  /** First byte of `slab` that was not sent yet. */
  #from = 0;
  #dirty = false;
  /** Bytes that have left, since the connection began. */
  sentBytes = 0;
  /** Pending bytes above which `onHigh` is called; looked at whenever a slab is full. */
  highWatermark = Infinity;
  /** Called again and again while more comes in above the mark. */
  onHigh: (() => void) | undefined = undefined;

  constructor(readonly owner: unknown, readonly onDirty: OnDirty) {}

  /** Bytes accepted and not yet written to the socket. */
  get pendingBytes(): number {
    return this.#closedBytes + this.at - this.#from;
  }

  /** Makes room for `bytes` in `slab` from `at` on, and counts on them being used. */
  reserve(bytes: number): void {
    if (!this.#dirty) {
      this.#dirty = true;
      this.onDirty(this);
    }
    if (this.at + bytes > this.slab.length) this.#makeRoom(bytes);
  }

  /** Appends bytes: copied when small, else referenced until they are written. */
  append(bytes: Uint8Array): void {
    if (bytes.length < REFERENCE_BYTES) {
      this.reserve(bytes.length);
      this.slab.set(bytes, this.at);
      this.at += bytes.length;
      return;
    }
    this.reserve(0);
    this.#closeSlab();
    this.#segments.push({ bytes, slab: undefined, headroom: 0 });
    this.#closedBytes += bytes.length;
    if (this.#closedBytes > this.highWatermark) this.onHigh?.();
  }

  /** For the transport: the next bytes to write, in order; undefined when there are none. */
  take(): Segment | undefined {
    if (this.#segments.length === 0) this.#closeSlab();
    const segment = this.#segments.shift();
    if (segment === undefined) this.#dirty = false;
    return segment;
  }

  /** For the transport: a taken segment is written (or never will be). */
  done(segment: Segment): void {
    this.sentBytes += segment.bytes.length;
    this.#release(segment);
  }

  /** Drops everything that was not taken yet. */
  clear(): void {
    this.#closeSlab();
    for (const segment of this.#segments) this.#release(segment);
    this.#segments.length = 0;
    this.#dirty = false;
  }

  #release(segment: Segment): void {
    this.#closedBytes -= segment.bytes.length;
    if (segment.slab !== undefined) releaseSlab(segment.slab);
  }

  #use(slab: Slab): void {
    this.#slab = slab;
    this.slab = slab.bytes;
    this.view = slab.view;
  }

  #closeSlab(): void {
    if (this.at === this.#from) return;
    const bytes = this.slab.subarray(this.#from, this.at);
    this.#segments.push({ bytes, slab: this.#slab, headroom: HEADROOM_BYTES });
    this.#closedBytes += bytes.length;
    this.#use(NO_SLAB);
    this.#from = this.at = 0;
  }

  #makeRoom(bytes: number): void {
    if (this.pendingBytes > this.highWatermark) this.onHigh?.();
    const used = this.at - this.#from;
    const needed = HEADROOM_BYTES + used + bytes;
    if (used > 0 && needed <= SLAB_LARGE_BYTES) {
      // Outgrown: move on to a larger slab, so that one write can carry it all.
      const larger = takeSlab(needed);
      larger.bytes.set(this.slab.subarray(this.#from, this.at), HEADROOM_BYTES);
      releaseSlab(this.#slab);
      this.#use(larger);
      this.at = HEADROOM_BYTES + used;
    } else {
      // The first of a turn is small; one that follows a full slab is large.
      const first = used === 0 && this.#segments.length === 0;
      this.#closeSlab();
      if (this.slab.length > 0) releaseSlab(this.#slab);
      const room = HEADROOM_BYTES + bytes;
      this.#use(takeSlab(first ? room : Math.max(room, SLAB_LARGE_BYTES)));
      this.at = HEADROOM_BYTES;
    }
    this.#from = HEADROOM_BYTES;
  }
}

/** A run of bytes on its way to the socket. */
export interface Segment {
  readonly bytes: Uint8Array;
  /** The slab to give back once written; undefined for referenced payloads. */
  readonly slab: Slab | undefined;
  /** Free bytes in front of `bytes` that a framing transport may overwrite. */
  readonly headroom: number;
}

/** One write takes at most this much, unless a single frame is larger. */
const SLAB_LARGE_BYTES = SLAB_BYTES[2];
