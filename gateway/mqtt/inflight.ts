/**
 * What was sent to a client at QoS 1 or 2 and is not yet acknowledged: packet ids and phases.
 */
import type { Outgoing } from "./outgoing.ts";

/** Where a packet id is in its exchange. */
export const Phase = {
  /** Not in use. */
  Free: 0,
  /** Sent on an earlier connection, to be sent again on this one: holds its id, not the window. */
  Resend: 1,
  /** QoS 1, waits for PUBACK. */
  Puback: 2,
  /** QoS 2, waits for PUBREC. */
  Pubrec: 3,
  /** QoS 2, PUBREL sent, waits for PUBCOMP. */
  Pubcomp: 4,
} as const;
export type Phase = (typeof Phase)[keyof typeof Phase];

const PACKET_ID_MAX = 0xffff;
const SLOTS_MIN = 16;
const SLOTS_MAX = 0x10000;

/**
 * Packet ids in use towards one client. Ids go round from 1 to 65535 and skip those in use
 * [MQTT-2.2.1-3]; a slot is found by the low bits of its id, so that every operation is a few
 * instructions (and ids whose slot is taken are skipped as well). Starts with nothing and doubles as needed.
 */
export class Inflight {
  /** Exchanges that take up the client's Receive Maximum. */
  unacked = 0;
  /** Ids in use, those to be resent included. */
  count = 0;
  /** `phase << 16 | id`, 0 for a free slot. */
  #slots: Uint32Array = NO_SLOTS;
  #mask = 0;
  #lastId = 0;
  /** The messages of ids that may have to be sent again; sessions that never resend have none. */
  #entries: Map<number, Outgoing> | undefined = undefined;

  /** Takes the next free id. `entry`: what to send again after a lost connection, if anything. */
  add(phase: Phase, entry: Outgoing | undefined): number {
    if (this.count * 2 >= this.#slots.length && this.#slots.length < SLOTS_MAX) this.#grow();
    let id = this.#lastId;
    do id = id === PACKET_ID_MAX ? 1 : id + 1; while (this.#slots[id & this.#mask] !== 0);
    this.#lastId = id;
    this.#occupy(id, phase);
    if (entry !== undefined) {
      entry.packetId = id;
      (this.#entries ??= new Map()).set(id, entry);
    }
    return id;
  }

  /** Puts back an entry that has its id from an earlier run or connection. */
  restore(entry: Outgoing): void {
    while (
      this.#slots.length < SLOTS_MIN || this.#slots[entry.packetId & this.#mask] !== 0
    ) {
      // The slot of this id may be another's: in a table of all ids it is not.
      if (this.#slots.length === SLOTS_MAX) return;
      this.#grow();
    }
    this.#occupy(entry.packetId, entry.released ? Phase.Pubcomp : Phase.Resend);
    (this.#entries ??= new Map()).set(entry.packetId, entry);
    this.#lastId = entry.packetId;
  }

  /** The phase of an id; `Free` for unknown ones. */
  phase(id: number): Phase {
    const slot = this.#slots[id & this.#mask] ?? 0;
    return (slot & PACKET_ID_MAX) === id ? (slot >>> 16) as Phase : Phase.Free;
  }

  /** Moves an id that is in use to another phase. */
  move(id: number, phase: Phase): void {
    const before = this.phase(id);
    if (before === Phase.Resend && phase !== Phase.Resend) this.unacked++;
    if (before !== Phase.Resend && phase === Phase.Resend) this.unacked--;
    this.#slots[id & this.#mask] = (phase << 16 | id) >>> 0;
  }

  /** The kept message of an id, if it was kept. */
  entry(id: number): Outgoing | undefined {
    return this.#entries?.get(id);
  }

  /** Ends the exchange: the id may be used again. Returns the kept message, if any. */
  remove(id: number): Outgoing | undefined {
    if (this.phase(id) !== Phase.Resend) this.unacked--;
    this.#slots[id & this.#mask] = 0;
    this.count--;
    if (this.#entries === undefined || this.#entries.size === 0) return undefined;
    const entry = this.#entries.get(id);
    if (entry !== undefined) this.#entries.delete(id);
    return entry;
  }

  /** The kept messages in the order in which they have to be sent again. [MQTT-4.6.0-1] */
  inOrder(): Outgoing[] {
    return [...this.#entries?.values() ?? []].sort((a, b) => a.order - b.order);
  }

  /** Forgets everything, ids included. */
  clear(): void {
    this.#slots = NO_SLOTS;
    this.#mask = this.count = this.unacked = 0;
    this.#entries = undefined;
  }

  #occupy(id: number, phase: Phase): void {
    this.#slots[id & this.#mask] = (phase << 16 | id) >>> 0;
    this.count++;
    if (phase !== Phase.Resend) this.unacked++;
  }

  /** Doubles the table. Two ids in one slot part ways as the mask gets longer. */
  #grow(): void {
    const before = this.#slots;
    const slots = new Uint32Array(Math.max(before.length * 2, SLOTS_MIN));
    this.#mask = slots.length - 1;
    for (const slot of before) if (slot !== 0) slots[slot & this.#mask] = slot;
    this.#slots = slots;
  }
}

const NO_SLOTS = new Uint32Array(0);
