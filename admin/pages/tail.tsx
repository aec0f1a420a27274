/** Live traffic. */
import type { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import type { TapEvent } from "../../gateway/control.ts";
import type { AdminEnv } from "../api.ts";
import { SearchForm } from "./form.tsx";
import { page } from "./page.tsx";
import { bytes } from "./parts.tsx";
import { BASE, type PageDeps } from "./request.ts";

/** Messages shown a second, and bytes of each. */
const RATE_MAX = 50;
const PAYLOAD_BYTES_MAX = 1024;

/** `/tail` and its stream. */
export function tailPages(app: Hono<AdminEnv>, { control }: PageDeps): void {
  app.get("/tail", (context) => {
    const filter = context.req.query("filter") ?? "";
    const source = filter === ""
      ? undefined
      : `${BASE}/live/tail?${new URLSearchParams({ filter })}`;
    return page(context, {
      title: "Live tail",
      menu: "/tail",
      body: (
        <>
          <SearchForm
            action="/tail"
            settings={[{
              name: "filter",
              label: "Filter",
              kind: "text",
              required: true,
              help: "An MQTT filter, or nats: and a subject; # shows everything.",
            }]}
            values={{ filter: filter || "#" }}
            submit="Watch"
          >
            {filter !== "" && <button type="button" class="plain" id="tail-stop">Stop</button>}
          </SearchForm>
          {source === undefined
            ? <p class="empty">Press Watch to see messages as they pass by.</p>
            : (
              <div
                id="tail"
                class="messages"
                role="log"
                aria-label="Messages"
                tabindex={0}
                data-source={source}
              />
            )}
          <p class="soft">
            At most {RATE_MAX} messages a second are shown, and {bytes(PAYLOAD_BYTES_MAX)}{" "}
            of each; the others are counted. Clients are not slowed down.
          </p>
        </>
      ),
    });
  });
  app.get("/live/tail", (context) =>
    streamSSE(context, async (stream) => {
      const ended = new AbortController();
      stream.onAbort(() => ended.abort());
      const options = {
        filter: context.req.query("filter") ?? "#",
        rate_max: RATE_MAX,
        payload_bytes_max: PAYLOAD_BYTES_MAX,
      };
      for await (const event of control.tap(options, ended.signal)) {
        await stream.writeSSE({ data: JSON.stringify(describe(event)) });
      }
    }));
}

function describe(event: TapEvent): string {
  const time = new Date(event.at).toISOString().slice(11, 23);
  const text = new TextDecoder().decode(event.payload);
  const rest = event.bytes > event.payload.length ? ` … (${bytes(event.bytes)})` : "";
  const skipped = event.skipped > 0 ? `(${event.skipped} not shown) ` : "";
  const retained = event.retain ? " retained" : "";
  return `${skipped}${time} ${event.topic} QoS ${event.qos}${retained}: ${text}${rest}`;
}
