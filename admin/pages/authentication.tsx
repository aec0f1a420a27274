/** Authentication: who is asked for a login, in which order, and a login to try. */
import type { Hono } from "hono";
import type { LoginOutcome } from "../../gateway/control.ts";
import type { AdminContext, AdminEnv } from "../api.ts";
import { Problem } from "../problem.ts";
import { AUTHENTICATORS, MECHANISMS } from "./authenticators.ts";
import { PostForm } from "./form.tsx";
import { ListActions, listPages, type ListPart, Outcome } from "./list_pages.tsx";
import { kindOf, type Table as ListTable, type TableList, tablesOf } from "./lists.ts";
import { finishedMethod, NATS_METHODS, shownMethod } from "./nats_methods.ts";
import { page } from "./page.tsx";
import { Table, Tag } from "./parts.tsx";
import { BASE, type Form, type PageDeps, type Refused, submit } from "./request.ts";
import type { Setting } from "./settings.ts";

const MENU = "/authentication";
const HOME = [MENU, "Authentication"] as const;

const NATS: TableList = {
  id: "nats:global",
  label: "NATS gateway",
  path: ["gateway", "nats", "authentication"],
  single: true,
};
const MQTT: TableList = {
  id: "mqtt:global",
  label: "MQTT",
  path: ["authentication"],
  single: false,
};
const METHODS: TableList = {
  id: "",
  label: "NATS",
  path: ["gateway", "nats", "internal_authn"],
  single: false,
};

const CHAIN_PART: ListPart = {
  base: MENU,
  home: HOME,
  noun: "authenticator",
  kinds: AUTHENTICATORS,
  steps: ["Mechanism", "Data source", "Configuration"],
  groups: MECHANISMS,
  listOf: chainNamed,
  // Nobody can log in before there are users.
  after: ({ id }, kind) => kind.endsWith("built_in_database") ? usersPath(id) : undefined,
  canTry: true,
};

const METHOD_PART: ListPart = {
  base: `${MENU}/methods`,
  home: HOME,
  noun: "NATS method",
  kinds: NATS_METHODS,
  steps: ["Method", "Configuration"],
  groups: {},
  listOf: () => METHODS,
  present: shownMethod,
  finish: finishedMethod,
};

/**
 * The chain of that name: of a protocol, or of one listener.
 * @throws {Problem} 404
 */
export function chainNamed({ control }: PageDeps, id: string): TableList {
  if (id === "" || id === NATS.id) return NATS;
  if (id === MQTT.id) return MQTT;
  const listener = control.listeners().find((one) => one.id === id);
  if (listener === undefined) throw new Problem(404, "NOT_FOUND", `there is no listener ${id}`);
  const { protocol, path } = listener;
  return {
    id,
    label: `listener ${id}`,
    path: [...path, "authentication"],
    single: protocol === "nats",
  };
}

/** Where the users of a chain are. */
export function usersPath(chain: string): string {
  return `/users?${new URLSearchParams({ chain })}`;
}

/** `/authentication` and below. */
export function authenticationPages(app: Hono<AdminEnv>, deps: PageDeps): void {
  app.get(MENU, (context) => listPage(context, deps));
  app.post(`${MENU}/test`, (context) =>
    submit(context, async (form) => {
      const outcome = await deps.control.tryLogin(chainNamed(deps, form.text("chain")).id, {
        clientId: form.text("clientid"),
        username: form.text("username") || undefined,
        password: form.text("password") || undefined,
      });
      return listPage(context, deps, { outcome, form });
    }, (refused) => listPage(context, deps, { refused })));
  listPages(app, deps, METHOD_PART);
  listPages(app, deps, CHAIN_PART);
}

