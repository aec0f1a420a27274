import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { OperationalError } from "../../gateway/errors.ts";
import { backupDatabase, checkBackup, stageRestore } from "../../gateway/store/sqlite_backup.ts";
import type { SqliteStore } from "../../gateway/store/sqlite.ts";
import { mayMount, mountSmall } from "../kit/small_disk.ts";
import { entry, message, Place, session, subscription } from "./kit.ts";

function publish(store: SqliteStore, seq: number, payload: string): void {
  store.sessions.enqueue("c", entry(seq), store.sessions.body(message("t", payload)));
}

function isOperational(pattern: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof OperationalError && pattern.test(error.message);
}

Deno.test("backup: it is the committed state at the call, while changes go on", async () => {
  using place = new Place();
  const { store } = place.open({ sync: "normal" });
  store.sessions.put(session("c"));
  store.sessions.putSubscription("c", subscription("t"));
  store.sessions.addIncoming("c", 3);
  store.retained.put(message("r", "1", { retain: true }));
  store.documents.put("user", "a", { superuser: true });
  const payload = "x".repeat(30_000);
  for (let seq = 1; seq <= 600; seq++) publish(store, seq, `${seq}${payload}`);
  store.commit();
  publish(store, 601, "not committed");

  const target = `${place.directory}/backup.db`;
  let running = true;
  const copied = backupDatabase(place.path, target).finally(() => running = false);
  let turns = 0;
  while (running) {
    await new Promise((resolve) => setTimeout(resolve));
    turns++;
    publish(store, 601 + turns, "later");
    store.sessions.remove("c", turns);
    assert.equal(store.commit(), true);
  }
  await copied;
  assert(turns > 1, "the copying left room for others");
  assert.deepEqual(await checkBackup(target), {
    sessions: 1,
    messages: 600,
    retained: 1,
    documents: 1,
  });
  assert.equal(Deno.statSync(target).mode! & 0o777, 0o600);

  using other = new Place();
  assert.equal((await stageRestore(target, other.path)).messages, 600);
  const { store: restored, state } = other.open();
  assert.deepEqual(other.events.map(({ kind }) => kind), ["restored"]);
  assert.deepEqual(
    state.payloads("c"),
    Array.from({ length: 600 }, (_, index) => `${index + 1}${payload}`),
  );
  assert.deepEqual(state.sessions.get("c")!.subscriptions, [subscription("t")]);
  assert.deepEqual(state.sessions.get("c")!.incoming, [3]);
  assert.deepEqual([...state.messages.keys()], ["r"]);
  assert.deepEqual(restored.documents.get("user", "a"), { superuser: true });
});

Deno.test("backup: a restore waits for the next start, and keeps what was there", async () => {
  using place = new Place();
  const { store } = place.open();
  store.sessions.put(session("first"));
  store.commit();
  const target = `${place.directory}/backup.db`;
  await backupDatabase(place.path, target);
  store.sessions.put(session("second"));
  store.commit();

  await stageRestore(target, place.path);
  store.sessions.put(session("third"));
  assert.equal(store.commit(), true, "the running store is not touched");
  const { state } = place.open();
  assert.deepEqual([...state.sessions.keys()], ["first"]);
  const aside = [...Deno.readDirSync(place.directory)].map(({ name }) => name)
    .find((name) => name.includes(".before-restore-"))!;
  assert(place.events[0]!.message.endsWith(aside));
  const old = place.open({ path: `${place.directory}/${aside}` }).state;
  assert.deepEqual([...old.sessions.keys()], ["first", "second", "third"]);
  assert.deepEqual([...place.open().state.sessions.keys()], ["first"], "restored once");
});

Deno.test("backup: a file that is there is not overwritten", async () => {
  using place = new Place();
  place.open();
  const target = `${place.directory}/precious`;
  Deno.writeTextFileSync(target, "mine");
  await assert.rejects(
    backupDatabase(place.path, target),
    isOperational(/there is a file of that name already/),
  );
  assert.equal(Deno.readTextFileSync(target), "mine");
});

