import assert from "node:assert/strict";
import { Body, Incoming, Ledger, type SegmentWriter } from "../../gateway/store/ledger.ts";
import { message } from "./kit.ts";

/** Keeps blobs in a map, counts calls, and fails when told to. */
class FakeWriter implements SegmentWriter {
  readonly blobs = new Map<number, Uint8Array>();
  readonly calls: string[] = [];
  failing = false;

  insert(id: number, blob: Uint8Array): void {
    this.#call(`insert ${id}`);
    this.blobs.set(id, blob.slice());
  }
  read(id: number): Uint8Array {
    return this.blobs.get(id)!;
  }
  replace(id: number, blob: Uint8Array): void {
    this.#call(`replace ${id}`);
    this.blobs.set(id, blob.slice());
  }
  bury(id: number): void {
    this.#call(`bury ${id}`);
  }
  delete(id: number): void {
    this.#call(`delete ${id}`);
    this.blobs.delete(id);
  }
  /** The calls since the last time. */
  take(): string[] {
    return this.calls.splice(0);
  }
  #call(what: string): void {
    this.calls.push(what);
    if (this.failing) throw new Error("disk full");
  }
}

function commit(ledger: Ledger, writer: FakeWriter): string[] {
  ledger.write(writer);
  ledger.settle();
  return writer.take();
}

function body(id: number, payload_bytes: number): Body {
  return new Body(id, Body.weigh(payload_bytes), message("t", new Uint8Array(payload_bytes)));
}

Deno.test("ledger: one commit is one segment, until it is full", () => {
  const ledger = new Ledger();
  const writer = new FakeWriter();
  for (let id = 1; id <= 100; id++) ledger.add(new Incoming(1, id));
  assert.deepEqual(commit(ledger, writer), ["insert 1"]);
  for (let id = 1; id <= 10; id++) ledger.add(body(id, 20_000));
  assert.deepEqual(commit(ledger, writer), ["insert 2", "insert 3", "insert 4"]);
  assert.equal(ledger.settled, true);
  assert.deepEqual(commit(ledger, writer), []);
});

Deno.test("ledger: a failed write is repeated as it was", () => {
  const ledger = new Ledger();
  const writer = new FakeWriter();
  const items = Array.from({ length: 10 }, (_, id) => body(id + 1, 20_000));
  for (const item of items) ledger.add(item);
  writer.failing = true;
  assert.throws(() => ledger.write(writer), /disk full/);
  assert.equal(ledger.settled, false);
  writer.failing = false;
  writer.take();
  // What is dropped in between is not written.
  ledger.drop(items[0]!);
  for (const item of items.slice(5)) ledger.drop(item);
  assert.deepEqual(commit(ledger, writer), ["insert 1"]);
});

Deno.test("ledger: a segment goes with its last item, and is rewritten once when most died", () => {
  const ledger = new Ledger();
  const writer = new FakeWriter();
  const items = Array.from({ length: 40 }, (_, id) => body(id + 1, 1000));
  for (const item of items) ledger.add(item);
  commit(ledger, writer);
  const full_bytes = writer.blobs.get(1)!.length;
  const drop = (count: number) => {
    for (const item of items.splice(0, count)) ledger.drop(item);
    return commit(ledger, writer);
  };
  assert.deepEqual(drop(10), ["bury 1"]);
  assert.deepEqual(drop(25), ["replace 1"]);
  assert(writer.blobs.get(1)!.length < full_bytes / 6);
  assert.deepEqual(drop(1), ["bury 1"]);
  assert.deepEqual(drop(4), ["delete 1"]);
  assert.equal(writer.blobs.size, 0);
});

Deno.test("ledger: a commit rewrites a bounded number of segments", () => {
  const ledger = new Ledger();
  const writer = new FakeWriter();
  const last: Body[] = [];
  const rest: Body[] = [];
  for (let turn = 0; turn < 100; turn++) {
    const items = Array.from({ length: 8 }, (_, index) => body(turn * 8 + index + 1, 1000));
    for (const item of items) ledger.add(item);
    commit(ledger, writer);
    last.push(items.pop()!);
    rest.push(...items);
  }
  for (const item of rest) ledger.drop(item);
  const calls = commit(ledger, writer);
  assert.equal(calls.filter((call) => call.startsWith("replace")).length, 64);
  assert.equal(calls.filter((call) => call.startsWith("bury")).length, 36);
  for (const item of last) ledger.drop(item);
  assert.equal(commit(ledger, writer).filter((call) => call.startsWith("delete")).length, 100);
});

Deno.test("ledger: a changed item moves to the next segment", () => {
  const ledger = new Ledger();
  const writer = new FakeWriter();
  const [first, second] = [body(1, 10), new Incoming(1, 2)];
  ledger.add(first);
  ledger.add(second);
  commit(ledger, writer);
  ledger.renew(second);
  assert.deepEqual(commit(ledger, writer), ["bury 1", "insert 2"]);
  ledger.drop(second);
  assert.deepEqual(commit(ledger, writer), ["delete 2"]);
  ledger.drop(first);
  assert.deepEqual(commit(ledger, writer), ["delete 1"]);
});
