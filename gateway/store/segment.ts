/**
 * A segment is what one commit writes of queues: message bodies, queue entries and incoming packet
 * ids, one after the other in a single blob (several when they are many). Rows of their own would
 * cost a statement for each message; a segment costs one for all of them. Items are never changed:
 * they die one by one, and the segment goes with its last item. Which are dead is kept beside the
 * blob as a bit for each; when little is left alive, the blob is written again without the dead.
 *
 * Format: a version byte, then items. An item is a checksum of what follows (32 bits; not before
 * version 3), its length (32 bits) and its content, which begins with its kind. A length with the
 * top bit set stands for that many items that were taken out, so that the others keep their slots.
 */
import { type ByteSink, ByteSource, RecordError } from "./bytes.ts";
import { crc32 } from "./crc32.ts";
import { hasChecksums, readEntry, readMessage, readVersion, RECORD_VERSION } from "./record.ts";
import type { StoredEntry, StoredMessage } from "./types.ts";

/** A segment ends with the item that takes it to this size. */
export const SEGMENT_BYTES = 64 * 1024;

/** First byte of an item. */
export const ITEM_BODY = 0;
/** First byte of an item. */
export const ITEM_ENTRY = 1;
/** First byte of an item. */
export const ITEM_INCOMING = 2;

/** Receives the living items of a segment. */
export interface SegmentReader {
  body(slot: number, message: StoredMessage): void;
  entry(slot: number, sessionId: number, bodyId: number, entry: StoredEntry): void;
  incoming(slot: number, sessionId: number, packetId: number): void;
  /** An item that is not what was written. */
  damaged(slot: number): void;
}

/** Something that lives in a segment. */
export interface Item {
  /** Where it is stored; undefined while it waits for the commit. */
  segment: Segment | undefined;
  /** Its place in the segment. */
  slot: number;
  /** What it takes of a segment, in about bytes; the same for all its life. */
  readonly weight: number;
}

/** What memory knows of a stored segment. */
export class Segment {
  /** A bit for each slot whose item died since the blob was written; undefined: none did. */
  dead: Uint8Array | undefined = undefined;
  /** Items that were written, the dead ones included. */
  #slots = 0;
  /** Sum of the weights of the living items. */
  #weight = 0;
  /** The blob is worth writing again when the weight is no more than this. */
  #sparseWeight = 0;

  constructor(readonly id: number) {}

  /** A living item is in a slot of this segment. */
  place(item: Item, slot: number): void {
    item.segment = this;
    item.slot = slot;
    this.#weight += item.weight;
  }

  /**
   * All living items are placed. `dead`: bits of those that died since the blob was written.
   * `readable`: false when the blob is damaged, and must stay as it is.
   */
  complete(slots: number, dead?: Uint8Array, readable = true): void {
    this.#slots = slots;
    this.dead = dead;
    this.#sparseWeight = readable && this.#weight > PAGE_BYTES ? this.#weight >> 2 : 0;
  }

  /** The blob was written again with the living items only. */
  compacted(): void {
    this.complete(this.#slots);
  }

  /** The blob is damaged: it is not written again. */
  keepAsItIs(): void {
    this.#sparseWeight = 0;
  }

  /** An item is no longer needed. */
  kill(item: Item): void {
    this.dead ??= new Uint8Array((this.#slots + 7) >> 3);
    this.dead[item.slot >> 3]! |= 1 << (item.slot & 7);
    this.#weight -= item.weight;
  }

  /** True when no item lives. */
  get empty(): boolean {
    return this.#weight === 0;
  }

  /** True when most of the blob is dead weight and it is more than a page of the file. */
  get sparse(): boolean {
    return this.#weight <= this.#sparseWeight;
  }
}

/** Begins a segment. */
export function beginSegment(into: ByteSink): void {
  into.reset();
  into.byte(RECORD_VERSION);
}

/** Appends an item whose content `write` makes. */
export function appendItem(into: ByteSink, item: { write(into: ByteSink): void }): void {
  const at = beginItem(into);
  item.write(into);
  endItem(into, at, into.length - at - LENGTH_BYTES);
}

/** Reads the living items; returns the number of slots. Throws `RecordError`. */
export function readSegment(
  blob: Uint8Array,
  dead: Uint8Array | undefined,
  reader: SegmentReader,
): number {
  const source = new ByteSource(blob);
  return walk(source, dead, (slot, start, end, isSound) => {
    if (!isSound) {
      reader.damaged(slot);
      return;
    }
    source.at = start;
    source.end = end;
    readItem(source, slot, reader);
    source.end = blob.length;
  });
}

/** The same segment without its dead and damaged items, in `into.written`. */
export function compactSegment(
  into: ByteSink,
  blob: Uint8Array,
  dead: Uint8Array | undefined,
): void {
  beginSegment(into);
  let next = 0;
  const skipTo = (slot: number) => {
    if (slot > next) endItem(into, beginItem(into), (GAP | (slot - next)) >>> 0);
  };
  const slots = walk(new ByteSource(blob), dead, (slot, start, end, isSound) => {
    if (!isSound) return;
    skipTo(slot);
    next = slot + 1;
    const at = beginItem(into);
    into.raw(blob.subarray(start, end));
    endItem(into, at, end - start);
  });
  skipTo(slots);
}

/** Leaves room for checksum and length; returns where the length goes. */
function beginItem(into: ByteSink): number {
  into.u32(0);
  into.u32(0);
  return into.length - LENGTH_BYTES;
}

function endItem(into: ByteSink, at: number, length: number): void {
  into.u32At(at, length);
  into.u32At(at - CHECKSUM_BYTES, into.crcFrom(at));
}

/** Calls `visit` for each living item; `start` and `end` frame its content. */
function walk(
  source: ByteSource,
  dead: Uint8Array | undefined,
  visit: (slot: number, start: number, end: number, isSound: boolean) => void,
): number {
  const checked = hasChecksums(readVersion(source));
  const end = source.end;
  let slot = 0;
  let wasSound = true;
  while (source.at < end) {
    const checksum = checked ? source.u32() : 0;
    const at = source.at;
    const length = source.u32();
    const gap = length >= GAP ? length - GAP : 0;
    const next = gap > 0 ? source.at : source.at + length;
    if (next > end) throw new RecordError("a segment ends within an item");
    const isSound = !checked || crc32(source.bytes, at, next) === checksum;
    // If it was the length that was damaged, this is no item.
    if (!isSound && (!wasSound || gap > 0)) throw new RecordError("a segment is damaged");
    wasSound = isSound;
    if (gap > 0) {
      slot += gap;
      continue;
    }
    const isDead = dead !== undefined && (dead[slot >> 3]! & (1 << (slot & 7))) !== 0;
    if (!isDead) visit(slot, source.at, next, isSound);
    source.at = next;
    slot++;
  }
  return slot;
}

function readItem(source: ByteSource, slot: number, reader: SegmentReader): void {
  const kind = source.byte();
  const id = source.varint();
  if (kind === ITEM_BODY) reader.body(slot, readMessage(source, id));
  else if (kind === ITEM_ENTRY) reader.entry(slot, id, source.varint(), readEntry(source));
  else if (kind === ITEM_INCOMING) reader.incoming(slot, id, source.varint());
  else throw new RecordError(`a segment holds an item of kind ${kind}`);
}

const LENGTH_BYTES = 4;
const CHECKSUM_BYTES = 4;
const GAP = 0x80000000;
const PAGE_BYTES = 4096;
