/**
 * How the API writes clients and subscriptions, and reads what to look for.
 */
import * as v from "valibot";
import type {
  ClientQuery,
  ClientView,
  Protocol,
  SubscriptionRequest,
  SubscriptionView,
} from "../gateway/control.ts";
import {
  Bit,
  limitText,
  Name,
  OneOrMore,
  Paging,
  Qos,
  QueryFlag,
  QueryTime,
  Text,
  timeText,
} from "./schemas.ts";

/** Which clients to list. */
export const ClientFilter = v.object({
  ...Paging,
  node: v.optional(Text),
  clientid: v.optional(OneOrMore),
  username: v.optional(OneOrMore),
  ip_address: v.optional(Text),
  conn_state: v.optional(
    v.picklist(["connected", "idle", "disconnected"], "expected connected, idle or disconnected"),
  ),
  proto_ver: v.optional(Text),
  clean_start: v.optional(QueryFlag),
  like_clientid: v.optional(Text),
  like_username: v.optional(Text),
  gte_created_at: v.optional(QueryTime),
  lte_created_at: v.optional(QueryTime),
  gte_connected_at: v.optional(QueryTime),
  lte_connected_at: v.optional(QueryTime),
});

const text = v.nullable(v.string());
const limit = v.union([v.number(), v.literal("infinity")]);

/** A client. */
export const Client = v.strictObject({
  node: v.string(),
  clientid: v.string(),
  username: text,
  proto_name: v.picklist(["NATS", "MQTT", "MQIsdp"]),
  proto_ver: v.string(),
  ip_address: text,
  port: v.nullable(v.number()),
  listener: v.string(),
  transport: v.string(),
  mountpoint: v.string(),
  is_bridge: v.boolean(),
  connected: v.boolean(),
  conn_state: v.picklist(["connected", "idle", "disconnected"]),
  anonymous: v.boolean(),
  introduced: v.boolean(),
  auth_method: v.string(),
  is_superuser: v.boolean(),
  connected_at: text,
  disconnected_at: text,
  created_at: text,
  keepalive: v.number(),
  clean_start: v.boolean(),
  expiry_interval: v.number(),
  subscriptions_cnt: v.number(),
  subscriptions_max: limit,
  inflight_cnt: v.number(),
  inflight_max: v.number(),
  mqueue_len: v.number(),
  mqueue_max: limit,
  mqueue_dropped: v.number(),
  awaiting_rel_cnt: v.number(),
  awaiting_rel_max: limit,
  recv_oct: v.number(),
  recv_cnt: v.number(),
  recv_pkt: v.number(),
  recv_msg: v.number(),
  send_oct: v.number(),
  send_cnt: v.number(),
  send_pkt: v.number(),
  send_msg: v.number(),
  "send_msg.dropped": v.number(),
  pending_bytes: v.number(),
  mailbox_len: v.number(),
  heap_size: v.number(),
  reductions: v.number(),
});

/** A subscription of a client. */
export const Subscription = v.strictObject({
  node: v.string(),
  clientid: v.string(),
  topic: v.string(),
  qos: v.number(),
  nl: v.picklist([0, 1]),
  rap: v.picklist([0, 1]),
  rh: v.picklist([0, 1, 2]),
  durable: v.boolean(),
  /** NATS only: the client's own id, and its spelling of the topic. */
  sub_props: v.optional(v.strictObject({ sid: v.string(), subject: v.optional(v.string()) })),
});

/** A subscription to be made. */
export const NewSubscription = v.strictObject({
  topic: Name,
  qos: v.optional(Qos, 0),
  nl: v.optional(Bit, 0),
  rap: v.optional(Bit, 0),
  rh: v.optional(v.picklist([0, 1, 2], "expected 0, 1 or 2"), 1),
  sub_props: v.optional(
    v.strictObject({ sid: v.optional(Name), subid: v.optional(Name) }),
    {},
  ),
});

