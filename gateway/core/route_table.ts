/**
 * From the bytes of a name on the wire to its route, without making a string.
 */
import type { Route } from "./route.ts";

/** Most entries of one table; beyond it new names push out old ones. */
export const ROUTE_TABLE_ENTRIES_MAX = 1 << 16;
const ENTRIES_MIN = 1 << 6;
/** Places looked at for one name. */
const PROBES = 4;

/**
 * A bounded hash table keyed by bytes. One for each dialect, because the same bytes name
 * different topics in different dialects.
 */
export class RouteTable {
  #mask = ENTRIES_MIN - 1;
  #names: (Uint8Array | undefined)[] = new Array(ENTRIES_MIN).fill(undefined);
  #routes: (Route | undefined)[] = new Array(ENTRIES_MIN).fill(undefined);
  #size = 0;

  /** The route that was added for these bytes, if it is still attached. */
  find(bytes: Uint8Array, start: number, end: number): Route | undefined {
    const names = this.#names;
    let index = hash(bytes, start, end) & this.#mask;
    for (let probe = 0; probe < PROBES; probe++) {
      const name = names[index];
      if (name !== undefined && equals(name, bytes, start, end)) {
        const route = this.#routes[index]!;
        return route.attached ? route : undefined;
      }
      index = (index + 1) & this.#mask;
    }
    return undefined;
  }

  /** Remembers the route of a name; the bytes are copied. */
  add(bytes: Uint8Array, start: number, end: number, route: Route): void {
    if (this.#size > this.#mask >> 1 && this.#mask + 1 < ROUTE_TABLE_ENTRIES_MAX) this.#grow();
    this.#put(bytes.slice(start, end), route);
  }

  #put(name: Uint8Array, route: Route): void {
    const home = hash(name, 0, name.length) & this.#mask;
    let place = home;
    for (let probe = 0, index = home; probe < PROBES; probe++) {
      const there = this.#names[index];
      if (
        there === undefined || !this.#routes[index]!.attached || equals(there, name, 0, name.length)
      ) {
        place = index;
        break;
      }
      index = (index + 1) & this.#mask;
    }
    if (this.#names[place] === undefined) this.#size++;
    this.#names[place] = name;
    this.#routes[place] = route;
  }

  #grow(): void {
    const names = this.#names;
    const routes = this.#routes;
    const entries = (this.#mask + 1) * 4;
    this.#mask = entries - 1;
    this.#names = new Array(entries).fill(undefined);
    this.#routes = new Array(entries).fill(undefined);
    this.#size = 0;
    for (let i = 0; i < names.length; i++) {
      if (names[i] !== undefined && routes[i]!.attached) this.#put(names[i]!, routes[i]!);
    }
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
  return (h ^ (h >>> 15)) >>> 0;
}
