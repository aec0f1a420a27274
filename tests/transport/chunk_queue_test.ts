import assert from "node:assert/strict";
import fc from "fast-check";
import { ChunkQueue } from "../../gateway/transport/chunk_queue.ts";
import { randomSeed } from "../kit/seed.ts";

const seed = randomSeed("chunk_queue");

Deno.test("what was pushed is taken, in order, whatever the sizes", () => {
  const chunk = fc.uint8Array({ maxLength: 9 });
  const room = fc.integer({ min: 1, max: 12 });
  const steps = fc.array(fc.oneof(chunk, room));
  fc.assert(
    fc.property(steps, (steps) => {
      const queue = new ChunkQueue();
      const waiting: number[] = [];
      for (const step of steps) {
        if (typeof step === "number") {
          const into = new Uint8Array(step);
          const count = queue.take(into);
          assert.deepEqual([...into.subarray(0, count)], waiting.splice(0, step));
        } else {
          queue.push(step);
          waiting.push(...step);
        }
        assert.equal(queue.bytes, waiting.length);
      }
    }),
    { seed },
  );
});
