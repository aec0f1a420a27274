/**
 * Damaged files: what can be read is kept, the rest is named, and nothing is deleted.
 */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { backupDatabase, stageRestore } from "../../gateway/store/sqlite_backup.ts";
import { READ_SESSIONS, rowsOf } from "../../gateway/store/sqlite_file.ts";
import { lostCommits } from "../../gateway/store/sqlite_log.ts";
import { Chance } from "../kit/random.ts";
import { randomSeed } from "../kit/seed.ts";
import { fillDisk, mayMount, mountSmall } from "../kit/small_disk.ts";
import { entry, message, Place, session, type StateRead } from "./kit.ts";

const PAGE_BYTES = 4096;
const MESSAGES = 200;
const OTHERS = 300;

/** A store with something in each table, over many pages. */
function fill(place: Place): void {
  const { store } = place.open();
  store.sessions.put(session("c"));
  for (let i = 0; i < OTHERS; i++) {
    store.sessions.put(session(`client ${i}`));
    store.retained.put(message(`r/${i}`, "retained", { retain: true }));
    store.documents.put("user", `user ${i}`, { name: "x".repeat(100) });
  }
  for (let seq = 1; seq <= MESSAGES; seq++) {
    store.sessions.enqueue("c", entry(seq), store.sessions.body(message("t", payload(seq))));
    store.commit();
  }
}

function payload(seq: number): string {
  return `${seq}:${"x".repeat(1500)}`;
}

/** Asserts that what came back is what was there, less some of it. Returns how much that is. */
function checkPart(state: StateRead, place: Place): { messages: number; others: number } {
  const payloads = state.payloads("c");
  const numbers = payloads.map((text) => Number(text.split(":")[0]));
  assert.deepEqual(payloads, numbers.map(payload), "whole messages");
  assert.deepEqual(numbers, numbers.toSorted((a, b) => a - b), "in order");
  const users = place.store.documents.list("user", { limit: 10_000 });
  for (const { value } of users) assert.deepEqual(value, { name: "x".repeat(100) });
  const others = state.sessions.size + state.messages.size + users.length;
  return { messages: payloads.length, others };
}

function damagePage(place: Place, page: number, chance: Chance): void {
  using file = Deno.openSync(place.path, { write: true });
  file.seekSync(page * PAGE_BYTES, Deno.SeekMode.Start);
  file.writeSync(Uint8Array.from({ length: PAGE_BYTES }, () => chance.below(256)));
}

function filesOf(place: Place): string[] {
  return [...Deno.readDirSync(place.directory)].map(({ name }) => name).sort();
}

Deno.test("damage: of a file with one bad page, all the others are kept", () => {
  const chance = new Chance(randomSeed("sqlite_damage_test"));
  const pages = [0, 1, 30, 60, 100];
  for (let i = 0; i < 5; i++) pages.push(chance.below(101));
  for (const page of pages) {
    using place = new Place();
    fill(place);
    place.close();
    damagePage(place, page, chance);
    const damaged = Deno.readFileSync(place.path);
    const { state } = place.open();
    const kept = checkPart(state, place);
    const what = `page ${page}: ${JSON.stringify(kept)}, ${place.events[0]?.message}`;
    if (place.events.length === 0) {
      assert.deepEqual(kept, { messages: MESSAGES, others: 3 * OTHERS + 1 }, `${what}: unused`);
      continue;
    }
    assert.match(place.events[0]!.message, /is damaged \(.+\)\. It was renamed to .+\.damaged-/);
    assert.match(place.events[0]!.message, /Restore a backup/);
    // A root page takes its table along; the others lose what was on the page.
    assert(kept.messages + kept.others >= 2 * OTHERS, what);
    const aside = filesOf(place).filter((name) => name.includes(".damaged-"));
    assert.equal(aside.length, 1, aside.join());
    assert.deepEqual(Deno.readFileSync(`${place.directory}/${aside[0]}`), damaged, "as it was");
    assert.deepEqual(filesOf(place).filter((name) => name.includes("salvaged")), []);
    place.events.length = 0;
    assert.deepEqual(checkPart(place.open().state, place), kept);
    assert.deepEqual(place.events, [], `${what}: the new file is sound`);
  }
});

