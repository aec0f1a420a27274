/** One client, explained: who it is, what it may do, what it does, and why it last left. */
import type { Child } from "hono/jsx";
import type { ClientView, Protocol } from "../../gateway/control.ts";
import type { AdminContext } from "../api.ts";
import { Kick } from "./client_links.tsx";
import { DecisionFacts } from "./decision.tsx";
import { SearchForm } from "./form.tsx";
import { bytes, count, Facts, moment, perSecond, span, Table, Tag } from "./parts.tsx";
import type { ClientRates } from "./rates.ts";
import { BASE, type PageDeps } from "./request.ts";
import type { Setting } from "./settings.ts";

/** Which client. */
interface Which {
  readonly deps: PageDeps;
  readonly rates: ClientRates;
  readonly protocol: Protocol;
  readonly clientid: string;
}

const QUESTION: readonly Setting[] = [
  {
    name: "action",
    label: "May it",
    kind: "choice",
    choices: ["publish", "subscribe"],
    labels: { publish: "publish to", subscribe: "subscribe to" },
  },
  {
    name: "topic",
    label: "MQTT topic or filter",
    kind: "text",
    required: true,
  },
];

/** Everything about a client; what is known of it still when it has gone. */
export async function ClientPage(which: Which & { readonly context: AdminContext }) {
  const { context, deps, protocol, clientid } = which;
  const isHere = deps.control.clients.get(protocol, clientid) !== undefined;
  const ban = new URLSearchParams({ as: "clientid", who: clientid });
  const live = new URLSearchParams({ protocol, clientid });
  return (
    <>
      {isHere && (
        <div class="row panel">
          <Kick context={context} protocol={protocol} clientid={clientid} />
          <a class="button plain" href={`${BASE}/bans?${ban}`}>Ban</a>
        </div>
      )}
      <div data-live={`${BASE}/live/client?${live}`}>{LivePart(which)}</div>
      {await Permissions(which)}
    </>
  );
}

/** What changes while one looks. */
export function LivePart({ deps, rates, protocol, clientid }: Which) {
  const { clients } = deps.control;
  const client = clients.get(protocol, clientid);
  const closures = clients.closures().filter((closure) =>
    closure.protocol === protocol && closure.clientId === clientid
  );
  return (
    <>
      {client === undefined
        ? <p class="note warn">This client is not here now.</p>
        : <Present deps={deps} rates={rates} client={client} />}
      <section class="panel">
        <h2>Why it was closed before</h2>
        <Table
          label="Closures"
          heads={["When", "Address", "Reason"]}
          empty="Nothing is known of earlier connections under this client id."
          rows={closures.map(({ at, address, reason }) => [moment(at), address, reason])}
        />
      </section>
    </>
  );
}

function Present({ deps, rates, client }: {
  deps: PageDeps;
  rates: ClientRates;
  client: ClientView;
}) {
  const { protocol, clientId } = client;
  const subscriptions = deps.control.clients.subscriptions(protocol, clientId) ?? [];
  const now = rates.look(client);
  const tiles: [string, string][] = [
    ["Messages in / s", perSecond(now?.messagesIn)],
    ["Messages out / s", perSecond(now?.messagesOut)],
    ["Bytes in / s", now === undefined ? "–" : bytes(now.bytesIn)],
    ["Bytes out / s", now === undefined ? "–" : bytes(now.bytesOut)],
  ];
  return (
    <>
      <div class="tiles">
        {tiles.map(([name, value]) => (
          <div class="tile">
            <b>{value}</b>
            <span>{name}</span>
          </div>
        ))}
      </div>
      <div class="columns">
        <section class="panel">
          <h2>Login</h2>
          <Facts facts={loginFacts(client, deps.control.now())} />
        </section>
        <section class="panel">
          <h2>Traffic</h2>
          <Facts facts={trafficFacts(client)} />
        </section>
      </div>
      <section class="panel">
        <h2>Subscriptions</h2>
        <Table
          label="Subscriptions"
          heads={["Topic", "Subject", "sid", "Group", "QoS"]}
          empty="It has subscribed to nothing."
          rows={subscriptions.map((one) => [
            one.topic,
            one.subject ?? "–",
            one.sid ?? "–",
            one.group ?? "–",
            String(one.qos),
          ])}
        />
      </section>
    </>
  );
}

async function Permissions({ deps, protocol, clientid, context }: Which & {
  readonly context: AdminContext;
}) {
  const { clients } = deps.control;
  const lines = await clients.permissions(protocol, clientid);
  if (lines === undefined) return null;
  const topic = context.req.query("topic") ?? "";
  const action = context.req.query("action") === "subscribe" ? "subscribe" : "publish";
  const decision = topic === ""
    ? undefined
    : await clients.decide(protocol, clientid, { action, topic, qos: 0, retain: false });
  return (
    <section class="panel" id="permissions">
      <h2>What it may do</h2>
      <p class="soft">From top to bottom: the first rule that fits a topic decides.</p>
      <Table
        label="Permissions"
        heads={["From", "Rule"]}
        empty=""
        rows={lines.map(({ source, text }) => [source, <code>{text}</code>])}
      />
      <SearchForm
        action="/client"
        settings={QUESTION}
        values={{ action, topic }}
        submit="Test"
        fields={{ protocol, clientid }}
      />
      {decision !== undefined && <DecisionFacts decision={decision} />}
    </section>
  );
}

function loginFacts(client: ClientView, now: number): [string, Child][] {
  const isConnected = client.connectionId !== 0;
  const state = client.introduced ? client.state : `${client.state}, never introduced itself`;
  return [
    ["Protocol", `${client.protocol.toUpperCase()} ${client.version}`],
    ["State", <Tag good={client.state === "connected" ? true : undefined}>{state}</Tag>],
    ["User name", client.username ?? "–"],
    ["Logged in by", methodInWords(client.authMethod)],
    ["Superuser", client.superuser ? "yes: no rule is asked" : "no"],
    ["Listener", isConnected ? `${client.listener} (${client.transport})` : "–"],
    ["Address", isConnected ? `${client.address}:${client.port}` : "–"],
    [
      "Connected",
      isConnected ? `${span(now - client.connectedAt)}, since ${moment(client.connectedAt)}` : "no",
    ],
    ["Session since", moment(client.createdAt)],
    ["Keepalive", client.keepalive === 0 ? "none" : `${client.keepalive} s`],
    ["Mountpoint", client.mountpoint || "none"],
  ];
}

function methodInWords(method: string): string {
  return method === "none" ? "nothing: it was let in without a login" : method || "–";
}

function trafficFacts(client: ClientView): [string, string][] {
  const of = (now: number, max: number) =>
    max === Infinity ? count(now) : `${count(now)} of ${count(max)}`;
  const facts: [string, string][] = [
    ["Messages in / out", `${count(client.messagesIn)} / ${count(client.messagesOut)}`],
    ["Bytes in / out", `${bytes(client.bytesIn)} / ${bytes(client.bytesOut)}`],
    ["Dropped", count(client.dropped)],
    ["Waiting to be written", bytes(client.pendingBytes)],
    ["Subscriptions", of(client.subscriptions, client.subscriptionsMax)],
  ];
  if (client.protocol === "nats") return facts;
  return [
    ...facts,
    ["In flight", of(client.inflight, client.inflightMax)],
    ["Queued", of(client.queued, client.queuedMax)],
  ];
}