Deno.test("backup: a failed backup leaves nothing behind", async () => {
  using place = new Place();
  place.open();
  await assert.rejects(
    backupDatabase(`${place.directory}/none/natsgate.db`, `${place.directory}/backup.db`),
    isOperational(/Cannot back up to .*backup\.db: unable to open/),
  );
  await assert.rejects(
    backupDatabase(place.path, `${place.directory}/none/backup.db`),
    isOperational(/Cannot back up to .*backup\.db: /),
  );
  const names = [...Deno.readDirSync(place.directory)].map(({ name }) => name);
  assert.deepEqual(names.filter((name) => name.startsWith("backup")), []);
});

Deno.test("backup: a store that is damaged while it runs is named, not the target", async () => {
  using place = new Place();
  const { store } = place.open();
  store.sessions.put(session("c"));
  for (let seq = 1; seq < 100; seq++) publish(store, seq, "x".repeat(5000));
  place.close();
  place.open();
  const file = Deno.readFileSync(place.path);
  Deno.writeFileSync(place.path, file.fill(0x5a, 8 * 4096, 100 * 4096));
  await assert.rejects(
    backupDatabase(place.path, `${place.directory}/backup.db`),
    isOperational(/malformed \(restart natsgate, which takes over what can be read/),
  );
});

Deno.test({
  name: "backup: without room for it, it says so and leaves nothing behind " +
    "(needs the right to mount a tmpfs)",
  ignore: !mayMount,
  async fn() {
    using disk = mountSmall(1 << 20)!;
    using place = new Place();
    const { store } = place.open();
    store.sessions.put(session("c"));
    for (let seq = 1; seq < 100; seq++) publish(store, seq, "x".repeat(20_000));
    store.commit();
    const isFull = isOperational(/(Cannot back up|Cannot restore).*\(make room on the disk/);
    await assert.rejects(backupDatabase(place.path, `${disk.path}/backup.db`), isFull);
    assert.deepEqual([...Deno.readDirSync(disk.path)], []);
    const backup = `${place.directory}/backup.db`;
    await backupDatabase(place.path, backup);
    await assert.rejects(stageRestore(backup, `${disk.path}/natsgate.db`), isFull);
    assert.deepEqual([...Deno.readDirSync(disk.path)], []);
  },
});

Deno.test("backup: what is not a sound backup is refused before it is used", async () => {
  using place = new Place();
  const { store } = place.open();
  store.sessions.put(session("c"));
  for (let seq = 1; seq < 20; seq++) publish(store, seq, "x".repeat(5000));
  store.commit();
  const sound = `${place.directory}/sound.db`;
  await backupDatabase(place.path, sound);
  const bytes = Deno.readFileSync(sound);
  const bad = `${place.directory}/bad.db`;
  const attempts: [what: string, make: () => void, problem: RegExp][] = [
    ["missing", () => {}, /unable to open/],
    ["text", () => Deno.writeTextFileSync(bad, "hello ".repeat(1000)), /it is damaged/],
    ["empty", () => Deno.writeFileSync(bad, new Uint8Array()), /it is empty/],
    ["cut", () => Deno.writeFileSync(bad, bytes.subarray(0, 50_000)), /it is damaged/],
    ["foreign", () => database(bad, "CREATE TABLE precious (x)"), /another program/],
    ["record", () => {
      Deno.copyFileSync(sound, bad);
      database(bad, "UPDATE session SET record = x'00'");
    }, /records are damaged/],
    ["newer", () => {
      Deno.copyFileSync(sound, bad);
      database(bad, "PRAGMA user_version = 99");
    }, /a newer version/],
  ];
  for (const [what, make, problem] of attempts) {
    await Deno.remove(bad).catch(() => {});
    make();
    await assert.rejects(stageRestore(bad, place.path), isOperational(problem), what);
  }
  assert.deepEqual([...place.open().state.sessions.keys()], ["c"]);
  assert.deepEqual(place.events, []);
});

function database(path: string, sql: string): void {
  const db = new DatabaseSync(path);
  db.exec(sql);
  db.close();
}
