/**
 * Puts the facade together that administration gets.
 */
import { listListeners } from "../config/listing.ts";
import { formatBind } from "../address.ts";
import type {
  BackupControl,
  ClosureView,
  GatewayControl,
  GatewayStatus,
  ListenerView,
  NameView,
  PublishOutcome,
  PublishRequest,
  TapEvent,
  TapOptions,
} from "../control.ts";
import { Message, type MessageExtras } from "../core/message.ts";
import { Tap } from "../core/tap.ts";
import { hasWildcard, toFilter, topicProblem, toTopic } from "../core/topic.ts";
import type { Gateway } from "../gateway.ts";
import { createMapping } from "../nats/subject.ts";
import { brokerMetrics, natsMetrics } from "../observe/emqx_names.ts";
import type { LogLine } from "../observe/log_output.ts";
import { VERSION } from "../version.ts";
import { decide, tryDraft, tryLogin } from "./control_access.ts";
import { RunningClients } from "./control_clients.ts";
import { RunningConfig, type SettingsSource } from "./control_config.ts";
import { countConnections, prometheusText, Stats } from "./control_numbers.ts";
import { RetainedBrowser } from "./control_retained.ts";
import { BuiltinUsers } from "./control_users.ts";

/** What the facade is made from, beside the gateway. */
export interface ControlParts {
  readonly settings: SettingsSource;
  readonly logs: () => readonly LogLine[];
  readonly closures: () => readonly ClosureView[];
  readonly backup: BackupControl;
  /** Runs a piece of work as a turn. */
  readonly turn: (job: () => void) => void;
}

/** Makes the facade of a gateway. */
export function createControl(gateway: Gateway, parts: ControlParts): GatewayControl {
  const { turn } = parts;
  const now = () => gateway.clock.now();
  const startedAt = now();
  const stats = new Stats(gateway);
  const problems = () => problemsOf(gateway);
  const config = new RunningConfig({
    log: gateway.log,
    settings: parts.settings,
    current: () => gateway.config,
    apply: (next) => gateway.apply(next),
  });
  const exposition = prometheusText(gateway, startedAt, () => problems().length === 0);
  return {
    now,
    calendar: () => gateway.clock.calendar(),
    certificates: gateway.certificates,
    log: gateway.log.part("admin"),
    status: () => statusOf(gateway, startedAt),
    clients: new RunningClients({
      nats: gateway.nats,
      mqtt: gateway.mqtt,
      access: gateway.access,
      connections: () => gateway.connections(),
      closures: parts.closures,
      turn,
    }),
    listeners: () => listenersOf(gateway),
    retained: new RetainedBrowser(gateway.router.retained, now, turn),
    publish: (request) => publish(gateway, request, turn),
    publishProblem: (request) => publishProblem(gateway, request),
    tap: (options, signal) => tap(gateway, options, signal),
    users: new BuiltinUsers(gateway.access, () => gateway.config),
    access: gateway.access,
    config,
    documents: {
      get: (kind, key) => gateway.store.documents.get(kind, key),
      put: (kind, key, value) => gateway.store.documents.put(kind, key, value),
      delete: (kind, key) => gateway.store.documents.delete(kind, key),
      list: (kind, query) => gateway.store.documents.list(kind, query),
      count: (kind) => gateway.store.documents.count(kind),
      commit: () => gateway.store.commit(),
    },
    counters: () => ({
      nats: natsMetrics(gateway.metrics.nats),
      mqtt: brokerMetrics(gateway.metrics.mqtt),
    }),
    stats: () => stats.read(),
    prometheus: () =>
      exposition.render(gateway.config.gateway.nats.enable_stats ? ["nats", "mqtt"] : ["mqtt"]),
    logs: parts.logs,
    translate: (name, from) => translate(gateway, name, from),
    decide: (question) => decide(gateway, question),
    tryLogin: (chain, login) => tryLogin(gateway, chain, login),
    tryDraft: async (draft, login) =>
      await tryDraft(gateway, config.preview(draft.edits), draft, login),
    backup: parts.backup,
  };
}

function problemsOf(gateway: Gateway): GatewayStatus["problems"] {
  const problems = [];
  if (!gateway.store.writable) {
    problems.push({ part: "store", reason: "the disk cannot be written" });
  }
  for (const { id, enabled, running } of listenersOf(gateway)) {
    if (enabled && !running) problems.push({ part: id, reason: "the listener is not open" });
  }
  return problems;
}

