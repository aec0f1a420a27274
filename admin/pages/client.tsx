/** One client, explained: who it is, what it may do, what it does, and why it last left. */
import type { ClientView, Protocol } from "../../gateway/control.ts";
import type { AdminContext } from "../api.ts";
import { BASE, type PageDeps } from "./page.tsx";
import { bytes, Confirm, count, Facts, moment, Table } from "./parts.tsx";

/** Everything about a client; what is known of it still when it has gone. */
export function ClientDetails({ context, deps, protocol, clientId, client }: {
  context: AdminContext;
  deps: PageDeps;
  protocol: Protocol;
  clientId: string;
  client: ClientView | undefined;
}) {
  const { clients } = deps.control;
  const closures = clients.closures().filter((closure) =>
    closure.protocol === protocol && closure.clientId === clientId
  );
  return (
    <>
      {client === undefined
        ? <p class="note warn">This client is not here now.</p>
        : <Present context={context} deps={deps} client={client} />}
      <section class="panel">
        <h2>Why it was closed before</h2>
        <Table
          label="Closures"
          heads={["When", "Address", "Reason"]}
          empty="Nothing is known of earlier connections."
          rows={closures.map(({ at, address, reason }) => [moment(at), address, reason])}
        />
      </section>
    </>
  );
}

function Present({ context, deps, client }: {
  context: AdminContext;
  deps: PageDeps;
  client: ClientView;
}) {
  const { protocol, clientId } = client;
  const subscriptions = deps.control.clients.subscriptions(protocol, clientId) ?? [];
  const test = new URLSearchParams({
    protocol,
    clientid: clientId,
    username: client.username ?? "",
    address: client.address,
  });
  return (
    <>
      <div class="row panel">
        <Confirm
          context={context}
          action="/clients/kick"
          label="Kick out"
          question={`Disconnect ${clientId}? Its session ends too.`}
          fields={{ protocol, clientid: clientId }}
        />
        <a class="button plain" href={`${BASE}/authorization?${test}#decision`}>
          What may it do?
        </a>
      </div>
      <section class="panel">
        <h2>Login</h2>
        <Facts facts={loginFacts(client)} />
      </section>
      <section class="panel">
        <h2>Traffic</h2>
        <Facts facts={trafficFacts(client)} />
      </section>
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

function loginFacts(client: ClientView): [string, string][] {
  return [
    ["Protocol", `${client.protocol.toUpperCase()} ${client.version}`],
    ["State", client.introduced ? client.state : `${client.state}, never introduced itself`],
    ["User name", client.username ?? "–"],
    ["Logged in by", client.authMethod],
    [
      "Permissions",
      client.superuser ? "superuser: no rule is asked" : "by the rules under Authorization",
    ],
    ["Listener", `${client.listener} (${client.transport})`],
    ["Address", client.connectionId === 0 ? "–" : `${client.address}:${client.port}`],
    ["Connected since", moment(client.connectedAt)],
    ["Session since", moment(client.createdAt)],
    ["Keepalive", `${client.keepalive} s`],
    ["Mountpoint", client.mountpoint || "–"],
  ];
}

function trafficFacts(client: ClientView): [string, string][] {
  const of = (now: number, max: number) => `${count(now)} of ${count(max)}`;
  return [
    ["Messages in / out", `${count(client.messagesIn)} / ${count(client.messagesOut)}`],
    ["Bytes in / out", `${bytes(client.bytesIn)} / ${bytes(client.bytesOut)}`],
    ["Dropped", count(client.dropped)],
    ["Waiting to be written", bytes(client.pendingBytes)],
    ["Subscriptions", of(client.subscriptions, client.subscriptionsMax)],
    ["In flight", of(client.inflight, client.inflightMax)],
    ["Queued", of(client.queued, client.queuedMax)],
  ];
}
