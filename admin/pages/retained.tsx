/** Retained messages: look for them, read them, delete them. */
import type { Hono } from "hono";
import type { AdminContext, AdminEnv } from "../api.ts";
import { Problem } from "../problem.ts";
import { BASE, go, page, type PageDeps, submit } from "./page.tsx";
import { bytes, Confirm, Facts, moment, pageNumber, Pager, Table } from "./parts.tsx";

const LIMIT = 50;
/** Bytes of a payload that are shown. */
const SHOWN_BYTES_MAX = 4096;

/** `/retained` and below. */
export function retainedPages(app: Hono<AdminEnv>, deps: PageDeps): void {
  const { retained } = deps.control;
  app.get("/retained", (context) => listPage(context, deps));
  app.get("/retained/message", (context) => messagePage(context, deps));
  app.post("/retained/delete", (context) =>
    submit(context, (form) => {
      if (!retained.delete(form.text("topic"))) {
        throw new Problem(404, "TOPIC_NOT_FOUND", "that message has gone already");
      }
      return go(context, "/retained", "deleted");
    }, (problem) => listPage(context, deps, problem)));
  app.post("/retained/clear", (context) =>
    submit(context, (form) => {
      if (retained.deleteMatching(form.text("filter")) === undefined) refuseFilter();
      return go(context, "/retained", "deleted");
    }, (problem) => listPage(context, deps, problem)));
}

function refuseFilter(): never {
  throw new Problem(400, "BAD_REQUEST", "this is not a valid filter");
}

function listPage(context: AdminContext, { control }: PageDeps, problem?: string) {
  const filter = context.req.query("filter") || "#";
  const number = pageNumber(context);
  const list = control.retained.list(filter, { page: number, limit: LIMIT });
  return page(context, {
    title: "Retained messages",
    menu: "/retained",
    problem: problem ?? (list === undefined ? "This is not a valid filter." : undefined),
    body: (
      <>
        <form class="panel row end" method="get" action={`${BASE}/retained`} role="search">
          <div>
            <label for="filter">Filter</label>
            <input id="filter" name="filter" value={filter} />
          </div>
          <button type="submit">Search</button>
          <span class="soft">{bytes(control.retained.bytes)} in all</span>
        </form>
        {list !== undefined && (
          <div class="panel">
            <Table
              label="Retained messages"
              heads={["Topic", "QoS", "Size", "Expires"]}
              empty="No message fits."
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
                label="Delete what the filter matches"
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
  return page(context, {
    title: topic,
    menu: "/retained",
    body: (
      <section class="panel">
        <Facts
          facts={[
            ["QoS", String(message.qos)],
            ["Size", bytes(message.bytes)],
            ["Expires", message.expiresAt === undefined ? "never" : moment(message.expiresAt)],
            ["Payload", <pre>{shown}</pre>],
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
