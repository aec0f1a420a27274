/**
 * What the store does when the machine fails it: full disks, damaged files, strangers' files.
 */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import type { Topic } from "../../gateway/core/topic.ts";
import { OperationalError } from "../../gateway/errors.ts";
import { openSqliteStore, type SqliteStore } from "../../gateway/store/sqlite.ts";
import { migrate, pragma } from "../../gateway/store/sqlite_file.ts";
import { fillDisk, mayMount, mountReadOnly, mountSmall } from "../kit/small_disk.ts";
import { entry, message, Place, session, subscription } from "./kit.ts";

const SMALL_BYTES = 200_000;

/** Queues messages of 5 kB until a commit fails; returns the number of the last one. */
function fillUp(store: SqliteStore): number {
  for (let seq = 1; seq < 1000; seq++) {
    store.sessions.enqueue("c", entry(seq), store.sessions.body(message("t", big(seq))));
    if (!store.commit()) return seq;
  }
  throw new Error("the store never got full");
}

function big(seq: number): string {
  return `${seq}:${"x".repeat(5000)}`;
}

function upTo(last: number): string[] {
  return Array.from({ length: last }, (_, index) => big(index + 1));
}

Deno.test("sqlite store: a full store says so once, keeps what it has, and recovers", () => {
  using place = new Place();
  const { store } = place.open({ database_bytes_max: SMALL_BYTES });
  store.sessions.put(session("c"));
  const last = fillUp(store);
  assert.equal(store.writable, false);
  assert.equal(store.dirty, false);
  assert.deepEqual(place.events.map(({ kind }) => kind), ["unwritable"]);
  assert.match(place.events[0]!.message, /full.*make room on the disk/);
  assert.deepEqual(place.crashed().payloads("c"), upTo(last - 1));

  // The receiver comes and takes the first half, and with it the reason of the failure.
  for (let seq = 1; seq <= last / 2; seq++) store.sessions.remove("c", seq);
  assert.equal(store.commit(), false, "not tried again so soon");
  place.clock.advance(1000);
  assert.equal(store.writable, true, "tried by itself");
  assert.deepEqual(place.events.map(({ kind }) => kind), ["unwritable", "writable"]);
  const left = upTo(last).slice(Math.floor(last / 2));
  assert.deepEqual(place.crashed().payloads("c"), left, "what had failed is written now");
});

Deno.test("sqlite store: a full store can be closed, and is as it was at the last commit", () => {
  using place = new Place();
  const { store } = place.open({ database_bytes_max: SMALL_BYTES });
  store.sessions.put(session("c"));
  const last = fillUp(store);
  place.close();
  assert.deepEqual(place.events.map(({ kind }) => kind), ["unwritable", "lost"]);
  place.clock.advance(5000);
  assert.equal(store.writable, false, "nothing is tried after the end");
  assert.deepEqual(place.open().state.payloads("c"), upTo(last - 1));
});

Deno.test("sqlite store: changes while it is full are written when it recovers", () => {
  using place = new Place();
  const { store } = place.open({ database_bytes_max: SMALL_BYTES });
  store.sessions.put(session("c"));
  store.retained.put(message("old", "1"));
  store.commit();
  const last = fillUp(store);
  store.sessions.putSubscription("c", subscription("late"));
  store.sessions.put(session("c", { disconnectedAt: 7 }));
  store.retained.delete("old" as Topic);
  store.retained.put(message("new", "2"));
  assert.equal(store.dirty, false, "nobody has to wait for what cannot be written");
  assert.equal(store.commit(), false);
  for (let seq = 1; seq < last; seq++) store.sessions.remove("c", seq);
  place.clock.advance(1000);
  assert.equal(store.commit(), true);
  const state = place.crashed();
  assert.deepEqual(state.payloads("c"), [big(last)]);
  assert.deepEqual(state.sessions.get("c")!.subscriptions, [subscription("late")]);
  assert.equal(state.sessions.get("c")!.session.disconnectedAt, 7);
  assert.deepEqual([...state.messages.keys()], ["new"]);
});

Deno.test("sqlite store: documents are undone when they cannot be written", () => {
  using place = new Place();
  const { store } = place.open({ database_bytes_max: SMALL_BYTES });
  store.documents.put("user", "a", "old");
  assert.equal(store.commit(), true);
  store.documents.put("user", "a", "new");
  for (let i = 0; i < 100; i++) store.documents.put("user", `b${i}`, big(i));
  assert.equal(store.dirty, true);
  assert.equal(store.commit(), false);
  assert.equal(store.writable, false);
  assert.equal(store.documents.get("user", "a"), "old");
  assert.equal(store.documents.count("user"), 1);
  // Tried again by itself, though nothing waits.
  place.clock.advance(1000);
  assert.equal(store.writable, true);
  store.documents.put("user", "c", 1);
  assert.equal(store.commit(), true);
  assert.equal(store.documents.count("user"), 2);
});

