/** The same name on both sides. */
import type { Hono } from "hono";
import type { AdminEnv } from "../api.ts";
import { SearchForm } from "./form.tsx";
import { page } from "./page.tsx";
import { Facts } from "./parts.tsx";
import type { PageDeps } from "./request.ts";
import type { Setting } from "./settings.ts";

const SETTINGS: readonly Setting[] = [
  {
    name: "name",
    label: "Name",
    kind: "text",
    required: true,
    help: "Such as *.orders.> or +/orders/#.",
  },
  {
    name: "from",
    label: "It is a",
    kind: "choice",
    choices: ["subject", "topic"],
    labels: { subject: "NATS subject", topic: "MQTT topic or filter" },
  },
];

/** `/translate`. */
export function translatePages(app: Hono<AdminEnv>, { control }: PageDeps): void {
  app.get("/translate", (context) => {
    const name = context.req.query("name") ?? "";
    const from = context.req.query("from") === "topic" ? "topic" : "subject";
    const view = name === "" ? undefined : control.translate(name, from);
    return page(context, {
      title: "Topic translator",
      menu: "/translate",
      problem: name !== "" && view === undefined
        ? `This ${from} has no form on the other side: it is not valid, or cannot be spelled there.`
        : undefined,
      body: (
        <>
          <p class="soft">
            NATS clients write foo.bar, MQTT clients foo/bar: it is the same topic.
          </p>
          <SearchForm
            action="/translate"
            settings={SETTINGS}
            values={{ name, from }}
            submit="Translate"
          />
          {view !== undefined && (
            <section class="panel" role="status">
              <Facts
                facts={[
                  ["MQTT", <code>{view.topic}</code>],
                  ["NATS", <code>{view.subject}</code>],
                  ["Wildcards", view.wildcard ? "yes: only for subscriptions" : "no"],
                ]}
              />
            </section>
          )}
        </>
      ),
    });
  });
}
