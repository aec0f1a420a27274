/** What there is to look at and not to change: subscriptions, counters, log, and audit. */
import type { Hono } from "hono";
import type { SubscriptionView } from "../../gateway/control.ts";
import type { AdminContext, AdminEnv } from "../api.ts";
import { clientPath } from "./client_links.tsx";
import { SearchForm } from "./form.tsx";
import { page } from "./page.tsx";
import { count, Facts, moment, pageNumber, Pager, Table, Tag } from "./parts.tsx";
import { BASE, type PageDeps } from "./request.ts";
import type { Setting } from "./settings.ts";

const LIMIT = 50;
const LINES_MAX = 200;
const LEVELS = ["debug", "info", "warning", "error"] as const;

const LOG_FILTERS: readonly Setting[] = [
  { name: "like", label: "Line contains", kind: "text" },
  { name: "level", label: "Level at least", kind: "choice", choices: LEVELS },
];

/** `/subscriptions`, `/metrics` and `/logs`. */
export function watchPages(app: Hono<AdminEnv>, deps: PageDeps): void {
  app.get("/subscriptions", (context) => subscriptionsPage(context, deps));
  app.get("/metrics", (context) =>
    page(context, {
      title: "Metrics",
      menu: "/metrics",
      body: (
        <>
          <p class="soft">
            Since the start of the gateway. For Prometheus they are at{" "}
            <code>/api/v5/prometheus/stats</code>.
          </p>
          <div class="columns" data-live={`${BASE}/live/metrics`}>
            <Metrics deps={deps} />
          </div>
        </>
      ),
    }));
  app.get("/live/metrics", (context) => context.html(<Metrics deps={deps} />));
  app.get("/logs", (context) => {
    const asked = logFilters(context);
    return page(context, {
      title: "Logs",
      menu: "/logs",
      body: (
        <>
          <SearchForm action="/logs" settings={LOG_FILTERS} values={asked} reset="/logs" />
          <div
            class="panel log"
            data-live={`${BASE}/live/logs?${new URLSearchParams(asked)}`}
          >
            <Lines deps={deps} {...asked} />
          </div>
        </>
      ),
    });
  });
  app.get("/live/logs", (context) => context.html(<Lines deps={deps} {...logFilters(context)} />));
}

/** `/audit`. */
export function auditPages(app: Hono<AdminEnv>, deps: PageDeps): void {
  app.get("/audit", (context) => {
    const like = context.req.query("like") ?? "";
    const number = pageNumber(context);
    const entries = deps.audit.list().filter((entry) =>
      `${entry.who} ${entry.address} ${entry.what} ${entry.note}`.includes(like)
    );
    return page(context, {
      title: "Audit",
      menu: "/audit",
      body: (
        <>
          <ContainsForm action="/audit" label="Who or what contains" like={like} />
          <div class="panel">
            <Table
              label="Changes, newest first"
              heads={["When", "Who", "From", "What", "Changed"]}
              empty={like === "" ? "Nothing was changed yet." : "No change fits."}
              rows={entries.slice((number - 1) * LIMIT, number * LIMIT).map((
                { at, who, by, address, what, note },
              ) => [at, `${who} (${by})`, address || "–", what, note || "–"])}
            />
            <Pager
              path="/audit"
              query={{ like }}
              page={number}
              hasNext={entries.length > number * LIMIT}
            />
          </div>
        </>
      ),
    });
  });
}

function ContainsForm(
  { action, label, like }: { action: string; label: string; like: string },
) {
  const settings = [{ name: "like", label, kind: "text" }] as const;
  return <SearchForm action={action} settings={settings} values={{ like }} reset={action} />;
}

function subscriptionsPage(context: AdminContext, { control }: PageDeps) {
  const like = context.req.query("like") ?? "";
  const number = pageNumber(context);
  const { data, hasNext } = find(control.clients.allSubscriptions(), like, number);
  return page(context, {
    title: "Subscriptions",
    menu: "/subscriptions",
    body: (
      <>
        <ContainsForm
          action="/subscriptions"
          label="Topic, subject or client id contains"
          like={like}
        />
        <div class="panel">
          <p class="soft">{count(control.status().subscriptions)} in all</p>
          <Table
            label="Subscriptions"
            heads={["Client", "Protocol", "Topic", "Subject", "Group", "QoS"]}
            empty={like === "" ? "No client has subscribed to anything." : "None fits."}
            rows={data.map((one) => [
              <a href={clientPath(one.protocol, one.clientId)}>{one.clientId}</a>,
              one.protocol.toUpperCase(),
              one.topic,
              one.subject ?? "–",
              one.group ?? "–",
              String(one.qos),
            ])}
          />
          <Pager path="/subscriptions" query={{ like }} page={number} hasNext={hasNext} />
        </div>
      </>
    ),
  });
}

function find(all: Iterable<SubscriptionView>, like: string, number: number) {
  const data: SubscriptionView[] = [];
  let skip = (number - 1) * LIMIT;
  for (const one of all) {
    const fits = [one.topic, one.subject ?? "", one.clientId].some((text) => text.includes(like));
    if (!fits || skip-- > 0) continue;
    if (data.length === LIMIT) return { data, hasNext: true };
    data.push(one);
  }
  return { data, hasNext: false };
}

function Metrics({ deps }: { deps: PageDeps }) {
  const { control } = deps;
  const counters = control.counters();
  const tables: [string, Readonly<Record<string, number>>][] = [
    ["NATS", counters.nats],
    ["MQTT", counters.mqtt],
    ["Now and at most", control.stats()],
  ];
  return (
    <>
      {tables.map(([label, numbers]) => (
        <section class="panel">
          <h2>{label}</h2>
          <Facts
            numbers
            facts={Object.entries(numbers).map(([name, value]) => [name, count(value)])}
          />
        </section>
      ))}
    </>
  );
}

function logFilters(context: AdminContext) {
  return {
    like: context.req.query("like") ?? "",
    level: context.req.query("level") ?? "info",
  };
}

function Lines(
  { deps, like, level }: { deps: PageDeps; like: string; level: string },
) {
  const least = LEVELS.findIndex((one) => one === level);
  const lines = deps.control.logs()
    .filter((line) => LEVELS.indexOf(line.level) >= least)
    .map((line) => ({ ...line, fields: fieldsInWords(line.fields) }))
    .filter(({ part, text, fields }) => `${part} ${text} ${fields}`.includes(like))
    .slice(-LINES_MAX)
    .reverse();
  return (
    <Table
      label="Log, newest first"
      heads={["When", "Level", "Part", "Line"]}
      empty="No line fits."
      rows={lines.map(({ time, level, part, text, fields }) => [
        moment(time),
        <Tag good={level === "error" || level === "warning" ? false : undefined}>{level}</Tag>,
        part || "–",
        <span>
          {text} {fields !== "" && <small>{fields}</small>}
        </span>,
      ])}
    />
  );
}

function fieldsInWords(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ");
}
