/** What publishers count and subscribers check: every topic carries 0, 1, 2 … */
import assert from "node:assert/strict";

/** The numbers that one receiver got from one topic. */
export class Received {
  /** All that came, in order, copies included. */
  readonly all: number[] = [];
  readonly #seen = new Set<number>();
  #first = -1;
  #last = -1;

  /** `ordered`: first copies must come in order. */
  constructor(readonly ordered: boolean) {}

  /**
   * Notes a number.
   * @throws {AssertionError} an earlier one comes for the first time after a later one
   */
  note(value: number, what: string): void {
    this.all.push(value);
    if (this.#seen.has(value)) return;
    if (this.all.length === 1) this.#first = value;
    // Who came in the middle may get again what was sent before.
    if (this.ordered && value > this.#first) {
      assert.ok(value > this.#last, `${what}: ${value} comes first after ${this.#last}`);
    }
    this.#seen.add(value);
    this.#last = value;
  }

  /** True when the number came. */
  has(value: number): boolean {
    return this.#seen.has(value);
  }

  /** Every number below `count` came, and none a second time if `once`. */
  check(count: number, once: boolean, what: string): void {
    const missing = Array.from({ length: count }, (_, i) => i).filter((i) => !this.#seen.has(i));
    assert.deepEqual(missing, [], `${what}: lost of ${count}`);
    if (once) assert.equal(this.all.length, count, `${what}: something came twice`);
  }
}