/** The query for the gateway. */
export function clientQuery(
  protocol: Protocol,
  query: v.InferOutput<typeof ClientFilter>,
): ClientQuery {
  return {
    protocol,
    page: query.page,
    limit: query.limit,
    clientIds: query.clientid,
    usernames: query.username,
    address: query.ip_address,
    state: query.conn_state,
    version: query.proto_ver,
    cleanStart: query.clean_start,
    likeClientId: query.like_clientid,
    likeUsername: query.like_username,
    createdFrom: query.gte_created_at,
    createdTo: query.lte_created_at,
    connectedFrom: query.gte_connected_at,
    connectedTo: query.lte_connected_at,
  };
}

/** EMQX writes `4` where the version is 3.1.1 by name. */
const VERSION_NUMBERS: Readonly<Record<string, string>> = { "3.1": "3", "3.1.1": "4", "5.0": "5" };

/** The version as the API spells it, back to the gateway's. */
export function versionName(spelled: string | undefined): string | undefined {
  const known = Object.entries(VERSION_NUMBERS).find(([, number]) => number === spelled);
  return known?.[0] ?? spelled;
}

/** A client as the API writes it. */
export function clientObject(client: ClientView, node: string) {
  const isNats = client.protocol === "nats";
  const here = client.state !== "disconnected";
  return {
    node,
    clientid: client.clientId,
    username: client.username ?? null,
    proto_name: isNats ? "NATS" : client.version === "3.1" ? "MQIsdp" : "MQTT",
    proto_ver: VERSION_NUMBERS[client.version] ?? client.version,
    ip_address: here ? client.address : null,
    port: here ? client.port : null,
    listener: client.listener,
    transport: client.transport,
    mountpoint: client.mountpoint,
    is_bridge: false,
    connected: client.state === "connected",
    conn_state: client.state,
    anonymous: client.authMethod === "none",
    introduced: client.introduced,
    auth_method: client.authMethod,
    is_superuser: client.superuser,
    connected_at: timeText(client.connectedAt),
    disconnected_at: timeText(client.disconnectedAt),
    created_at: timeText(client.createdAt),
    keepalive: client.keepalive,
    clean_start: client.cleanStart,
    expiry_interval: client.expiryInterval,
    subscriptions_cnt: client.subscriptions,
    subscriptions_max: limitText(client.subscriptionsMax),
    inflight_cnt: client.inflight,
    inflight_max: client.inflightMax,
    mqueue_len: client.queued,
    mqueue_max: limitText(client.queuedMax),
    mqueue_dropped: client.dropped,
    awaiting_rel_cnt: client.awaitingRelease,
    awaiting_rel_max: limitText(client.awaitingReleaseMax),
    recv_oct: client.bytesIn,
    recv_cnt: client.messagesIn,
    recv_pkt: client.messagesIn,
    recv_msg: client.messagesIn,
    send_oct: client.bytesOut,
    send_cnt: client.messagesOut,
    send_pkt: client.messagesOut,
    send_msg: client.messagesOut,
    "send_msg.dropped": client.dropped,
    pending_bytes: client.pendingBytes,
    mailbox_len: 0,
    heap_size: 0,
    reductions: 0,
  };
}

/** A subscription as the API writes it. */
export function subscriptionObject(subscription: SubscriptionView, node: string) {
  const { clientId, topic, qos, noLocal, retainAsPublished, retainHandling } = subscription;
  const { sid, subject } = subscription;
  return {
    node,
    clientid: clientId,
    topic,
    qos,
    nl: noLocal ? 1 : 0,
    rap: retainAsPublished ? 1 : 0,
    rh: retainHandling,
    durable: false,
    ...(sid === undefined ? {} : { sub_props: { sid, subject } }),
  };
}

/** The order for the gateway. */
export function subscriptionRequest(
  body: v.InferOutput<typeof NewSubscription>,
): SubscriptionRequest {
  return {
    topic: body.topic,
    qos: body.qos,
    noLocal: body.nl,
    retainAsPublished: body.rap,
    retainHandling: body.rh,
    sid: body.sub_props.sid ?? body.sub_props.subid,
  };
}
