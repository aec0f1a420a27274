/**
 * Subscriptions of everybody, topics, and names in both spellings.
 */
import * as v from "valibot";
import type { SubscriptionView } from "../../gateway/control.ts";
import { type Api, json, notFound } from "../api.ts";
import { Subscription, subscriptionObject } from "../client_object.ts";
import { Problem } from "../problem.ts";
import { Name, pageBody, pageOf, Paging, QueryFlag, slice, Text } from "../schemas.ts";
import { checkNode } from "./gateway_clients.ts";

const common = { tag: "Topics", scope: "connections" } as const;
const Topic = v.object({ topic: v.string(), node: v.string() });

const Names = v.strictObject({ topic: v.string(), subject: v.string(), wildcard: v.boolean() });

/** `/subscriptions`, `/topics…` and `/translate`. */
export function topicRoutes(api: Api): void {
  const { control } = api.deps;
  const node = () => control.config.current.node.name;
  api.on({
    ...common,
    method: "get",
    path: "/subscriptions",
    summary: "Subscriptions of all clients of both protocols",
    query: v.object({
      ...Paging,
      node: v.optional(Text),
      clientid: v.optional(Text),
      topic: v.optional(Text),
      qos: v.optional(v.picklist(["0", "1", "2"], "expected 0, 1 or 2")),
      share_group: v.optional(Text),
      match_topic: v.optional(Text),
      durable: v.optional(QueryFlag),
    }),
    answers: { 200: pageOf(Subscription) },
    errors: [500],
  }, ({ query }) => {
    checkNode(query.node, node());
    const { clientid, topic, qos, share_group, match_topic } = query;
    const matches = match_topic === undefined ? () => true : matcher(match_topic);
    const found = [...control.clients.allSubscriptions()].filter((one) =>
      (clientid === undefined || one.clientId === clientid) &&
      (topic === undefined || one.topic === topic) &&
      (qos === undefined || String(one.qos) === qos) &&
      (share_group === undefined || one.group === share_group) && matches(one)
    );
    const objects = found.map((one) => subscriptionObject(one, node()))
      .filter(({ durable }) => query.durable === undefined || durable === query.durable);
    const page = slice(objects, query);
    const isCounted = match_topic === undefined;
    return json(
      pageBody({ ...page, ...(!isCounted && { count: undefined }) }, query, (one) => one),
    );
  });

  filterRoutes(api);
  translateRoute(api);
}

function filterRoutes(api: Api): void {
  const { control } = api.deps;
  const node = () => control.config.current.node.name;
  const topics = () =>
    [
      ...new Set([...control.clients.allSubscriptions()].map(({ topic }) => topic)),
    ].sort();
  api.on({
    ...common,
    method: "get",
    path: "/topics",
    summary: "Filters that somebody has subscribed to",
    query: v.object({ ...Paging, topic: v.optional(Text), node: v.optional(Text) }),
    answers: { 200: pageOf(Topic) },
    errors: [500],
  }, ({ query }) => {
    checkNode(query.node, node());
    const found = topics().filter((topic) => query.topic === undefined || topic === query.topic);
    return json(pageBody(slice(found, query), query, (topic) => ({ topic, node: node() })));
  });

  api.on({
    ...common,
    method: "get",
    path: "/topics/{topic}",
    summary: "Whether somebody has subscribed to this very filter",
    answers: { 200: v.array(Topic) },
    errors: [404],
  }, ({ params }) => {
    if (!topics().includes(params.topic!)) notFound("Topic not found", "TOPIC_NOT_FOUND");
    return json([{ topic: params.topic, node: node() }]);
  });
}

function translateRoute(api: Api): void {
  const { control } = api.deps;
  api.on({
    ...common,
    method: "get",
    path: "/translate",
    summary: "Both spellings of a name",
    query: v.object({ subject: v.optional(Name), topic: v.optional(Name) }),
    answers: { 200: Names },
  }, ({ query: { subject, topic } }) => {
    if ((subject === undefined) === (topic === undefined)) {
      throw new Problem(400, "BAD_REQUEST", "give either subject or topic");
    }
    const from = subject === undefined ? "topic" : "subject";
    const view = control.translate((subject ?? topic)!, from);
    if (view === undefined) {
      throw new Problem(400, "BAD_REQUEST", `${from}: this name has no spelling on the other side`);
    }
    return json(view);
  });
}

/** Which subscriptions get messages of a topic. */
function matcher(topic: string): (subscription: SubscriptionView) => boolean {
  if (topic === "" || /[+#\0]/.test(topic)) {
    throw new Problem(400, "INVALID_PARAMETER", "match_topic_invalid");
  }
  const levels = topic.split("/");
  return (subscription) => {
    const { topic, group } = subscription;
    const filter = group === undefined ? topic : topic.slice(`$share/${group}/`.length);
    const parts = filter.split("/");
    if (/^[+#]/.test(filter) && levels[0]!.startsWith("$")) return false;
    for (const [i, part] of parts.entries()) {
      if (part === "#") return true;
      if (i >= levels.length || (part !== "+" && part !== levels[i])) return false;
    }
    return parts.length === levels.length;
  };
}
