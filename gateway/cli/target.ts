/**
 * The URL that a test client is given: which protocol, over what, to where, as whom.
 */
import { didYouMean, UsageError } from "./usage.ts";

/** Where to connect to. */
export interface Target {
  readonly protocol: "nats" | "mqtt";
  readonly transport: "tcp" | "tls" | "ws" | "wss";
  /** Without the brackets of IPv6. */
  readonly host: string;
  readonly port: number;
  /** Of a WebSocket. */
  readonly path: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

const SCHEMES: Readonly<Record<string, readonly [Target["protocol"] | "", Target["transport"]]>> = {
  nats: ["nats", "tcp"],
  tls: ["nats", "tls"],
  mqtt: ["mqtt", "tcp"],
  mqtts: ["mqtt", "tls"],
  ws: ["", "ws"],
  wss: ["", "wss"],
};

const PORTS = {
  nats: { tcp: 4222, tls: 4222, ws: 9222, wss: 9223 },
  mqtt: { tcp: 1883, tls: 8883, ws: 8083, wss: 8084 },
} as const;

/**
 * Reads a URL such as `mqtt://user:secret@host:1883`. A WebSocket speaks MQTT when its path begins
 * with `/mqtt`, else NATS, unless `protocol` says otherwise.
 */
export function parseTarget(text: string, protocol?: Target["protocol"]): Target {
  const example = 'such as "nats://127.0.0.1:4222"';
  if (!/^[a-z]+:\/\//i.test(text)) {
    throw new UsageError(`"${text}" is no URL ${example}. See \`natsgate help urls\`.`);
  }
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new UsageError(`"${text}" cannot be read as a URL ${example}.`);
  }
  const scheme = url.protocol.slice(0, -1);
  const known = SCHEMES[scheme];
  if (known === undefined) {
    throw new UsageError(
      `"${scheme}" is none of ${Object.keys(SCHEMES).join(", ")}.` +
        didYouMean(scheme, Object.keys(SCHEMES)),
    );
  }
  const [fixed, transport] = known;
  if (fixed !== "" && protocol !== undefined && protocol !== fixed) {
    throw new UsageError(`${scheme}:// speaks ${fixed}, not ${protocol}.`);
  }
  const spoken = protocol ?? (fixed || (url.pathname.startsWith("/mqtt") ? "mqtt" : "nats"));
  if (url.hostname === "") throw new UsageError(`"${text}" names no host, ${example}.`);
  return {
    protocol: spoken,
    transport,
    host: url.hostname.replace(/^\[|\]$/g, ""),
    // The URL class drops a port that is the standard one of ws and wss.
    port: url.port === "" ? standardPort(text, spoken, transport) : Number(url.port),
    path: url.pathname + url.search,
    username: url.username === "" ? undefined : decodeURIComponent(url.username),
    password: url.password === "" ? undefined : decodeURIComponent(url.password),
  };
}

function standardPort(
  text: string,
  protocol: Target["protocol"],
  transport: Target["transport"],
): number {
  if (/^wss?:\/\/[^/?#]*:80(?=[/?#]|$)/i.test(text)) return 80;
  if (/^wss:\/\/[^/?#]*:443(?=[/?#]|$)/i.test(text)) return 443;
  return PORTS[protocol][transport];
}
