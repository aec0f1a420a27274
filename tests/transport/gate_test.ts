import assert from "node:assert/strict";
import { Gate } from "../../gateway/transport/gate.ts";
import { StillClock } from "../kit/still_clock.ts";

/** Enters and notes it. */
function enter(gate: Gate, inside: string[], name: string): Promise<() => void> {
  return gate.enter().then((leave) => {
    inside.push(name);
    return leave;
  });
}

Deno.test("gate: as many as there is room for, the others in their order", async () => {
  const gate = new Gate(2, 100, new StillClock());
  const inside: string[] = [];
  const [first] = await Promise.all([enter(gate, inside, "a"), enter(gate, inside, "b")]);
  const third = enter(gate, inside, "c");
  const fourth = enter(gate, inside, "d");
  await Promise.resolve();
  assert.deepEqual(inside, ["a", "b"]);
  first!();
  first!();
  (await third)();
  await fourth;
  assert.deepEqual(inside, ["a", "b", "c", "d"]);
});

Deno.test("gate: who stands still is thought to have left", async () => {
  const clock = new StillClock();
  const gate = new Gate(1, 100, clock);
  const inside: string[] = [];
  const leave = await enter(gate, inside, "still");
  const second = enter(gate, inside, "second");
  clock.advance(99);
  await Promise.resolve();
  assert.deepEqual(inside, ["still"]);
  clock.advance(1);
  await second;
  leave();
  const third = enter(gate, inside, "third");
  await Promise.resolve();
  assert.deepEqual(inside, ["still", "second"], "leaving late frees no second place");
  (await second)();
  await third;
});
