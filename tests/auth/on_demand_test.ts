import assert from "node:assert/strict";
import { OnDemand } from "../../gateway/auth/on_demand.ts";

Deno.test("on demand: opened once, again after a failure, and again once it was taken", async () => {
  let calls = 0;
  const thing = new OnDemand(() => ++calls === 1 ? Promise.reject("no") : Promise.resolve(calls));
  assert.equal(await thing.take(), undefined, "nothing was opened");
  await assert.rejects(thing.get(), (reason) => reason === "no");
  assert.deepEqual(await Promise.all([thing.get(), thing.get()]), [2, 2]);
  assert.equal(await thing.take(), 2);
  assert.equal(await thing.take(), undefined);
  assert.equal(await thing.get(), 3);
});

Deno.test("on demand: what is taken while it fails to open is not there", async () => {
  const thing = new OnDemand(() => Promise.reject("no"));
  const got = thing.get();
  assert.equal(await thing.take(), undefined);
  await assert.rejects(got);
});
