/**
 * The lines at start that tell the operator which door is where and who may come in.
 */
import { formatBind, isLoopback } from "./address.ts";

/** A start-up line for the log. */
export interface Notice {
  readonly level: "info" | "warning";
  readonly text: string;
}

/** A bound listener, as far as the lines need to know it. */
export interface ListenerFacts {
  /** Such as `nats:tcp:default`. */
  readonly id: string;
  readonly protocol: "NATS" | "MQTT" | "admin";
  readonly transport: "tcp" | "ssl" | "ws" | "wss" | "http" | "https";
  /** The bound address: `0.0.0.0` or `::` for all interfaces, or `unix:` and a path. */
  readonly address: string;
  /** The bound port, also when 0 was asked for. */
  readonly port: number;
  /** Path of a WebSocket listener; "" for any. */
  readonly path: string;
  /** True when a client without credentials is let in. */
  readonly anonymous: boolean;
  /** True when only clients with a certificate that we trust get through the handshake. */
  readonly certificateRequired: boolean;
}

/** One line for each listener, and a warning for each that lets strangers in from outside. */
export function startNotices(listeners: readonly ListenerFacts[]): Notice[] {
  const notices: Notice[] = [];
  for (const listener of listeners) {
    notices.push({
      level: "info",
      text: `${listener.protocol} on ${where(listener)} (${listener.id}): ${who(listener)}`,
    });
  }
  for (const listener of listeners) {
    const open = listener.anonymous && !listener.certificateRequired;
    if (!open || isUnix(listener) || isLoopback(listener.address)) continue;
    notices.push({
      level: "warning",
      text: `anyone who reaches ${where(listener)} can use ${listener.protocol} without ` +
        "credentials; configure an authenticator, bind it to 127.0.0.1, or set " +
        `security_profile = "hardened" (${listener.id})`,
    });
  }
  if (listeners.length === 0) {
    notices.push({ level: "warning", text: "no listener is enabled: nobody can connect" });
  }
  return notices;
}

const SCHEMES = { tcp: "tcp", ssl: "tls", ws: "ws", wss: "wss", http: "http", https: "https" };

function where(listener: ListenerFacts): string {
  if (isUnix(listener)) return listener.address;
  const { address: host, port, path } = listener;
  return `${SCHEMES[listener.transport]}://${formatBind({ host, port })}${path}`;
}

function isUnix(listener: ListenerFacts): boolean {
  return listener.address.startsWith("unix:");
}

function who(listener: ListenerFacts): string {
  const certificate = listener.certificateRequired ? "clients with a trusted certificate" : "";
  if (!listener.anonymous) {
    return certificate === "" ? "credentials needed" : `${certificate} and credentials`;
  }
  return certificate === "" ? "anonymous clients allowed" : certificate;
}
