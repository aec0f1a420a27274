import assert from "node:assert/strict";
import fc from "fast-check";
import { Message } from "../../gateway/core/message.ts";
import { Route } from "../../gateway/core/route.ts";
import type { Topic } from "../../gateway/core/topic.ts";
import { Inflight, Phase } from "../../gateway/mqtt/inflight.ts";
import { Outgoing } from "../../gateway/mqtt/outgoing.ts";
import { randomSeed } from "../kit/seed.ts";

const SEED = randomSeed("inflight_test");
const MESSAGE = new Message(new Route("t" as Topic), new Uint8Array(1));

function entry(seq: number, packetId = 0, released = false): Outgoing {
  const outgoing = new Outgoing(seq, MESSAGE, 2, false, [], undefined);
  outgoing.packetId = packetId;
  outgoing.released = released;
  return outgoing;
}

Deno.test("packet ids go round and skip those in use [MQTT-2.2.1-3]", () => {
  const inflight = new Inflight();
  const held = inflight.add(Phase.Puback, undefined);
  let last = held;
  for (let i = 0; i < 200_000; i++) {
    const id = inflight.add(Phase.Puback, undefined);
    assert.notEqual(id, held);
    // Also passed over: an id now and then whose slot is taken.
    const step = (id - last + 65_535) % 65_535;
    assert.ok(step === 1 || step === 2, `${last} -> ${id}`);
    inflight.remove(id);
    last = id;
  }
});

Deno.test("every id is given out while all others are in use", () => {
  const inflight = new Inflight();
  const ids = new Set<number>();
  for (let i = 0; i < 65_535; i++) ids.add(inflight.add(Phase.Puback, undefined));
  assert.equal(ids.size, 65_535);
  assert.ok(!ids.has(0));
  inflight.remove(40_000);
  assert.equal(inflight.add(Phase.Pubrec, undefined), 40_000);
});

Deno.test("an id that is not in use has no phase, whatever shares its slot", () => {
  const inflight = new Inflight();
  inflight.add(Phase.Pubrec, undefined);
  assert.equal(inflight.phase(1), Phase.Pubrec);
  assert.equal(inflight.phase(1 + 16), Phase.Free);
  assert.equal(inflight.phase(1 + 4096), Phase.Free);
});

Deno.test("ids to be resent hold no place in the window until they are sent", () => {
  const inflight = new Inflight();
  inflight.restore(entry(1, 5));
  inflight.restore(entry(2, 5 + 16));
  inflight.restore(entry(3, 9, true));
  assert.deepEqual([inflight.count, inflight.unacked], [3, 1]);
  inflight.move(5, Phase.Pubrec);
  assert.deepEqual([inflight.count, inflight.unacked], [3, 2]);
  assert.deepEqual(inflight.inOrder().map(({ packetId }) => packetId), [5, 21, 9]);
});

Deno.test("the table does what a map does", () => {
  const operations = fc.array(fc.tuple(fc.constantFrom("add", "remove"), fc.nat(200)), {
    maxLength: 300,
  });
  fc.assert(
    fc.property(operations, (steps) => {
      const inflight = new Inflight();
      const model = new Map<number, Phase>();
      for (const [step, n] of steps) {
        if (step === "add") {
          const phase = n % 2 === 0 ? Phase.Puback : Phase.Pubrec;
          const id = inflight.add(phase, undefined);
          assert.ok(!model.has(id));
          model.set(id, phase);
        } else {
          const id = [...model.keys()][n % Math.max(model.size, 1)];
          if (id === undefined) continue;
          inflight.remove(id);
          model.delete(id);
        }
        assert.equal(inflight.count, model.size);
        for (const [id, phase] of model) assert.equal(inflight.phase(id), phase);
      }
    }),
    { seed: SEED },
  );
});
