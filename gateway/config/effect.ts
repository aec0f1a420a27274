/**
 * What is accepted and does nothing, or not all that its name says, so that the operator is told.
 *
 * In paths, `**` stands for everything below at the end, and for everything above at the beginning.
 */
import type { Finding } from "./issue.ts";
import type { Origins } from "./layers.ts";
import { parsePath, type Path } from "./path.ts";
import { type Table, valueAt } from "./tree.ts";
import { isDefault, type Schema } from "./walk.ts";

/** A setting, as a pattern of paths, and why it does nothing. */
type Note = readonly [at: string, why: string];

/** Settings that other systems have and this one does without, for good. */
const WITHOUT_EFFECT: readonly Note[] = [
  ["**.acceptors", "one loop accepts all connections"],
  ["**.tcp_options.active_n", "reading is paced by the sockets"],
  ["**.tcp_options.buffer", "read buffers grow and shrink with the traffic"],
  [
    "**.tcp_options.recbuf",
    "the runtime cannot size socket buffers; the system does, within sysctl net.ipv4.tcp_rmem",
  ],
  [
    "**.tcp_options.sndbuf",
    "the runtime cannot size socket buffers; the system does, within sysctl net.ipv4.tcp_wmem",
  ],
  ["**.tcp_options.reuseaddr", "it is always on"],
  ["**.tcp_options.nolinger", "connections are closed in the ordinary way"],
  ["**.tcp_options.send_timeout_close", "such a client is always closed"],
  ["**.websocket.piggyback", "what is sent in one turn shares a frame"],
  ["**.ssl_options.partial_chain", "name the intermediate certificate in cacertfile"],
  [
    "**.ssl_options.honor_cipher_order",
    "the runtime takes the first suite that the client names and that it has",
  ],
  ["**.ssl_options.dhfile", "key exchange is by elliptic curves"],
  ["**.ssl_options.reuse_sessions", "sessions that began on a listener may resume there"],
  ["**.ssl_options.session_tickets", "sessions that began on a listener may resume there"],
  ["**.ssl_options.hibernate_after", "connections have no process that could sleep"],
  ["**.ssl_options.gc_after_handshake", "memory is collected as needed"],
  ["**.ssl_options.log_level", "log.console.level is for everything"],
  ["**.ssl_options.secure_renegotiate", "renegotiation is always secure"],
  ["**.ssl_options.client_renegotiation", "renegotiation is limited by the runtime"],
  ["**.ssl.ciphers", "the runtime offers its own, all of them safe"],
  ["**.ssl.hibernate_after", "connections have no process that could sleep"],
  ["**.ssl.log_level", "log.console.level is for everything"],
  ["**.ssl.reuse_sessions", "the runtime decides"],
  ["**.ssl.secure_renegotiate", "renegotiation is always secure"],
  ["**.ssl.middlebox_comp_mode", "the runtime decides"],
  ["**.max_fail_count", "a key set that fails is asked again at growing intervals"],
  ["**.auto_reconnect", "connections always reconnect; the setting is deprecated"],
  ["**.w_mode", "nothing is written"],
  ["**.use_legacy_protocol", "the driver finds out by itself"],
  ["**.topology.pool_size", "pool_size of the backend counts"],
  ["**.topology.max_overflow", "pool_size of the backend counts"],
  ["**.topology.overflow_ttl", "pool_size of the backend counts"],
  ["**.topology.overflow_check_period", "pool_size of the backend counts"],
  [
    "authentication_settings.node_cache.**",
    "backends are asked at each login, so that a changed password holds at once",
  ],
  ["authorization.node_cache.**", "authorization.cache keeps answers, for each client"],
  [
    "authentication_settings.builtin_record_count_refresh_interval",
    "users are counted as they change",
  ],
];

/** The same, where leaving out what it asks for would be unsafe. */
const UNSAFE_WITHOUT_EFFECT: readonly Note[] = [
  ["**.ssl_options.verify_peer_ext_key_usage", "the runtime checks for client use only"],
  ["**.ssl.depth", "the runtime has no limit for the length of chains"],
];

/** Settings of which some works. */
const LESS_EFFECT: readonly Note[] = [
  [
    "**.tcp_options.keepalive",
    "the runtime can set the first number only; the others are the system's " +
    "(sysctl net.ipv4.tcp_keepalive_intvl and net.ipv4.tcp_keepalive_probes)",
  ],
];

/** What was set, to something else than its default, and does not do what it says. */
export function checkEffect(tree: Table, origins: Origins, schema: Schema): Finding[] {
  return [...origins.keys()].flatMap((name) => {
    const path = parsePath(name);
    const finding = path === undefined ? undefined : effectFinding(path);
    if (finding === undefined) return [];
    return isDefault(schema, finding.path, valueAt(tree, finding.path)) ? [] : [finding];
  });
}

/**
 * Why a setting does nothing; undefined when it does what it says. In the path, `*` may stand for
 * a name or an index.
 */
export function effectFinding(path: Path): Finding | undefined {
  const note = NOTES.find(({ pattern }) => matches(pattern, path));
  if (note === undefined) return undefined;
  return { path, severity: note.severity, message: note.message, remove: "value" };
}

/** All tables in one, patterns taken apart. */
const NOTES = [
  ...WITHOUT_EFFECT.map(toNote("warning", "has no effect here")),
  ...UNSAFE_WITHOUT_EFFECT.map(toNote("error", "has no effect here")),
  ...LESS_EFFECT.map(toNote("warning", "has effect in part")),
];

function toNote(severity: "warning" | "error", what: string) {
  return ([at, why]: Note) => ({
    pattern: at.split("."),
    severity,
    message: `${what}: ${why}`,
  });
}

/** Whether a path fits a pattern of the tables. */
function matches(pattern: readonly string[], path: Path): boolean {
  // Most patterns differ in the last name.
  const last = pattern.at(-1)!;
  if (last !== "**" && last !== path.at(-1)) return false;
  return matchesFrom(pattern, 0, path, 0);
}

function matchesFrom(pattern: readonly string[], i: number, path: Path, j: number): boolean {
  if (i === pattern.length) return j === path.length;
  if (pattern[i] === "**") {
    if (i === pattern.length - 1) return true;
    for (let from = j; from < path.length; from++) {
      if (matchesFrom(pattern, i + 1, path, from)) return true;
    }
    return false;
  }
  return j < path.length && pattern[i] === path[j] && matchesFrom(pattern, i + 1, path, j + 1);
}
