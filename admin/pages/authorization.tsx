/** Authorization: settings, the order of sources, rules of the built-in database, a test. */
import type { Hono } from "hono";
import type { DecisionQuestion } from "../../gateway/control.ts";
import type { AdminContext, AdminEnv } from "../api.ts";
import { Problem } from "../problem.ts";
import { named } from "./clients.tsx";
import { BASE, Csrf, type Form, go, page, type PageDeps, refuseOld, submit } from "./page.tsx";
import { whoLooks } from "./page.tsx";
import { Confirm, Facts, Table, Tag } from "./parts.tsx";
import { editsAt, readJson, readSettings, type Setting, SettingFields } from "./settings.tsx";

const MENU = "/authorization";
const PATH = ["authorization"];
const SOURCES = [...PATH, "sources"];

const SETTINGS: readonly Setting[] = [
  { name: "no_match", label: "When no rule fits", kind: "choice", choices: ["deny", "allow"] },
  {
    name: "deny_action",
    label: "A denied client is",
    kind: "choice",
    choices: ["ignore", "disconnect"],
    help: "ignore: it gets an error; disconnect: it is shown the door.",
  },
  { name: "cache.max_size", label: "Answers kept for a client", kind: "number" },
  { name: "cache.ttl", label: "They are kept for", kind: "number" },
  { name: "cache.enable", label: "Keep answers", kind: "flag" },
];

type Source = Readonly<Record<string, unknown>>;

/** `/authorization` and below. */
export function authorizationPages(app: Hono<AdminEnv>, deps: PageDeps): void {
  const { config, access } = deps.control;
  const change = (
    path: string,
    done: "saved" | "added" | "deleted",
    act: (form: Form, by: string) => unknown,
  ) =>
    app.post(path, (context) =>
      submit(context, async (form) => {
        await act(form, whoLooks(context).name);
        return go(context, MENU, done);
      }, (problem) => authorizationPage(context, deps, problem)));
  const sources = () => config.written(SOURCES) as readonly Source[];
  const save = (value: readonly unknown[], by: string) =>
    config.change([{ path: SOURCES, value }], by);

  app.get(MENU, (context) => authorizationPage(context, deps));
  change(MENU, "saved", async (form, by) => {
    refuseOld(deps, form);
    const entries = await readSettings(form, SETTINGS, config.effective(PATH));
    if (entries.length > 0) await config.change(editsAt(PATH, entries), by);
  });
  change(`${MENU}/add`, "added", (form, by) => {
    const source = readJson("Source", form.text("source"));
    return save([source, ...sources()], by);
  });
  change(`${MENU}/source`, "saved", (form, by) => {
    refuseOld(deps, form);
    return save(changed(sources(), Number(form.text("index")), form.text("do")), by);
  });
  change(`${MENU}/rules`, "saved", (form) => {
    const rules = readJson("Rules", form.text("rules"));
    if (!Array.isArray(rules)) throw new Problem(400, "BAD_REQUEST", "Rules: expected an array");
    const kind = ownerKind(form.text("kind"));
    const owner = kind === "all" ? "" : form.text("owner");
    try {
      if (rules.length === 0) access.rules.delete(kind, owner);
      else access.rules.put(kind, { owner, rules });
    } catch (error) {
      if (!(error instanceof Error) || error.name !== "RuleProblem") throw error;
      throw new Problem(400, "BAD_REQUEST", error.message);
    }
  });
}

function ownerKind(text: string) {
  return text === "users" || text === "clients" ? text : "all";
}

/** The list after one source was moved up, switched or taken out. */
function changed(list: readonly Source[], index: number, what: string): readonly Source[] {
  const next = [...list];
  const source = next[index];
  if (source === undefined) throw new Problem(404, "NOT_FOUND", "that source has gone");
  if (what === "up" && index > 0) next.splice(index - 1, 2, source, next[index - 1]!);
  if (what === "switch") next[index] = { ...source, enable: !source.enable };
  if (what === "delete") next.splice(index, 1);
  return next;
}

