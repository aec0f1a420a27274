/**
 * What is stored where, and what waits to be stored. Items that are dropped before the commit
 * never reach the disk: a message that is acknowledged within the turn costs no writing at all.
 */
import type { Message } from "../core/message.ts";
import { ByteSink, RecordError } from "./bytes.ts";
import { writeEntry, writeMessage } from "./record.ts";
import {
  appendItem,
  beginSegment,
  compactSegment,
  type Item,
  ITEM_BODY,
  ITEM_ENTRY,
  ITEM_INCOMING,
  Segment,
  SEGMENT_BYTES,
} from "./segment.ts";
import type { StoredEntry, StoredMessage } from "./types.ts";

/** An item that can be written. */
export interface LedgerItem extends Item {
  /** Its binary form. Only while it waits. */
  write(into: ByteSink): void;
  /** It is stored: what `write` needed can go. */
  written(): void;
}

/** A message body, shared by queue entries. */
export class Body implements LedgerItem {
  segment: Segment | undefined = undefined;
  slot = 0;
  /** Queue entries that name it. */
  references = 0;
  /** While the store is read at start: what was read. */
  loaded: StoredMessage | undefined = undefined;
  #message: Message | undefined;

  constructor(readonly id: number, readonly weight: number, message?: Message) {
    this.#message = message;
  }

  write(into: ByteSink): void {
    const message = this.#message!;
    into.byte(ITEM_BODY);
    into.varint(this.id);
    writeMessage(into, message.route.topic, message);
  }

  written(): void {
    this.#message = undefined;
  }

  /** Weight of a body with a payload of so many bytes. */
  static weigh(payload_bytes: number): number {
    return payload_bytes + BODY_OVERHEAD;
  }
}

/** A place in the queue of a session. */
export class Entry implements LedgerItem {
  segment: Segment | undefined = undefined;
  slot = 0;
  #entry: StoredEntry | undefined;

  constructor(readonly sessionId: number, readonly body: Body, entry?: StoredEntry) {
    this.#entry = entry;
  }

  get weight(): number {
    return ENTRY_WEIGHT;
  }

  /** What `write` will write, or what was read at start; undefined once it is dealt with. */
  get entry(): StoredEntry | undefined {
    return this.#entry;
  }
  set entry(entry: StoredEntry) {
    this.#entry = entry;
  }

  write(into: ByteSink): void {
    into.byte(ITEM_ENTRY);
    into.varint(this.sessionId);
    into.varint(this.body.id);
    writeEntry(into, this.#entry!);
  }

  written(): void {
    this.#entry = undefined;
  }
}

/** A packet id of QoS 2 that was received and not released. */
export class Incoming implements LedgerItem {
  segment: Segment | undefined = undefined;
  slot = 0;

  constructor(readonly sessionId: number, readonly packetId: number) {}

  get weight(): number {
    return INCOMING_WEIGHT;
  }

  write(into: ByteSink): void {
    into.byte(ITEM_INCOMING);
    into.varint(this.sessionId);
    into.varint(this.packetId);
  }

  written(): void {}
}

/** Carries out what a ledger wants written. One call is one statement. */
export interface SegmentWriter {
  insert(id: number, blob: Uint8Array): void;
  /** The blob of a segment. */
  read(id: number): Uint8Array;
  /** Puts the blob in place of the old one. Dead bits may stay: their slots are empty now. */
  replace(id: number, blob: Uint8Array): void;
  bury(id: number, dead: Uint8Array): void;
  delete(id: number): void;
}

/** The items of all sessions: waiting ones, and segments that changed since the last commit. */
export class Ledger {
  /** Items to write, in the order in which they came. */
  readonly #waiting = new Set<LedgerItem>();
  /** Stored segments in which items died. */
  readonly #touched = new Set<Segment>();
  readonly #sink = new ByteSink(SEGMENT_BYTES * 2);
  #nextId = 1;
  /** How many items each new segment got; valid from `write` to `settle`. */
  #written: number[] = [];
  #compacted: Segment[] = [];

  /** True when there is nothing to write. */
  get settled(): boolean {
    return this.#waiting.size === 0 && this.#touched.size === 0;
  }

  /** A new item. */
  add(item: LedgerItem): void {
    this.#waiting.add(item);
  }

  /** An item is no longer needed. */
  drop(item: LedgerItem): void {
    if (item.segment === undefined) this.#waiting.delete(item);
    else this.#kill(item, item.segment);
  }

  /** An item has changed and must be written anew. */
  renew(item: LedgerItem): void {
    if (item.segment === undefined) return;
    this.#kill(item, item.segment);
    item.segment = undefined;
    this.#waiting.add(item);
  }

  /** A segment was read at start. */
  loaded(segment: Segment): void {
    this.#nextId = Math.max(this.#nextId, segment.id + 1);
  }

  /**
   * Writes everything. Memory stays as it is, so that it can be done again if this throws.
   * @param ahead_ms see `ByteSink`
   */
  write(writer: SegmentWriter, ahead_ms = 0): void {
    this.#sink.ahead_ms = ahead_ms;
    // The dead first: their pages can be used again by what follows.
    this.#writeTouched(writer);
    this.#writeWaiting(writer);
  }

  /** What `write` wrote is safe. */
  settle(): void {
    for (const segment of this.#compacted) segment.compacted();
    this.#touched.clear();
    const waiting = this.#waiting.values();
    for (const slots of this.#written) this.#settleSegment(waiting, slots);
    this.#waiting.clear();
  }

  #settleSegment(waiting: Iterator<LedgerItem>, slots: number): void {
    const segment = new Segment(this.#nextId++);
    for (let slot = 0; slot < slots; slot++) {
      const item: LedgerItem = waiting.next().value;
      segment.place(item, slot);
      item.written();
    }
    segment.complete(slots);
  }

  #kill(item: Item, segment: Segment): void {
    segment.kill(item);
    this.#touched.add(segment);
  }

  #writeTouched(writer: SegmentWriter): void {
    this.#compacted = [];
    for (const segment of this.#touched) {
      const { id, dead } = segment;
      if (segment.empty) {
        writer.delete(id);
      } else if (
        segment.sparse && this.#compacted.length < COMPACTED_PER_COMMIT_MAX &&
        this.#compact(segment, writer)
      ) {
        this.#compacted.push(segment);
      } else if (dead !== undefined) {
        writer.bury(id, dead);
      }
    }
  }

  /** Writes a segment again without the dead; false when the disk has spoilt it meanwhile. */
  #compact(segment: Segment, writer: SegmentWriter): boolean {
    try {
      compactSegment(this.#sink, writer.read(segment.id), segment.dead);
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
      segment.keepAsItIs();
      return false;
    }
    writer.replace(segment.id, this.#sink.written);
    return true;
  }

  #writeWaiting(writer: SegmentWriter): void {
    const sink = this.#sink;
    this.#written = [];
    let slots = 0;
    const flush = () => {
      if (slots === 0) return;
      writer.insert(this.#nextId + this.#written.length, sink.written);
      this.#written.push(slots);
      slots = 0;
    };
    for (const item of this.#waiting) {
      if (slots === 0) beginSegment(sink);
      appendItem(sink, item);
      slots++;
      if (sink.length >= SEGMENT_BYTES) flush();
    }
    flush();
  }
}

/** Bounds the time of a commit; other sparse segments wait until one of their items dies. */
const COMPACTED_PER_COMMIT_MAX = 64;
const BODY_OVERHEAD = 48;
const ENTRY_WEIGHT = 16;
const INCOMING_WEIGHT = 12;
