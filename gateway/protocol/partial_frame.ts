/**
 * A frame that does not come in one read, put together in a buffer of its own.
 */

/** A sender that has sent this much of a frame gets room for all of it. */
const TRUST_BYTES = 16 * 1024;
/** Others get this much at first. */
const UNTRUSTED_BYTES = 128 * 1024;
/** Room for a frame of unknown size at least. */
const BUFFER_BYTES_MIN = 64;

/**
 * What is there of a frame. Memory follows what has come, not what was announced: else a few
 * bytes would cost a megabyte.
 */
export class PartialFrame {
  #bytes: Uint8Array<ArrayBuffer> = EMPTY;
  #length = 0;
  #size = 0;

  /** Bytes that are there; 0: no frame is under way. */
  get length(): number {
    return this.#length;
  }

  /** Bytes of the whole frame; 0 while that is not known. */
  get size(): number {
    return this.#size;
  }

  /** Bytes that are missing of a frame of known size; else not positive. */
  get missing(): number {
    return this.#size - this.#length;
  }

  /**
   * Begins with the first bytes, which are copied; none, if `add` follows.
   * @param size of the whole frame; 0: not known yet
   * @param there bytes of the frame that have come, if `first` is not all of them
   */
  start(first: Uint8Array, size: number, there = first.length): void {
    this.#size = size;
    this.#bytes = new Uint8Array(
      size > 0 ? firstRoom(size, there) : Math.max(BUFFER_BYTES_MIN, first.length * 2),
    );
    this.#bytes.set(first);
    this.#length = first.length;
  }

  /** The size has become known: all bytes move to a buffer for it. */
  expect(size: number): void {
    this.#size = size;
    this.#grow(firstRoom(size, this.#length));
  }

  /** Copies up to `count` bytes of `chunk` from `at` on, and answers how many. */
  add(chunk: Uint8Array, at: number, count: number): number {
    const taken = Math.min(count, chunk.length - at);
    if (taken <= 0) return 0;
    const length = this.#length + taken;
    if (length > this.#bytes.length) this.#grow(this.#size === 0 ? length * 2 : this.#size);
    this.#bytes.set(chunk.subarray(at, at + taken), this.#length);
    this.#length = length;
    return taken;
  }

  /** Room for further bytes, `min` at least if so many are missing; `filled` counts them. */
  room(min: number): Uint8Array {
    if (this.#bytes.length - this.#length < min) this.#grow(this.#size);
    return this.#bytes.subarray(this.#length);
  }

  /** The first `count` bytes of what `room` gave have been filled. */
  filled(count: number): void {
    this.#length += count;
  }

  /** What is there. A frame of known size that is whole has the buffer for itself. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Lets go of the frame; its bytes live on with whoever has them. */
  clear(): void {
    this.#bytes = EMPTY;
    this.#length = this.#size = 0;
  }

  /** Gives the memory back now: garbage collection may be a gigabyte away. */
  free(): void {
    if (this.#bytes !== EMPTY) this.#bytes.buffer.transfer(0);
    this.clear();
  }

  #grow(bytes: number): void {
    const grown = new Uint8Array(bytes);
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

const EMPTY = new Uint8Array(0);

function firstRoom(size: number, there: number): number {
  return there >= TRUST_BYTES ? size : Math.min(size, UNTRUSTED_BYTES);
}