Deno.test("sqlite store: it is tried at most once a second, by turns or by itself", () => {
  using place = new Place();
  const { store } = place.open({ database_bytes_max: SMALL_BYTES });
  store.sessions.put(session("c"));
  fillUp(store);
  for (let i = 0; i < 100; i++) {
    store.sessions.put(session("c", { createdAt: i }));
    assert.equal(store.commit(), false);
    place.clock.advance(50);
  }
  const { commitsFailed } = store.stats;
  assert(commitsFailed >= 5 && commitsFailed <= 7, `${commitsFailed} attempts in 5 s`);
  assert.equal(place.events.length, 1);
});

Deno.test({
  name: "sqlite store: a full disk is survived (needs the right to mount a tmpfs)",
  ignore: !mayMount,
  fn() {
    using disk = mountSmall(3 << 20)!;
    using place = new Place();
    const path = `${disk.path}/natsgate.db`;
    const { store } = place.open({ path });
    store.sessions.put(session("c"));
    assert.equal(store.commit(), true);
    const ballast = `${disk.path}/ballast`;
    Deno.writeFileSync(ballast, new Uint8Array(2 << 20));
    const last = fillUp(store);
    assert.equal(store.writable, false);
    place.clock.advance(5000);
    assert.equal(store.writable, false);
    Deno.removeSync(ballast);
    place.clock.advance(1000);
    assert.equal(store.writable, true);
    assert.deepEqual(place.open({ path }).state.payloads("c"), upTo(last));
    place.close();
  },
});

Deno.test({
  name: "sqlite store: a disk that is still full is not taken for mended " +
    "(needs the right to mount a tmpfs)",
  ignore: !mayMount,
  fn() {
    using disk = mountSmall(1 << 20)!;
    using place = new Place();
    const { store } = place.open({ path: `${disk.path}/natsgate.db` });
    store.sessions.put(session("c"));
    store.commit();
    using ballast = fillDisk(disk.path);
    store.sessions.enqueue("c", entry(1), store.sessions.body(message("t", big(1))));
    assert.equal(store.commit(), false);
    store.sessions.remove("c", 1);
    place.clock.advance(1000);
    assert.equal(store.writable, false, "nothing waits any more, but the disk is full");
    ballast.free();
    place.clock.advance(1000);
    assert.equal(store.writable, true);
    place.close();
  },
});

