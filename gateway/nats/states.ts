/**
 * The states of a NATS connection, and what each does with each frame. A state whose table lacks
 * a frame cannot be talked into it.
 */
import { connect, reconnect } from "./connect.ts";
import { PONG } from "./encode.ts";
import { Op } from "./ops.ts";
import { oversize, publish, publishMetered } from "./publish.ts";
import type { NatsSession } from "./session.ts";
import { subscribe, unsubscribe } from "./subscribe.ts";

/**
 * - `awaiting`: credentials are required and were not accepted yet
 * - `anonymous`: none are required and no CONNECT came; everything is allowed
 * - `open`: CONNECT was accepted
 * - `closed`: on its way out; nothing is read any more
 */
export type NatsState = "awaiting" | "anonymous" | "open" | "closed";

/** What is done with a frame, which is in the session's decoder. */
export type Handler = (session: NatsSession) => void;

const nothing: Handler = () => {};
const ping: Handler = (session) => {
  const { counters } = session.server;
  counters.received.ping++;
  counters.sent.pong++;
  session.link.out.append(PONG);
};
const pong: Handler = (session) => {
  session.server.counters.received.pong++;
  session.measureRoundTrip();
};
/** The connection stays, until the time for a login is up. */
const refuse: Handler = (session) => session.complain("Authorization Violation");

function table(handlers: Partial<Record<Op, Handler>>, fallback: Handler): Handler[] {
  return Object.values(Op).map((op) => handlers[op] ?? fallback);
}

const TRAFFIC = {
  [Op.Ping]: ping,
  [Op.Pong]: pong,
  [Op.Pub]: publish,
  [Op.Sub]: subscribe,
  [Op.Unsub]: unsubscribe,
  [Op.Oversize]: oversize,
};

/** What each state does with each frame. */
export const HANDLERS: Readonly<Record<NatsState, readonly Handler[]>> = {
  awaiting: table(
    { [Op.Connect]: connect, [Op.Ping]: ping, [Op.Pong]: pong, [Op.Ignored]: nothing },
    refuse,
  ),
  anonymous: table({ ...TRAFFIC, [Op.Connect]: connect }, nothing),
  open: table({ ...TRAFFIC, [Op.Connect]: reconnect }, nothing),
  closed: table({}, nothing),
};

/** The same for clients with a limit of data, so that nobody else pays for the counting. */
export const METERED: typeof HANDLERS = {
  ...HANDLERS,
  open: table({ ...TRAFFIC, [Op.Pub]: publishMetered, [Op.Connect]: reconnect }, nothing),
};
