/**
 * What a command sees of the world outside: streams and environment. Tests pass their own.
 */

/** Streams and environment of a command. */
export interface Io {
  /** Writes to standard output, as it is. */
  out(text: string): void;
  /** Writes bytes to standard output, as they are. */
  outBytes(bytes: Uint8Array): void;
  /** Writes to standard error, as it is. */
  err(text: string): void;
  /** True when people watch standard error: progress lines are welcome. */
  readonly errIsTerminal: boolean;
  /** True when standard input is a terminal, so that nothing can be read from a pipe. */
  readonly inIsTerminal: boolean;
  /** Everything that standard input holds. */
  readInput(): Promise<Uint8Array>;
  env(name: string): string | undefined;
  /** Ends when the user presses Ctrl-C or the process is told to stop. */
  readonly interrupted: AbortSignal;
}

/** The process's own streams. */
export function processIo(interrupted: () => AbortSignal): Io {
  const encoder = new TextEncoder();
  return {
    out: (text) => writeAll(Deno.stdout, encoder.encode(text)),
    outBytes: (bytes) => writeAll(Deno.stdout, bytes),
    err: (text) => writeAll(Deno.stderr, encoder.encode(text)),
    errIsTerminal: Deno.stderr.isTerminal(),
    inIsTerminal: Deno.stdin.isTerminal(),
    readInput: async () => new Uint8Array(await new Response(Deno.stdin.readable).arrayBuffer()),
    env: (name) => Deno.env.get(name),
    get interrupted() {
      return interrupted();
    },
  };
}

function writeAll(to: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += to.writeSync(bytes.subarray(at));
}

/** Text from strangers, such as client ids and topics, in which nothing acts on a terminal. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, (c) => `\\u{${c.codePointAt(0)!.toString(16)}}`);
}
