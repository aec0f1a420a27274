import assert from "node:assert/strict";
import { Message } from "../../gateway/core/message.ts";
import { Route } from "../../gateway/core/route.ts";
import type { Topic } from "../../gateway/core/topic.ts";
import type { SqliteStore } from "../../gateway/store/sqlite.ts";
import { entry, message, Place, session, subscription } from "./kit.ts";
import { storeContract } from "./store_contract.ts";
import { DatabaseSync } from "node:sqlite";

storeContract("sqlite store", "durable", () => {
  const place = new Place();
  const { store } = place.open();
  return { store, reopen: () => place.open(), [Symbol.dispose]: () => place[Symbol.dispose]() };
});

/** Tells of a message for a session; returns its body id. */
function publish(store: SqliteStore, clientId: string, seq: number, payload = `m${seq}`): number {
  const bodyId = store.sessions.body(message("t", payload));
  store.sessions.enqueue(clientId, entry(seq), bodyId);
  return bodyId;
}

/** Number of rows, as another program would see them. */
function rows(place: Place, table: string): number {
  const db = new DatabaseSync(place.path);
  try {
    return db.prepare(`SELECT count(*) AS count FROM ${table}`).get()!["count"] as number;
  } finally {
    db.close();
  }
}

Deno.test("sqlite store: what is not committed is not in the file", () => {
  using place = new Place();
  const { store } = place.open();
  store.sessions.put(session("c"));
  publish(store, "c", 1);
  store.commit();
  publish(store, "c", 2);
  assert.deepEqual(place.crashed().payloads("c"), ["m1"]);
  store.commit();
  assert.deepEqual(place.crashed().payloads("c"), ["m1", "m2"]);
});

Deno.test("sqlite store: what is written is not written again", () => {
  using place = new Place();
  const { store } = place.open();
  store.sessions.put(session("c"));
  store.sessions.putSubscription("c", subscription("t"));
  store.retained.put(message("t"));
  publish(store, "c", 1);
  publish(store, "c", 2);
  store.commit();
  store.sessions.remove("c", 1);
  store.commit();
  const { commits } = store.stats;
  assert.equal(store.commit(), true);
  assert.equal(store.stats.commits, commits);
});

Deno.test("sqlite store: a message acknowledged within the turn is never written", () => {
  using place = new Place();
  const { store } = place.open();
  store.sessions.put(session("c"));
  store.commit();
  publish(store, "c", 1);
  store.sessions.remove("c", 1);
  store.sessions.addIncoming("c", 9);
  store.sessions.removeIncoming("c", 9);
  assert.equal(store.dirty, true);
  const { commits } = store.stats;
  assert.equal(store.commit(), true);
  assert.equal(store.stats.commits, commits, "nothing was left to write");
  assert.equal(rows(place, "segment"), 0);
});

Deno.test("sqlite store: a body is stored once for all sessions and goes with the last", () => {
  using place = new Place();
  const { store } = place.open();
  const large = "x".repeat(20_000);
  const bodyId = store.sessions.body(message("t", large));
  for (let i = 0; i < 50; i++) {
    store.sessions.put(session(`c${i}`));
    store.sessions.enqueue(`c${i}`, entry(1), bodyId);
  }
  store.commit();
  assert(store.stats.databaseBytes < 5 * large.length);
  for (let i = 1; i < 50; i++) store.sessions.remove(`c${i}`, 1);
  store.commit();
  const { store: again, state } = place.open();
  assert.deepEqual(state.payloads("c0"), [large]);
  again.sessions.remove("c0", 1);
  place.close();
  assert.equal(rows(place, "segment"), 0);
});

Deno.test("sqlite store: a body that came back can be queued again", () => {
  using place = new Place();
  const first = place.open().store;
  for (const id of ["a", "b"]) first.sessions.put(session(id));
  publish(first, "a", 1);
  const { store, state } = place.open();
  const { bodyId } = state.sessions.get("a")!.queue[0]!.message;
  store.sessions.enqueue("b", entry(1), bodyId);
  store.sessions.remove("a", 1);
  assert.deepEqual(place.open().state.payloads("b"), ["m1"]);
});

Deno.test("sqlite store: bodies that nobody queues are forgotten", () => {
  using place = new Place();
  const { store } = place.open();
  store.sessions.put(session("c"));
  const bodyId = store.sessions.body(message("t", "unwanted"));
  store.commit();
  assert.throws(() => store.sessions.enqueue("c", entry(1), bodyId), /Bug in natsgate/);
  place.close();
  assert.equal(rows(place, "segment"), 0);
});

Deno.test("sqlite store: the publisher may use its message object again at once", () => {
  using place = new Place();
  const { store } = place.open();
  store.sessions.put(session("c"));
  const buffer = new TextEncoder().encode("first");
  const reused = new Message(new Route("t" as Topic), buffer);
  store.sessions.enqueue("c", entry(1), store.sessions.body(reused));
  store.retained.put(reused);
  reused.reset(new Route("u" as Topic), buffer, 0, 3);
  buffer.set(new TextEncoder().encode("XXXXX"));
  const { state } = place.open();
  assert.deepEqual(state.payloads("c"), ["first"]);
  assert.equal(new TextDecoder().decode(state.messages.get("t")!.payload), "first");
});

