/** The changes of a turn, the same in every process for the same seed and number. */
import type { Store } from "../../gateway/store/types.ts";
import { apply, KINDS, type Model, SIZES } from "./model.ts";

const CHANGES_PER_TURN = 12;

/** Tells the store and the model of one turn's changes. */
export function turn(seed: number, number: number, model: Model, store: Store): void {
  const random = generator(seed ^ Math.imul(number, 0x9e3779b1));
  const pick = (count: number) => Math.floor(random() * count);
  for (let i = 0; i < CHANGES_PER_TURN; i++) {
    apply(
      [KINDS[pick(KINDS.length)]!, pick(3), pick(1000), SIZES[pick(SIZES.length)]!],
      model,
      store,
    );
  }
}

/** Pseudo-random numbers from 0 to 1 (splitmix32). */
function generator(seed: number): () => number {
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
