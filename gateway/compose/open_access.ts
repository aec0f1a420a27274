/**
 * Access when nothing is configured: everyone is let in and may do everything.
 */
import type { Authenticator, Authorizer, SubscribeDecision } from "../auth/types.ts";

/** Lets everyone in, under the name they give. */
export const openAuthenticator: Authenticator = {
  required: false,
  needsNonce: false,
  authenticate: ({ username }) => ({
    kind: "allow",
    principal: { username, method: "none", superuser: false },
  }),
};

const ALLOWED: SubscribeDecision = {
  allowed: true,
  rule: "everything is allowed",
  source: "no authorization configured",
};

/** Allows everything. */
export const openAuthorizer: Authorizer = {
  generation: 0,
  denyAction: "ignore",
  publish: () => ALLOWED,
  subscribe: () => ALLOWED,
};
