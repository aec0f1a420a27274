/** Stores of earlier versions are read with everything that is in them. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import type { Filter } from "../../gateway/core/topic.ts";
import { RECORD_VERSION } from "../../gateway/store/record.ts";
import { MIGRATIONS, pragma } from "../../gateway/store/sqlite_file.ts";
import { except } from "../core/kit.ts";
import { entry, message, Place, session, subscription } from "./kit.ts";

const TEXT = new TextDecoder();

/** A place with a store that an earlier version has left. */
function placeWith(dump: string): Place {
  const place = new Place();
  const db = new DatabaseSync(place.path);
  db.exec(Deno.readTextFileSync(new URL(dump, import.meta.url)));
  db.close();
  return place;
}

Deno.test("migration: a store of schema 1 is read, and can be changed and read again", () => {
  using place = placeWith("schema1.sql");
  const { state, store } = place.open();
  assert.deepEqual(place.events, []);
  const gone = state.sessions.get("gone")!;
  assert.deepEqual(
    gone.session,
    session("gone", {
      disconnectedAt: 1_750_000_100_000,
      username: "u",
      will: { ...gone.session.will!, delayInterval: 5, expiryInterval: 60, qos: 1, retain: true },
    }),
  );
  assert.equal(TEXT.decode(gone.session.will!.payload), "bye");
  assert.deepEqual(gone.subscriptions, [
    subscription("t/#", { qos: 2, identifier: 7, noLocal: true, retainHandling: 1 }),
    subscription("$share/g/s", { filter: "s" as Filter, group: "g" }),
  ]);
  assert.deepEqual(gone.queue.map((queued) => queued.entry), [
    entry(1, { qos: 2, packetId: 1 }),
    entry(2, { qos: 2, packetId: 2, released: true }),
    entry(3, { identifiers: [7] }),
  ]);
  assert.deepEqual(state.payloads("gone"), ["sent", "released", "waits"]);
  assert.deepEqual(gone.queue[0]!.message.extras, { headers: [["k", "v"]] });
  assert.deepEqual(gone.incoming, [9]);
  assert.deepEqual([...state.sessions.keys()], ["gone", "idle"]);
  assert.equal(TEXT.decode(state.messages.get("r")!.payload), "kept");
  assert.deepEqual(store.documents.get("user", "alice"), { superuser: true });

  // Items of both versions side by side, in one segment too once the old one is compacted.
  const share = { group: "g", filter: "s" as Filter };
  store.sessions.putSubscription("gone", subscription("x/#", { sieve: except("x/y") }));
  store.sessions.enqueue("gone", entry(5, { share }), store.sessions.body(message("s", "new")));
  store.sessions.remove("gone", 1);
  store.commit();
  const again = place.open().state.sessions.get("gone")!;
  assert.deepEqual(again.queue.map((queued) => queued.entry.share), [undefined, undefined, share]);
  assert.equal(again.subscriptions[2]!.sieve!.permits("x/y"), false);
});

Deno.test("migration: a migrated store keeps programs of the old version out", () => {
  using place = placeWith("schema1.sql");
  place.open();
  place.close();
  const db = new DatabaseSync(place.path);
  assert.equal(pragma(db, "user_version"), MIGRATIONS.length);
  assert(MIGRATIONS.length >= RECORD_VERSION, "a new record format needs a new schema number");
  db.exec(`PRAGMA user_version = ${MIGRATIONS.length + 1}`);
  db.close();
  assert.throws(() => place.open(), /a newer version of natsgate wrote it/);
});