Deno.test("damage: without its first page, the rest of a file is kept whole", () => {
  for (const bytes of [100, 512, PAGE_BYTES]) {
    using place = new Place();
    fill(place);
    place.close();
    const file = Deno.readFileSync(place.path);
    Deno.writeFileSync(place.path, file.fill(0x5a, 0, bytes));
    const { state } = place.open();
    assert.deepEqual(checkPart(state, place), { messages: MESSAGES, others: 3 * OTHERS + 1 });
    assert.match(place.events[0]!.message, /taken over: 301 sessions, .* 0 places could not be/);
  }
});

Deno.test("damage: changed bytes never pass for what was written", () => {
  const chance = new Chance(randomSeed("sqlite_damage_test, bytes"));
  using sound = new Place();
  const { store } = sound.open();
  store.sessions.put(session("c"));
  // Most of a long message is on pages of which any content is possible.
  for (let seq = 1; seq <= 20; seq++) {
    store.sessions.enqueue("c", entry(seq), store.sessions.body(message("t", longPayload(seq))));
    store.retained.put(message(`r/${seq}`, longPayload(seq), { retain: true }));
    store.commit();
  }
  sound.close();
  const file = Deno.readFileSync(sound.path);
  let noticed = 0;
  for (let i = 0; i < 60; i++) {
    using place = new Place();
    const damaged = file.slice();
    const at = chance.below(file.length - 100);
    for (let j = at; j < at + 100; j++) damaged[j] = chance.below(256);
    Deno.writeFileSync(place.path, damaged);
    const { state } = place.open();
    const expected = Array.from({ length: 20 }, (_, index) => longPayload(index + 1));
    const queued = state.payloads("c");
    assert(queued.every((payload) => expected.includes(payload)), `at ${at}`);
    for (const { topic, payload } of state.messages.values()) {
      assert.equal(new TextDecoder().decode(payload), longPayload(Number(topic.slice(2))));
    }
    const isLess = queued.length + state.messages.size < 40;
    if (isLess) assert(place.events.length > 0, `at ${at}: what is missing was told`);
    if (isLess) noticed++;
  }
  assert(noticed > 20, `${noticed} of 60 damages cost something`);
});

function longPayload(seq: number): string {
  return `${seq}:${"x".repeat(10_000)}`;
}

Deno.test("damage: of a file that was cut short, the beginning is kept", () => {
  using place = new Place();
  fill(place);
  place.close();
  Deno.truncateSync(place.path, Deno.statSync(place.path).size - 30 * PAGE_BYTES);
  const { store, state } = place.open();
  const kept = checkPart(state, place);
  assert.equal(kept.others, 3 * OTHERS + 1);
  assert(kept.messages > MESSAGES / 2, `${kept.messages} messages`);
  assert.equal(store.writable, true);
  assert.equal(place.events[0]!.kind, "damaged");
});

Deno.test("damage: of a file with nothing readable in it, an empty one is begun", () => {
  for (const bytes of [50, 5000, 50_000]) {
    using place = new Place();
    const garbage = new Uint8Array(bytes).fill(0x5a);
    Deno.writeFileSync(place.path, garbage);
    const { store, state } = place.open();
    assert.equal(state.sessions.size, 0);
    assert.equal(store.writable, true);
    assert.deepEqual(place.events.map(({ kind }) => kind), ["damaged"]);
    assert.match(place.events[0]!.message, /an empty one begun: stored sessions.* are gone/);
    const aside = filesOf(place).find((name) => name.includes(".damaged-"))!;
    assert.deepEqual(Deno.readFileSync(`${place.directory}/${aside}`), garbage);
  }
});

