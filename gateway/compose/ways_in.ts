/**
 * From a listener's settings to the layers between its socket and its sessions.
 */
import { networksMatcher } from "../address.ts";
import type { Clock } from "../clock.ts";
import { formatPath } from "../config/path.ts";
import type { Config, ServerTlsConfig, WebsocketConfig } from "../config/types.ts";
import { type ConfigIssue, EXIT, OperationalError } from "../errors.ts";
import { canTimeKeepAlive } from "../transport/adopt.ts";
import { loadTlsMaterial, type TlsMaterial } from "../transport/tls_material.ts";
import { needTls } from "../transport/tls_probe.ts";
import { TlsServer } from "../transport/tls_server.ts";
import type { HandshakeMode } from "../transport/tls_start.ts";
import type { WayIn } from "../transport/way_in.ts";
import type { WebSocketOptions } from "../transport/websocket_upgrade.ts";
import { type ListenerPlan, listenerPlans } from "./listener_plan.ts";

/** Time for the upgrade request of a WebSocket. */
const UPGRADE_TIMEOUT_MS = 15_000;

/** TLS settings of a listener that has them. */
export function tlsConfig(plan: ListenerPlan): ServerTlsConfig | undefined {
  return "ssl_options" in plan.listener ? plan.listener.ssl_options : undefined;
}

/** When TLS begins: MQTT clients and WebSockets always begin with it. */
export function handshakeMode(plan: ListenerPlan): HandshakeMode {
  return "handshake" in plan.listener ? plan.listener.handshake : "first";
}

/**
 * Reads the certificates of a listener; undefined when it has no TLS.
 * @throws {OperationalError} they are not usable
 */
export async function listenerMaterial(plan: ListenerPlan): Promise<TlsMaterial | undefined> {
  const tls = tlsConfig(plan);
  if (tls === undefined) return undefined;
  if ("path" in plan.listener.bind) {
    const path = formatPath(plan.path);
    throw new OperationalError(
      `${path}.bind is a Unix socket, which needs no TLS; use tcp`,
      EXIT.config,
    );
  }
  return await loadTlsMaterial(tls, `${formatPath(plan.path)}.ssl_options`);
}

/** What keeps listeners from starting that only shows when files are opened and TLS is tried. */
export async function checkWaysIn(config: Config, clock: Clock): Promise<ConfigIssue[]> {
  const issues: ConfigIssue[] = [];
  for (const plan of listenerPlans(config)) {
    if (plan.options.keepalive_s !== undefined && !canTimeKeepAlive()) {
      issues.push({
        severity: "warning",
        path: `${formatPath(plan.path)}.tcp_options.keepalive`,
        message: "this runtime cannot set the first number either; " +
          "it is the system's (sysctl net.ipv4.tcp_keepalive_time)",
      });
    }
    const load = () => listenerMaterial(plan);
    issues.push(...await tlsIssues(formatPath(plan.path), tlsConfig(plan), load, clock));
  }
  const { https } = config.dashboard.listeners;
  if (https.bind !== undefined) {
    const path = "dashboard.listeners.https";
    const load = () => loadTlsMaterial(https.ssl_options, `${path}.ssl_options`);
    issues.push(...await tlsIssues(path, https.ssl_options, load, clock));
  }
  return issues;
}

/** What is wrong with the certificates of a listener; `path` is that of its settings. */
async function tlsIssues(
  path: string,
  tls: ServerTlsConfig | undefined,
  load: () => Promise<TlsMaterial | undefined>,
  clock: Clock,
): Promise<ConfigIssue[]> {
  try {
    if (tls !== undefined) await needTls(clock);
    const material = await load();
    return material === undefined ? [] : [...expired(path, material, clock.calendar())];
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    // The first word is the setting, except where it is the runtime that is not fit.
    const [first = "", ...rest] = error.message.split(" ");
    const isSetting = first.startsWith(path);
    return [{
      severity: "error",
      path: isSetting ? first : path,
      message: isSetting ? rest.join(" ") : error.message,
    }];
  }
}

/** Files that can be read and say nothing any more. */
function* expired(path: string, material: TlsMaterial, now: number): Generator<ConfigIssue> {
  for (const { info } of material.identities) {
    if (info.notAfter >= now) continue;
    const message = `the certificate of ${info.subject} has expired: clients will refuse it`;
    yield { severity: "warning", path: `${path}.ssl_options.certfile`, message };
  }
  for (const { issuer, nextUpdate } of material.revocationLists) {
    if (nextUpdate >= now) continue;
    const message = `the list of ${issuer} has expired: clients of that authority are refused`;
    yield { severity: "warning", path: `${path}.ssl_options.crlfile`, message };
  }
}

/**
 * The layers of a listener.
 * @param server TLS that is running already, when only other settings have changed.
 */
export function wayIn(
  plan: ListenerPlan,
  material: TlsMaterial | undefined,
  clock: Clock,
  server?: TlsServer,
): WayIn {
  const { listener } = plan;
  const tls = tlsConfig(plan);
  const isTrusted = networksMatcher(listener.proxy_protocol_trusted)!;
  const trustsAnyone = listener.proxy_protocol_trusted.length === 0;
  return {
    ...(listener.proxy_protocol && {
      proxy: {
        timeout_ms: listener.proxy_protocol_timeout,
        isTrusted: trustsAnyone ? () => true : isTrusted,
      },
    }),
    ...(tls !== undefined && material !== undefined && {
      tls: {
        server: server ?? new TlsServer(tls, material, clock),
        handshake: handshakeMode(plan),
      },
    }),
    ...("websocket" in listener && {
      websocket: webSocketOptions(plan.protocol, listener.websocket, isTrusted),
    }),
  };
}

function webSocketOptions(
  protocol: ListenerPlan["protocol"],
  config: WebsocketConfig,
  isTrustedProxy: (address: string) => boolean,
): WebSocketOptions {
  return {
    path: config.path,
    supportedSubprotocols: config.supported_subprotocols,
    failIfNoSubprotocol: config.fail_if_no_subprotocol,
    checkOrigins: config.check_origin_enable ? config.check_origins : undefined,
    allowOriginAbsence: config.allow_origin_absence,
    deflate: config.compress ? config.deflate_opts : undefined,
    maxFrameSize: config.max_frame_size,
    idleTimeoutMs: config.idle_timeout,
    upgradeTimeoutMs: UPGRADE_TIMEOUT_MS,
    proxyAddressHeader: config.proxy_address_header.toLowerCase(),
    proxyPortHeader: config.proxy_port_header.toLowerCase(),
    jwtCookie: config.jwt_cookie,
    // Without a list nobody is believed: any client could claim to be anyone.
    isTrustedProxy,
    textAllowed: protocol === "nats",
    noMaskingAllowed: protocol === "nats",
  };
}
