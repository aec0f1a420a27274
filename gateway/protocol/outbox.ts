/**
 * The bytes a connection has yet to send. Pure: sessions append, the transport takes segments
 * and writes them. Small frames are copied into pooled slabs, large payloads kept by reference.
 */

/** A first slab is small, so that ten thousand subscribers of one message cost little. */
export const SLAB_SMALL_BYTES = 4 * 1024;
/** Under load a slab grows to this; one write takes at most this much. */
export const SLAB_LARGE_BYTES = 64 * 1024;
/** Payloads from here on are referenced rather than copied: about the break-even of two writes. */
export const REFERENCE_BYTES = 32 * 1024;
/** Free room in front of each slab, for a transport that frames what it sends (WebSocket). */
export const HEADROOM_BYTES = 16;

/** Called when an outbox gets its first byte after it was empty. */
export type OnDirty = (outbox: Outbox) => void;

/** Write queue of one connection. */
export class Outbox {
  /** Where the next byte goes: write into `slab` from `at`, then set `at`. See `reserve`. */
  slab: Uint8Array = EMPTY;
  at = 0;
  /** Bytes in closed segments, those given to the transport included. */
  #closedBytes = 0;
  #segments: Segment[] = [];
  /** First byte of `slab` that was not sent yet. */
  #from = 0;
  #dirty = false;
  /** Bytes that have left, since the connection began. */
  sentBytes = 0;

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

  #closeSlab(): void {
    if (this.at === this.#from) return;
    const bytes = this.slab.subarray(this.#from, this.at);
    this.#segments.push({ bytes, slab: this.slab, headroom: HEADROOM_BYTES });
    this.#closedBytes += bytes.length;
    this.slab = EMPTY;
    this.#from = this.at = 0;
  }

  #makeRoom(bytes: number): void {
    const used = this.at - this.#from;
    if (used > 0 && this.slab.length === SLAB_SMALL_BYTES && used + bytes <= ROOM_LARGE) {
      // Outgrown: move to a large slab, so that one write can carry it all.
      const large = takeSlab(SLAB_LARGE_BYTES);
      large.set(this.slab.subarray(this.#from, this.at), HEADROOM_BYTES);
      releaseSlab(this.slab);
      this.slab = large;
      this.at = HEADROOM_BYTES + used;
    } else {
      const wasEmpty = used === 0 && this.#segments.length === 0;
      this.#closeSlab();
      if (this.slab.length > 0) releaseSlab(this.slab);
      const small = wasEmpty && bytes <= ROOM_SMALL;
      this.slab = takeSlab(
        small ? SLAB_SMALL_BYTES : Math.max(SLAB_LARGE_BYTES, bytes + HEADROOM_BYTES),
      );
      this.at = HEADROOM_BYTES;
    }
    this.#from = HEADROOM_BYTES;
  }
}

/** A run of bytes on its way to the socket. */
export interface Segment {
  readonly bytes: Uint8Array;
  /** The slab to give back once written; undefined for referenced payloads. */
  readonly slab: Uint8Array | undefined;
  /** Free bytes in front of `bytes` that a framing transport may overwrite. */
  readonly headroom: number;
}

const EMPTY = new Uint8Array(0);
const ROOM_SMALL = SLAB_SMALL_BYTES - HEADROOM_BYTES;
const ROOM_LARGE = SLAB_LARGE_BYTES - HEADROOM_BYTES;
/** Free slabs kept for reuse: at most 2 MiB of small and 32 MiB of large ones. */
const POOL_SMALL_MAX = 512;
const POOL_LARGE_MAX = 512;
const smallSlabs: Uint8Array[] = [];
const largeSlabs: Uint8Array[] = [];

function takeSlab(bytes: number): Uint8Array {
  const pool = bytes === SLAB_SMALL_BYTES
    ? smallSlabs
    : bytes === SLAB_LARGE_BYTES
    ? largeSlabs
    : undefined;
  return pool?.pop() ?? new Uint8Array(bytes);
}

function releaseSlab(slab: Uint8Array): void {
  if (slab.length === SLAB_SMALL_BYTES && smallSlabs.length < POOL_SMALL_MAX) smallSlabs.push(slab);
  else if (slab.length === SLAB_LARGE_BYTES && largeSlabs.length < POOL_LARGE_MAX) {
    largeSlabs.push(slab);
  }
}
