/**
 * SUB and UNSUB.
 */
import type { SubscribeDecision, SubscribeRequest } from "../auth/types.ts";
import { unmount } from "../core/mountpoint.ts";
import { type Filter, toFilter } from "../core/topic.ts";
import { deliverRetained } from "./deliver.ts";
import type { FilterName } from "./dialect.ts";
import { permissionTopic } from "./permission.ts";
import type { NatsSession } from "./session.ts";
import { decodeSubject } from "./subject.ts";
import { NatsSubscription } from "./subscription.ts";

/** Handles the SUB in the session's decoder. */
export function subscribe(session: NatsSession): void {
  const { decoder, server } = session;
  const { bytes } = decoder;
  server.counters.received.sub++;
  const sid = decodeSid(bytes, decoder.sidStart, decoder.sidEnd);
  // A sid in use: the first subscription stays, without a word. [NATS-SUB]
  if (session.subscriptions.has(sid)) {
    session.acknowledge();
    return;
  }
  const most = subscriptionsMax(session);
  if (session.subscriptions.size >= most) {
    session.complain("maximum subscriptions exceeded");
    return;
  }
  const subject = decodeSubject(bytes, decoder.subjectStart, decoder.subjectEnd);
  const name = subject === undefined ? undefined : session.dialect.filter(subject);
  const hasGroup = decoder.extraEnd > decoder.extraStart;
  const group = hasGroup ? decodeSubject(bytes, decoder.extraStart, decoder.extraEnd) : undefined;
  if (name === undefined || (hasGroup && group === undefined)) {
    session.complain("Invalid Subject");
    return;
  }
  const wanted: Wanted = { subject: subject!, sid, name, group };
  if (session.authorizer === undefined) {
    add(session, wanted, undefined);
    return;
  }
  const answer = session.authorizer.subscribe(requestFor(session, wanted));
  if (answer instanceof Promise) {
    session.waitFor(answer, (decision) => settle(session, wanted, decision));
  } else settle(session, wanted, answer);
}

/** Handles the UNSUB in the session's decoder. The budget counts from the SUB. [NATS-UNSUB] */
export function unsubscribe(session: NatsSession): void {
  const { decoder } = session;
  session.server.counters.received.unsub++;
  const sid = decodeSid(decoder.bytes, decoder.sidStart, decoder.sidEnd);
  const subscription = session.subscriptions.get(sid);
  if (subscription !== undefined) {
    subscription.max = decoder.max;
    if (decoder.max === 0 || subscription.delivered >= decoder.max) session.drop(subscription);
  }
  session.acknowledge();
}

/** What an operator subscribes a client to. */
export interface SubscribeOrder {
  /** MQTT form without mountpoint and share prefix. */
  readonly filter: string;
  readonly group: string | undefined;
  /** Left out: one that the client does not use. */
  readonly sid: string | undefined;
}

/**
 * Subscribes the client to something it did not ask for; its permissions hold here, too. Answers
 * with the subscription, or says why not.
 */
export async function subscribeFor(
  session: NatsSession,
  { filter, group, sid = unusedSid(session) }: SubscribeOrder,
  turn: (job: () => void) => void,
): Promise<NatsSubscription | string> {
  if (session.state !== "open" && session.state !== "anonymous") {
    return "the client is not logged in";
  }
  const valid = toFilter(filter);
  const subject = valid && session.dialect.mapping.filterToSubject(valid);
  const name = subject === undefined ? undefined : session.dialect.filter(subject);
  if (subject === undefined || name === undefined) return "this is not a valid filter";
  if (!/^[^\s\0]+$/.test(sid)) return "a sid has no blanks";
  if (group !== undefined && !/^[^\s\0]+$/.test(group)) return "a group name has no blanks";
  if (session.subscriptions.has(sid)) return `the sid ${sid} is in use`;
  const most = subscriptionsMax(session);
  if (session.subscriptions.size >= most) return "the client has as many subscriptions as it may";
  const wanted: Wanted = { subject, sid, name, group };
  const decision = await session.authorizer?.subscribe(requestFor(session, wanted));
  if (decision?.allowed === false) return `denied by ${decision.rule} (${decision.source})`;
  turn(() => add(session, wanted, decision, false));
  return session.subscriptions.get(sid) ?? "the client has gone";
}

function unusedSid(session: NatsSession): string {
  for (let i = 1;; i++) {
    const sid = `admin${i}`;
    if (!session.subscriptions.has(sid)) return sid;
  }
}

interface Wanted {
  readonly subject: string;
  readonly sid: string;
  readonly name: FilterName;
  readonly group: string | undefined;
}

function requestFor(session: NatsSession, wanted: Wanted): SubscribeRequest {
  const { filter, oneOrMore } = wanted.name;
  const mounted = session.mountpoint === "" || session.server.options.authorizeMounted;
  return {
    filter: mounted ? filter : (unmount(session.mountpoint, filter) ?? filter) as Filter,
    oneOrMore,
    matchesDollar: session.server.options.dollarTopics,
    group: wanted.group,
    qos: session.options.verbose ? 1 : 0,
  };
}

function settle(session: NatsSession, wanted: Wanted, decision: SubscribeDecision): void {
  if (decision.allowed) {
    session.server.counters.authorization_allowed++;
    add(session, wanted, decision);
    return;
  }
  const { subject, group } = wanted;
  session.server.counters.authorization_denied++;
  const queue = group === undefined ? "" : ` using queue ${JSON.stringify(group)}`;
  session.complain(
    `Permissions Violation for Subscription to ${JSON.stringify(subject)}${queue}`,
  );
  if (session.authorizer!.denyAction === "disconnect") {
    session.close({ kind: "auth", detail: `subscription to ${subject} denied` });
  }
}

/** @param isAsked by the client, which may want a word of it */
function add(
  session: NatsSession,
  wanted: Wanted,
  decision: SubscribeDecision | undefined,
  isAsked = true,
): void {
  // The answer may have come too late.
  if (session.state === "closed" || session.subscriptions.has(wanted.sid)) return;
  const { server } = session;
  const sieve = decision?.sieve;
  const subscription = new NatsSubscription(
    session,
    wanted.subject,
    wanted.sid,
    wanted.name.filter,
    wanted.name.oneOrMore,
    server.options.dollarTopics,
    wanted.group,
    !session.options.echo,
    sieve === undefined ? undefined : (topic) => sieve.permits(permissionTopic(session, topic)),
  );
  session.subscriptions.set(wanted.sid, subscription);
  server.router.subscribe(subscription);
  if (isAsked) session.acknowledge();
  if (wanted.group === undefined && server.options.deliverRetained) {
    deliverRetained(session, subscription);
  }
}

/** Any bytes may be a sid and come back as they are: one character stands for each. */
function decodeSid(bytes: Uint8Array, start: number, end: number): string {
  let sid = "";
  for (let i = start; i < end; i++) sid += String.fromCharCode(bytes[i]!);
  return sid;
}

/** The listener's limit, or the login's where that is lower. */
function subscriptionsMax({ principal, server }: NatsSession): number {
  return Math.min(principal.limits?.subscriptions ?? Infinity, server.options.subscriptions_max);
}
