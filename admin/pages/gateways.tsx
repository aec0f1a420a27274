/** The NATS gateway: its state, its settings, on and off. */
import type { Hono } from "hono";
import type { AdminContext, AdminEnv } from "../api.ts";
import { Act, Confirm, PostForm } from "./form.tsx";
import { page } from "./page.tsx";
import { count, Table, Tag } from "./parts.tsx";
import {
  BASE,
  changeConfig,
  go,
  type PageDeps,
  type Refused,
  refuseOld,
  submit,
} from "./request.ts";
import { editsAt, readSettings, type Setting } from "./settings.ts";

const PATH = ["gateway", "nats"];

/** The first step of the wizard asks for these. */
export const BASIC_SETTINGS: readonly Setting[] = [
  {
    name: "server_name",
    label: "Server name",
    kind: "text",
    required: true,
    help: "Clients see it when they connect.",
  },
  {
    name: "mountpoint",
    label: "Mountpoint",
    kind: "text",
    help: "Put in front of every topic of NATS clients, such as nats/ or ${clientid}/. " +
      "Empty: NATS and MQTT clients share all topics.",
  },
  {
    name: "default_heartbeat_interval",
    label: "Default heartbeat interval",
    kind: "number",
    help: "A client is asked whether it is still there after this long without a word; 0: never.",
  },
  {
    name: "heartbeat_wait_timeout",
    label: "Heartbeat timeout threshold",
    kind: "number",
    help: "Without an answer by then it counts as gone.",
  },
  {
    name: "protocol.max_payload_size",
    label: "Maximum payload size",
    kind: "number",
    help: "Bytes of one message, such as 1MB.",
  },
  {
    name: "idle_timeout",
    label: "Idle timeout",
    kind: "number",
    help: "From connecting to the first word of the client.",
  },
  { name: "server_id", label: "Server ID", kind: "text", required: true, more: true },
];

const SETTINGS: readonly Setting[] = [
  ...BASIC_SETTINGS,
  { name: "enable_stats", label: "Enable statistics", kind: "flag" },
  {
    name: "clientinfo_override.username",
    label: "Client info: user name",
    kind: "text",
    help: "Where it is taken from, such as ${Packet.user}.",
  },
  {
    name: "clientinfo_override.password",
    label: "Client info: password",
    kind: "text",
    help: "Such as ${Packet.pass}.",
  },
  {
    name: "clientinfo_override.clientid",
    label: "Client info: client ID",
    kind: "text",
    optional: true,
    help: "Empty: a random id. ${Packet.name} takes the name that the client gives.",
  },
  { name: "auth_timeout", label: "Login timeout", kind: "number", more: true },
  {
    name: "max_subscriptions",
    label: "Subscriptions of one client at most",
    kind: "number",
    more: true,
  },
  {
    name: "max_pending",
    label: "Bytes that may wait for one client",
    kind: "number",
    help: "A client that reads more slowly is closed.",
    more: true,
  },
  {
    name: "topic_mapping",
    label: "Topic mapping",
    kind: "choice",
    choices: ["lossless", "plain"],
    labels: {
      lossless: "lossless: every topic has a subject",
      plain: "plain: only . and / are swapped",
    },
    more: true,
  },
  {
    name: "dollar_topics",
    label: "Do wildcards match names with $",
    kind: "choice",
    choices: ["mqtt", "nats"],
    labels: { mqtt: "no, as in MQTT", nats: "yes, as in NATS" },
    more: true,
  },
  {
    name: "deliver_retained",
    label: "Deliver retained messages to NATS clients",
    kind: "flag",
    more: true,
  },
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
  app.post("/gateways/nats/enable", async (context) => {
    const enable = (await context.req.parseBody()).enable === "true";
    const edit = { path: [...PATH, "enable"], value: enable };
    await changeConfig(context, deps, [edit]);
    return go(context, "/gateways", enable ? "enabled" : "disabled");
  });
  app.get("/gateways/nats", (context) => settingsPage(context, deps));
  app.post("/gateways/nats", (context) =>
    submit(context, async (form) => {
      refuseOld(deps, form);
      const entries = await readSettings(form, SETTINGS, control.config.effective(PATH));
      if (entries.length === 0) return go(context, "/gateways/nats", "nothing");
      await changeConfig(context, deps, editsAt(PATH, entries));
      return go(context, "/gateways/nats", "saved");
    }, (refused) => settingsPage(context, deps, refused)));
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
          <a class={running ? "button plain" : "button"} href={`${BASE}/gateways/wizard`}>
            Setup
          </a>
          <a class="button plain" href={`${BASE}/gateways/nats`}>Settings</a>
          <a class="button plain" href={`${BASE}/clients?protocol=nats`}>Clients</a>
          <a class="button plain" href={`${BASE}/listeners`}>Listeners</a>
          {running
            ? (
              <Confirm
                context={context}
                action="/gateways/nats/enable"
                label="Disable"
                question={`Disable the NATS gateway? ${connections.nats} clients will be disconnected.`}
                fields={{ enable: "false" }}
              />
            )
            : (
              <Act
                context={context}
                action="/gateways/nats/enable"
                label="Enable"
                fields={{ enable: "true" }}
              />
            )}
        </div>,
      ]]}
    />
  );
}

function settingsPage(context: AdminContext, { control }: PageDeps, refused?: Refused) {
  return page(context, {
    title: "Settings of the NATS gateway",
    menu: "/gateways",
    above: ["/gateways", "Gateways"],
    refused,
    body: (
      <PostForm
        context={context}
        action="/gateways/nats"
        settings={SETTINGS}
        table={control.config.effective(PATH)}
        refused={refused}
        fields={{ version: control.config.version }}
        submit="Update"
        cancel="/gateways"
      />
    ),
  });
}
