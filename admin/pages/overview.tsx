/** How the gateway is: numbers, rates and small charts, live. */
import type { Hono } from "hono";
import type { AdminEnv } from "../api.ts";
import { History, type Sample } from "./history.ts";
import { BASE, page, type PageDeps } from "./page.tsx";
import { bytes, count, Facts, span, Table, Tag } from "./parts.tsx";

/** `/` and its live part. */
export function overviewPages(app: Hono<AdminEnv>, deps: PageDeps): void {
  const history = new History(deps.control);
  app.get("/", (context) =>
    page(context, {
      title: "Overview",
      menu: "",
      body: (
        <div data-live={`${BASE}/live/overview`}>
          <Overview deps={deps} samples={history.read()} />
        </div>
      ),
    }));
  app.get(
    "/live/overview",
    (context) => context.html(<Overview deps={deps} samples={history.read()} />),
  );
}

function Overview({ deps, samples }: { deps: PageDeps; samples: readonly Sample[] }) {
  const status = deps.control.status();
  const last = samples.at(-1);
  const tiles: [string, string][] = [
    ["NATS connections", count(status.connections.nats)],
    ["MQTT connections", count(status.connections.mqtt)],
    ["Sessions away", count(status.sessionsAway)],
    ["Subscriptions", count(status.subscriptions)],
    ["Retained messages", count(status.retained)],
    ["Messages in / s", rate(last?.received)],
    ["Messages out / s", rate(last?.sent)],
    ["Memory", bytes(status.memory_bytes)],
  ];
  return (
    <>
      {status.problems.map(({ part, reason }) => <p class="note bad">{part}: {reason}</p>)}
      <div class="tiles">
        {tiles.map(([name, value]) => (
          <div class="tile">
            <b>{value}</b>
            <span>{name}</span>
          </div>
        ))}
      </div>
      <div class="charts">
        <Chart title="Messages in / s" values={samples.map(({ received }) => received)} />
        <Chart title="Messages out / s" values={samples.map(({ sent }) => sent)} />
        <Chart title="Connections" values={samples.map(({ connections }) => connections)} />
      </div>
      <section class="panel">
        <h2>Node</h2>
        <Facts
          facts={[
            ["Name", status.node],
            ["Version", status.version],
            [
              "Health",
              <Tag good={status.ready}>{status.ready ? "ready" : "not ready"}</Tag>,
            ],
            ["NATS gateway", <Tag good={status.nats === "running"}>{status.nats}</Tag>],
            ["Up for", span(status.uptime_ms)],
          ]}
        />
      </section>
      <section class="panel">
        <h2>Listeners</h2>
        <Table
          label="Listeners"
          heads={["Listener", "Address", "Connections", "State"]}
          empty="No listener is configured."
          rows={deps.control.listeners().map((listener) => [
            listener.id,
            listener.address,
            `${count(listener.connections)} of ${count(listener.connectionsMax)}`,
            <Tag good={listener.running ? true : listener.enabled ? false : undefined}>
              {listener.running ? "open" : listener.enabled ? "not open" : "off"}
            </Tag>,
          ])}
        />
      </section>
    </>
  );
}

function rate(value: number | undefined): string {
  return value === undefined ? "–" : count(Math.round(value * 10) / 10);
}

const WIDTH = 240;
const HEIGHT = 80;

/** A line over the last minutes. */
function Chart({ title, values }: { title: string; values: readonly number[] }) {
  const top = Math.max(1, ...values);
  const step = values.length > 1 ? WIDTH / (values.length - 1) : 0;
  const points = values.map((value, i) =>
    `${(i * step).toFixed(1)},${(HEIGHT - (value / top) * (HEIGHT - 6)).toFixed(1)}`
  );
  return (
    <section class="panel">
      <h2>{title}</h2>
      <svg
        class="chart"
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${title}: ${rate(values.at(-1))} now, ${rate(top)} at most`}
      >
        <line x1="0" y1={HEIGHT} x2={WIDTH} y2={HEIGHT} />
        <polyline points={points.join(" ")} />
      </svg>
      <small>at most {rate(top)}</small>
    </section>
  );
}
