/**
 * Changes a store turn by turn until it is killed, and says which turns are committed. Started by
 * `crash_test.ts` with the path, the seed and the last turn that the file holds.
 */
import { realClock } from "../../gateway/clock.ts";
import { memoryStore } from "../../gateway/store/memory.ts";
import { openSqliteStore } from "../../gateway/store/sqlite.ts";
import { StateRead } from "./kit.ts";
import { Model } from "./model.ts";
import { turn } from "./crash_turns.ts";

const [path, seed, last] = Deno.args;
const model = new Model();
const nothing = memoryStore();
let number = 1;
while (number <= Number(last)) turn(Number(seed), number++, model, nothing);

const store = openSqliteStore({ path: path!, sync: "normal", clock: realClock() });
store.load(new StateRead());
const encoder = new TextEncoder();
while (true) {
  turn(Number(seed), number, model, store);
  if (!store.commit()) throw new Error("commit failed");
  Deno.stdout.writeSync(encoder.encode(`${number}\n`));
  number++;
}