function statusOf(gateway: Gateway, startedAt: number): GatewayStatus {
  const { config, mqtt, router } = gateway;
  const problems = problemsOf(gateway);
  const connections = countConnections(gateway);
  let sessionsAway = 0;
  for (const { away } of mqtt.sessions.values()) if (away) sessionsAway++;
  return {
    node: config.node.name,
    version: VERSION,
    ready: problems.length === 0,
    problems,
    startedAt,
    uptime_ms: gateway.clock.now() - startedAt,
    nats: config.gateway.nats.enable ? "running" : "stopped",
    connections,
    sessionsAway,
    subscriptions: router.subscriptions,
    retained: router.retained.count,
    memory_bytes: gateway.memoryUsage().rss,
    cpu_ms: gateway.cpuTime(),
    cachedTopics: gateway.router.cachedRoutes,
  };
}

function listenersOf(gateway: Gateway): ListenerView[] {
  const certificates = gateway.certificates.list();
  return listListeners(gateway.config).map(
    ({ id, protocol, type, name, path, listener, enabled }) => {
      const open = gateway.listeners.get(id);
      const { accepted = 0, refusedFull = 0, refusedAccess = 0, failedHandshakes = 0 } =
        open?.stats ?? {};
      return {
        id,
        protocol,
        type,
        name,
        path,
        enabled,
        running: open?.isRunning ?? false,
        address: open?.address ?? formatBind(listener.bind),
        port: open?.port ?? 0,
        connections: open?.connections.size ?? 0,
        connectionsMax: listener.max_connections,
        accepted,
        refused: refusedFull + refusedAccess + failedHandshakes,
        certificates: certificates.filter((one) => one.listener === id),
      };
    },
  );
}

function publishProblem(gateway: Gateway, request: PublishRequest): PublishOutcome | undefined {
  const { max_packet_size, max_topic_levels } = gateway.config.mqtt;
  const reason = topicProblem(request.topic, max_topic_levels);
  if (reason !== undefined) return { kind: "bad topic", reason };
  if (request.payload.length > max_packet_size) {
    return { kind: "too large", bytes_max: max_packet_size };
  }
  if (request.responseTopic !== undefined && topicProblem(request.responseTopic) !== undefined) {
    return { kind: "bad topic", reason: "the response topic is not valid" };
  }
  return undefined;
}

function publish(
  gateway: Gateway,
  request: PublishRequest,
  turn: (job: () => void) => void,
): PublishOutcome {
  const problem = publishProblem(gateway, request);
  if (problem !== undefined) return problem;
  const topic = toTopic(request.topic)!;
  const replyTo = request.responseTopic === undefined ? undefined : toTopic(request.responseTopic);
  const { payloadFormat, expiryInterval, correlationData, contentType, userProperties } = request;
  const extras: MessageExtras = {
    ...(replyTo !== undefined && { replyTo }),
    ...(correlationData !== undefined && { correlationData }),
    ...(userProperties !== undefined && { headers: userProperties }),
    ...(contentType !== undefined && { contentType }),
    ...(payloadFormat !== undefined && { payloadFormat }),
    ...(expiryInterval !== undefined && {
      expiresAt: gateway.clock.now() + expiryInterval * 1000,
    }),
  };
  let takers = 0;
  turn(() => {
    const message = new Message(gateway.router.route(topic), request.payload);
    message.owned = true;
    message.qos = request.qos;
    message.retain = request.retain;
    if (Object.keys(extras).length > 0) message.extras = extras;
    takers = gateway.router.publish(message);
  });
  return { kind: "published", takers };
}

async function* tap(
  gateway: Gateway,
  options: TapOptions,
  signal: AbortSignal,
): AsyncGenerator<TapEvent, void, void> {
  const mapping = createMapping(gateway.config.gateway.nats.topic_mapping);
  const isSubject = options.filter.startsWith("nats:");
  const named = isSubject
    ? mapping.toFilter(options.filter.slice("nats:".length))
    : { filter: options.filter, oneOrMore: false };
  const filter = named && toFilter(named.filter);
  if (filter === undefined || signal.aborted) return;
  const { rate_max, payload_bytes_max } = options;
  const watcher = new Tap(
    { filter, oneOrMore: named!.oneOrMore, matchesDollar: true, rate_max, payload_bytes_max },
    () => gateway.clock.now(),
  );
  const end = () => watcher.close();
  gateway.router.subscribe(watcher.subscription);
  signal.addEventListener("abort", end);
  try {
    for await (const event of watcher.events()) {
      yield { ...event, subject: mapping.toSubject(event.topic) };
    }
  } finally {
    signal.removeEventListener("abort", end);
    gateway.router.unsubscribe(watcher.subscription);
  }
}

function translate(
  gateway: Gateway,
  name: string,
  from: "subject" | "topic",
): NameView | undefined {
  const mapping = createMapping(gateway.config.gateway.nats.topic_mapping);
  const topic = from === "topic" ? name : mapping.toFilter(name)?.filter;
  const subject = from === "subject" ? name : mapping.filterToSubject(name);
  if (topic === undefined || subject === undefined || toFilter(topic) === undefined) {
    return undefined;
  }
  return { topic, subject, wildcard: hasWildcard(topic) };
}
