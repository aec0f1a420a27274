/**
 * Listeners of both protocols: `[gateway.nats.listeners.<type>.<name>]` and
 * `[listeners.<type>.<name>]`.
 */
import * as v from "valibot";
import { parseNetwork } from "../../address.ts";
import { authenticator, mqttChain } from "./authentication.ts";
import {
  bind,
  byteRate,
  choice,
  count,
  duration,
  flag,
  integer,
  networks,
  rate,
  requiredSize,
  section,
  size,
  sizeOrInfinity,
  table,
  template,
  text,
  wholeNumber,
  wordList,
} from "./kinds.ts";
import { oncePerProfile, type SecurityProfile } from "./profile.ts";
import { serverTls } from "./tls.ts";
import { MOUNTPOINT } from "../template.ts";

/** The kinds of listener. */
export const LISTENER_TYPES = ["tcp", "ssl", "ws", "wss"] as const;
/** One kind of listener. */
export type ListenerType = (typeof LISTENER_TYPES)[number];

const LISTENER_NAME = v.pipe(
  v.string(),
  v.regex(
    /^[a-zA-Z][0-9a-zA-Z_-]*$/,
    "is no name for a listener: a letter, then letters, digits, - and _",
  ),
);

/** `allow X` or `deny X`; X is an address, a network or `all`. */
const accessRule = v.pipe(
  v.string("expected text"),
  v.check(
    (rule) => {
      const match = /^\s*(allow|deny)\s+(\S+)\s*$/.exec(rule);
      return match !== null && (match[2] === "all" || parseNetwork(match[2]!) !== undefined);
    },
    'expected "allow" or "deny" and an address, a network or "all", such as "deny 10.0.0.0/8"',
  ),
);

const tcpOptions = section({
  nodelay: flag(true),
  /** Connections that wait to be accepted. */
  backlog: integer(4096, 1, 65535),
  /** `none`, or `idle,interval,probes` in seconds. */
  keepalive: v.optional(
    v.pipe(
      v.string("expected text"),
      v.regex(/^(none|\d+,\d+,\d+)$/, 'expected "none" or seconds such as "240,30,5"'),
    ),
    "none",
  ),
  send_timeout: duration("15s"),
  send_timeout_close: flag(true),
  high_watermark: size("1MB"),
  recbuf: v.optional(requiredSize()),
  sndbuf: v.optional(requiredSize()),
  buffer: size("4KB"),
  nolinger: flag(false),
  reuseaddr: flag(true),
  active_n: integer(10, 0, 32767),
});

/** What every listener has, whatever its type and protocol. */
const common = {
  enable: flag(true),
  bind,
  /** Connections at a time; more are closed at once. */
  max_connections: count(1_024_000, 1),
  /** New connections a second; more wait in the backlog. */
  max_conn_rate: rate("1000/s"),
  /** Messages a second from each client; above it the client is read more slowly. */
  messages_rate: rate("infinity"),
  /** Messages at once after a pause; left out: those of one second. */
  messages_burst: v.optional(wholeNumber(1, Infinity)),
  /** Bytes a second from each client. */
  bytes_rate: byteRate("infinity"),
  bytes_burst: v.optional(requiredSize(1)),
  /** The same for all clients of the listener together. */
  total_messages_rate: rate("infinity"),
  total_messages_burst: v.optional(wholeNumber(1, Infinity)),
  total_bytes_rate: byteRate("infinity"),
  total_bytes_burst: v.optional(requiredSize(1)),
  /** False: everyone is let in without a login. */
  enable_authn: flag(true),
  /** Instead of the gateway's own. */
  mountpoint: v.optional(template(MOUNTPOINT)),
  /** First match decides; no match: allowed. */
  access_rules: v.optional(v.array(accessRule, "expected an array of rules"), []),
  proxy_protocol: flag(false),
  proxy_protocol_timeout: duration("3s", 1, 1),
  /**
   * Who may send a PROXY header (empty: everyone who gets through to the port), and whose proxy
   * headers a WebSocket listener believes (empty: nobody's).
   */
  proxy_protocol_trusted: networks([]),
  acceptors: integer(16, 1, 1024),
  tcp_options: tcpOptions,
};

