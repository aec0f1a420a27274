/** Authorization: rules, sources and their order, settings, and a decision to test. */
import type { Hono } from "hono";
import type { DecisionQuestion } from "../../gateway/control.ts";
import type { AdminContext, AdminEnv } from "../api.ts";
import { named } from "./client_links.tsx";
import { DecisionFacts } from "./decision.tsx";
import { PostForm, SearchForm } from "./form.tsx";
import { ListActions, listPages, type ListPart } from "./list_pages.tsx";
import { kindOf, type TableList, tablesOf } from "./lists.ts";
import { page } from "./page.tsx";
import { Table, Tag } from "./parts.tsx";
import {
  BASE,
  changeConfig,
  go,
  type PageDeps,
  type Refused,
  refuseOld,
  submit,
} from "./request.ts";
import { rulePages, Rules } from "./rules.tsx";
import { editsAt, PROTOCOL, readSettings, type Setting } from "./settings.ts";
import { SOURCES } from "./sources.ts";

const MENU = "/authorization";
const PATH = ["authorization"];

const LIST: TableList = { id: "", label: "", path: [...PATH, "sources"], single: false };

const PART: ListPart = {
  base: `${MENU}/sources`,
  home: [MENU, "Authorization"],
  noun: "source",
  kinds: SOURCES,
  steps: ["Kind of source", "Configuration"],
  groups: {},
  first: true,
  listOf: () => LIST,
};

const SETTINGS: readonly Setting[] = [
  {
    name: "no_match",
    label: "When no rule fits, a client is",
    kind: "choice",
    choices: ["allow", "deny"],
    labels: { allow: "allowed", deny: "denied" },
  },
  {
    name: "deny_action",
    label: "A client that is denied something",
    kind: "choice",
    choices: ["ignore", "disconnect"],
    labels: { ignore: "gets an error and stays", disconnect: "is disconnected" },
  },
  { name: "cache.enable", label: "Keep answers of sources for a while", kind: "flag", more: true },
  { name: "cache.max_size", label: "Answers kept for a client", kind: "number", more: true },
  { name: "cache.ttl", label: "They are kept for", kind: "number", more: true },
];

const QUESTION: readonly Setting[] = [
  PROTOCOL,
  { name: "clientid", label: "Client id", kind: "text" },
  { name: "username", label: "User name", kind: "text" },
  { name: "address", label: "IP address", kind: "text" },
  { name: "action", label: "Action", kind: "choice", choices: ["publish", "subscribe"] },
  { name: "topic", label: "MQTT topic or filter", kind: "text", required: true },
];

/** `/authorization` and below. */
export function authorizationPages(app: Hono<AdminEnv>, deps: PageDeps): void {
  const { config } = deps.control;
  const again = (context: AdminContext, refused: Refused) =>
    authorizationPage(context, deps, refused);
  app.get(MENU, (context) => authorizationPage(context, deps));
  app.post(`${MENU}/settings`, (context) =>
    submit(context, async (form) => {
      refuseOld(deps, form);
      const entries = await readSettings(form, SETTINGS, config.effective(PATH));
      if (entries.length === 0) return go(context, MENU, "nothing");
      await changeConfig(context, deps, editsAt(PATH, entries));
      return go(context, MENU, "saved");
    }, (refused) => again(context, refused)));
  listPages(app, deps, PART);
  rulePages(app, deps, again);
}

async function authorizationPage(context: AdminContext, deps: PageDeps, refused?: Refused) {
  const { config } = deps.control;
  const question = questionOf(context);
  const { protocol, clientId, username, address, action, topic } = question;
  const decision = topic === "" ? undefined : await deps.control.decide(question);
  return page(context, {
    title: "Authorization",
    menu: MENU,
    refused,
    body: (
      <>
        <Rules context={context} deps={deps} refused={refused} />
        <PostForm
          context={context}
          action={`${MENU}/settings`}
          title="Settings"
          settings={SETTINGS}
          table={config.effective(PATH)}
          refused={refused}
          fields={{ version: config.version }}
          submit="Update"
        />
        <Sources context={context} deps={deps} />
        <h2 id="decision">Test a decision</h2>
        <SearchForm
          action={MENU}
          settings={QUESTION}
          values={{
            protocol,
            clientid: clientId,
            username: username ?? "",
            address,
            action,
            topic,
          }}
          submit="Test"
        />
        {decision !== undefined && (
          <section class="panel">
            <DecisionFacts decision={decision} />
          </section>
        )}
      </>
    ),
  });
}

function questionOf(context: AdminContext): DecisionQuestion {
  const query = context.req.query();
  const { protocol, clientid } = named(query);
  return {
    protocol,
    clientId: clientid,
    username: query.username || undefined,
    address: query.address || "127.0.0.1",
    action: query.action === "subscribe" ? "subscribe" : "publish",
    topic: query.topic ?? "",
    qos: 0,
    retain: false,
  };
}

function Sources({ context, deps }: { context: AdminContext; deps: PageDeps }) {
  const { authorization } = deps.control.access;
  return (
    <section class="panel">
      <h2>Sources of rules</h2>
      <p class="soft">Asked from top to bottom, until one decides.</p>
      <Table
        label="Sources"
        heads={["Order", "Source", "State", "Asked", "Actions"]}
        empty="There is no source: what is set above for no rule decides alone."
        rows={tablesOf(deps, LIST, "shown").map((table, index) => {
          const { total, allow, deny } = authorization.counters(String(table.type));
          return [
            String(index + 1),
            kindOf(SOURCES, table)?.label ?? String(table.type),
            <Tag good={table.enable === true}>{table.enable ? "enabled" : "disabled"}</Tag>,
            `${total} times: ${allow} allowed, ${deny} denied`,
            <ListActions
              context={context}
              deps={deps}
              part={PART}
              list={LIST}
              index={index}
              table={table}
              question="Its rules no longer count. Delete it?"
            />,
          ];
        })}
      />
      <a class="button plain" href={`${BASE}${PART.base}/new`}>Add a source</a>
    </section>
  );
}
