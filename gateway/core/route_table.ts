/**
 * From the bytes of a name on the wire to its route, without making a string.
 */
import type { Route } from "./route.ts";

/** Most places of one table; beyond it new names push out old ones. */
export const ROUTE_TABLE_PLACES_MAX = 1 << 16;
const PLACES_MIN = 1 << 6;
/** Places looked at for one name. */
const PROBES = 8;

/** A name on the wire and its route. */
export interface RouteEntry {
  readonly name: Uint8Array;
  readonly route: Route;
}

/**
 * A bounded hash table keyed by bytes. One for each dialect, because the same bytes name
 * different topics in different dialects.
 */
export class RouteTable {
  #mask = PLACES_MIN - 1;
  /** Places that are taken. */
  #size = 0;
  #entries: (RouteEntry | undefined)[] = new Array(PLACES_MIN).fill(undefined);

  /** Number of places, taken or not. */
  get places(): number {
    return this.#mask + 1;
  }

  /** What was added for these bytes, if its route is still attached. */
  find(bytes: Uint8Array, start: number, end: number): RouteEntry | undefined {
    const entries = this.#entries;
    let index = hash(bytes, start, end) & this.#mask;
    for (let probe = 0; probe < PROBES; probe++) {
      const entry = entries[index];
      if (entry === undefined) return undefined;
      if (equals(entry.name, bytes, start, end)) return entry.route.attached ? entry : undefined;
      index = (index + 1) & this.#mask;
    }
    return undefined;
  }

  /** Remembers the route of a name; the bytes are copied. */
  add(bytes: Uint8Array, start: number, end: number, route: Route): RouteEntry {
    const entry = { name: bytes.slice(start, end), route };
    while (!this.#put(entry)) {
      // No place in a table that is nearly empty: names made to collide, which growth cannot part.
      const crowded = this.#size > (this.#mask + 1) / 4;
      if (!crowded || this.#mask + 1 >= ROUTE_TABLE_PLACES_MAX) {
        this.#entries[hash(entry.name, 0, entry.name.length) & this.#mask] = entry;
        break;
      }
      this.#grow();
    }
    return entry;
  }

  /** False when all places for this name are taken by others. */
  #put(entry: RouteEntry): boolean {
    const { name } = entry;
    let index = hash(name, 0, name.length) & this.#mask;
    for (let probe = 0; probe < PROBES; probe++) {
      const there = this.#entries[index];
      if (
        there === undefined || !there.route.attached || equals(there.name, name, 0, name.length)
      ) {
        if (there === undefined) this.#size++;
        this.#entries[index] = entry;
        return true;
      }
      index = (index + 1) & this.#mask;
    }
    return false;
  }

  #grow(): void {
    const entries = this.#entries;
    const places = (this.#mask + 1) * 4;
    this.#mask = places - 1;
    this.#entries = new Array(places).fill(undefined);
    this.#size = 0;
    // One that finds no place is looked up anew when it is next needed.
    for (const entry of entries) if (entry?.route.attached) this.#put(entry);
  }
}

/** True when `name` equals `bytes[start..end)`. */
export function equals(name: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  const length = name.length;
  if (end - start !== length) return false;
  // From the end: names of one family differ there.
  for (let i = length - 1; i >= 0; i--) if (name[i] !== bytes[start + i]) return false;
  return true;
}

function hash(bytes: Uint8Array, start: number, end: number): number {
  let h = end - start;
  for (let i = start; i < end; i++) h = Math.imul(h, 31) + bytes[i]! | 0;
  // Names of one family differ in their last bytes: spread that over all bits.
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