/** `websocket` of a `ws` or `wss` listener. */
function websocket(defaults: { path: string; subprotocols: string[]; required: boolean }) {
  return section({
    /** The path of the upgrade request or its beginning; empty: any. */
    path: text(defaults.path),
    supported_subprotocols: wordList(defaults.subprotocols),
    fail_if_no_subprotocol: flag(defaults.required),
    check_origin_enable: flag(false),
    allow_origin_absence: flag(true),
    check_origins: wordList(["http://localhost:18083", "http://127.0.0.1:18083"]),
    /** Largest frame taken. */
    max_frame_size: sizeOrInfinity("infinity"),
    /** Closed after this long without a frame. */
    idle_timeout: duration("7200s", 1, 1),
    /** Headers of a trusted proxy that name the client. */
    proxy_address_header: text("x-forwarded-for"),
    proxy_port_header: text("x-forwarded-port"),
    /** Cookie that holds the user JWT of a NATS client; empty: none. */
    jwt_cookie: text(""),
    /** permessage-deflate, when the client offers it. */
    compress: flag(false),
    deflate_opts: section({
      level: choice(["none", "default", "best_compression", "best_speed"], "default"),
      mem_level: integer(8, 1, 9),
      strategy: choice(["default", "filtered", "huffman_only", "rle"], "default"),
      server_context_takeover: choice(["takeover", "no_takeover"], "takeover"),
      client_context_takeover: choice(["takeover", "no_takeover"], "takeover"),
      server_max_window_bits: integer(15, 9, 15),
      client_max_window_bits: integer(15, 9, 15),
    }),
    piggyback: choice(["multiple", "single"], "multiple"),
  });
}

/** How TLS begins on an `ssl` listener for NATS clients. */
const handshake = choice(["auto", "first", "upgrade", "optional"], "auto");

/** One listener of the gateway, by type. */
export const natsListener = oncePerProfile((profile) => {
  const own = { ...common, authentication: v.optional(authenticator(profile)) };
  const ws = websocket({ path: "", subprotocols: ["NATS/1.0", "NATS"], required: false });
  return {
    tcp: table(own),
    ssl: table({ ...own, ssl_options: serverTls, handshake }),
    ws: table({ ...own, websocket: ws }),
    wss: table({ ...own, ssl_options: serverTls, websocket: ws }),
  };
});

/** One listener of the MQTT broker, by type. */
export const mqttListener = oncePerProfile((profile) => {
  const own = { ...common, authentication: v.optional(mqttChain(profile)) };
  const ws = websocket({
    path: "/mqtt",
    subprotocols: ["mqtt", "mqtt-v3", "mqtt-v3.1.1", "mqtt-v5"],
    required: true,
  });
  return {
    tcp: table(own),
    ssl: table({ ...own, ssl_options: serverTls }),
    ws: table({ ...own, websocket: ws }),
    wss: table({ ...own, ssl_options: serverTls, websocket: ws }),
  };
});

/** A map of listeners by name. */
function named<const Listener extends v.GenericSchema>(listener: Listener) {
  return v.optional(v.record(LISTENER_NAME, listener, "expected tables by name"), {});
}

/** `gateway.nats.listeners`. */
export function natsListeners(profile: SecurityProfile) {
  const { tcp, ssl, ws, wss } = natsListener(profile);
  return section({ tcp: named(tcp), ssl: named(ssl), ws: named(ws), wss: named(wss) });
}

/** `listeners`: the MQTT broker's. */
export function mqttListeners(profile: SecurityProfile) {
  const { tcp, ssl, ws, wss } = mqttListener(profile);
  return section({ tcp: named(tcp), ssl: named(ssl), ws: named(ws), wss: named(wss) });
}

/**
 * The listeners that are there without being named, as the file would say it. Naming one
 * changes only what is written there; `enable = false` takes it away.
 */
export const BUILT_IN_LISTENERS = {
  gateway: {
    nats: {
      listeners: {
        tcp: { default: { bind: "127.0.0.1:4222" } },
        ws: { default: { bind: "127.0.0.1:9222" } },
      },
    },
  },
  listeners: {
    tcp: { default: { bind: "127.0.0.1:1883" } },
    ws: { default: { bind: "127.0.0.1:8083" } },
  },
};
