import assert from "node:assert/strict";
import { documentsContract } from "./documents_contract.ts";
import { Place } from "./kit.ts";

documentsContract("sqlite documents", () => {
  const place = new Place();
  const { documents } = place.open().store;
  return { documents, [Symbol.dispose]: () => place[Symbol.dispose]() };
});

Deno.test("sqlite documents: commit makes changes durable, together with those of sessions", () => {
  using place = new Place();
  const { store } = place.open();
  store.documents.put("user", "a", 1);
  store.documents.put("user", "b", 2);
  assert.equal(store.dirty, true);
  assert.equal(store.commit(), true);
  assert.equal(store.dirty, false);
  store.documents.delete("user", "a");
  assert.equal(store.commit(), true);
  const again = place.open().store;
  assert.equal(again.documents.get("user", "a"), undefined);
  assert.equal(again.documents.get("user", "b"), 2);
});

Deno.test("sqlite documents: reads are no changes", () => {
  using place = new Place();
  const { store } = place.open();
  store.documents.get("user", "a");
  store.documents.list("user", { limit: 1 });
  store.documents.count("user");
  store.documents.delete("user", "a");
  assert.equal(store.dirty, false);
});
