import assert from "node:assert/strict";
import { Turns } from "../../gateway/transport/turns.ts";

/** Turns over a store that a test makes dirty, and what happened in which order. */
function world(withStore = true) {
  const log: string[] = [];
  const deferred: (() => void)[] = [];
  const store = {
    dirty: false,
    works: true,
    commit() {
      log.push("commit");
      this.dirty = false;
      return this.works;
    },
  };
  const turns = new Turns(withStore ? store : undefined, (job) => void deferred.push(job));
  const connection = (name: string) => ({
    flush: () => void log.push(`flush ${name}`),
    abandon: () => void log.push(`abandon ${name}`),
  });
  const runDeferred = () => deferred.splice(0).forEach((job) => job());
  return { log, turns, store, connection, deferred, runDeferred };
}

Deno.test("a turn ends with everyone who has something to send, in order", () => {
  const { log, turns, connection } = world(false);
  turns.run(() => {
    turns.add(connection("a"));
    turns.add(connection("b"));
    log.push("work");
  });
  assert.deepEqual(log, ["work", "flush a", "flush b"]);
  log.length = 0;
  turns.run(() => {});
  assert.deepEqual(log, [], "each only once");
});

Deno.test("a turn within a turn is part of it", () => {
  const { log, turns, connection } = world(false);
  turns.run(() => {
    turns.run(() => turns.add(connection("a")));
    log.push("outer");
  });
  assert.deepEqual(log, ["outer", "flush a"]);
});

Deno.test("a turn that throws still sends what was written", () => {
  const { log, turns, connection } = world(false);
  assert.throws(() =>
    turns.run(() => {
      turns.add(connection("a"));
      throw new Error("bug");
    })
  );
  assert.deepEqual(log, ["flush a"]);
});

Deno.test("with durable changes nothing is sent before one commit for all turns that are due", () => {
  const { log, turns, store, connection, deferred, runDeferred } = world();
  turns.run(() => {
    store.dirty = true;
    turns.add(connection("a"));
  });
  turns.run(() => turns.add(connection("b")));
  assert.deepEqual(log, []);
  assert.equal(deferred.length, 1);
  runDeferred();
  assert.deepEqual(log, ["commit", "flush a", "flush b"]);
  turns.run(() => turns.add(connection("c")));
  assert.deepEqual(log.slice(3), ["flush c"], "and then at once again");
});

Deno.test("a write that ends while a commit is due does not send what waits for it", () => {
  const { log, turns, store, connection, runDeferred } = world();
  const a = connection("a");
  turns.resume(a);
  assert.deepEqual(log, ["flush a"]);
  turns.run(() => store.dirty = true);
  turns.resume(a);
  assert.deepEqual(log, ["flush a"]);
  runDeferred();
  assert.deepEqual(log, ["flush a", "commit", "flush a"]);
});

Deno.test("a failed commit ends the connections whose answers waited for it, and only those", () => {
  const { log, turns, store, connection, runDeferred } = world();
  store.works = false;
  turns.run(() => {
    store.dirty = true;
    turns.add(connection("a"));
  });
  runDeferred();
  assert.deepEqual(log, ["commit", "abandon a"]);
  turns.run(() => turns.add(connection("b")));
  assert.deepEqual(log.slice(2), ["flush b"]);
});

Deno.test("what a flush gives others to send is sent too", () => {
  const { log, turns, connection } = world(false);
  const heir = connection("heir");
  turns.run(() =>
    turns.add({
      flush() {
        log.push("flush last words");
        turns.run(() => turns.add(heir));
      },
      abandon() {},
    })
  );
  assert.deepEqual(log, ["flush last words", "flush heir"]);
});
