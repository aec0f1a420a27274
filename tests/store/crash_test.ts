import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { memoryStore } from "../../gateway/store/memory.ts";
import { randomSeed } from "../kit/seed.ts";
import { turn } from "./crash_turns.ts";
import { Place } from "./kit.ts";
import { Model, pictureOf } from "./model.ts";

const seed = randomSeed("crash_test");
const ROUNDS = 8;
const LIFE_MS = 300;

Deno.test("sqlite store: whatever was acknowledged survives SIGKILL, whole and in order", async () => {
  using place = new Place();
  const model = new Model();
  const nothing = memoryStore();
  let last = 0;
  let survived = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const acknowledged = await live(place, last, (seed + round * 7919) % LIFE_MS);
    while (last < acknowledged) turn(seed, ++last, model, nothing);
    const found = pictureOf(place.open().state);
    place.close();
    // The kill may have come between the commit and the word of it.
    if (!isDeepStrictEqual(found, model.picture())) turn(seed, ++last, model, nothing);
    assert.deepEqual(found, model.picture(), `round ${round}, turn ${acknowledged}`);
    survived += found.sessions.reduce((sum, each) => sum + each.queue.length, 0);
  }
  assert.deepEqual(place.events, []);
  assert(last > ROUNDS && survived > 0, `${last} turns, ${survived} messages`);
});

/** Runs a child until a random moment after its first word; returns the last turn it told of. */
async function live(place: Place, last: number, life_ms: number): Promise<number> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      new URL("crash_child.ts", import.meta.url).pathname,
      place.path,
      String(seed),
      String(last),
    ],
    stdout: "piped",
  }).spawn();
  let told = "";
  let killed: ReturnType<typeof setTimeout> | undefined;
  try {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      told += text;
      if (killed !== undefined) continue;
      assert.throws(() => place.open(), /another process is using it/);
      killed = setTimeout(() => child.kill("SIGKILL"), life_ms);
    }
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  } finally {
    clearTimeout(killed);
  }
  const { signal } = await child.status;
  assert.equal(signal, "SIGKILL", "the child ended by itself");
  // The last line may be cut.
  return Number(told.slice(0, told.lastIndexOf("\n")).split("\n").at(-1));
}
