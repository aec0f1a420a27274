/**
 * A byte stream without a network, for tests of what is stacked on one.
 */
import type { ByteStream } from "../../gateway/transport/stream.ts";

/** The fake, and what was done to it. */
export interface FakeStream extends ByteStream {
  /** Everything written, write by write. */
  readonly written: Uint8Array[];
  /** All of `written` in one piece. */
  readonly output: Uint8Array;
  readonly closed: boolean;
  readonly ended: boolean;
  /** More bytes to read. */
  push(bytes: Uint8Array): void;
  /** No more bytes to read. */
  end(): void;
}

/**
 * @param bytes What there is to read at first.
 * @param chunkBytes How much one read gives at most.
 * @param then What follows them.
 */
export function fakeStream(
  bytes: ArrayLike<number> = [],
  chunkBytes = 65536,
  then: "ends" | "stays open" = "ends",
): FakeStream {
  let rest = Uint8Array.from(bytes);
  let open = then === "stays open";
  let closed = false;
  let ended = false;
  let wake = () => {};
  const written: Uint8Array[] = [];
  return {
    written,
    get closed() {
      return closed;
    },
    get ended() {
      return ended;
    },
    get output() {
      return Uint8Array.from(written.flatMap((part) => [...part]));
    },
    push(more) {
      rest = Uint8Array.from([...rest, ...more]);
      wake();
    },
    end() {
      open = false;
      wake();
    },
    async read(into) {
      while (rest.length === 0 && open && !closed) {
        await new Promise<void>((resolve) => wake = resolve);
      }
      if (closed) throw new Deno.errors.BadResource("closed");
      if (rest.length === 0) return null;
      const count = Math.min(rest.length, into.length, chunkBytes);
      into.set(rest.subarray(0, count));
      rest = rest.subarray(count);
      return count;
    },
    write(part) {
      if (closed) return Promise.reject(new Deno.errors.BadResource("closed"));
      written.push(part.slice());
      return Promise.resolve(part.length);
    },
    closeWrite() {
      ended = true;
      return Promise.resolve();
    },
    close() {
      if (closed) throw new Deno.errors.BadResource("closed");
      closed = true;
      wake();
    },
  };
}