function listPage(
  context: AdminContext,
  deps: PageDeps,
  shown: { outcome?: LoginOutcome; form?: Form; refused?: Refused } = {},
) {
  const methods = tablesOf(deps, METHODS, "shown");
  const isOpen = (list: TableList) => tablesOf(deps, list, "shown").length === 0;
  return page(context, {
    title: "Authentication",
    menu: MENU,
    refused: shown.refused,
    body: (
      <>
        <section class="panel">
          <h2>NATS clients</h2>
          {isOpen(NATS) && methods.length === 0 && <Open deps={deps} who="NATS" />}
          <h3>Methods of NATS: token, NKey, JWT</h3>
          <p class="soft">
            Asked first, from top to bottom. A method that the client gives nothing for is passed
            over; a wrong answer to one is final.
          </p>
          <Methods context={context} deps={deps} methods={methods} />
          <a class="button plain" href={`${BASE}${METHOD_PART.base}/new`}>Add a NATS method</a>
          <h3>User names and passwords</h3>
          <p class="soft">Asked when no method above has decided.</p>
          <ChainTable context={context} deps={deps} list={NATS} />
          {isOpen(NATS) && <Create list={NATS} label="Create authentication for NATS" />}
        </section>
        <section class="panel">
          <h2>MQTT clients</h2>
          {isOpen(MQTT) && <Open deps={deps} who="MQTT" />}
          <ChainTable context={context} deps={deps} list={MQTT} />
          <Create list={MQTT} label="Create authentication for MQTT" />
        </section>
        <Listeners context={context} deps={deps} />
        <TestForm context={context} deps={deps} {...shown} />
      </>
    ),
  });
}

function Open({ deps, who }: { deps: PageDeps; who: string }) {
  return deps.control.config.current.security_profile === "hardened"
    ? (
      <p class="note warn">
        No {who}{" "}
        client gets in: the security profile is hardened, and there is nothing to log in with yet.
      </p>
    )
    : (
      <p class="note warn">
        Everybody who reaches a listener is let in. Create authentication to ask {who}{" "}
        clients for a login.
      </p>
    );
}

function Create({ list, label }: { list: TableList; label: string }) {
  const query = new URLSearchParams({ list: list.id });
  return <a class="button" href={`${BASE}${MENU}/new?${query}`}>{label}</a>;
}

function Methods(
  { context, deps, methods }: {
    context: AdminContext;
    deps: PageDeps;
    methods: readonly ListTable[];
  },
) {
  if (methods.length === 0) return null;
  return (
    <Table
      label="Methods of NATS"
      heads={["Order", "Method", "Holds", "Actions"]}
      empty=""
      rows={methods.map((table, index) => [
        String(index + 1),
        kindOf(NATS_METHODS, table)?.label ?? String(table.type),
        holds(table),
        <ListActions
          context={context}
          deps={deps}
          part={METHOD_PART}
          list={METHODS}
          index={index}
          table={table}
          question="Clients can no longer log in with this method. Delete it?"
        />,
      ])}
    />
  );
}

function holds(table: ListTable): string {
  const many = (value: unknown, noun: string) => {
    const length = Array.isArray(value) ? value.length : 0;
    return `${length} ${noun}${length === 1 ? "" : "s"}`;
  };
  if (table.type === "token") return "one token";
  if (table.type === "nkey") return many(table.nkeys, "public key");
  const { resolver_preload } = (table.resolver ?? {}) as ListTable;
  return `${many(table.trusted_operators, "operator")}, ${many(resolver_preload, "account")}`;
}

