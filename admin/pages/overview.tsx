/** How the gateway is: what is left to set up, numbers, rates and small charts, live. */
import type { Hono } from "hono";
import type { AdminEnv } from "../api.ts";
import { History, type Sample } from "./history.ts";
import { ListenerState } from "./listeners.tsx";
import { page } from "./page.tsx";
import { bytes, count, Facts, perSecond, span, Table, Tag } from "./parts.tsx";
import { BASE, type PageDeps } from "./request.ts";

/** `/` and its live part. */
export function overviewPages(app: Hono<AdminEnv>, deps: PageDeps): void {
  const history = new History(deps.control);
  app.get("/", (context) =>
    page(context, {
      title: "Overview",
      menu: "",
      body: (
        <>
          <NextSteps deps={deps} />
          <div data-live={`${BASE}/live/overview`}>
            <Overview deps={deps} samples={history.read()} />
          </div>
        </>
      ),
    }));
  app.get(
    "/live/overview",
    (context) => context.html(<Overview deps={deps} samples={history.read()} />),
  );
}

/** What a gateway that is safe to use has, and where to get it. */
function NextSteps({ deps: { control } }: { deps: PageDeps }) {
  const { gateway: { nats }, authentication, authorization } = control.config.current;
  const listeners = control.listeners();
  const natsLogin = nats.authentication !== undefined || nats.internal_authn.length > 0;
  const isSecure = listeners.some(({ type, running }) =>
    (type === "ssl" || type === "wss") && running
  );
  const steps: [done: boolean, text: string, path: string, label: string][] = [
    [nats.enable, "The NATS gateway is enabled", "/gateways/wizard", "Set up"],
    [natsLogin, "NATS clients have to log in", "/authentication", "Authentication"],
    [authentication.length > 0, "MQTT clients have to log in", "/authentication", "Authentication"],
    [isSecure, "A listener is encrypted with TLS", "/listeners", "Listeners"],
    [
      authorization.sources.length > 0 || authorization.no_match === "deny",
      "Rules say who may use which topics",
      "/authorization",
      "Authorization",
    ],
  ];
  const left = steps.filter(([done]) => !done);
  if (left.length === 0) return null;
  return (
    <section class="panel" aria-labelledby="next-steps">
      <h2 id="next-steps">Steps to a secured gateway</h2>
      <ol class="checklist">
        {steps.map(([done, text, path, label]) => (
          <li class={done ? "done" : ""}>
            <span>{text}</span>
            {done ? <Tag good>done</Tag> : <a class="button plain" href={BASE + path}>{label}</a>}
          </li>
        ))}
      </ol>
    </section>
  );
}

function Overview({ deps, samples }: { deps: PageDeps; samples: readonly Sample[] }) {
  const status = deps.control.status();
  const last = samples.at(-1);
  const size = (value: number | undefined) => value === undefined ? "–" : bytes(value);
  const tiles: [name: string, value: string, path?: string][] = [
    ["NATS connections", count(status.connections.nats), "/clients?protocol=nats"],
    ["MQTT connections", count(status.connections.mqtt), "/clients?protocol=mqtt"],
    ["Messages in / s", perSecond(last?.received)],
    ["Messages out / s", perSecond(last?.sent)],
    ["Bytes in / s", size(last?.bytesReceived)],
    ["Bytes out / s", size(last?.bytesSent)],
    ["Subscriptions", count(status.subscriptions), "/subscriptions"],
    ["Retained messages", count(status.retained), "/retained"],
  ];
  return (
    <>
      {status.problems.map(({ part, reason }) => <p class="note bad">{part}: {reason}</p>)}
      <div class="tiles">
        {tiles.map(([name, value, path]) => (
          <div class="tile">
            <b>{value}</b>
            <span>{path === undefined ? name : <a href={BASE + path}>{name}</a>}</span>
          </div>
        ))}
      </div>
      <div class="charts">
        <Chart title="Messages in / s" values={samples.map(({ received }) => received)} />
        <Chart title="Messages out / s" values={samples.map(({ sent }) => sent)} />
        <Chart title="Connections" values={samples.map(({ connections }) => connections)} />
      </div>
      <div class="columns">
        <section class="panel">
          <h2>Health</h2>
          <Facts
            facts={[
              [
                "State",
                <Tag good={status.ready}>{status.ready ? "ready" : "not ready"}</Tag>,
              ],
              ["NATS gateway", <Tag good={status.nats === "running"}>{status.nats}</Tag>],
              ["Up for", span(status.uptime_ms)],
              ["Memory", bytes(status.memory_bytes)],
              ["MQTT sessions away", count(status.sessionsAway)],
              ["Node", status.node],
              ["Version", status.version],
            ]}
          />
        </section>
        <section class="panel">
          <h2>Listeners</h2>
          <Table
            label="Listeners"
            heads={["Listener", "Address", "Connections", "State"]}
            empty="No client can connect: there is no listener."
            rows={deps.control.listeners().map((listener) => [
              listener.id,
              listener.address,
              count(listener.connections),
              <ListenerState listener={listener} />,
            ])}
          />
        </section>
      </div>
    </>
  );
}

const WIDTH = 240;
const HEIGHT = 80;

/** A line over the last minutes. */
function Chart({ title, values }: { title: string; values: readonly number[] }) {
  const top = Math.max(1, ...values);
  const step = values.length > 1 ? WIDTH / (values.length - 1) : 0;
  const points = values.map((value, i) =>
    `${(i * step).toFixed(1)},${(HEIGHT - 1 - (value / top) * (HEIGHT - 6)).toFixed(1)}`
  );
  return (
    <section class="panel">
      <h2>{title}</h2>
      {values.length < 2
        ? <p class="chart soft">Watching: the line begins in a few seconds.</p>
        : (
          <svg
            class="chart"
            viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
            preserveAspectRatio="none"
            role="img"
            aria-label={`${title}: ${perSecond(values.at(-1))} now, ${perSecond(top)} at most`}
          >
            <line x1="0" y1={HEIGHT} x2={WIDTH} y2={HEIGHT} />
            <polygon points={`0,${HEIGHT} ${points.join(" ")} ${WIDTH},${HEIGHT}`} />
            <polyline points={points.join(" ")} />
          </svg>
        )}
      <small>
        now {perSecond(values.at(-1))}, at most {perSecond(Math.max(0, ...values))}
      </small>
    </section>
  );
}
