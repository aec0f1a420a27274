/** `natsgate tail`: live traffic of a running gateway. */
import { Buffer } from "node:buffer";
import { EXIT } from "../errors.ts";
import { AdminApi, API } from "./admin_api.ts";
import type { Arguments } from "./parse.ts";
import type { Io } from "./io.ts";
import { printMessage } from "./sub.ts";

/** A message as the stream of events carries it. */
interface TailEvent {
  readonly topic: string;
  readonly payload?: string;
  readonly payload_base64?: string;
  readonly qos?: number;
  readonly retain?: boolean;
}

/** Prints messages that match the filter until it has enough of them or the user stops it. */
export async function run(args: Arguments, io: Io): Promise<number> {
  const api = AdminApi.open(args);
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, io.interrupted]);
  const wanted = args.text("count") === undefined ? Infinity : args.integer("count");
  let count = 0;
  try {
    const response = await api.call("GET", API.tail, {
      query: { filter: args.operand(0) || "#" },
      accept: "text/event-stream",
      signal,
    });
    if (response.body === null) return EXIT.ok;
    for await (const event of eventData(response.body)) {
      print(JSON.parse(event) as TailEvent, args, io);
      if (++count >= wanted) break;
    }
    return EXIT.ok;
  } catch (error) {
    if (signal.aborted) return EXIT.ok;
    throw error;
  } finally {
    stop.abort();
    api.close();
  }
}

function print(event: TailEvent, args: Arguments, io: Io): void {
  const { topic, payload, payload_base64, qos, retain } = event;
  printMessage(
    {
      name: topic,
      payload: payload_base64 === undefined
        ? new TextEncoder().encode(payload ?? "")
        : new Uint8Array(Buffer.from(payload_base64, "base64")),
      headers: [],
      reply: undefined,
      ...(qos === undefined ? {} : { qos, retain: retain ?? false }),
    },
    args,
    io,
  );
}

/** The `data` of each server-sent event; comments, which keep the line open, are left out. */
export async function* eventData(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body) {
    const blocks = (rest + decoder.decode(chunk, { stream: true })).split(/\r?\n\r?\n/);
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const data = block.split(/\r?\n/).filter((line) => line.startsWith("data:"))
        .map((line) => line.slice(5).trimStart());
      if (data.length > 0) yield data.join("\n");
    }
  }
}