async function authorizationPage(context: AdminContext, deps: PageDeps, problem?: string) {
  const { config } = deps.control;
  const question = questionOf(context);
  const decision = question.topic === "" ? undefined : await deps.control.decide(question);
  return page(context, {
    title: "Authorization",
    menu: MENU,
    problem,
    body: (
      <>
        <TestForm question={question} />
        {decision !== undefined && (
          <section class="panel" role="status">
            <Facts
              facts={[
                [
                  "Decision",
                  <Tag good={decision.allowed}>{decision.allowed ? "allowed" : "denied"}</Tag>,
                ],
                ["Rule", decision.rule],
                ["From", decision.source],
              ]}
            />
          </section>
        )}
        <Sources context={context} deps={deps} />
        <Rules context={context} deps={deps} />
        <form class="panel" method="post" action={BASE + MENU}>
          <h2>Settings</h2>
          <Csrf context={context} />
          <input type="hidden" name="version" value={config.version} />
          <SettingFields settings={SETTINGS} table={config.effective(PATH)} />
          <button type="submit">Update</button>
        </form>
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

function TestForm({ question }: { question: DecisionQuestion }) {
  const texts: [name: string, label: string, value: string][] = [
    ["clientid", "Client id", question.clientId],
    ["username", "User name", question.username ?? ""],
    ["address", "IP address", question.address],
    ["topic", "MQTT topic or filter", question.topic],
  ];
  return (
    <form class="panel" method="get" id="decision" action={BASE + MENU}>
      <h2>Test a decision</h2>
      <div class="filter">
        <div>
          <label for="protocol">Protocol</label>
          <select id="protocol" name="protocol">
            <option value="nats" selected={question.protocol === "nats"}>NATS</option>
            <option value="mqtt" selected={question.protocol === "mqtt"}>MQTT</option>
          </select>
        </div>
        <div>
          <label for="action">Action</label>
          <select id="action" name="action">
            <option selected={question.action === "publish"}>publish</option>
            <option selected={question.action === "subscribe"}>subscribe</option>
          </select>
        </div>
        {texts.map(([name, label, value]) => (
          <div>
            <label for={name}>{label}</label>
            <input id={name} name={name} value={value} required={name === "topic"} />
          </div>
        ))}
        <div>
          <button type="submit">Test</button>
        </div>
      </div>
    </form>
  );
}

function Sources({ context, deps }: { context: AdminContext; deps: PageDeps }) {
  const { config } = deps.control;
  const sources = config.effective(SOURCES) as readonly Source[];
  const fields = (index: number) => ({ index: String(index), version: config.version });
  return (
    <section class="panel">
      <h2>Sources, asked in this order</h2>
      <Table
        label="Sources"
        heads={["Type", "State", "Actions"]}
        empty="There is none: the settings below decide alone."
        rows={sources.map((source, index) => [
          String(source.type),
          <Tag good={source.enable === true}>{source.enable ? "enabled" : "disabled"}</Tag>,
          <div class="row">
            <form class="row" method="post" action={`${BASE}${MENU}/source`}>
              <Csrf context={context} />
              {Object.entries(fields(index)).map(([name, value]) => (
                <input type="hidden" name={name} value={value} />
              ))}
              {index > 0 && <button type="submit" class="plain" name="do" value="up">Up</button>}
              <button type="submit" class="plain" name="do" value="switch">
                {source.enable ? "Disable" : "Enable"}
              </button>
            </form>
            <Confirm
              context={context}
              action={`${MENU}/source`}
              label="Delete"
              question="Its rules no longer count. Delete it?"
              fields={{ ...fields(index), do: "delete" }}
            />
          </div>,
        ])}
      />
      <form method="post" action={`${BASE}${MENU}/add`}>
        <Csrf context={context} />
        <div class="field">
          <label for="source">New source, put first</label>
          <textarea id="source" name="source" spellcheck={false}>
            {'{"type": "built_in_database"}'}
          </textarea>
          <small>JSON, with the names of the configuration file.</small>
        </div>
        <button type="submit">Add source</button>
      </form>
    </section>
  );
}

function Rules({ context, deps }: { context: AdminContext; deps: PageDeps }) {
  const kinds = [["all", "All clients"], ["users", "User"], ["clients", "Client id"]] as const;
  const rows = kinds.flatMap(([kind, label]) =>
    deps.control.access.rules.list(kind).map(({ owner, rules }) => [
      label,
      owner || "–",
      <pre>{rules.map((rule) => JSON.stringify(rule)).join("\n")}</pre>,
    ])
  );
  return (
    <section class="panel">
      <h2>Rules of the built-in database</h2>
      <Table label="Rules" heads={["For", "Name", "Rules"]} rows={rows} empty="There are none." />
      <form method="post" action={`${BASE}${MENU}/rules`}>
        <Csrf context={context} />
        <div class="fields">
          <div class="field">
            <label for="kind">For</label>
            <select id="kind" name="kind">
              {kinds.map(([kind, label]) => <option value={kind}>{label}</option>)}
            </select>
          </div>
          <div class="field">
            <label for="owner">Name of the user, or client id</label>
            <input id="owner" name="owner" />
          </div>
          <div class="field wide">
            <label for="rules">Rules in place of those that are there</label>
            <textarea id="rules" name="rules" spellcheck={false}>
              {'[{"permission": "allow", "action": "all", "topic": "devices/#"}]'}
            </textarea>
            <small>A JSON array; an empty one deletes them.</small>
          </div>
        </div>
        <button type="submit">Save rules</button>
      </form>
    </section>
  );
}
