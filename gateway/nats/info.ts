/**
 * The INFO that a client is greeted with.
 */
import type { PeerInfo } from "../protocol/session.ts";
import type { NatsListenerOptions, NatsOptions } from "./server.ts";

/**
 * Clients switch features by the server's version. This one claims what a nats-server of this
 * version does without JetStream; `natsgate` tells the gateway's own version.
 */
export const NATS_VERSION = "2.10.27";

/** The INFO object of a connection. Flags that nats-server leaves out when false are left out. */
export function infoFor(
  options: NatsOptions,
  listener: NatsListenerOptions,
  peer: PeerInfo,
  nonce: string | undefined,
  lameDuck: boolean,
): object {
  const { tls } = listener;
  return {
    server_id: options.serverId,
    server_name: options.serverName,
    version: NATS_VERSION,
    proto: 1,
    host: peer.localAddress,
    port: peer.localPort,
    headers: true,
    max_payload: options.payload_bytes_max,
    jetstream: false,
    client_id: peer.id,
    client_ip: peer.address,
    auth_required: listener.authenticator.required,
    ...(tls.required && { tls_required: true }),
    ...(tls.available && { tls_available: true }),
    ...(tls.verify && { tls_verify: true }),
    ...(tls.handshakeFirst && { tls_handshake_first: true }),
    ...(nonce !== undefined && { nonce }),
    ...(lameDuck && { ldm: true }),
  };
}
