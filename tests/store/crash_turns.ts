/** The changes of a turn, the same in every process for the same seed and number. */
import type { Store } from "../../gateway/store/types.ts";
import { Chance } from "../kit/random.ts";
import { apply, KINDS, type Model, SIZES } from "./model.ts";

const CHANGES_PER_TURN = 12;

/** Tells the store and the model of one turn's changes. */
export function turn(seed: number, number: number, model: Model, store: Store): void {
  const chance = new Chance(seed ^ Math.imul(number, 0x9e3779b1));
  for (let i = 0; i < CHANGES_PER_TURN; i++) {
    apply(
      [chance.pick(KINDS), chance.below(3), chance.below(1000), chance.pick(SIZES)],
      model,
      store,
    );
  }
}
