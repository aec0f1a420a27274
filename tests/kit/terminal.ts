/**
 * A program at a terminal of its own, with keys that are pressed and a screen that is read: what
 * shells and line editors do only there. Needs `script` of util-linux, which every Linux has.
 */
import { until } from "./wait.ts";

// What a terminal is told besides text: ESC [ 1 m, ESC ] title BEL, ESC ( B; ESC [ 2 A.
// deno-lint-ignore no-control-regex
const COLOURS = /\x1b(\[[0-9;?]*[hlm]|\][^\x07]*\x07|[()].|[=>])/g;
// deno-lint-ignore no-control-regex
const MOVES = /\x1b\[[0-9;]*[A-Z]|\r\n?/g;

/** A running program and its terminal. Dispose of it to end the program. */
export class Terminal implements AsyncDisposable {
  #screen = "";
  readonly #keys: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<void>;
  private constructor(readonly child: Deno.ChildProcess) {
    this.#keys = child.stdin.getWriter();
    this.#reading = this.#read();
  }

  /** Starts a program by words of a shell. */
  static start(command: string, env: Readonly<Record<string, string>>): Terminal {
    return new Terminal(
      new Deno.Command("script", {
        args: ["--quiet", "--flush", "--command", command, "/dev/null"],
        clearEnv: true,
        env: { PATH: "/usr/local/bin:/usr/bin:/bin", TERM: "xterm", ...env },
        stdin: "piped",
        stdout: "piped",
        stderr: "null",
      }).spawn(),
    );
  }

  /** Presses keys, and forgets what was on the screen before. */
  async press(keys: string): Promise<void> {
    this.#screen = "";
    await this.#keys.write(new TextEncoder().encode(keys));
  }

  /** Waits for text on the screen, and gives what the pattern found. */
  async see(pattern: RegExp): Promise<RegExpExecArray> {
    try {
      return await until(() => pattern.exec(this.screen) ?? undefined, `${pattern}`);
    } catch (error) {
      throw new Error(`${(error as Error).message}; on the screen:\n${this.screen}`);
    }
  }

  /** What was printed since keys were pressed; without colours, a line for each move elsewhere. */
  get screen(): string {
    return this.#screen.replace(COLOURS, "").replace(MOVES, "\n");
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of this.child.stdout) {
      this.#screen += decoder.decode(bytes, { stream: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      // Its own end closes the terminal, which ends the program in it.
      this.child.kill("SIGTERM");
    } catch {
      // The program has ended, and the terminal with it.
    }
    await this.#reading;
    await this.child.status;
    await this.#keys.close().catch(() => {});
  }
}
