/**
 * CONNECT: who a client is, and what it wants.
 */
import type { AuthResult, Credentials, Principal } from "../auth/types.ts";
import { hash } from "../core/group.ts";
import { renderMountpoint } from "../core/mountpoint.ts";
import { ProtocolError } from "../errors.ts";
import {
  type Connect,
  type ConnectCredentials,
  type ConnectOptions,
  parseConnect,
  PROTOCOL_ERROR,
} from "./connect_options.ts";
import type { ClientInfo, NatsServer } from "./server.ts";
import type { NatsSession } from "./session.ts";

/** Who a client is that did not have to say so. */
export const anonymousPrincipal: Principal = {
  username: undefined,
  method: "none",
  superuser: false,
};

const NO_RESPONDERS_NEED_HEADERS = "no responders requires headers support";

/** The first CONNECT of a connection: checks credentials and opens the session. */
export function connect(session: NatsSession): void {
  session.server.counters.received.connect++;
  const { decoder, listener } = session;
  const request = parseConnect(
    decoder.bytes,
    decoder.jsonStart,
    decoder.jsonEnd,
    session.options,
  );
  if (request.options.noResponders && !request.options.headers) {
    const text = NO_RESPONDERS_NEED_HEADERS;
    session.break(new ProtocolError(text, PROTOCOL_ERROR, text));
    return;
  }
  const info = session.server.parts.clientInfo(request.packet, session.link.peer);
  const credentials = credentialsOf(session, request.credentials, info);
  const answer = listener.authenticator.authenticate(credentials);
  if (answer instanceof Promise) {
    session.waitFor(answer, (result) => finish(session, request, credentials, result));
  } else {
    finish(session, request, credentials, answer);
  }
}

/** A later CONNECT changes options, never identity. */
export function reconnect(session: NatsSession): void {
  const { decoder } = session;
  const { options } = parseConnect(
    decoder.bytes,
    decoder.jsonStart,
    decoder.jsonEnd,
    session.options,
  );
  if (options.noResponders && !options.headers) {
    session.complain(NO_RESPONDERS_NEED_HEADERS);
    return;
  }
  adopt(session, options);
  session.acknowledge();
}

function adopt(session: NatsSession, options: ConnectOptions): void {
  const isSame = options.echo === session.options.echo;
  session.options = options;
  if (isSame) return;
  for (const subscription of session.subscriptions.values()) subscription.noLocal = !options.echo;
}

/** Gives the session its identity and its names, and lets it in. */
export function accept(
  session: NatsSession,
  principal: Principal,
  state: "anonymous" | "open",
): boolean {
  const { server, listener, link } = session;
  const template = listener.mountpoint ?? server.options.mountpoint;
  const mountpoint = renderMountpoint(template, {
    username: principal.username,
    clientid: session.clientId,
    account: principal.account,
    peerhost: link.peer.address,
    zone: "default",
    client_attrs: principal.attributes,
  });
  if (mountpoint === undefined) return false;
  session.principal = principal;
  countAccount(server, principal, 1);
  if (!session.counted) {
    session.counted = true;
    server.counters.clients_connected++;
  }
  if (mountpoint !== session.mountpoint || session.dialect === undefined) {
    session.mountpoint = mountpoint;
    session.dialect = server.dialect(mountpoint);
    session.last = undefined;
    session.decoder.note = undefined;
  }
  session.authorizer = server.parts.authorizerFor?.({
    protocol: "nats",
    clientId: session.clientId,
    peer: link.peer,
    principal,
    mountpoint,
  });
  session.decidedRoute = undefined;
  if (principal.acl?.responses !== undefined) session.responses = new Map();
  lowerLimits(session, principal);
  session.dataLeft = principal.limits?.dataBytes;
  session.enter(state);
  return true;
}

function credentialsOf(
  session: NatsSession,
  given: ConnectCredentials,
  info: ClientInfo,
): Credentials {
  return {
    protocol: "nats",
    clientId: info.clientId ?? session.clientId,
    username: info.username,
    password: info.password === undefined ? undefined : encoder.encode(info.password),
    peer: session.link.peer,
    nats: {
      authToken: given.authToken,
      jwt: given.jwt ?? session.link.peer.cookies?.jwt,
      nkey: given.nkey,
      sig: given.sig,
      nonce: session.nonce,
    },
  };
}

function finish(
  session: NatsSession,
  request: Connect,
  credentials: Credentials,
  result: AuthResult,
): void {
  const { server, link } = session;
  const allowed = result.kind === "allow" ? result.principal : undefined;
  if (allowed === undefined) {
    refuse(session, result.kind === "deny" ? result.reason : "no authenticator took the login");
    return;
  }
  // Nothing configured: whoever says a name is known by it.
  const principal = allowed.method === "none"
    ? { ...allowed, username: allowed.username ?? credentials.username }
    : allowed;
  if (isAccountFull(server, principal)) {
    const text = "maximum account active connections exceeded";
    session.fail(text, { kind: "auth", detail: text });
    return;
  }
  takeClientId(session, principal.clientId ?? credentials.clientId);
  adopt(session, request.options);
  if (!accept(session, principal, "open")) {
    refuse(session, "its mountpoint would hold a wildcard");
    return;
  }
  if (server.log.debugs) {
    server.log.debug("connected", {
      client: session.clientId,
      user: principal.username,
      address: link.peer.address,
      listener: link.peer.listener,
      method: principal.method,
    });
  }
  session.acknowledge();
}

function refuse(session: NatsSession, reason: string): void {
  session.fail("Authorization Violation", { kind: "auth", detail: reason });
}

/** A client id belongs to one connection: the older one has to go. */
function takeClientId(session: NatsSession, clientId: string): void {
  if (clientId === session.clientId) return;
  const { sessions } = session.server;
  sessions.get(clientId)?.discard();
  sessions.delete(session.clientId);
  session.clientId = clientId;
  session.clientIdHash = hash(clientId);
  sessions.set(clientId, session);
}

function isAccountFull({ accounts }: NatsServer, { account, limits }: Principal): boolean {
  const most = limits?.accountConnections;
  return account !== undefined && most !== undefined && (accounts.get(account) ?? 0) >= most;
}

/** A connection of an account more, or one less. */
export function countAccount({ accounts }: NatsServer, { account }: Principal, by: 1 | -1): void {
  if (account === undefined) return;
  const count = (accounts.get(account) ?? 0) + by;
  if (count === 0) accounts.delete(account);
  else accounts.set(account, count);
}

function lowerLimits(session: NatsSession, principal: Principal): void {
  const payload = principal.limits?.payloadBytes;
  const limits = session.server.limits;
  session.decoder.limits = payload === undefined || payload >= limits.payload_bytes_max
    ? limits
    : { ...limits, payload_bytes_max: payload };
}

const encoder = new TextEncoder();
