/** The NATS gateway: its state, its settings, on and off. */
import type { Hono } from "hono";
import type { AdminContext, AdminEnv } from "../api.ts";
import { BASE, Csrf, type Form, go, page, type PageDeps, submit, whoLooks } from "./page.tsx";
import { refuseOld } from "./page.tsx";
import { Confirm, count, Table, Tag } from "./parts.tsx";
import { editsAt, readSettings, type Setting, SettingFields } from "./settings.tsx";

const PATH = ["gateway", "nats"];

/** The first step of the wizard asks for these. */
export const BASIC_SETTINGS: readonly Setting[] = [
  { name: "server_id", label: "Server ID", kind: "text", required: true },
  { name: "server_name", label: "Server name", kind: "text", required: true },
  {
    name: "mountpoint",
    label: "Mountpoint",
    kind: "text",
    help: "Put in front of every topic, such as nats/ or ${clientid}/.",
  },
  {
    name: "default_heartbeat_interval",
    label: "Heartbeat interval",
    kind: "number",
    help: "Such as 30s; 0: no heartbeat.",
  },
  { name: "heartbeat_wait_timeout", label: "Heartbeat timeout", kind: "number" },
  { name: "protocol.max_payload_size", label: "Largest payload", kind: "number" },
  { name: "idle_timeout", label: "Idle timeout", kind: "number" },
];

const SETTINGS: readonly Setting[] = [
  ...BASIC_SETTINGS,
  { name: "auth_timeout", label: "Login timeout", kind: "number" },
  { name: "max_subscriptions", label: "Subscriptions of one client", kind: "number" },
  { name: "max_pending", label: "Bytes that may wait for one client", kind: "number" },
  {
    name: "topic_mapping",
    label: "Topic mapping",
    kind: "choice",
    choices: ["lossless", "plain"],
  },
  {
    name: "dollar_topics",
    label: "Wildcards and names with $",
    kind: "choice",
    choices: ["mqtt", "nats"],
  },
  { name: "clientinfo_override.username", label: "User name is taken from", kind: "text" },
  { name: "clientinfo_override.password", label: "Password is taken from", kind: "text" },
  {
    name: "clientinfo_override.clientid",
    label: "Client id is taken from",
    kind: "text",
    optional: true,
    help: "Empty: a random id. ${Packet.name} takes the name that the client gives.",
  },
  { name: "enable_stats", label: "Count messages and bytes", kind: "flag" },
  { name: "deliver_retained", label: "Deliver retained messages to NATS clients", kind: "flag" },
];

/** `/gateways` and the settings. */
export function gatewayPages(app: Hono<AdminEnv>, deps: PageDeps): void {
  const { control } = deps;
  app.get("/gateways", (context) =>
    page(context, {
      title: "Gateways",
      menu: "/gateways",
      body: (
        <div class="panel">
          <Gateways context={context} deps={deps} />
        </div>
      ),
    }));
  app.post("/gateways/nats/enable", (context) =>
    submit(context, async (form) => {
      const enable = form.text("enable") === "true";
      await control.config.change(
        [{ path: [...PATH, "enable"], value: enable }],
        whoLooks(context).name,
      );
      return go(context, "/gateways", enable ? "enabled" : "disabled");
    }, (problem) => page(context, { title: "Gateways", menu: "/gateways", problem, body: "" })));
  app.get("/gateways/nats", (context) => settingsPage(context, deps));
  app.post("/gateways/nats", (context) =>
    submit(context, async (form) => {
      refuseOld(deps, form);
      const entries = await readSettings(form, SETTINGS, control.config.effective(PATH));
      if (entries.length === 0) return go(context, "/gateways/nats", "nothing");
      await control.config.change(editsAt(PATH, entries), whoLooks(context).name);
      return go(context, "/gateways/nats", "saved");
    }, (problem, form) => settingsPage(context, deps, problem, form)));
}

function Gateways({ context, deps }: { context: AdminContext; deps: PageDeps }) {
  const { nats, connections } = deps.control.status();
  const running = nats === "running";
  const listeners = deps.control.listeners().filter(({ protocol }) => protocol === "nats");
  return (
    <Table
      label="Gateways"
      heads={["Name", "State", "Connections", "Listeners", "Actions"]}
      empty=""
      rows={[[
        "NATS",
        <Tag good={running}>{running ? "Enabled" : "Disabled"}</Tag>,
        count(connections.nats),
        count(listeners.length),
        <div class="row">
          <a class="button" href={`${BASE}/gateways/wizard`}>Set up</a>
          <a class="button plain" href={`${BASE}/gateways/nats`}>Settings</a>
          <a class="button plain" href={`${BASE}/clients?protocol=nats`}>Clients</a>
          <a class="button plain" href={`${BASE}/listeners`}>Listeners</a>
          {running
            ? (
              <Confirm
                context={context}
                action="/gateways/nats/enable"
                label="Disable"
                question={`${connections.nats} clients will be disconnected. Disable it?`}
                fields={{ enable: "false" }}
              />
            )
            : (
              <form method="post" action={`${BASE}/gateways/nats/enable`}>
                <Csrf context={context} />
                <input type="hidden" name="enable" value="true" />
                <button type="submit">Enable</button>
              </form>
            )}
        </div>,
      ]]}
    />
  );
}

function settingsPage(context: AdminContext, { control }: PageDeps, problem?: string, form?: Form) {
  return page(context, {
    title: "Settings of the NATS gateway",
    menu: "/gateways",
    problem,
    body: (
      <form class="panel" method="post">
        <Csrf context={context} />
        <input type="hidden" name="version" value={control.config.version} />
        <SettingFields settings={SETTINGS} table={control.config.effective(PATH)} form={form} />
        <button type="submit">Update</button>
      </form>
    ),
  });
}
