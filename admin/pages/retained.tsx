/** Retained messages: look for them, read them, delete them. */
import type { Hono } from "hono";
import type { AdminContext, AdminEnv } from "../api.ts";
import { Problem } from "../problem.ts";
import { Confirm, SearchForm } from "./form.tsx";
import { page } from "./page.tsx";
import { bytes, count, Facts, moment, pageNumber, Pager, Table } from "./parts.tsx";
import { BASE, go, type PageDeps, readForm } from "./request.ts";

const LIMIT = 50;
/** Bytes of a payload that are shown. */
const SHOWN_BYTES_MAX = 4096;
const HOME = ["/retained", "Retained messages"] as const;

/** `/retained` and below. */
export function retainedPages(app: Hono<AdminEnv>, deps: PageDeps): void {
  const { retained } = deps.control;
  app.get("/retained", (context) => listPage(context, deps));
  app.get("/retained/message", (context) => messagePage(context, deps));
  app.post("/retained/delete", async (context) => {
    if (!retained.delete((await readForm(context)).text("topic"))) {
      throw new Problem(404, "TOPIC_NOT_FOUND", "that message has gone already");
    }
    return go(context, "/retained", "deleted");
  });
  app.post("/retained/clear", async (context) => {
    const filter = (await readForm(context)).text("filter");
    if (retained.deleteMatching(filter) === undefined) {
      throw new Problem(400, "BAD_REQUEST", `${filter} is not a valid filter`);
    }
    return go(context, `/retained?${new URLSearchParams({ filter })}`, "deleted");
  });
}

function listPage(context: AdminContext, { control }: PageDeps) {
  const filter = context.req.query("filter") || "#";
  const number = pageNumber(context);
  const list = control.retained.list(filter, { page: number, limit: LIMIT });
  return page(context, {
    title: HOME[1],
    menu: HOME[0],
    problem: list === undefined
      ? `${filter} is not a valid MQTT filter: + stands for one level, # for the rest.`
      : undefined,
    body: (
      <>
        <SearchForm
          action="/retained"
          settings={[{
            name: "filter",
            label: "MQTT filter",
            kind: "text",
            help: "# shows all but those of the gateway itself, which are under $SYS/#.",
          }]}
          values={{ filter }}
          reset="/retained"
        />
        {list !== undefined && (
          <div class="panel">
            <p class="soft">
              {count(control.status().retained)} messages in all, {bytes(control.retained.bytes)}
            </p>
            <Table
              label="Retained messages"
              heads={["Topic", "QoS", "Size", "Expires"]}
              empty={filter === "#"
                ? "Nothing is retained. A message that is published with the retain flag stays here."
                : "No retained message fits this filter."}
              rows={list.data.map(({ topic, qos, bytes: size, expiresAt }) => [
                <a href={`${BASE}/retained/message?${new URLSearchParams({ topic })}`}>{topic}</a>,
                String(qos),
                bytes(size),
                expiresAt === undefined ? "never" : moment(expiresAt),
              ])}
            />
            <Pager path="/retained" query={{ filter }} page={number} hasNext={list.hasNext} />
            {list.data.length > 0 && (
              <Confirm
                context={context}
                action="/retained/clear"
                label="Delete all that fit"
                question={`Delete every retained message that ${filter} matches?`}
                fields={{ filter }}
              />
            )}
          </div>
        )}
      </>
    ),
  });
}

function messagePage(context: AdminContext, { control }: PageDeps) {
  const topic = context.req.query("topic") ?? "";
  const message = control.retained.get(topic);
  if (message === undefined) throw new Problem(404, "TOPIC_NOT_FOUND", "there is no such message");
  const shown = new TextDecoder().decode(message.payload.subarray(0, SHOWN_BYTES_MAX));
  const rest = message.payload.length - SHOWN_BYTES_MAX;
  return page(context, {
    title: topic,
    menu: HOME[0],
    above: HOME,
    body: (
      <section class="panel">
        <Facts
          facts={[
            ["QoS", String(message.qos)],
            ["Size", bytes(message.bytes)],
            ["Expires", message.expiresAt === undefined ? "never" : moment(message.expiresAt)],
            ["Payload", <pre>{shown}</pre>],
            ...(rest > 0 ? [["", `${bytes(rest)} more are not shown`] as const] : []),
          ]}
        />
        <Confirm
          context={context}
          action="/retained/delete"
          label="Delete"
          question={`Delete the retained message of ${topic}?`}
          fields={{ topic }}
        />
      </section>
    ),
  });
}
