/**
 * Buffers that are used again and again. A slab comes in one of three sizes: small, so that ten
 * thousand clients that get a few bytes at once cost little, and large, so that under load one
 * write carries much.
 */
import { viewOf } from "./copy.ts";

/** A buffer, and a view of it for `copyShort`. */
export interface Slab {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** Sizes in bytes, smallest first. */
export const SLAB_BYTES: readonly [number, number, number] = [1024, 8 * 1024, 64 * 1024];
/** Free slabs kept, by size: 1 MiB, 4 MiB and 32 MiB at most. Beyond, they are garbage. */
const FREE_MAX: readonly number[] = [1024, 512, 512];
const free: Slab[][] = [[], [], []];

/** A slab of no bytes. */
export const NO_SLAB: Slab = makeSlab(0);

/** A slab with room for `bytes`. Its contents are whatever was there before. */
export function takeSlab(bytes: number): Slab {
  for (let i = 0; i < SLAB_BYTES.length; i++) {
    if (bytes <= SLAB_BYTES[i]!) return free[i]!.pop() ?? makeSlab(SLAB_BYTES[i]!);
  }
  return makeSlab(bytes);
}

/** Gives a slab back. */
export function releaseSlab(slab: Slab): void {
  const i = SLAB_BYTES.indexOf(slab.bytes.length);
  if (i >= 0 && free[i]!.length < FREE_MAX[i]!) free[i]!.push(slab);
}

/**
 * Lets go of half of the large slabs that nobody uses. Called now and then, so that a burst does
 * not hold memory for ever.
 */
export function trimSlabs(): void {
  const large = free[SLAB_BYTES.length - 1]!;
  large.length = Math.floor(large.length / 2);
}

function makeSlab(length: number): Slab {
  const bytes = new Uint8Array(length);
  return { bytes, view: viewOf(bytes) };
}
