/** Random numbers that start from a seed, so that a failure can be played again. */

/** Pseudo-random numbers from 0 (inclusive) to 1 (exclusive): splitmix32. */
export function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** What a test decides by chance. */
export class Chance {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = generator(seed);
  }

  /** A whole number from 0 to `count`, exclusive. */
  below(count: number): number {
    return Math.floor(this.#next() * count);
  }

  /** True in `share` of all cases, 0 to 1. */
  happens(share: number): boolean {
    return this.#next() < share;
  }

  /** One of them. */
  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }
}
