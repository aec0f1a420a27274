/**
 * Which clients a query asks for: first what is there to be read, then what must be worked out.
 */
import type { ClientQuery, ClientView } from "../control.ts";
import type { ClientSession } from "../mqtt/client_session.ts";
import { MqttSession } from "../mqtt/session.ts";
import { NatsSession } from "../nats/session.ts";

/** A client before it is looked at closely, which costs more. */
export type Client = NatsSession | MqttSession | ClientSession;

/** Whether it asks for parts of names; then EMQX does not say how many there are. */
export function isFuzzy({ likeClientId, likeUsername }: ClientQuery): boolean {
  return likeClientId !== undefined || likeUsername !== undefined;
}

/** Whether every client fits. */
export function asksForAll(query: ClientQuery): boolean {
  const { protocol: _, page: __, limit: ___, ...conditions } = query;
  return Object.values(conditions).every((condition) => condition === undefined);
}

/** Whether a glance is not enough. */
export function asksForMore(query: ClientQuery): boolean {
  const { address, version, cleanStart } = query;
  const { connectedFrom, connectedTo, createdFrom, createdTo } = query;
  return [address, version, cleanStart, connectedFrom, connectedTo, createdFrom, createdTo]
    .some((condition) => condition !== undefined);
}

/** Name and state are there to be read; most queries ask for nothing else. */
export function fitsAtAGlance(client: Client, query: ClientQuery): boolean {
  const { usernames, state, likeClientId, likeUsername } = query;
  if (state !== undefined && stateOf(client) !== state) return false;
  if (likeClientId !== undefined && !clientIdOf(client).includes(likeClientId)) return false;
  if (usernames === undefined && likeUsername === undefined) return true;
  const username = usernameOf(client) ?? "";
  return (usernames === undefined || usernames.includes(username)) &&
    (likeUsername === undefined || username.includes(likeUsername));
}

/** See `ClientView.state`. */
export function stateOf(client: Client): ClientView["state"] {
  if (client instanceof NatsSession) return client.state === "awaiting" ? "idle" : "connected";
  return client instanceof MqttSession ? "connected" : "disconnected";
}

/** Empty until an MQTT client has introduced itself. */
export function clientIdOf(client: Client): string {
  return client instanceof MqttSession ? client.at?.client.clientId ?? "" : client.clientId;
}

function usernameOf(client: Client): string | undefined {
  if (client instanceof NatsSession) return client.principal.username;
  return client instanceof MqttSession ? client.at?.principal.username : client.username;
}

/** The rest of the conditions. */
export function fits(view: ClientView, query: ClientQuery): boolean {
  const { address, version, cleanStart } = query;
  return (address === undefined || view.address === address) &&
    (version === undefined || view.version === version) &&
    (cleanStart === undefined || view.cleanStart === cleanStart) &&
    view.connectedAt >= (query.connectedFrom ?? 0) &&
    view.connectedAt <= (query.connectedTo ?? Infinity) &&
    view.createdAt >= (query.createdFrom ?? 0) &&
    view.createdAt <= (query.createdTo ?? Infinity);
}
