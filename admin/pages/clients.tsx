/** Clients: the list with search and filters, one client explained, and the door. */
import type { Hono } from "hono";
import type { AdminContext, AdminEnv } from "../api.ts";
import type { ClientQuery, ClientView, Protocol } from "../../gateway/control.ts";
import { Problem } from "../problem.ts";
import { ClientDetails } from "./client.tsx";
import { BASE, go, page, type PageDeps, readForm, whoLooks } from "./page.tsx";
import { Confirm, count, moment, pageNumber, Pager, Table, Tag } from "./parts.tsx";

const LIMIT = 50;

/** `/clients` and below. */
export function clientPages(app: Hono<AdminEnv>, deps: PageDeps): void {
  app.get("/clients", (context) =>
    page(context, {
      title: "Clients",
      menu: "/clients",
      body: (
        <>
          <Filter asked={askedFor(context)} />
          <div class="panel" data-live={`${BASE}/live/clients?${words(context)}`}>
            <Clients context={context} deps={deps} />
          </div>
        </>
      ),
    }));
  app.get(
    "/live/clients",
    (context) => context.html(<Clients context={context} deps={deps} />),
  );
  app.get("/client", (context) => {
    const { protocol, clientid } = named(context.req.query());
    const client = deps.control.clients.get(protocol, clientid);
    return page(context, {
      title: clientid,
      menu: "/clients",
      status: client === undefined ? 404 : 200,
      body: (
        <ClientDetails
          context={context}
          deps={deps}
          protocol={protocol}
          clientId={clientid}
          client={client}
        />
      ),
    });
  });
  app.post("/clients/kick", async (context) => {
    const form = await readForm(context);
    const { protocol, clientid } = named({
      protocol: form.text("protocol"),
      clientid: form.text("clientid"),
    });
    if (!deps.control.clients.kick(protocol, clientid, whoLooks(context).name)) {
      throw new Problem(404, "CLIENTID_NOT_FOUND", "that client has gone already");
    }
    return go(context, `/clients?protocol=${protocol}`, "kicked");
  });
}

/** Protocol and client id of a request. */
export function named(words: Readonly<Record<string, string>>) {
  const protocol: Protocol = words.protocol === "mqtt" ? "mqtt" : "nats";
  return { protocol, clientid: words.clientid ?? "" };
}

/** The page of a client. */
export function clientPath(protocol: Protocol, clientid: string): string {
  return `${BASE}/client?${new URLSearchParams({ protocol, clientid })}`;
}

const STATES = ["connected", "idle", "disconnected"] as const;

function askedFor(context: AdminContext) {
  const query = context.req.query();
  return {
    protocol: named(query).protocol,
    clientid: query.clientid ?? "",
    username: query.username ?? "",
    address: query.address ?? "",
    state: query.state ?? "",
  };
}

function words(context: AdminContext): string {
  return new URLSearchParams({ ...askedFor(context), page: String(pageNumber(context)) })
    .toString();
}

function Filter({ asked }: { asked: ReturnType<typeof askedFor> }) {
  return (
    <form class="panel filter" method="get" role="search">
      <div>
        <label for="protocol">Protocol</label>
        <select id="protocol" name="protocol">
          <option value="nats" selected={asked.protocol === "nats"}>NATS</option>
          <option value="mqtt" selected={asked.protocol === "mqtt"}>MQTT</option>
        </select>
      </div>
      <div>
        <label for="clientid">Client id contains</label>
        <input id="clientid" name="clientid" value={asked.clientid} />
      </div>
      <div>
        <label for="username">User name contains</label>
        <input id="username" name="username" value={asked.username} />
      </div>
      <div>
        <label for="address">IP address</label>
        <input id="address" name="address" value={asked.address} />
      </div>
      <div>
        <label for="state">State</label>
        <select id="state" name="state">
          <option value="">any</option>
          {STATES.map((state) => <option selected={asked.state === state}>{state}</option>)}
        </select>
      </div>
      <div class="row">
        <button type="submit">Search</button>
        <a class="button plain" href={`${BASE}/clients?protocol=${asked.protocol}`}>Reset</a>
      </div>
    </form>
  );
}

function Clients({ context, deps }: { context: AdminContext; deps: PageDeps }) {
  const asked = askedFor(context);
  const number = pageNumber(context);
  const query: ClientQuery = {
    page: number,
    limit: LIMIT,
    protocol: asked.protocol,
    likeClientId: asked.clientid || undefined,
    likeUsername: asked.username || undefined,
    address: asked.address || undefined,
    state: STATES.find((state) => state === asked.state),
  };
  const { data, count: total, hasNext } = deps.control.clients.list(query);
  return (
    <>
      {total !== undefined && <p class="soft">{count(total)} in all</p>}
      <Table
        label="Clients"
        heads={["Client id", "User name", "Address", "State", "Connected since", "Actions"]}
        empty="No client fits."
        rows={data.map((client) => clientRow(context, client))}
      />
      <Pager path="/clients" query={asked} page={number} hasNext={hasNext} />
    </>
  );
}

function clientRow(context: AdminContext, client: ClientView) {
  const { protocol, clientId: clientid } = client;
  return [
    <a href={clientPath(protocol, clientid)}>{clientid}</a>,
    client.username ?? "–",
    client.connectionId === 0 ? "–" : `${client.address}:${client.port}`,
    <Tag good={client.state === "connected" ? true : undefined}>{client.state}</Tag>,
    moment(client.connectedAt),
    <Confirm
      context={context}
      action="/clients/kick"
      label="Kick out"
      question={`Disconnect ${clientid}? Its session ends too.`}
      fields={{ protocol, clientid }}
    />,
  ];
}
