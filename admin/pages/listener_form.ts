/** Which fields the form of a listener has. */
import type { ListenerView, Protocol } from "../../gateway/control.ts";
import type { Setting } from "./settings.tsx";

type ListenerType = ListenerView["type"];

/** True for the kinds of listener that there are. */
export function isListenerType(type: string | undefined): type is ListenerType {
  return type === "tcp" || type === "ssl" || type === "ws" || type === "wss";
}

/** Asked once: a listener keeps its name. */
export const NAME: Setting = {
  name: "name",
  label: "Name",
  kind: "text",
  required: true,
  help: "A letter, then letters, digits, - and _.",
};

const COMMON: readonly Setting[] = [
  {
    name: "bind",
    label: "Address",
    kind: "text",
    required: true,
    help: "Such as 127.0.0.1:4222; 4222 alone means every address of this host.",
  },
  { name: "max_connections", label: "Connections at most", kind: "number", initial: 1_024_000 },
  { name: "max_conn_rate", label: "New connections", kind: "number", initial: "1000/s" },
  {
    name: "mountpoint",
    label: "Mountpoint",
    kind: "text",
    optional: true,
    help: "Instead of the gateway's own.",
  },
  { name: "enable", label: "Enabled", kind: "flag", initial: true },
  { name: "enable_authn", label: "Clients must log in", kind: "flag", initial: true },
  { name: "proxy_protocol", label: "PROXY protocol in front", kind: "flag" },
  {
    name: "proxy_protocol_timeout",
    label: "PROXY protocol timeout",
    kind: "number",
    initial: "3s",
  },
];

const TLS: readonly Setting[] = [
  {
    name: "ssl_options.certfile",
    label: "Certificate",
    kind: "pem",
    help: "PEM text with the chain, a file to upload, or the path of a file on the server.",
  },
  { name: "ssl_options.keyfile", label: "Private key", kind: "pem" },
  { name: "ssl_options.cacertfile", label: "CA certificate", kind: "pem" },
  { name: "ssl_options.password", label: "Passphrase of the key", kind: "secret" },
  {
    name: "ssl_options.verify",
    label: "Certificates of clients",
    kind: "choice",
    choices: ["verify_none", "verify_peer"],
  },
  {
    name: "ssl_options.fail_if_no_peer_cert",
    label: "Refuse clients without a certificate",
    kind: "flag",
  },
  {
    name: "ssl_options.versions",
    label: "TLS versions",
    kind: "lines",
    initial: ["tlsv1.3", "tlsv1.2"],
  },
];

/** The fields of a listener. */
export function listenerSettings(protocol: Protocol, type: ListenerType): readonly Setting[] {
  const settings = [...COMMON];
  if (type === "ssl" && protocol === "nats") {
    settings.push({
      name: "handshake",
      label: "TLS begins",
      kind: "choice",
      choices: ["auto", "first", "upgrade", "optional"],
    });
  }
  if (type === "ws" || type === "wss") settings.push(...webSocket(protocol));
  if (type === "ssl" || type === "wss") settings.push(...TLS);
  return settings;
}

function webSocket(protocol: Protocol): readonly Setting[] {
  const nats = protocol === "nats";
  return [
    { name: "websocket.path", label: "Path", kind: "text", initial: nats ? "" : "/mqtt" },
    { name: "websocket.check_origin_enable", label: "Check the origin of pages", kind: "flag" },
    {
      name: "websocket.check_origins",
      label: "Origins that may connect",
      kind: "lines",
      initial: ["http://localhost:18083", "http://127.0.0.1:18083"],
    },
    {
      name: "websocket.supported_subprotocols",
      label: "Subprotocols",
      kind: "lines",
      initial: nats ? ["NATS/1.0", "NATS"] : ["mqtt", "mqtt-v3", "mqtt-v3.1.1", "mqtt-v5"],
    },
  ];
}
