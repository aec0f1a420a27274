/** Listeners of both protocols: list, add, edit, delete. */
import type { Hono } from "hono";
import type { ListenerView } from "../../gateway/control.ts";
import type { AdminContext, AdminEnv } from "../api.ts";
import { Problem } from "../problem.ts";
import { isListenerType, listenerSettings, NAME } from "./listener_form.ts";
import { BASE, Csrf, type Form, go, page, type PageDeps, refuseOld, submit } from "./page.tsx";
import { whoLooks } from "./page.tsx";
import { Confirm, count, moment, Table, Tag } from "./parts.tsx";
import { editsAt, readSettings, SettingFields, withEntries } from "./settings.tsx";

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
          <AddForm />
        </>
      ),
    }));
  app.get(
    "/live/listeners",
    (context) => context.html(<Listeners context={context} listeners={control.listeners()} />),
  );
  app.get("/listeners/new", (context) => newPage(context, deps));
  app.post("/listeners/new", (context) =>
    submit(
      context,
      (form) => add(context, deps, form),
      (problem, form) => newPage(context, deps, problem, form),
    ));
  app.get("/listener", (context) => editPage(context, deps));
  app.post("/listener", (context) =>
    submit(
      context,
      (form) => edit(context, deps, form),
      (problem, form) => editPage(context, deps, problem, form),
    ));
  app.post("/listeners/delete", (context) =>
    submit(context, async (form) => {
      const { path } = find(deps, form.text("id"));
      await control.config.change([{ path, value: undefined }], whoLooks(context).name);
      return go(context, "/listeners", "deleted");
    }, (problem) => page(context, { title: "Listeners", menu: "/listeners", problem, body: "" })));
}

async function add(context: AdminContext, { control }: PageDeps, form: Form): Promise<Response> {
  const { protocol, type } = kindOf(form.text("protocol"), form.text("type"));
  const name = form.text("name").trim();
  if (control.listeners().some(({ id }) => id === `${protocol}:${type}:${name}`)) {
    throw new Problem(400, "ALREADY_EXISTS", `${protocol}:${type}:${name} is there already`);
  }
  const entries = await readSettings(form, listenerSettings(protocol, type), undefined);
  const above = protocol === "nats" ? ["gateway", "nats", "listeners"] : ["listeners"];
  const value = withEntries({}, entries);
  await control.config.change([{ path: [...above, type, name], value }], whoLooks(context).name);
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
  await config.change(editsAt(path, entries), whoLooks(context).name);
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
      empty="No listener is configured."
      rows={listeners.map((listener) => [
        listener.id,
        listener.address,
        `${count(listener.connections)} of ${count(listener.connectionsMax)}`,
        count(listener.refused),
        <Tag good={listener.running ? true : listener.enabled ? false : undefined}>
          {listener.running ? "open" : listener.enabled ? "not open" : "off"}
        </Tag>,
        listener.certificates.length === 0 ? "–" : listener.certificates
          .map(({ subject, notAfter }) => `${subject}, until ${moment(notAfter)}`).join("; "),
        <div class="row">
          <a class="button plain" href={`${BASE}/listener?id=${encodeURIComponent(listener.id)}`}>
            Edit
          </a>
          <Confirm
            context={context}
            action="/listeners/delete"
            label="Delete"
            question={`${listener.connections} clients of ${listener.id} will be disconnected.`}
            fields={{ id: listener.id }}
          />
        </div>,
      ])}
    />
  );
}

function AddForm() {
  return (
    <form class="panel" method="get" action={`${BASE}/listeners/new`}>
      <h2>Add a listener</h2>
      <div class="filter">
        <div>
          <label for="protocol">Protocol</label>
          <select id="protocol" name="protocol">
            <option value="nats">NATS</option>
            <option value="mqtt">MQTT</option>
          </select>
        </div>
        <div>
          <label for="type">Type</label>
          <select id="type" name="type">
            <option value="tcp">TCP</option>
            <option value="ssl">TLS</option>
            <option value="ws">WebSocket</option>
            <option value="wss">WebSocket over TLS</option>
          </select>
        </div>
        <div>
          <button type="submit">Add listener</button>
        </div>
      </div>
    </form>
  );
}

function newPage(context: AdminContext, _deps: PageDeps, problem?: string, form?: Form) {
  const { protocol, type } = kindOf(
    form?.text("protocol") ?? context.req.query("protocol"),
    form?.text("type") ?? context.req.query("type"),
  );
  const settings = [NAME, ...listenerSettings(protocol, type)];
  return page(context, {
    title: `New listener: ${protocol}:${type}`,
    menu: "/listeners",
    problem,
    body: (
      <form class="panel" method="post" enctype="multipart/form-data">
        <Csrf context={context} />
        <input type="hidden" name="protocol" value={protocol} />
        <input type="hidden" name="type" value={type} />
        <SettingFields settings={settings} table={undefined} form={form} />
        <div class="row">
          <button type="submit">Add</button>
          <a class="button plain" href={`${BASE}/listeners`}>Cancel</a>
        </div>
      </form>
    ),
  });
}

function editPage(context: AdminContext, deps: PageDeps, problem?: string, form?: Form) {
  const id = form?.text("id") ?? context.req.query("id") ?? "";
  const { path, protocol, type } = find(deps, id);
  const { config } = deps.control;
  return page(context, {
    title: id,
    menu: "/listeners",
    problem,
    body: (
      <form class="panel" method="post" action={`${BASE}/listener`} enctype="multipart/form-data">
        <Csrf context={context} />
        <input type="hidden" name="id" value={id} />
        <input type="hidden" name="version" value={config.version} />
        <p class="soft">
          Clients stay connected unless the address or the kind of connection changes.
        </p>
        <SettingFields
          settings={listenerSettings(protocol, type)}
          table={config.effective(path)}
          form={form}
        />
        <div class="row">
          <button type="submit">Update</button>
          <a class="button plain" href={`${BASE}/listeners`}>Back</a>
        </div>
      </form>
    ),
  });
}
