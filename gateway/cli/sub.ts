/** `natsgate sub`. */
import { Buffer } from "node:buffer";
import { EXIT } from "../errors.ts";
import type { Received } from "./client.ts";
import { connectClient } from "./connect.ts";
import type { Arguments } from "./parse.ts";
import { type Io, printable } from "./io.ts";

/** Prints messages until it has enough of them, the time is over or the user stops it. */
export async function run(args: Arguments, io: Io): Promise<number> {
  const client = await connectClient(args.operand(0), args);
  const wanted = args.text("count") === undefined ? Infinity : args.integer("count");
  const enough = Promise.withResolvers<"enough" | "late">();
  let count = 0;
  client.onMessage = (message) => {
    if (count === wanted) return;
    count++;
    printMessage(message, args, io);
    if (count === wanted) enough.resolve("enough");
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = () => enough.resolve("enough");
  try {
    const qos = Number(args.text("qos")) as 0 | 1 | 2;
    for (const filter of args.operands.slice(1)) {
      await client.subscribe(filter, { qos, group: args.text("group") });
    }
    io.err(`subscribed to ${args.operands.slice(1).join(", ")}; Ctrl-C ends\n`);
    io.interrupted.addEventListener("abort", stop);
    if (io.interrupted.aborted) stop();
    if (args.text("wait") !== undefined) {
      timer = setTimeout(() => enough.resolve("late"), args.integer("wait") * 1000);
    }
    const end = await Promise.race([enough.promise, client.closed]);
    if (end instanceof Error) throw end;
    return end === "late" && wanted !== Infinity ? EXIT.failure : EXIT.ok;
  } finally {
    clearTimeout(timer);
    io.interrupted.removeEventListener("abort", stop);
    await client.close();
  }
}

/** Writes one message in the form that --raw and --json choose. */
export function printMessage(message: Received, args: Arguments, io: Io): void {
  if (args.flag("json")) {
    io.out(`${JSON.stringify(messageFacts(message))}\n`);
    return;
  }
  if (!args.flag("raw")) {
    const { name, headers, reply, qos, retain } = message;
    const notes = [
      ...(qos ? [`qos ${qos}`] : []),
      ...(retain ? ["retained"] : []),
      ...(reply === undefined ? [] : [`reply to ${reply}`]),
      ...headers.map(([header, value]) => `${header}: ${value}`),
    ];
    io.out(`[${printable(name)}${notes.map((note) => `, ${printable(note)}`).join("")}] `);
  }
  io.outBytes(message.payload);
  io.out("\n");
}

/** The message as JSON shows it: text if the payload is UTF-8, else base64. */
function messageFacts(message: Received): object {
  const { name, payload, headers, reply, qos, retain } = message;
  return {
    topic: name,
    ...payloadFacts(payload),
    ...(headers.length === 0 ? {} : { headers }),
    ...(reply === undefined ? {} : { reply }),
    ...(qos === undefined ? {} : { qos, retain }),
  };
}

function payloadFacts(payload: Uint8Array): object {
  try {
    return { payload: new TextDecoder("utf-8", { fatal: true }).decode(payload) };
  } catch {
    return { payload_base64: Buffer.from(payload).toString("base64") };
  }
}