Deno.test("damage: files that are set aside at the same time get names of their own", () => {
  using place = new Place();
  for (let i = 0; i < 3; i++) {
    Deno.writeFileSync(place.path, new Uint8Array(100).fill(i + 1));
    place.open();
    place.close();
  }
  const aside = filesOf(place).filter((name) => name.includes(".damaged-"));
  const contents = aside.map((name) => Deno.readFileSync(`${place.directory}/${name}`)[0]);
  assert.deepEqual(contents.toSorted(), [1, 2, 3]);
});

Deno.test("damage: a file that was emptied or lost is missed, and its log is kept", () => {
  for (const isThere of [true, false]) {
    using place = new Place();
    fill(place);
    using copy = new Place();
    if (isThere) Deno.writeFileSync(copy.path, new Uint8Array());
    Deno.copyFileSync(`${place.path}-wal`, `${copy.path}-wal`);
    const log = Deno.readFileSync(`${copy.path}-wal`);
    assert.equal(copy.open().state.sessions.size, 0);
    assert.deepEqual(copy.events.map(({ kind }) => kind), ["damaged"]);
    assert.match(copy.events[0]!.message, /is (an empty file|missing).*restore a backup.*Its log/);
    const aside = filesOf(copy).find((name) => name.endsWith("Z-wal"))!;
    assert.deepEqual(Deno.readFileSync(`${copy.directory}/${aside}`), log);
  }
});

Deno.test("damage: a log with a damaged place gives what comes before, and is kept", () => {
  using place = new Place();
  fill(place);
  const log = Deno.readFileSync(`${place.path}-wal`);
  const frame_bytes = PAGE_BYTES + 24;
  const frames = Math.floor((log.length - 32) / frame_bytes);
  const middle = 32 + Math.floor(frames / 2) * frame_bytes;
  for (const [at, bytes] of [[0, 32], [middle, 24], [middle + 1000, 1]] as const) {
    using copy = new Place();
    Deno.copyFileSync(place.path, copy.path);
    const damaged = log.slice();
    for (let i = at; i < at + bytes; i++) damaged[i]! ^= 0xff;
    Deno.writeFileSync(`${copy.path}-wal`, damaged);
    const { state } = copy.open();
    assert(state.payloads("c").length < MESSAGES);
    checkPart(state, copy);
    assert.deepEqual(copy.events.map(({ kind }) => kind), ["damaged"]);
    assert.match(copy.events[0]!.message, /the last [1-9]\d* changes before the stop .* are lost/);
    const aside = filesOf(copy).find((name) => name.includes("-wal.damaged-"))!;
    assert.deepEqual(Deno.readFileSync(`${copy.directory}/${aside}`), damaged);
  }
});

Deno.test("damage: a log that merely ends early is no damage", () => {
  using place = new Place();
  fill(place);
  const log = Deno.readFileSync(`${place.path}-wal`);
  const path = `${place.directory}/cut`;
  assert.equal(lostCommits(path), 0, "there is none");
  for (const bytes of [0, 20, 32, 40, 5000, log.length - 1, log.length - 3000, log.length]) {
    Deno.writeFileSync(path, log.subarray(0, bytes));
    assert.equal(lostCommits(path), 0, `${bytes} bytes`);
  }
  // The last frame was begun and not finished.
  const torn = log.slice();
  torn.fill(0, torn.length - 2000);
  Deno.writeFileSync(path, torn);
  assert.equal(lostCommits(path), 0);
});

Deno.test("damage: a lock with something in it is a lock all the same", () => {
  using place = new Place();
  Deno.writeTextFileSync(`${place.path}.lock`, "what is this".repeat(1000));
  place.open();
  const { path } = place;
  assert.equal(Deno.statSync(`${path}.lock`).size, 0);
});

Deno.test("damage: a backup that was damaged while it waited does not replace the store", async () => {
  for (const damage of ["garbage", "empty"]) {
    using place = new Place();
    fill(place);
    const backup = `${place.directory}/backup.db`;
    await backupDatabase(place.path, backup);
    await stageRestore(backup, place.path);
    const staged = `${place.path}.restore`;
    if (damage === "empty") Deno.truncateSync(staged);
    else Deno.writeFileSync(staged, new Uint8Array(50_000).fill(1));
    const { state } = place.open();
    assert.deepEqual(checkPart(state, place), { messages: MESSAGES, others: 3 * OTHERS + 1 });
    assert.match(place.events[0]!.message, /cannot be restored.*the store is as it was before/);
    place.open();
    assert.equal(place.events.length, 1, "it is not tried again");
  }
});

