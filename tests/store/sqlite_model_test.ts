/**
 * Random changes, told to a store and to plain maps. Whatever is committed must be in the file, in
 * order; whatever is not, must not.
 */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import type { Topic } from "../../gateway/core/topic.ts";
import { MIGRATIONS, pragma } from "../../gateway/store/sqlite_file.ts";
import { randomSeed } from "../kit/seed.ts";
import { Place } from "./kit.ts";
import { apply, KINDS, Model, pictureOf, SIZES, type Step } from "./model.ts";

const seed = randomSeed("sqlite_model_test");

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.tuple(
    fc.constantFrom(...KINDS, "commit", "commit", "reopen"),
    fc.nat(2),
    fc.nat(1000),
    fc.constantFrom(...SIZES),
  ),
  { minLength: 20, maxLength: 120 },
);

Deno.test("sqlite store: what is committed is what comes back", () => {
  fc.assert(
    fc.property(steps, (made) => {
      using place = new Place();
      const model = new Model();
      let { store } = place.open();
      let committed = model.picture();
      for (const step of made) {
        if (step[0] === "commit") {
          assert.equal(store.commit(), true);
          committed = model.picture();
        } else if (step[0] === "reopen") {
          const opened = place.open();
          store = opened.store;
          committed = model.picture();
          assert.deepEqual(pictureOf(opened.state), committed);
          for (const [id, { queue }] of opened.state.sessions) {
            for (const { entry, message } of queue) {
              model.sessions.get(id)!.queue.get(entry.seq)!.bodyId = message.bodyId;
            }
          }
        } else {
          apply(step, model, store);
        }
      }
      assert.deepEqual(pictureOf(place.crashed()), committed, "after a crash");
      const { state } = place.open();
      assert.deepEqual(pictureOf(state), model.picture(), "after a clean end");
    }),
    { seed, numRuns: 60 },
  );
});

Deno.test("sqlite store: an empty working copy leaves no row behind", () => {
  fc.assert(
    fc.property(steps, (made) => {
      using place = new Place();
      const model = new Model();
      const { store } = place.open();
      for (const step of made) {
        if (step[0] === "commit") store.commit();
        else if (step[0] !== "reopen") apply(step, model, store);
      }
      for (const id of model.sessions.keys()) store.sessions.delete(id);
      for (const topic of model.retained.keys()) store.retained.delete(topic as Topic);
      place.close();
      const db = new DatabaseSync(place.path);
      for (const table of ["session", "subscription", "segment", "dead", "retained"]) {
        const rows = db.prepare(`SELECT count(*) AS count FROM ${table}`).get()!["count"];
        assert.equal(rows, 0, table);
      }
      assert.equal(pragma(db, "user_version"), MIGRATIONS.length);
      db.close();
    }),
    { seed, numRuns: 30 },
  );
});
