/**
 * Access when nothing is configured: everyone is let in.
 */
import type { Authenticator } from "../auth/types.ts";
import { anonymousPrincipal } from "../nats/connect.ts";

/** Lets everyone in without a look at credentials. */
export const openAuthenticator: Authenticator = {
  required: false,
  needsNonce: false,
  authenticate: () => ({ kind: "allow", principal: anonymousPrincipal }),
};
