/** What there is to look at and not to change: subscriptions, counters, log, and audit. */
import type { Hono } from "hono";
import type { SubscriptionView } from "../../gateway/control.ts";
import type { AdminEnv } from "../api.ts";
import { clientPath } from "./clients.tsx";
import { BASE, page, type PageDeps } from "./page.tsx";
import { count, moment, Table } from "./parts.tsx";

const SHOWN_MAX = 200;
const LEVELS = ["debug", "info", "warning", "error"] as const;

/** `/subscriptions`, `/metrics` and `/logs`. */
export function watchPages(app: Hono<AdminEnv>, deps: PageDeps): void {
  app.get("/subscriptions", (context) => {
    const contains = context.req.query("contains") ?? "";
    const found = find(deps.control.clients.allSubscriptions(), contains);
    return page(context, {
      title: "Subscriptions",
      menu: "/subscriptions",
      body: (
        <>
          <SearchForm contains={contains} label="Topic, subject or client contains" />
          <div class="panel">
            {found.length === SHOWN_MAX && <p class="soft">The first {SHOWN_MAX} are shown.</p>}
            <Table
              label="Subscriptions"
              heads={["Client", "Protocol", "Topic", "Subject", "Group", "QoS"]}
              empty="No subscription fits."
              rows={found.map((one) => [
                <a href={clientPath(one.protocol, one.clientId)}>{one.clientId}</a>,
                one.protocol,
                one.topic,
                one.subject ?? "–",
                one.group ?? "–",
                String(one.qos),
              ])}
            />
          </div>
        </>
      ),
    });
  });
  app.get("/metrics", (context) =>
    page(context, {
      title: "Metrics",
      menu: "/metrics",
      body: (
        <div data-live={`${BASE}/live/metrics`}>
          <Metrics deps={deps} />
        </div>
      ),
    }));
  app.get("/live/metrics", (context) => context.html(<Metrics deps={deps} />));
  app.get("/logs", (context) => {
    const contains = context.req.query("contains") ?? "";
    const level = context.req.query("level") ?? "info";
    return page(context, {
      title: "Logs",
      menu: "/logs",
      body: (
        <>
          <SearchForm contains={contains} label="Line contains" level={level} />
          <div class="panel">
            <Lines deps={deps} contains={contains} level={level} />
          </div>
        </>
      ),
    });
  });
}

/** `/audit`. */
export function auditPages(app: Hono<AdminEnv>, deps: PageDeps): void {
  app.get("/audit", (context) =>
    page(context, {
      title: "Audit",
      menu: "/audit",
      body: (
        <div class="panel">
          <Table
            label="Changes, newest first"
            heads={["When", "Who", "From", "What", "Changed"]}
            empty="Nothing was changed yet."
            rows={deps.audit.list().slice(0, SHOWN_MAX).map((
              { at, who, by, address, what, note },
            ) => [
              at,
              `${who} (${by})`,
              address,
              what,
              note || "–",
            ])}
          />
        </div>
      ),
    }));
}

function find(all: Iterable<SubscriptionView>, contains: string): SubscriptionView[] {
  const found: SubscriptionView[] = [];
  for (const one of all) {
    const fits = [one.topic, one.subject ?? "", one.clientId].some((text) =>
      text.includes(contains)
    );
    if (fits) found.push(one);
    if (found.length === SHOWN_MAX) break;
  }
  return found;
}

function SearchForm(
  { contains, label, level }: { contains: string; label: string; level?: string },
) {
  return (
    <form class="panel row end" method="get" role="search">
      <div>
        <label for="contains">{label}</label>
        <input id="contains" name="contains" value={contains} />
      </div>
      {level !== undefined && (
        <div>
          <label for="level">Level at least</label>
          <select id="level" name="level">
            {LEVELS.map((one) => <option selected={one === level}>{one}</option>)}
          </select>
        </div>
      )}
      <button type="submit">Search</button>
    </form>
  );
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
          <Table
            label={label}
            heads={["Name", "Value"]}
            empty=""
            rows={Object.entries(numbers).map(([name, value]) => [name, count(value)])}
          />
        </section>
      ))}
    </>
  );
}

function Lines(
  { deps, contains, level }: { deps: PageDeps; contains: string; level: string },
) {
  const least = LEVELS.findIndex((one) => one === level);
  const lines = deps.control.logs()
    .filter((line) => LEVELS.indexOf(line.level) >= least)
    .map((line) => ({ ...line, fields: JSON.stringify(line.fields) }))
    .filter(({ part, text, fields }) => `${part} ${text} ${fields}`.includes(contains))
    .slice(-SHOWN_MAX)
    .reverse();
  return (
    <Table
      label="Log, newest first"
      heads={["When", "Level", "Part", "Line"]}
      empty="No line fits."
      rows={lines.map(({ time, level, part, text, fields }) => [
        moment(time),
        level,
        part || "–",
        fields === "{}" ? text : `${text} ${fields}`,
      ])}
    />
  );
}
