/** An `Io` that keeps what a command writes and feeds it what it reads. */
import type { Io } from "../../gateway/cli/io.ts";

/** The fake, and what was written so far. */
export interface FakeIo extends Io {
  readonly output: string;
  readonly errors: string;
}

/** Makes an `Io` over strings. */
export function fakeIo(
  world: { input?: string; env?: Record<string, string>; interrupted?: AbortSignal } = {},
): FakeIo {
  const decoder = new TextDecoder();
  const io = {
    output: "",
    errors: "",
    out(text: string) {
      io.output += text;
    },
    outBytes(bytes: Uint8Array) {
      io.output += decoder.decode(bytes);
    },
    err(text: string) {
      io.errors += text;
    },
    errIsTerminal: false,
    inIsTerminal: world.input === undefined,
    readInput: () => Promise.resolve(new TextEncoder().encode(world.input ?? "")),
    env: (name: string) => world.env?.[name],
    interrupted: world.interrupted ?? new AbortController().signal,
  };
  return io;
}
