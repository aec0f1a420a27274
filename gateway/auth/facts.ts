/**
 * The client as templates and rules see it: one text for each placeholder name.
 */
import type { PeerInfo } from "../protocol/session.ts";
import type { ClientView, Credentials } from "./types.ts";

/** What is known of a client. Undefined: it has none. */
export interface Facts {
  readonly protocol: "nats" | "mqtt";
  readonly username: string | undefined;
  readonly clientid: string;
  readonly peer: PeerInfo;
  readonly attributes: Readonly<Record<string, string>>;
  /** Empty at login: it is rendered afterwards. */
  readonly mountpoint: string;
  /** At login only. */
  readonly password: Uint8Array | undefined;
}

/** There is one zone; EMQX's name for it. */
export const ZONE = "default";

/** The facts at login. */
export function factsOfLogin(credentials: Credentials): Facts {
  const { protocol, username, clientId: clientid, peer, password } = credentials;
  return { protocol, username, clientid, peer, attributes: {}, mountpoint: "", password };
}

/** The facts of a client that is in. The password is gone. */
export function factsOfClient(client: ClientView): Facts {
  const { protocol, clientId: clientid, peer, principal } = client;
  return {
    protocol,
    username: principal.username,
    clientid,
    peer,
    attributes: principal.attributes ?? {},
    mountpoint: client.mountpoint ?? "",
    password: undefined,
  };
}

const ATTRIBUTE = "client_attrs.";

/** The value of a placeholder; undefined when the client has none, or there is no such name. */
export function fact(facts: Facts, name: string): string | undefined {
  const { peer } = facts;
  if (name.startsWith(ATTRIBUTE)) {
    const key = name.slice(ATTRIBUTE.length);
    return Object.hasOwn(facts.attributes, key) ? facts.attributes[key] : undefined;
  }
  switch (name) {
    case "username":
      return facts.username;
    case "clientid":
      return facts.clientid;
    case "password":
      return facts.password === undefined ? undefined : new TextDecoder().decode(facts.password);
    case "peerhost":
      return peer.address;
    case "peerport":
      return String(peer.port);
    case "cert_common_name":
      return peer.certificate?.commonName;
    case "cert_subject":
      return peer.certificate?.subject;
    case "cert_pem":
      return peer.certificate?.pem === undefined ? undefined : btoa(peer.certificate.pem);
    case "zone":
      return ZONE;
    case "listener":
      return peer.listener;
    case "proto_name":
      return facts.protocol === "nats" ? "NATS" : "MQTT";
    default:
      return undefined;
  }
}
