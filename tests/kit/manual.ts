/** The pages of the manual: their blocks, and a shell that runs what stands in them. */
import assert from "node:assert/strict";
import type { GatewayProcess } from "./gateway.ts";
import { until, within } from "./wait.ts";

/** The repository. */
export const ROOT = new URL("../..", import.meta.url).pathname;

/** A fenced block. */
export interface Block {
  /** Such as `README.md:12`. */
  readonly place: string;
  /** What stands behind the fence. */
  readonly kind: string;
  readonly text: string;
}

/** A line between fenced blocks. */
export interface Line {
  readonly place: string;
  readonly text: string;
}

/** A page, taken apart: its fenced blocks, and the lines between them. */
export function readPage(page: string): { readonly blocks: Block[]; readonly lines: Line[] } {
  const blocks: Block[] = [];
  const lines: Line[] = [];
  let open: { place: string; kind: string; lines: string[] } | undefined;
  for (const [i, text] of Deno.readTextFileSync(ROOT + page).split("\n").entries()) {
    const place = `${page}:${i + 1}`;
    if (!text.startsWith("```")) open ? open.lines.push(text) : lines.push({ place, text });
    else if (open === undefined) open = { place, kind: text.slice(3), lines: [] };
    else {
      blocks.push({ place: open.place, kind: open.kind, text: open.lines.join("\n") });
      open = undefined;
    }
  }
  assert.equal(open, undefined, `${page}: a block is not closed`);
  return { blocks, lines };
}

/**
 * Runs the lines of a block beside a started gateway. Its `natsgate sub` lines are left running and
 * must print what its `natsgate pub` lines publish; every other line must succeed. Gives what those
 * print.
 */
export async function runCommands(text: string, gateway: GatewayProcess): Promise<string> {
  const commands = text.replaceAll("\\\n", "").split("\n").filter((line) => line !== "");
  const options = shellOptions(gateway);
  const subscribers: Subscriber[] = [];
  let output = "";
  try {
    for (const command of commands) {
      if (command.startsWith("natsgate sub ")) {
        subscribers.push(await Subscriber.start(command, options));
        continue;
      }
      const shell = new Deno.Command("/bin/sh", { args: ["-c", command], ...options });
      const { code, stdout, stderr } = await within(shell.output(), command);
      const errors = new TextDecoder().decode(stderr);
      assert.equal(code, 0, `${command}\n${errors}\n${gateway.log()}`);
      output += new TextDecoder().decode(stdout);
    }
    for (const command of commands) {
      const payload = /^natsgate pub .*'([^']*)'$/.exec(command)?.[1];
      if (payload === undefined) continue;
      assert(subscribers.length > 0, "nobody would see what is published");
      for (const one of subscribers) await until(() => one.output.includes(payload), payload);
    }
  } finally {
    for (const one of subscribers) await one.stop();
  }
  return output;
}

/** A shell in the gateway's directory, where `natsgate` is the program that is tested. */
function shellOptions(gateway: GatewayProcess) {
  const binary = Deno.env.get("NATSGATE_BIN") ?? `${Deno.execPath()}' run -A '${ROOT}main.ts`;
  Deno.mkdirSync(`${gateway.dir}/bin`);
  const program = `#!/bin/sh\nexec '${binary}' "$@"\n`;
  Deno.writeTextFileSync(`${gateway.dir}/bin/natsgate`, program, { mode: 0o755 });
  const admin = /administration on http:\/\/(127\.0\.0\.1:\d+)/.exec(gateway.log())![1]!;
  return {
    cwd: gateway.dir,
    env: {
      PATH: `${gateway.dir}/bin:${Deno.env.get("PATH")}`,
      NATSGATE_DASHBOARD__LISTENERS__HTTP__BIND: admin,
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  } as const;
}

/** A `natsgate sub` that is left running. */
class Subscriber {
  output = "";
  #errors = "";
  readonly #ends: Promise<unknown>;

  private constructor(readonly child: Deno.ChildProcess) {
    const read = async (stream: ReadableStream<Uint8Array>, take: (text: string) => void) => {
      const decoder = new TextDecoder();
      for await (const chunk of stream) take(decoder.decode(chunk, { stream: true }));
    };
    this.#ends = Promise.all([
      read(child.stdout, (text) => this.output += text),
      read(child.stderr, (text) => this.#errors += text),
      child.status,
    ]);
  }

  /** Starts it, and waits until the broker knows its subscription. */
  static async start(
    command: string,
    options: ReturnType<typeof shellOptions>,
  ): Promise<Subscriber> {
    const args = ["-c", `exec ${command}`];
    const one = new Subscriber(new Deno.Command("/bin/sh", { args, ...options }).spawn());
    await until(() => one.#errors.includes("subscribed to"), command);
    return one;
  }

  async stop(): Promise<void> {
    this.child.kill("SIGTERM");
    await within(this.#ends, "the subscriber to stop");
  }
}
