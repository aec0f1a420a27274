/** Which fields the form of a listener has. */
import type { ListenerView, Protocol } from "../../gateway/control.ts";
import type { Setting } from "./settings.ts";

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
    label: "Bind",
    kind: "text",
    required: true,
    help: "Such as 127.0.0.1:4222; 4222 alone means every address of this host.",
  },
  { name: "enable", label: "Enabled", kind: "flag", initial: true },
  { name: "enable_authn", label: "Clients must log in", kind: "flag", initial: true },
  {
    name: "max_connections",
    label: "Max connections",
    kind: "number",
    initial: 1_024_000,
    more: true,
  },
  {
    name: "max_conn_rate",
    label: "Max connection rate",
    kind: "number",
    initial: "1000/s",
    help: "New connections; more have to wait.",
    more: true,
  },
  {
    name: "mountpoint",
    label: "Mountpoint",
    kind: "text",
    optional: true,
    help: "Put in front of every topic, instead of the gateway's own.",
    more: true,
  },
  {
    name: "access_rules",
    label: "Access rules",
    kind: "lines",
    help: 'One a line, such as "deny 10.0.0.0/8"; the first that fits decides.',
    more: true,
  },
  { name: "proxy_protocol", label: "Proxy protocol", kind: "flag", more: true },
  {
    name: "proxy_protocol_timeout",
    label: "Proxy protocol timeout",
    kind: "number",
    initial: "3s",
    more: true,
  },
];

const TLS: readonly Setting[] = [
  {
    name: "ssl_options.certfile",
    label: "TLS cert",
    kind: "pem",
    help: "Paste the PEM text with its chain, choose a file, or write the path of a file on the " +
      "server. To try it out, natsgate cert self-signed makes a certificate and its key.",
  },
  {
    name: "ssl_options.keyfile",
    label: "TLS key",
    kind: "pem",
    help: "The private key of the certificate. Once saved it is shown as ******.",
  },
  {
    name: "ssl_options.cacertfile",
    label: "CA cert",
    kind: "pem",
    help: "Only needed when clients show certificates: who signs those.",
  },
  { name: "ssl_options.password", label: "Passphrase of the key", kind: "secret", more: true },
  {
    name: "ssl_options.verify",
    label: "Certificates of clients",
    kind: "choice",
    choices: ["verify_none", "verify_peer"],
    labels: { verify_none: "are not asked for", verify_peer: "are verified" },
  },
  {
    name: "ssl_options.fail_if_no_peer_cert",
    label: "Force verify peer certificate: no client without one",
    kind: "flag",
  },
  {
    name: "ssl_options.versions",
    label: "TLS versions",
    kind: "lines",
    initial: ["tlsv1.3", "tlsv1.2"],
    more: true,
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
      labels: {
        auto: "as the client does",
        first: "at once",
        upgrade: "after INFO, as nats-server does",
        optional: "after INFO, and plain clients are let in too",
      },
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
    {
      name: "websocket.check_origin_enable",
      label: "Check the origin of pages",
      kind: "flag",
      more: true,
    },
    {
      name: "websocket.check_origins",
      label: "Origins that may connect",
      kind: "lines",
      initial: ["http://localhost:18083", "http://127.0.0.1:18083"],
      more: true,
    },
    {
      name: "websocket.supported_subprotocols",
      label: "Subprotocols",
      kind: "lines",
      initial: nats ? ["NATS/1.0", "NATS"] : ["mqtt", "mqtt-v3", "mqtt-v3.1.1", "mqtt-v5"],
      more: true,
    },
  ];
}
