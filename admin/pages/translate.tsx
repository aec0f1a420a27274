/** The same name on both sides. */
import type { Hono } from "hono";
import type { AdminEnv } from "../api.ts";
import { page, type PageDeps } from "./page.tsx";
import { Facts } from "./parts.tsx";

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
          <form class="panel filter" method="get">
            <div>
              <label for="name">Name</label>
              <input id="name" name="name" value={name} required />
            </div>
            <div>
              <label for="from">It is a</label>
              <select id="from" name="from">
                <option value="subject" selected={from === "subject"}>NATS subject</option>
                <option value="topic" selected={from === "topic"}>MQTT topic or filter</option>
              </select>
            </div>
            <div>
              <button type="submit">Translate</button>
            </div>
          </form>
          {view !== undefined && (
            <section class="panel">
              <Facts
                facts={[
                  ["MQTT", <code>{view.topic}</code>],
                  ["NATS", <code>{view.subject}</code>],
                  ["Wildcards", view.wildcard ? "yes: it is for subscriptions" : "no"],
                ]}
              />
            </section>
          )}
        </>
      ),
    });
  });
}
