/**
 * What every `Store` does. Run by the test of each implementation; a store that keeps nothing takes
 * every change as well, and gives nothing back.
 */
import assert from "node:assert/strict";
import type { Topic } from "../../gateway/core/topic.ts";
import type { Store } from "../../gateway/store/types.ts";
import { documentsContract } from "./documents_contract.ts";
import { entry, message, session, type StateRead, subscription } from "./kit.ts";

/** A store under test. */
export interface StoreUnderTest extends Disposable {
  readonly store: Store;
  /** Closes the store and opens it again, as a restart does. */
  reopen(): { readonly store: Store; readonly state: StateRead };
}

/** Registers the tests. `open` gives an empty store, loaded and ready for changes. */
export function storeContract(
  name: string,
  keeps: "durable" | "volatile",
  open: () => StoreUnderTest,
): void {
  const test = (what: string, run: (opened: StoreUnderTest) => void) =>
    Deno.test(`${name}: ${what}`, () => {
      using opened = open();
      run(opened);
    });

  documentsContract(`${name}: documents`, () => {
    const opened = open();
    return { documents: opened.store.documents, [Symbol.dispose]: () => opened[Symbol.dispose]() };
  });

  test("a new store is empty, clean and writable", (opened) => {
    const { store } = opened;
    assert.equal(store.dirty, false);
    assert.equal(store.writable, true);
    assert.equal(store.commit(), true);
    const { state } = opened.reopen();
    assert.equal(state.sessions.size, 0);
    assert.equal(state.messages.size, 0);
  });

  test("a commit takes all that was told, and leaves nothing to do", (opened) => {
    const { store } = opened;
    tellEverything(store);
    assert.equal(store.commit(), true);
    assert.equal(store.dirty, false);
    assert.equal(store.writable, true);
  });

  test("a restart gives back what a durable store was told", (opened) => {
    tellEverything(opened.store);
    const { state } = opened.reopen();
    if (keeps === "volatile") {
      assert.equal(state.sessions.size + state.messages.size, 0);
      return;
    }
    const payload = new TextEncoder().encode("20.5");
    const parts = { topic: "t/a" as Topic, payload, qos: 1 as const, retain: true };
    assert.deepEqual([...state.messages.values()], [{ ...parts, extras: undefined, bodyId: 0 }]);
    const read = state.sessions.get("c1")!;
    assert.deepEqual(read.session, session("c1", { disconnectedAt: 1.5 }));
    assert.deepEqual(read.subscriptions, [subscription("t/#", { identifier: 7 })]);
    assert.deepEqual(read.queue.map(({ entry }) => entry), [
      entry(2, { packetId: 12, released: true, qos: 2 }),
      entry(3),
    ]);
    assert.deepEqual(state.payloads("c1"), ["two", "three"]);
    assert.deepEqual(read.incoming, [5]);
    assert.deepEqual([...state.sessions.keys()], ["c1"]);
  });

  test("changes go on after a restart", (opened) => {
    tellEverything(opened.store);
    const second = opened.reopen();
    second.store.sessions.put(session("c1"));
    second.store.sessions.remove("c1", 2);
    second.store.sessions.enqueue("c1", entry(4), second.store.sessions.body(message("t", "four")));
    second.store.sessions.removeIncoming("c1", 5);
    second.store.retained.delete("t/a" as Topic);
    assert.equal(second.store.commit(), true);
    const { state } = opened.reopen();
    const kept = keeps === "durable" ? ["three", "four"] : [];
    assert.deepEqual(state.payloads("c1"), kept);
    assert.deepEqual(state.sessions.get("c1")?.incoming ?? [], []);
    assert.equal(state.messages.size, 0);
  });
}

/** One of every change. */
function tellEverything({ sessions, retained }: Store): void {
  sessions.put(session("c1"));
  sessions.put(session("c2"));
  sessions.put(session("c1", { disconnectedAt: 1.5 }));
  sessions.putSubscription("c1", subscription("t/#", { identifier: 7 }));
  sessions.putSubscription("c1", subscription("u"));
  sessions.deleteSubscription("c1", "u");
  ["one", "two", "three"].forEach((payload, index) => {
    const bodyId = sessions.body(message("t", payload));
    sessions.enqueue("c1", entry(index + 1, { qos: payload === "two" ? 2 : 1 }), bodyId);
    sessions.enqueue("c2", entry(index + 1), bodyId);
  });
  sessions.remove("c1", 1);
  sessions.update("c1", entry(2, { packetId: 12, released: true, qos: 2 }));
  sessions.addIncoming("c1", 5);
  sessions.addIncoming("c1", 6);
  sessions.removeIncoming("c1", 6);
  sessions.delete("c2");
  retained.put(message("t/a", "20.5", { retain: true }));
  retained.put(message("t/b", "x", { retain: true }));
  retained.delete("t/b" as Topic);
}
