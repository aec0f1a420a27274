/** Live traffic, a message to publish, and a client to try a WebSocket listener with. */
import type { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import type { TapEvent } from "../../gateway/control.ts";
import type { AdminContext, AdminEnv } from "../api.ts";
import { Problem } from "../problem.ts";
import { BASE, Csrf, page, type PageDeps, submit } from "./page.tsx";
import { bytes } from "./parts.tsx";

/** Messages shown a second, and bytes of each. */
const RATE_MAX = 50;
const PAYLOAD_BYTES_MAX = 1024;

/** `/tail` and its stream. */
export function tailPages(app: Hono<AdminEnv>, deps: PageDeps): void {
  const { control } = deps;
  app.get("/tail", (context) => tailPage(context, deps));
  app.post("/tail", (context) =>
    submit(context, (form) => {
      const payload = new TextEncoder().encode(form.text("payload"));
      const topic = form.text("topic");
      const retain = form.flag("retain");
      const outcome = control.publish({ topic, payload, qos: 0, retain });
      if (outcome.kind === "bad topic") throw new Problem(400, "BAD_REQUEST", outcome.reason);
      if (outcome.kind === "too large") {
        throw new Problem(400, "BAD_REQUEST", `more than ${bytes(outcome.bytes_max)}`);
      }
      return tailPage(context, deps, undefined, outcome.takers);
    }, (problem) => tailPage(context, deps, problem)));
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

function tailPage(context: AdminContext, deps: PageDeps, problem?: string, takers?: number) {
  const filter = context.req.query("filter") ?? "";
  const source = filter === "" ? undefined : `${BASE}/live/tail?${new URLSearchParams({ filter })}`;
  return page(context, {
    title: "Live tail",
    menu: "/tail",
    problem,
    body: (
      <>
        {takers !== undefined && (
          <p class="note good" role="status">Published; {takers} subscriptions took it.</p>
        )}
        <form class="panel filter" method="get" action={`${BASE}/tail`}>
          <div>
            <label for="filter">Filter</label>
            <input id="filter" name="filter" value={filter || "#"} required />
            <small>An MQTT filter, or nats: and a subject.</small>
          </div>
          <div class="row">
            <button type="submit">Watch</button>
            {filter !== "" && <button type="button" class="plain" id="tail-stop">Stop</button>}
          </div>
        </form>
        <div
          id="tail"
          class="messages"
          role="log"
          aria-label="Messages"
          tabindex={0}
          data-source={source}
        />
        <PublishForm context={context} />
        <WebSocketClient deps={deps} />
      </>
    ),
  });
}

function PublishForm({ context }: { context: AdminContext }) {
  return (
    <form class="panel" method="post">
      <h2>Publish</h2>
      <Csrf context={context} />
      <div class="fields">
        <div class="field">
          <label for="topic">Topic</label>
          <input id="topic" name="topic" required />
        </div>
        <div class="field">
          <label for="payload">Payload</label>
          <input id="payload" name="payload" />
        </div>
        <div class="field">
          <label class="check">
            <input type="checkbox" name="retain" /> Retain
          </label>
        </div>
      </div>
      <button type="submit">Publish</button>
    </form>
  );
}

function WebSocketClient({ deps }: { deps: PageDeps }) {
  const listener = deps.control.listeners().find(({ protocol, type, running }) =>
    protocol === "nats" && (type === "ws" || type === "wss") && running
  );
  if (listener === undefined) {
    return <p class="soft">With an open WebSocket listener for NATS, a test client is here.</p>;
  }
  const scheme = listener.type === "ws" ? "ws" : "wss";
  const fields: [name: string, label: string, value: string, type: string][] = [
    ["url", "Address", `${scheme}://${listener.address}/`, "text"],
    ["user", "User name", "", "text"],
    ["pass", "Password", "", "password"],
    ["subject", "Subject", "test.hello", "text"],
    ["payload", "Payload", "hello", "text"],
  ];
  return (
    <form class="panel" id="websocket">
      <h2>NATS client over WebSocket</h2>
      <div class="fields">
        {fields.map(([name, label, value, type]) => (
          <div class="field">
            <label for={`websocket-${name}`}>{label}</label>
            <input
              id={`websocket-${name}`}
              name={name}
              value={value}
              type={type}
              autocomplete="off"
            />
          </div>
        ))}
      </div>
      <div class="row">
        <button type="submit">Connect</button>
        <button type="button" class="plain" id="websocket-sub">Subscribe</button>
        <button type="button" class="plain" id="websocket-pub">Send</button>
      </div>
      <div
        id="websocket-output"
        class="messages"
        role="log"
        aria-label="What the gateway says"
        tabindex={0}
      />
    </form>
  );
}
