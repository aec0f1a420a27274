/**
 * Bytes that came before anybody asked for them. Whoever fills it has to stop when it holds too
 * much: see `bytes`.
 */

/** Chunks, first in, first out. They are kept as they are, not copied. */
export class ChunkQueue {
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;

  /** How many bytes wait. */
  get bytes(): number {
    return this.#bytes;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  /** Moves as many bytes as there are, and fit, into `into`; says how many. */
  take(into: Uint8Array): number {
    let at = 0;
    while (at < into.length && this.#chunks.length > 0) {
      const chunk = this.#chunks[0]!;
      const count = Math.min(chunk.length, into.length - at);
      into.set(count < chunk.length ? chunk.subarray(0, count) : chunk, at);
      at += count;
      if (count === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(count);
    }
    this.#bytes -= at;
    return at;
  }
}
