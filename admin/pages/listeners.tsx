/** Listeners of both protocols: list, add, edit, delete. */
import type { Hono } from "hono";
import type { ListenerView } from "../../gateway/control.ts";
import type { AdminContext, AdminEnv } from "../api.ts";
import { Problem } from "../problem.ts";
import { Act, Confirm, PostForm, SearchForm } from "./form.tsx";
import { isListenerType, listenerSettings, NAME } from "./listener_form.ts";
import { page } from "./page.tsx";
import { count, moment, Table, Tag } from "./parts.tsx";
import {
  BASE,
  changeConfig,
  fieldProblem,
  type Form,
  go,
  type PageDeps,
  readForm,
  type Refused,
  refuseOld,
  submit,
} from "./request.ts";
import { editsAt, PROTOCOL, readSettings, type Setting, withEntries } from "./settings.ts";

const HOME = ["/listeners", "Listeners"] as const;

const TYPE: Setting = {
  name: "type",
  label: "Type",
  kind: "choice",
  choices: ["tcp", "ssl", "ws", "wss"],
  labels: { tcp: "TCP", ssl: "TLS", ws: "WebSocket", wss: "WebSocket over TLS" },
};

/** `/listeners` and below. */
export function listenerPages(app: Hono<AdminEnv>, deps: PageDeps): void {
  const { control } = deps;
  app.get("/listeners", (context) =>
    page(context, {
      title: "Listeners",
      menu: "/listeners",
      body: (
        <>
          <div class="panel" data-live={`${BASE}/live/listeners`}>
            <Listeners context={context} listeners={control.listeners()} />
          </div>
          <h2>Add a listener</h2>
          <SearchForm
            action="/listeners/new"
            settings={[PROTOCOL, TYPE]}
            values={{ protocol: "nats", type: "tcp" }}
            submit="Add listener"
          />
        </>
      ),
    }));
  app.get(
    "/live/listeners",
    (context) => context.html(<Listeners context={context} listeners={control.listeners()} />),
  );
  app.get("/listeners/new", (context) => newPage(context));
  app.post("/listeners/new", (context) =>
    submit(
      context,
      (form) => add(context, deps, form),
      (refused) => newPage(context, refused),
    ));
  app.get("/listener", (context) => editPage(context, deps));
  app.post("/listener", (context) =>
    submit(
      context,
      (form) => edit(context, deps, form),
      (refused) => editPage(context, deps, refused),
    ));
  app.post("/listeners/switch", async (context) => {
    const form = await readForm(context);
    const { path } = find(deps, form.text("id"));
    const edit = { path: [...path, "enable"], value: form.text("enable") === "true" };
    await changeConfig(context, deps, [edit]);
    return go(context, "/listeners", "saved");
  });
  app.post("/listeners/delete", async (context) => {
    const { path } = find(deps, (await readForm(context)).text("id"));
    await changeConfig(context, deps, [{ path, value: undefined }]);
    return go(context, "/listeners", "deleted");
  });
}

async function add(context: AdminContext, deps: PageDeps, form: Form): Promise<Response> {
  const { protocol, type } = kindOf(form.text("protocol"), form.text("type"));
  const name = form.text("name").trim();
  if (deps.control.listeners().some(({ id }) => id === `${protocol}:${type}:${name}`)) {
    throw fieldProblem("name", `${protocol}:${type}:${name} is there already`);
  }
  const settings = [NAME, ...listenerSettings(protocol, type)];
  const entries = (await readSettings(form, settings, undefined))
    .filter(([setting]) => setting !== NAME.name);
  const above = protocol === "nats" ? ["gateway", "nats", "listeners"] : ["listeners"];
  const value = withEntries({}, entries);
  await changeConfig(context, deps, [{ path: [...above, type, name], value }]);
  return go(context, "/listeners", "added");
}

async function edit(context: AdminContext, deps: PageDeps, form: Form): Promise<Response> {
  refuseOld(deps, form);
  const { path, protocol, type, id } = find(deps, form.text("id"));
  const { config } = deps.control;
  const settings = listenerSettings(protocol, type);
  const entries = await readSettings(form, settings, config.effective(path));
  const back = `/listener?id=${encodeURIComponent(id)}`;
  if (entries.length === 0) return go(context, back, "nothing");
  await changeConfig(context, deps, editsAt(path, entries));
  return go(context, back, "saved");
}

