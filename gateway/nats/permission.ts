/**
 * May this client publish that? Answers are remembered, since most clients repeat themselves.
 */
import type { Authorizer } from "../auth/types.ts";
import { unmount } from "../core/mountpoint.ts";
import type { Message } from "../core/message.ts";
import type { Route } from "../core/route.ts";
import type { Topic } from "../core/topic.ts";
import type { NatsSession } from "./session.ts";

/** Permissions that one connection remembers; then it begins anew. */
const DECISIONS_MAX = 4096;

/** True or false where it is known or can be told at once, else a promise of it. */
export function mayPublish(
  session: NatsSession,
  authorizer: Authorizer,
  message: Message,
): boolean | Promise<boolean> {
  const { route, qos, retain } = message;
  // Asked first, or each permitted answer would be logged as a denial of the rules.
  if (session.responses !== undefined && mayRespond(session, route.topic)) return true;
  if (authorizer.generation !== session.decidedGeneration) {
    forgetDecisions(session, authorizer.generation);
  }
  if (session.decidedAlways) return true;
  // Headers may ask for another QoS or retain, which rules can tell apart.
  const usual = !retain && qos === (session.options.verbose ? 1 : 0);
  if (usual) {
    if (route === session.decidedRoute) return session.decidedAllowed;
    const known = session.decisions?.get(route);
    if (known !== undefined) {
      session.decidedRoute = route;
      return session.decidedAllowed = known;
    }
  }
  const answer = authorizer.publish(permissionTopic(session, route.topic), qos, retain);
  if (answer instanceof Promise) return answer.then(({ allowed }) => allowed);
  if (answer.always) session.decidedAlways = true;
  else if (usual) remember(session, route, answer.allowed);
  return answer.allowed;
}

/** The name that permissions are asked about. */
export function permissionTopic(session: NatsSession, topic: Topic): Topic {
  if (session.mountpoint === "" || session.server.options.authorizeMounted) return topic;
  return (unmount(session.mountpoint, topic) ?? topic) as Topic;
}

function remember(session: NatsSession, route: Route, allowed: boolean): void {
  session.decidedRoute = route;
  session.decidedAllowed = allowed;
  const decisions = session.decisions ??= new Map();
  if (decisions.size >= DECISIONS_MAX) decisions.clear();
  decisions.set(route, allowed);
}

function forgetDecisions(session: NatsSession, generation: number): void {
  session.decidedGeneration = generation;
  session.decidedRoute = undefined;
  session.decidedAlways = false;
  session.decisions?.clear();
}

/** `allow_responses`: a received request gives the right to answer it, for a while. */
function mayRespond(session: NatsSession, topic: Topic): boolean {
  const right = session.responses?.get(topic);
  if (right === undefined) return false;
  if (right.left <= 0 || right.until < session.server.now()) {
    session.responses!.delete(topic);
    return false;
  }
  right.left--;
  return true;
}
