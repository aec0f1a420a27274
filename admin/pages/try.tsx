/** A message to publish, and a NATS client to try a WebSocket listener with. */
import type { Hono } from "hono";
import type { AdminContext, AdminEnv } from "../api.ts";
import { PostForm, SettingFields } from "./form.tsx";
import { page } from "./page.tsx";
import { bytes } from "./parts.tsx";
import { BASE, fieldProblem, type Form, type PageDeps, type Refused, submit } from "./request.ts";
import { readSettings, type Setting } from "./settings.ts";

const MESSAGE: readonly Setting[] = [
  {
    name: "topic",
    label: "MQTT topic",
    kind: "text",
    required: true,
    initial: "test/hello",
    help: "NATS clients see it as test.hello.",
  },
  { name: "payload", label: "Payload", kind: "text", initial: "hello" },
  { name: "qos", label: "QoS", kind: "choice", choices: ["0", "1", "2"] },
  { name: "retain", label: "Retain: keep it for later subscribers", kind: "flag" },
];

/** `/try`. */
export function tryPages(app: Hono<AdminEnv>, deps: PageDeps): void {
  const { control } = deps;
  app.get("/try", (context) => tryPage(context, deps, {}));
  app.post("/try", (context) =>
    submit(context, async (form) => {
      await readSettings(form, MESSAGE, undefined);
      const payload = new TextEncoder().encode(form.text("payload"));
      const qos = ([0, 1, 2] as const).find((one) => String(one) === form.text("qos")) ?? 0;
      const topic = form.text("topic");
      const retain = form.flag("retain");
      const outcome = control.publish({ topic, payload, qos, retain });
      if (outcome.kind === "bad topic") throw fieldProblem("topic", outcome.reason);
      if (outcome.kind === "too large") {
        throw fieldProblem("payload", `more than ${bytes(outcome.bytes_max)}`);
      }
      context.set("note", `${payload.length} bytes published`);
      return tryPage(context, deps, { form, takers: outcome.takers });
    }, (refused) => tryPage(context, deps, { refused })));
}

function tryPage(
  context: AdminContext,
  deps: PageDeps,
  { form, refused, takers }: { form?: Form; refused?: Refused; takers?: number },
) {
  return page(context, {
    title: "Test client",
    menu: "/try",
    refused,
    body: (
      <>
        <PostForm
          context={context}
          action="/try"
          title="Publish a message"
          intro="In the name of an operator: no permission is asked."
          settings={MESSAGE}
          entered={form}
          refused={refused}
          submit="Publish"
        >
          {takers !== undefined && (
            <p class="note good" role="status">
              Published; {takers === 1 ? "1 subscription" : `${takers} subscriptions`} took it.
            </p>
          )}
        </PostForm>
        <WebSocketClient deps={deps} />
      </>
    ),
  });
}

function WebSocketClient({ deps }: { deps: PageDeps }) {
  const open = deps.control.listeners().filter(({ protocol, type, running }) =>
    protocol === "nats" && (type === "ws" || type === "wss") && running
  );
  if (open.length === 0) {
    return (
      <section class="panel">
        <h2>NATS client over WebSocket</h2>
        <p class="empty">
          A client in this page needs an open WebSocket listener.{" "}
          <a href={`${BASE}/listeners/new?protocol=nats&type=ws`}>Add one</a>.
        </p>
      </section>
    );
  }
  const addresses = open.map(({ type, address }) => `${type}://${address}/`);
  const settings: readonly Setting[] = [
    { name: "url", label: "Listener", kind: "choice", choices: addresses },
    { name: "user", label: "User name", kind: "text" },
    { name: "pass", label: "Password", kind: "secret" },
    { name: "subject", label: "Subject", kind: "text", initial: "test.hello" },
    { name: "payload", label: "Payload", kind: "text", initial: "hello" },
  ];
  return (
    <form class="panel" id="websocket">
      <h2>NATS client over WebSocket</h2>
      <p class="soft">Connect first, then subscribe and send: with the permissions of that user.</p>
      <SettingFields settings={settings} table={undefined} prefix="websocket" />
      <div class="row">
        <button type="submit">Connect</button>
        <button type="button" class="plain" id="websocket-sub">Subscribe</button>
        <button type="button" class="plain" id="websocket-pub">Send</button>
        <button type="button" class="plain" id="websocket-end">Disconnect</button>
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