/** @throws {Problem} 404 */
function find({ control }: PageDeps, id: string): ListenerView {
  const found = control.listeners().find((listener) => listener.id === id);
  if (found !== undefined) return found;
  throw new Problem(404, "NOT_FOUND", `there is no listener ${id}`);
}

function kindOf(protocol: string | undefined, type: string | undefined) {
  return {
    protocol: protocol === "mqtt" ? "mqtt" as const : "nats" as const,
    type: isListenerType(type) ? type : "tcp" as const,
  };
}

function Listeners(
  { context, listeners }: { context: AdminContext; listeners: readonly ListenerView[] },
) {
  return (
    <Table
      label="Listeners"
      heads={["Listener", "Address", "Connections", "Refused", "State", "Certificate", "Actions"]}
      empty="No client can connect: there is no listener. Add one below."
      rows={listeners.map((listener) => [
        listener.id,
        listener.address,
        `${count(listener.connections)} of ${count(listener.connectionsMax)}`,
        count(listener.refused),
        <ListenerState listener={listener} />,
        listener.certificates.length === 0 ? "–" : listener.certificates
          .map(({ subject, notAfter }) => `${subject}, until ${moment(notAfter).slice(0, 10)}`)
          .join("; "),
        <div class="row">
          <a class="button plain" href={`${BASE}/listener?id=${encodeURIComponent(listener.id)}`}>
            Edit
          </a>
          <Switch context={context} listener={listener} />
          <Confirm
            context={context}
            action="/listeners/delete"
            label="Delete"
            question={`Delete ${listener.id}? ${listener.connections} clients will be disconnected.`}
            fields={{ id: listener.id }}
          />
        </div>,
      ])}
    />
  );
}

/** Opens a listener; closing it ends connections, so it asks first. */
function Switch({ context, listener }: { context: AdminContext; listener: ListenerView }) {
  const { id, enabled, connections } = listener;
  const common = {
    context,
    action: "/listeners/switch",
    fields: { id, enable: String(!enabled) },
  };
  return enabled
    ? (
      <Confirm
        {...common}
        label="Disable"
        question={`Close ${id}? ${connections} clients will be disconnected.`}
      />
    )
    : <Act {...common} label="Enable" />;
}

/** Whether a listener is open. */
export function ListenerState({ listener: { running, enabled } }: { listener: ListenerView }) {
  return (
    <Tag good={running ? true : enabled ? false : undefined}>
      {running ? "open" : enabled ? "not open" : "off"}
    </Tag>
  );
}

function newPage(context: AdminContext, refused?: Refused) {
  const word = (name: string) => refused?.form.text(name) ?? context.req.query(name);
  const { protocol, type } = kindOf(word("protocol"), word("type"));
  return page(context, {
    title: `New listener: ${PROTOCOL.labels![protocol]}, ${TYPE.labels![type]}`,
    menu: "/listeners",
    above: HOME,
    refused,
    body: (
      <PostForm
        context={context}
        action="/listeners/new"
        settings={[NAME, ...listenerSettings(protocol, type)]}
        refused={refused}
        fields={{ protocol, type }}
        submit="Add"
        cancel="/listeners"
      />
    ),
  });
}

function editPage(context: AdminContext, deps: PageDeps, refused?: Refused) {
  const id = refused?.form.text("id") ?? context.req.query("id") ?? "";
  const { path, protocol, type } = find(deps, id);
  const { config } = deps.control;
  return page(context, {
    title: id,
    menu: "/listeners",
    above: HOME,
    refused,
    body: (
      <PostForm
        context={context}
        action="/listener"
        intro="Clients stay connected unless the address or the kind of connection changes."
        settings={listenerSettings(protocol, type)}
        table={config.effective(path)}
        refused={refused}
        fields={{ id, version: config.version }}
        submit="Update"
        cancel="/listeners"
        buttons={
          <a
            class="button plain"
            href={`${BASE}/authentication/new?${new URLSearchParams({ list: id })}`}
          >
            Authentication of this listener
          </a>
        }
      />
    ),
  });
}
