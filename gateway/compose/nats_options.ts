/**
 * From the configuration to what the NATS sessions are given.
 */
import { parseTemplate, render, type Template } from "../auth/template.ts";
import type { Config, NatsGatewayConfig } from "../config/types.ts";
import type { ClientInfoOverride, NatsListenerOptions, NatsOptions } from "../nats/server.ts";
import type { PeerInfo } from "../protocol/session.ts";
import type { ListenerPlan } from "./listener_plan.ts";
import { handshakeMode, tlsConfig } from "./ways_in.ts";

/** The options of the NATS gateway. */
export function natsOptions(config: Config): NatsOptions {
  const nats = config.gateway.nats;
  return {
    serverId: nats.server_id,
    serverName: nats.server_name,
    mountpoint: nats.mountpoint,
    mapping: nats.topic_mapping,
    dollarTopics: nats.dollar_topics === "nats",
    deliverRetained: nats.deliver_retained,
    authorizeMounted: config.authorization.include_mountpoint,
    heartbeat_interval_ms: nats.default_heartbeat_interval,
    heartbeat_wait_ms: nats.heartbeat_wait_timeout,
    idle_timeout_ms: nats.idle_timeout,
    auth_timeout_ms: nats.auth_timeout,
    payload_bytes_max: nats.protocol.max_payload_size,
    control_line_bytes_max: nats.protocol.max_control_line,
    oversize: nats.protocol.oversize,
    subscriptions_max: nats.max_subscriptions,
    pending_bytes_max: nats.max_pending,
  };
}

/** What INFO says of TLS: nothing where it is below a WebSocket, which clients know already. */
export function natsTlsInfo(plan: ListenerPlan): NatsListenerOptions["tls"] {
  const tls = plan.type === "ssl" ? tlsConfig(plan) : undefined;
  const mode = handshakeMode(plan);
  return {
    required: tls !== undefined && mode !== "optional",
    available: tls !== undefined && mode === "optional",
    verify: tls?.verify === "verify_peer" && tls.fail_if_no_peer_cert,
    handshakeFirst: tls !== undefined && mode === "first",
  };
}

/** Whether clients hear INFO before anything else happens: not behind TLS, nor WebSockets. */
export function greetsInClear(plan: ListenerPlan): boolean {
  return plan.protocol === "nats" && (plan.type === "tcp" || handshakeMode(plan) !== "first");
}

/** `clientinfo_override`: where username, password and client id come from. */
export function clientInfoOverride(
  override: NatsGatewayConfig["clientinfo_override"],
): ClientInfoOverride {
  const username = parseTemplate(override.username);
  const password = parseTemplate(override.password);
  const clientId = override.clientid === undefined ? undefined : parseTemplate(override.clientid);
  return (packet, peer) => {
    const lookup = (name: string) => lookUp(name, packet, peer);
    const text = (template: Template) => render(template, lookup) || undefined;
    return {
      username: text(username),
      password: text(password),
      clientId: clientId === undefined ? undefined : text(clientId),
    };
  };
}

/** `${generated}` is nothing, so that a generated client id is kept. */
function lookUp(
  name: string,
  packet: Readonly<Record<string, unknown>>,
  peer: PeerInfo,
): string | undefined {
  if (name.startsWith(PACKET_PREFIX)) {
    const value = packetField(packet, name.slice(PACKET_PREFIX.length));
    if (value === undefined || value === null) return undefined;
    return typeof value === "object" ? JSON.stringify(value) : String(value);
  }
  switch (name.replace(/^(ConnInfo|ClientInfo)\./, "")) {
    case "peername":
      return `${peer.address}:${peer.port}`;
    case "peerhost":
      return peer.address;
    case "peerport":
      return String(peer.port);
    case "sockname":
      return `${peer.localAddress}:${peer.localPort}`;
    case "sockport":
      return String(peer.localPort);
    case "listener":
      return peer.listener;
    case "zone":
      return "default";
    case "protocol":
      return "nats";
    case "proto_name":
      return "NATS";
    case "proto_ver":
      return "1";
    case "cn":
    case "cert_common_name":
      return peer.certificate?.commonName;
    case "dn":
    case "cert_subject":
      return peer.certificate?.subject;
    default:
      return undefined;
  }
}

const PACKET_PREFIX = "Packet.";

/** A field of CONNECT by dotted path; only own fields count. */
function packetField(packet: Readonly<Record<string, unknown>>, path: string): unknown {
  let value: unknown = packet;
  for (const key of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}
