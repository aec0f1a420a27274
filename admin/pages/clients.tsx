/** Clients: the list with search and filters, one client explained, and the door. */
import type { Hono } from "hono";
import type { AdminContext, AdminEnv } from "../api.ts";
import type { ClientQuery, ClientView } from "../../gateway/control.ts";
import { Problem } from "../problem.ts";
import { ClientPage, LivePart } from "./client.tsx";
import { clientPath, Kick, named } from "./client_links.tsx";
import { SearchForm } from "./form.tsx";
import { page } from "./page.tsx";
import { count, moment, pageNumber, Pager, Table, Tag } from "./parts.tsx";
import { ClientRates } from "./rates.ts";
import { BASE, go, type PageDeps, readForm, whoLooks } from "./request.ts";
import { PROTOCOL, type Setting } from "./settings.ts";

const LIMIT = 50;
const STATES = ["connected", "idle", "disconnected"] as const;

const FILTERS: readonly Setting[] = [
  PROTOCOL,
  { name: "clientid", label: "Client id contains", kind: "text" },
  { name: "username", label: "User name contains", kind: "text" },
  { name: "address", label: "IP address", kind: "text" },
  {
    name: "state",
    label: "State",
    kind: "choice",
    choices: ["", ...STATES],
    labels: { "": "any" },
  },
];

/** `/clients` and below. */
export function clientPages(app: Hono<AdminEnv>, deps: PageDeps): void {
  const { clients } = deps.control;
  const rates = new ClientRates(() => deps.control.now());
  app.get("/clients", (context) => {
    const asked = askedFor(context);
    return page(context, {
      title: "Clients",
      menu: "/clients",
      body: (
        <>
          <SearchForm
            action="/clients"
            settings={FILTERS}
            values={asked}
            reset={`/clients?protocol=${asked.protocol}`}
          />
          <div class="panel" data-live={`${BASE}/live/clients?${words(context)}`}>
            <Clients context={context} deps={deps} />
          </div>
        </>
      ),
    });
  });
  app.get(
    "/live/clients",
    (context) => context.html(<Clients context={context} deps={deps} />),
  );
  app.get("/client", async (context) => {
    const { protocol, clientid } = named(context.req.query());
    return page(context, {
      title: clientid,
      menu: "/clients",
      above: ["/clients", "Clients"],
      status: clients.get(protocol, clientid) === undefined ? 404 : 200,
      body: await ClientPage({ context, deps, rates, protocol, clientid }),
    });
  });
  app.get("/live/client", (context) => {
    const { protocol, clientid } = named(context.req.query());
    return context.html(LivePart({ deps, rates, protocol, clientid }));
  });
  app.post("/clients/kick", async (context) => {
    const form = await readForm(context);
    const { protocol, clientid } = named({
      protocol: form.text("protocol"),
      clientid: form.text("clientid"),
    });
    if (!clients.kick(protocol, clientid, whoLooks(context).name)) {
      throw new Problem(404, "CLIENTID_NOT_FOUND", "that client has gone already");
    }
    return go(context, `/clients?protocol=${protocol}`, "kicked");
  });
}

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
  const { protocol, ...filters } = asked;
  const isFiltered = Object.values(filters).some((text) => text !== "");
  return (
    <>
      {total !== undefined && <p class="soft">{count(total)} in all</p>}
      <Table
        label="Clients"
        heads={["Client id", "User name", "Address", "State", "Connected since", "Actions"]}
        empty={isFiltered
          ? "No client fits what you search for."
          : `No ${protocol.toUpperCase()} client is connected.`}
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
    <Kick context={context} protocol={protocol} clientid={clientid} />,
  ];
}
