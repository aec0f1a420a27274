/**
 * How the API writes the gateway and its listeners, and turns what is written back into changes
 * of the configuration.
 */
import type { ConfigEdit, GatewayControl, ListenerView } from "../gateway/control.ts";
import { Problem } from "./problem.ts";
import { limitText, timeText } from "./schemas.ts";

/** Where the gateway's settings are. */
export const NATS_PATH = ["gateway", "nats"] as const;
const LISTENER_TYPES = ["tcp", "ssl", "ws", "wss"] as const;

/** What is only told, and ignored when it is written back. */
const TOLD_OF_GATEWAY = new Set([
  "name",
  "status",
  "created_at",
  "started_at",
  "stopped_at",
  "node_status",
  "max_connections",
  "current_connections",
]);
const TOLD_OF_LISTENER = new Set(["id", "type", "name", "running", "status", "node_status"]);

/** @throws {Problem} 400 for a gateway that is not `nats` */
export function knownGateway(name: string): void {
  if (name === "nats") return;
  throw new Problem(400, "BAD_REQUEST", `unknown gateway ${JSON.stringify(name)}; there is: nats`);
}

/** `unloaded`: switched off, and nothing is configured for it. */
export function gatewayState(control: GatewayControl): "running" | "stopped" | "unloaded" {
  if (control.status().nats === "running") return "running";
  return natsListeners(control).length === 0 ? "unloaded" : "stopped";
}

/** The listeners of the gateway, open or not. */
function natsListeners(control: GatewayControl): ListenerView[] {
  return control.listeners().filter(({ protocol }) => protocol === "nats");
}

/** The gateway in a list. */
export function gatewaySummary(control: GatewayControl) {
  const status = gatewayState(control);
  if (status === "unloaded") return { name: "nats", status };
  const listeners = natsListeners(control);
  const enabled = listeners.filter(({ enabled }) => enabled);
  const max_connections = limitText(
    enabled.reduce((sum, { connectionsMax }) => sum + connectionsMax, 0),
  );
  const current_connections = listeners.reduce((sum, { connections }) => sum + connections, 0);
  const { node } = control.status();
  return {
    name: "nats",
    status,
    ...times(control, status),
    max_connections,
    current_connections,
    listeners: listeners.map(({ id, name, type, running }) => ({ id, name, type, running })),
    node_status: [{ node, status, max_connections, current_connections }],
  };
}

/** The gateway with all its settings. */
export function gatewayObject(control: GatewayControl) {
  const status = gatewayState(control);
  if (status === "unloaded") return { name: "nats", status };
  const settings = control.config.effective(NATS_PATH) as Record<string, unknown>;
  return {
    ...settings,
    name: "nats",
    status,
    ...times(control, status),
    listeners: natsListeners(control).map((listener) => listenerObject(control, listener)),
  };
}

function times(control: GatewayControl, status: "running" | "stopped") {
  const at = timeText(control.status().startedAt);
  return { created_at: at, [status === "running" ? "started_at" : "stopped_at"]: at };
}

/** A listener with its settings. */
export function listenerObject(control: GatewayControl, listener: ListenerView) {
  const { id, type, name, running, path } = listener;
  const settings = control.config.effective(path) as Record<string, unknown>;
  return { ...settings, bind: String(settings.bind), id, type, name, running };
}

/** A listener in a list: with how it runs. */
export function listenerWithStatus(control: GatewayControl, listener: ListenerView) {
  const status = {
    running: listener.running,
    max_connections: limitText(listener.connectionsMax),
    current_connections: listener.connections,
  };
  const { address, port, certificates } = listener;
  return {
    ...listenerObject(control, listener),
    address,
    port,
    certificates,
    status,
    node_status: [{ node: control.status().node, status }],
  };
}

/** What of a listener's object belongs into the configuration. */
export function listenerSettings(body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const kept = Object.entries(body).filter(([key]) => !TOLD_OF_LISTENER.has(key));
  return Object.fromEntries(kept);
}

/** Type and name of a listener's object. @throws {Problem} 400 when they are not there */
export function listenerNames(body: Readonly<Record<string, unknown>>, where = "") {
  const type = LISTENER_TYPES.find((known) => known === body.type);
  if (type === undefined) {
    const message = `${where}type: expected one of ${LISTENER_TYPES.join(", ")}`;
    throw new Problem(400, "BAD_REQUEST", message);
  }
  if (typeof body.name !== "string" || !/^[a-zA-Z][0-9a-zA-Z_-]*$/.test(body.name)) {
    const message = `${where}name: a letter, then letters, digits, - and _`;
    throw new Problem(400, "BAD_REQUEST", message);
  }
  return { type, name: body.name };
}

/**
 * The changes that make the gateway what the body says. Keys that are left out stay as they are;
 * of those that are there, each is replaced as a whole. A list of listeners is all of them.
 */
export function gatewayEdits(
  control: GatewayControl,
  body: Readonly<Record<string, unknown>>,
): ConfigEdit[] {
  const edits: ConfigEdit[] = [];
  const isNew = gatewayState(control) === "unloaded";
  if (isNew && body.enable === undefined) {
    edits.push({ path: [...NATS_PATH, "enable"], value: true });
  }
  for (const [key, value] of Object.entries(body)) {
    if (TOLD_OF_GATEWAY.has(key) || key === "listeners") continue;
    edits.push({ path: [...NATS_PATH, key], value: value ?? undefined });
  }
  if (body.listeners !== undefined) edits.push(...listenersEdits(body.listeners));
  return edits;
}

function listenersEdits(listeners: unknown): ConfigEdit[] {
  if (!Array.isArray(listeners)) {
    throw new Problem(400, "BAD_REQUEST", "listeners: expected an array");
  }
  const byType = new Map<string, Record<string, unknown>>(
    LISTENER_TYPES.map((type) => [type, {}]),
  );
  for (const [index, listener] of listeners.entries()) {
    const where = `listeners[${index}].`;
    if (typeof listener !== "object" || listener === null || Array.isArray(listener)) {
      throw new Problem(400, "BAD_REQUEST", `${where.slice(0, -1)}: expected an object`);
    }
    const { type, name } = listenerNames(listener, where);
    const named = byType.get(type)!;
    if (Object.hasOwn(named, name)) {
      throw new Problem(400, "BAD_REQUEST", `${where}name: ${type} ${name} is there twice`);
    }
    if (listener.bind === undefined) {
      throw new Problem(400, "BAD_REQUEST", `${where}bind is required`);
    }
    named[name] = listenerSettings(listener);
  }
  return [...byType].map(([type, value]) => ({
    path: [...NATS_PATH, "listeners", type],
    value,
  }));
}