Deno.test("damage: a backup restored to a place without a store leaves no name of an old one", async () => {
  using place = new Place();
  fill(place);
  const backup = `${place.directory}/backup.db`;
  await backupDatabase(place.path, backup);
  using other = new Place();
  await stageRestore(backup, other.path);
  other.open();
  assert.match(other.events[0]!.message, /was restored from a backup\.$/);
});

Deno.test("damage: a start that was cut short after the salvage is finished by the next", () => {
  using place = new Place();
  fill(place);
  place.close();
  Deno.renameSync(place.path, `${place.path}.salvaged`);
  assert.equal(checkPart(place.open().state, place).messages, MESSAGES);
  place.close();
  Deno.writeTextFileSync(`${place.path}.salvaged`, "half");
  assert.equal(checkPart(place.open().state, place).messages, MESSAGES);
  assert.deepEqual(filesOf(place).filter((name) => name.includes("salvaged")), []);
});

Deno.test({
  name: "damage: without room for what can be read, nothing is begun and nothing is lost " +
    "(needs the right to mount a tmpfs)",
  ignore: !mayMount,
  fn() {
    using disk = mountSmall(2 << 20)!;
    using place = new Place();
    fill(place);
    place.close();
    damagePage(place, 30, new Chance(1));
    const damaged = Deno.readFileSync(place.path);
    const path = `${disk.path}/natsgate.db`;
    Deno.copyFileSync(place.path, path);
    {
      using _ = fillDisk(disk.path);
      assert.throws(() => place.open({ path }), /Cannot open the store .* \(make room on the disk/);
      assert.deepEqual(Deno.readFileSync(path), damaged);
    }
    const { state } = place.open({ path });
    assert(checkPart(state, place).messages > MESSAGES / 2);
    place.close();
  },
});

Deno.test("damage: documents that are no JSON are left out and counted", () => {
  using place = new Place();
  const { store } = place.open();
  store.documents.put("user", "a", 1);
  store.documents.put("user", "b", 2);
  place.close();
  const db = new DatabaseSync(place.path);
  db.exec("UPDATE document SET value = '{oops' WHERE key = 'a'");
  db.close();
  const { store: again } = place.open();
  assert.match(place.events[0]!.message, /^1 records of the store .* could not be read/);
  assert.equal(again.documents.get("user", "a"), undefined);
  assert.deepEqual(again.documents.list("user", { limit: 9 }), [{ key: "b", value: 2 }]);
  again.documents.put("user", "a", 3);
  assert.equal(again.documents.get("user", "a"), 3);
});

Deno.test("damage: rows that cannot be read are an error, not the end", () => {
  using place = new Place();
  fill(place);
  place.close();
  const db = new DatabaseSync(place.path, { readOnly: true });
  const root = db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'session'").get()!;
  const statement = db.prepare(READ_SESSIONS);
  assert.equal([...rowsOf(statement)].length, OTHERS + 1);
  db.close();
  damagePage(place, Number(root["rootpage"]) - 1, new Chance(1));
  const broken = new DatabaseSync(place.path, { readOnly: true });
  assert.throws(() => [...rowsOf(broken.prepare(READ_SESSIONS))], /malformed/);
  broken.close();
});

Deno.test("damage: what a backup that was cut short has left is not in the way", async () => {
  using place = new Place();
  fill(place);
  const target = `${place.directory}/backup.db`;
  await backupDatabase(place.path, target);
  Deno.renameSync(target, `${target}.partial`);
  await backupDatabase(place.path, target);
  assert.deepEqual(filesOf(place).filter((name) => name.startsWith("backup")), ["backup.db"]);
});
