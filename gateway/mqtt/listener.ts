/**
 * What a listener decides for the MQTT connections that come in through it.
 */
import type { Authenticator, AuthorizerFactory, ClientView } from "../auth/types.ts";
import type { PeerInfo } from "../protocol/session.ts";

/** What a client's certificate says in place of its CONNECT; undefined: nothing. */
export type CertificateNames = (
  peer: PeerInfo,
) => { readonly username: string | undefined; readonly clientId: string | undefined };

/** Given to every session of one listener. */
export interface MqttListener {
  readonly authenticator: Authenticator;
  readonly authorizerFor: AuthorizerFactory;
  /** Prefix of the client's names in the tree; undefined when it cannot be made: refused. */
  mountpoint(client: ClientView): string | undefined;
  /** Whether rules see names with their mountpoint: `authorization.include_mountpoint`. */
  readonly rulesSeeMountpoint: boolean;
  /** `peer_cert_as_username`, `peer_cert_as_clientid`. */
  readonly certificateNames: CertificateNames;
}