function ChainTable(
  { context, deps, list }: { context: AdminContext; deps: PageDeps; list: TableList },
) {
  const tables = tablesOf(deps, list, "shown");
  if (tables.length === 0) return null;
  const isShut = tables.every(({ enable }) => enable === false);
  return (
    <>
      {isShut && (
        <p class="note warn">
          Nobody can log in: everything here is disabled. Enable or delete it.
        </p>
      )}
      <Table
        label={`Authenticators of ${list.label}`}
        heads={["Authenticator", "State", "Backend", "Actions"]}
        empty=""
        rows={tables.map((table, index) => [
          labelOf(table),
          <Tag good={table.enable === true}>{table.enable ? "enabled" : "disabled"}</Tag>,
          backendState(deps, list, tables, index),
          <div class="row">
            {table.backend === "built_in_database" && (
              <a class="button" href={`${BASE}/users?${new URLSearchParams({ chain: list.id })}`}>
                Users
              </a>
            )}
            <ListActions
              context={context}
              deps={deps}
              part={CHAIN_PART}
              list={list}
              index={index}
              table={table}
              question="Clients can no longer log in with it. Delete it?"
            />
          </div>,
        ])}
      />
    </>
  );
}

function labelOf(table: ListTable): string {
  const mechanism = table.mechanism === "jwt" ? MECHANISMS.jwt : MECHANISMS.password_based;
  const kind = kindOf(AUTHENTICATORS, table)?.label ?? String(table.backend ?? "");
  return `${mechanism}: ${kind}`;
}

/** Only those that are enabled are in use. */
function backendState(
  { control }: PageDeps,
  list: TableList,
  tables: readonly ListTable[],
  index: number,
): string {
  if (tables[index]!.enable === false) return "–";
  const inUse = tables.slice(0, index).filter(({ enable }) => enable !== false).length;
  const guard = control.access.providers(list.id)[inUse]?.guard;
  if (guard === undefined) return "–";
  const { status, success, failed, lastReason } = guard;
  const numbers = `${status}; ${success} answers, ${failed} failures`;
  return lastReason === "" ? numbers : `${numbers} (${lastReason})`;
}

function Listeners({ context, deps }: { context: AdminContext; deps: PageDeps }) {
  const lists = deps.control.listeners().map(({ id }) => chainNamed(deps, id));
  const isOwn = (list: TableList) => tablesOf(deps, list, "shown").length > 0;
  const own = lists.filter(isOwn);
  const free = lists.filter((list) => !list.single || !isOwn(list));
  return (
    <section class="panel">
      <h2>Authentication of one listener</h2>
      <p class="soft">
        A listener that has its own is not asked about the authenticators above. NATS methods hold
        for all NATS listeners.
      </p>
      {own.map((list) => (
        <>
          <h3>{list.id}</h3>
          <ChainTable context={context} deps={deps} list={list} />
        </>
      ))}
      {free.length > 0 && (
        <form class="row end" method="get" action={`${BASE}${MENU}/new`}>
          <div>
            <label for="list">Listener</label>
            <select id="list" name="list">
              {free.map(({ id }) => <option>{id}</option>)}
            </select>
          </div>
          <button type="submit" class="plain">Create for this listener</button>
        </form>
      )}
    </section>
  );
}

function TestForm(
  { context, deps, outcome, form, refused }: {
    context: AdminContext;
    deps: PageDeps;
    outcome?: LoginOutcome;
    form?: Form;
    refused?: Refused;
  },
) {
  const chains = [NATS, MQTT, ...deps.control.listeners().map(({ id }) => chainNamed(deps, id))]
    .filter((list) => tablesOf(deps, list, "shown").length > 0);
  if (chains.length === 0) return null;
  const settings: Setting[] = [
    {
      name: "chain",
      label: "Authenticators of",
      kind: "choice",
      choices: chains.map(({ id }) => id),
      labels: Object.fromEntries(chains.map(({ id, label }) => [id, label])),
    },
    { name: "username", label: "User name", kind: "text" },
    { name: "password", label: "Password", kind: "secret" },
    { name: "clientid", label: "Client id", kind: "text", initial: "test" },
  ];
  return (
    <PostForm
      context={context}
      action={`${MENU}/test`}
      title="Test a login"
      intro="Asks the authenticators as they are now, without a connection."
      settings={settings}
      entered={form}
      refused={refused}
      submit="Test login"
    >
      {outcome !== undefined && <Outcome outcome={outcome} />}
    </PostForm>
  );
}
