/**
 * The buffer that a connection reads into: small while little comes, large under load.
 */

/** First and smallest size in bytes: what an idle connection holds. */
export const READ_BYTES_MIN = 1024;
/** Largest size in bytes. */
export const READ_BYTES_MAX = 64 * 1024;
/** So many reads in a row that would have fitted a quarter of the buffer halve it. */
const SMALL_READS_MAX = 32;

/**
 * A buffer that doubles when reads fill most of it, and shrinks again. Not only when full: a
 * WebSocket takes its headers out, so it fills the buffer and yet reports less.
 */
export class ReadBuffer {
  #bytes: Uint8Array = new Uint8Array(READ_BYTES_MIN);
  #smallReads = 0;

  /** Room for the next read. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** What a read of `count` bytes brought; valid until the next read. */
  filled(count: number): Uint8Array {
    const bytes = this.#bytes;
    const size = bytes.length;
    if (count > size / 2) {
      this.#smallReads = 0;
      if (size < READ_BYTES_MAX) this.#bytes = new Uint8Array(size * 2);
    } else if (count <= size / 4 && size > READ_BYTES_MIN) {
      if (++this.#smallReads >= SMALL_READS_MAX) {
        this.#smallReads = 0;
        this.#bytes = new Uint8Array(size / 2);
      }
    } else this.#smallReads = 0;
    return bytes.subarray(0, count);
  }
}