Deno.test("sqlite store: acknowledgements rest on enqueue and on QoS 2, not on remove", () => {
  using place = new Place();
  const { store } = place.open();
  const { sessions } = store;
  const owes = (change: () => void) => {
    store.commit();
    change();
    return store.dirty;
  };
  assert.equal(owes(() => sessions.put(session("c"))), true);
  assert.equal(owes(() => sessions.putSubscription("c", subscription("t"))), true);
  assert.equal(owes(() => sessions.deleteSubscription("c", "t")), true);
  assert.equal(owes(() => sessions.enqueue("c", entry(1), sessions.body(message("t")))), true);
  assert.equal(
    owes(() => sessions.enqueue("c", entry(2, { qos: 2 }), sessions.body(message("t")))),
    true,
  );
  assert.equal(owes(() => sessions.update("c", entry(1, { packetId: 1 }))), false);
  assert.equal(owes(() => sessions.update("c", entry(2, { packetId: 2, qos: 2 }))), true);
  assert.equal(owes(() => sessions.remove("c", 1)), false);
  assert.equal(owes(() => sessions.remove("c", 999)), false);
  assert.equal(owes(() => sessions.addIncoming("c", 1)), true);
  assert.equal(owes(() => sessions.removeIncoming("c", 1)), true);
  assert.equal(owes(() => sessions.delete("c")), true);
  assert.equal(owes(() => sessions.delete("c")), false);
  assert.equal(owes(() => store.retained.put(message("t"))), true);
  assert.equal(owes(() => store.retained.delete("t" as Topic)), true);
});

Deno.test("sqlite store: removals are written by themselves when no turn commits", () => {
  using place = new Place();
  const { store } = place.open();
  store.sessions.put(session("c"));
  publish(store, "c", 1);
  publish(store, "c", 2);
  store.commit();
  store.sessions.remove("c", 1);
  assert.deepEqual(place.crashed().payloads("c"), ["m1", "m2"]);
  place.clock.advance(1000);
  assert.deepEqual(place.crashed().payloads("c"), ["m2"]);
});

Deno.test("sqlite store: a segment with little alive is written again without the dead", () => {
  using place = new Place();
  const { store } = place.open();
  for (const id of ["online", "offline"]) store.sessions.put(session(id));
  const payload = "p".repeat(1000);
  for (let turn = 0; turn < 100; turn++) {
    for (let i = 0; i < 60; i++) publish(store, "online", turn * 100 + i, payload);
    publish(store, "offline", turn, `kept${turn}`);
    store.commit();
    for (let i = 0; i < 60; i++) store.sessions.remove("online", turn * 100 + i);
  }
  store.commit();
  // 6 MB went through; 100 small messages are left.
  assert(store.stats.databaseBytes < 600_000, `${store.stats.databaseBytes} bytes`);
  const expected = Array.from({ length: 100 }, (_, turn) => `kept${turn}`);
  const { store: again, state } = place.open();
  assert.deepEqual(state.payloads("offline"), expected);
  again.sessions.remove("offline", 50);
  expected.splice(50, 1);
  assert.deepEqual(place.open().state.payloads("offline"), expected);
});

Deno.test("sqlite store: a damaged record is left out and reported, the rest is read", () => {
  using place = new Place();
  const { store } = place.open();
  store.sessions.put(session("good"));
  store.sessions.put(session("bad"));
  publish(store, "good", 1);
  store.commit();
  publish(store, "good", 2);
  store.commit();
  publish(store, "good", 3);
  place.close();
  const db = new DatabaseSync(place.path);
  db.exec("UPDATE session SET record = x'FF' WHERE client_id = 'bad'");
  db.exec("UPDATE segment SET items = substr(items, 1, length(items) - 3) WHERE id = 2");
  db.close();
  const { store: again, state } = place.open();
  assert.deepEqual([...state.sessions.keys()], ["good"]);
  assert.deepEqual(state.payloads("good"), ["m1", "m3"]);
  assert.deepEqual(place.events.map(({ kind }) => kind), ["skipped"]);
  assert.match(place.events[0]!.message, /^2 records .* left out/);
  // Neither the id nor the name of the lost session is in the way of others.
  again.sessions.put(session("new"));
  again.sessions.put(session("bad"));
  assert.deepEqual([...place.open().state.sessions.keys()], ["good", "new", "bad"]);
  assert.equal(place.events.length, 1);
});

Deno.test("sqlite store: a damaged segment is left as it is while its readable part is used", () => {
  using place = new Place();
  const { store } = place.open();
  store.sessions.put(session("c"));
  for (let seq = 1; seq <= 40; seq++) publish(store, "c", seq, "x".repeat(1000));
  place.close();
  const db = new DatabaseSync(place.path);
  db.exec("UPDATE segment SET items = substr(items, 1, length(items) - 3)");
  db.close();
  const again = place.open();
  assert.equal(again.state.payloads("c").length, 39);
  // So little is left alive that a sound segment would be written again.
  for (let seq = 2; seq <= 39; seq++) again.store.sessions.remove("c", seq);
  assert.equal(again.store.commit(), true);
  assert.equal(place.open().state.payloads("c").length, 1);
});

Deno.test("sqlite store: bugs are thrown, not taken for a broken disk", () => {
  using place = new Place();
  const { store } = place.open();
  assert.throws(() => store.sessions.enqueue("unknown", entry(1), 1), /never put/);
  assert.throws(() => store.sessions.putSubscription("unknown", subscription("t")), /never put/);
  store.sessions.put(session("c"));
  publish(store, "c", 1);
  assert.throws(() => publish(store, "c", 1), /two queue entries with the number 1/);
  assert.throws(() => store.sessions.update("c", entry(2)), /not there/);
});
