/**
 * What is due next among many: a binary heap in which every item knows its place.
 */

/** Something that waits for a time. */
export interface Scheduled {
  /** Milliseconds since the epoch; Infinity while it waits for nothing. */
  deadline: number;
  /** Place in the heap; -1 when not in it. Only `Deadlines` writes it. */
  heapIndex: number;
}

/** Items by deadline. Setting and removing cost a few comparisons, whatever the number. */
export class Deadlines<Item extends Scheduled> {
  readonly #heap: Item[] = [];

  /** The earliest deadline; Infinity when there is none. */
  get next(): number {
    return this.#heap[0]?.deadline ?? Infinity;
  }

  /** Gives the item a deadline, or a new one; Infinity takes it out. */
  set(item: Item, deadline: number): void {
    this.#remove(item);
    item.deadline = deadline;
    if (deadline === Infinity) return;
    item.heapIndex = this.#heap.length;
    this.#heap.push(item);
    this.#up(item.heapIndex);
  }

  /** Takes out an item that is due; undefined when none is. */
  takeDue(now: number): Item | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.deadline > now) return undefined;
    this.set(first, Infinity);
    return first;
  }

  #remove(item: Item): void {
    const index = item.heapIndex;
    if (index < 0) return;
    item.heapIndex = -1;
    const last = this.#heap.pop()!;
    if (last === item) return;
    this.#place(last, index);
    this.#up(index);
    this.#down(last.heapIndex);
  }

  #up(index: number): void {
    const item = this.#heap[index]!;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (this.#heap[parent]!.deadline <= item.deadline) break;
      this.#place(this.#heap[parent]!, index);
      index = parent;
    }
    this.#place(item, index);
  }

  #down(index: number): void {
    const item = this.#heap[index]!;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= this.#heap.length) break;
      const right = child + 1;
      if (
        right < this.#heap.length && this.#heap[right]!.deadline < this.#heap[child]!.deadline
      ) child = right;
      if (this.#heap[child]!.deadline >= item.deadline) break;
      this.#place(this.#heap[child]!, index);
      index = child;
    }
    this.#place(item, index);
  }

  #place(item: Item, index: number): void {
    this.#heap[index] = item;
    item.heapIndex = index;
  }
}
