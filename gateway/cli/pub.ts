/** `natsgate pub`. */
import { EXIT } from "../errors.ts";
import { connectClient } from "./connect.ts";
import type { PublishOptions } from "./client.ts";
import type { Arguments } from "./parse.ts";
import type { Io } from "./io.ts";
import { UsageError } from "./usage.ts";

/** Publishes what the operand, a file or standard input holds. */
export async function run(args: Arguments, io: Io): Promise<number> {
  const payloads = await payloadsOf(args, io);
  const options = publishOptions(args);
  const client = await connectClient(args.operand(0), args);
  try {
    const count = args.integer("count");
    const started = performance.now();
    for (let i = 0; i < count && !io.interrupted.aborted; i++) {
      for (const payload of payloads) {
        await client.ready();
        client.publish(args.operand(1), payload, options);
      }
      if (i < count - 1) await pause(args.integer("interval"), io);
    }
    await client.flush();
    const total = count * payloads.length;
    if (total > 1) {
      const seconds = (performance.now() - started) / 1000;
      io.err(`${total} messages in ${seconds.toFixed(2)} s\n`);
    }
  } finally {
    await client.close();
  }
  return EXIT.ok;
}

/** The message to send: operand, else file, else standard input. */
export async function payloadsOf(args: Arguments, io: Io): Promise<readonly Uint8Array[]> {
  const path = args.text("file");
  const word = args.operands[2];
  const lines = args.flag("lines");
  if (word !== undefined) {
    if (path !== undefined || lines) {
      throw new UsageError("Give the payload once: as a word, with --file or with --lines.");
    }
    return [new TextEncoder().encode(word)];
  }
  if (path === undefined && io.inIsTerminal) {
    throw new UsageError("What to send? Give a PAYLOAD, --file, or something on standard input.");
  }
  const bytes = path === undefined ? await io.readInput() : await readFile(path);
  if (!lines) return [bytes];
  const text = new TextDecoder().decode(bytes).replace(/\r?\n$/, "");
  return text.split(/\r?\n/).map((line) => new TextEncoder().encode(line));
}

/** The options that say how to publish. */
export function publishOptions(args: Arguments): PublishOptions {
  const headers = args.list("header").map((text) => {
    const colon = text.indexOf(":");
    if (colon < 1) throw new UsageError(`--header=${text}: write NAME:VALUE.`);
    return [text.slice(0, colon).trim(), text.slice(colon + 1).trim()] as const;
  });
  return {
    qos: Number(args.text("qos")) as 0 | 1 | 2,
    retain: args.flag("retain"),
    headers,
    reply: undefined,
  };
}

async function readFile(path: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    throw new UsageError(`--file: cannot read ${path}: ${(error as Error).message}`);
  }
}

async function pause(interval_ms: number, io: Io): Promise<void> {
  if (interval_ms === 0) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, interval_ms);
    io.interrupted.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}
