/**
 * Live traffic as server-sent events: bounded and sampled, so that watching costs little.
 */
import * as v from "valibot";
import { streamSSE } from "hono/streaming";
import type { TapEvent } from "../../gateway/control.ts";
import type { Api } from "../api.ts";
import { Problem } from "../problem.ts";
import { Name } from "../schemas.ts";

/** Watchers at a time. */
const WATCHERS_MAX = 16;
/** Messages per second that one watcher is shown; the others are counted. */
const RATE_MAX = 100;
/** Payload bytes that are shown of each message. */
const PAYLOAD_BYTES_MAX = 4096;
/** A comment after this long without a message keeps the connection open. */
const KEEP_OPEN_MS = 15_000;

/** `/tail`. */
export function tailRoutes(api: Api): void {
  const { control } = api.deps;
  let watchers = 0;
  api.on({
    method: "get",
    path: "/tail",
    summary: "Messages as they pass by, as server-sent events; filter may be nats:<subject>",
    tag: "Monitoring",
    scope: "monitoring",
    query: v.object({ filter: v.optional(Name, "#") }),
    answers: { 200: v.string() },
    answerType: "text/event-stream",
    errors: [503],
  }, ({ context, query: { filter } }) => {
    if (!isFilter(api, filter)) {
      throw new Problem(
        400,
        "BAD_REQUEST",
        "filter: this is neither a topic filter nor nats:<subject>",
      );
    }
    if (watchers >= WATCHERS_MAX) {
      const message = `there are ${WATCHERS_MAX} watchers already; try again later`;
      throw new Problem(503, "SERVICE_UNAVAILABLE", message);
    }
    watchers++;
    const stop = new AbortController();
    const options = { filter, payload_bytes_max: PAYLOAD_BYTES_MAX, rate_max: RATE_MAX };
    return streamSSE(context, async (stream) => {
      stream.onAbort(() => stop.abort());
      const timer = setInterval(() => stream.write(":\n\n"), KEEP_OPEN_MS);
      try {
        await stream.write(":\n\n");
        for await (const event of control.tap(options, stop.signal)) {
          await stream.writeSSE({ data: JSON.stringify(eventObject(event)) });
          if (stream.aborted) break;
        }
      } finally {
        clearInterval(timer);
        watchers--;
      }
    });
  });
}

function isFilter({ deps: { control } }: Api, filter: string): boolean {
  return filter.startsWith("nats:")
    ? control.translate(filter.slice("nats:".length), "subject") !== undefined
    : control.retained.list(filter, { page: 1, limit: 1 }) !== undefined;
}

function eventObject(event: TapEvent) {
  const { topic, subject, qos, retain, bytes, payload, headers, at, skipped } = event;
  return {
    topic,
    subject,
    qos,
    retain,
    payload_bytes: bytes,
    ...payloadField(payload),
    headers,
    at: new Date(at).toISOString(),
    skipped,
  };
}

/** As text where it is text. */
function payloadField(payload: Uint8Array) {
  try {
    return { payload: new TextDecoder("utf-8", { fatal: true }).decode(payload) };
  } catch {
    return { payload_base64: payload.toBase64() };
  }
}