Deno.test("sqlite store: files of others are left alone", () => {
  using place = new Place();
  const db = new DatabaseSync(place.path);
  db.exec("CREATE TABLE precious (value)");
  db.close();
  assert.throws(
    () => place.open(),
    (error) =>
      error instanceof OperationalError && error.exitCode === 69 &&
      /belongs to another program \(set node\.data_dir/.test(error.message),
  );
  assert.deepEqual([...Deno.readDirSync(place.directory)].map(({ name }) => name).sort(), [
    "natsgate.db",
    "natsgate.db.lock",
  ]);
});

Deno.test("sqlite store: files of a newer version are left alone", () => {
  using place = new Place();
  place.open();
  place.close();
  const db = new DatabaseSync(place.path);
  db.exec("PRAGMA user_version = 99");
  db.close();
  assert.throws(() => place.open(), /a newer version of natsgate wrote it \(schema 99/);
});

Deno.test("sqlite store: two processes cannot use one file", () => {
  using place = new Place();
  const { store } = place.open();
  const { path, clock } = place;
  assert.throws(
    () => openSqliteStore({ path, clock, sync: "off" }),
    (error) =>
      error instanceof OperationalError && /another process is using it/.test(error.message),
  );
  store.sessions.put(session("c"));
  assert.equal(store.commit(), true, "the first is not disturbed");
  place.close();
  openSqliteStore({ path, clock, sync: "off" }).close();
});

Deno.test("sqlite store: a place that cannot be written is refused in words", () => {
  using place = new Place();
  const path = `${place.directory}/file/natsgate.db`;
  Deno.writeTextFileSync(`${place.directory}/file`, "");
  assert.throws(
    () => openSqliteStore({ path, clock: place.clock, sync: "off" }),
    (error) =>
      error instanceof OperationalError && error.message.includes(path) &&
      /set node\.data_dir to another one, or set store\.type = "memory"/.test(error.message),
  );
});

Deno.test({
  name: "sqlite store: a file that was removed or replaced is missed, and nothing stored in it",
  ignore: Deno.build.os === "windows",
  fn() {
    for (const how of ["removed", "replaced"]) {
      using place = new Place();
      const { store } = place.open();
      store.sessions.put(session("c"));
      assert.equal(store.commit(), true);
      if (how === "replaced") Deno.copyFileSync(place.path, `${place.path}.copy`);
      Deno.removeSync(place.path);
      if (how === "replaced") Deno.renameSync(`${place.path}.copy`, place.path);
      place.clock.advance(1000);
      store.sessions.put(session("d"));
      assert.equal(store.commit(), false, how);
      assert.equal(store.writable, false);
      assert.match(
        place.events[0]!.message,
        /its file was removed or replaced.*\(restart natsgate/,
      );
      place.clock.advance(5000);
      assert.equal(store.writable, false, "it does not come back by itself");
    }
  },
});

Deno.test("sqlite store: another program that writes for a moment is waited for", async () => {
  using place = new Place();
  const { store } = place.open();
  const holder = new Worker(new URL("./lock_holder.ts", import.meta.url), { type: "module" });
  const said = () => new Promise((resolve) => holder.onmessage = ({ data }) => resolve(data));
  try {
    holder.postMessage(place.path);
    assert.equal(await said(), "locked");
    store.sessions.put(session("c"));
    assert.equal(store.commit(), true);
    assert.deepEqual(place.events, []);
  } finally {
    holder.terminate();
  }
});

Deno.test("sqlite store: what to do about it is said by the kind of failure", () => {
  using place = new Place();
  const { store } = place.open();
  store.sessions.put(session("c"));
  const other = new DatabaseSync(place.path);
  other.exec("BEGIN IMMEDIATE");
  assert.equal(store.commit(), false);
  assert.match(place.events[0]!.message, /database is locked.*\(end the other program that has/);
  other.exec("COMMIT");
  place.clock.advance(1000);
  assert.equal(store.writable, true);
  const { path, clock } = place;
  place.close();
  other.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE");
  assert.throws(
    () => openSqliteStore({ path, clock, sync: "off" }),
    /Cannot open the store .*database is locked \(end the other program/,
  );
  other.close();
});

Deno.test({
  name: "sqlite store: a file that may only be read is refused at the start " +
    "(needs the right to mount)",
  ignore: !mayMount,
  fn() {
    using disk = mountSmall(4 << 20)!;
    using place = new Place();
    const path = `${disk.path}/natsgate.db`;
    place.open({ path }).store.documents.put("user", "a", 1);
    place.close();
    using _ = mountReadOnly(disk.path);
    assert.throws(
      () => place.open({ path }),
      (error) =>
        error instanceof OperationalError && error.exitCode === 69 &&
        /Cannot open the store .*\(make .* writable, set node.data_dir/.test(error.message),
    );
  },
});

Deno.test({
  name: "sqlite store: a disk that is full at the start is named (needs the right to mount)",
  ignore: !mayMount,
  fn() {
    using disk = mountSmall(1 << 20)!;
    using place = new Place();
    using ballast = fillDisk(disk.path);
    const path = `${disk.path}/natsgate.db`;
    assert.throws(() => place.open({ path }), /Cannot open.*is full \(make room on the disk/);
    ballast.free();
    place.open({ path }).store.sessions.put(session("c"));
    assert.deepEqual(place.events, [], "what the first try left is no damage");
    place.close();
  },
});

Deno.test({
  name: "sqlite store: nobody else can read the files",
  ignore: Deno.build.os === "windows",
  fn() {
    using place = new Place();
    const path = `${place.directory}/new/natsgate.db`;
    const { store } = place.open({ path });
    store.sessions.put(session("c"));
    store.commit();
    for (const suffix of ["", "-wal", "-shm", ".lock"]) {
      assert.equal(Deno.statSync(path + suffix).mode! & 0o777, 0o600, suffix);
    }
    assert.equal(Deno.statSync(`${place.directory}/new`).mode! & 0o777, 0o700);
    place.close();
  },
});

Deno.test("sqlite store: migrations run once each, in order, as a whole or not at all", () => {
  const db = new DatabaseSync(":memory:");
  const first = ["CREATE TABLE a (x)"];
  migrate(db, first);
  assert.equal(pragma(db, "user_version"), 1);
  const second = [...first, "ALTER TABLE a ADD y; INSERT INTO a VALUES (1, 2)"];
  migrate(db, second);
  migrate(db, second);
  assert.equal(pragma(db, "user_version"), 2);
  assert.deepEqual({ ...db.prepare("SELECT * FROM a").get() }, { x: 1, y: 2 });
  assert.throws(() => migrate(db, [...second, "CREATE TABLE b (x); CREATE TABLE a (x)"]));
  db.exec("ROLLBACK");
  assert.equal(pragma(db, "user_version"), 2);
  assert.equal(db.prepare("SELECT name FROM sqlite_schema WHERE name = 'b'").get(), undefined);
  db.close();
});

Deno.test("sqlite store: the write-ahead log does not grow without bound", () => {
  using place = new Place();
  const { store } = place.open({ sync: "normal" });
  store.sessions.put(session("c"));
  const payload = "x".repeat(50_000);
  for (let seq = 1; seq < 1000; seq++) {
    store.sessions.enqueue("c", entry(seq), store.sessions.body(message("t", payload)));
    store.commit();
    store.sessions.remove("c", seq);
  }
  const wal_bytes = Deno.statSync(`${place.path}-wal`).size;
  assert(wal_bytes < 16 << 20, `${wal_bytes} bytes after 50 MB`);
});
