/**
 * The method `token`: one shared secret in CONNECT `auth_token`, plain or as a bcrypt hash.
 */
import type { Decided, InternalMethod } from "./chain.ts";
import type { Hasher } from "./hasher.ts";
import { equalText, isBcrypt } from "./password.ts";

/** `[[gateway.nats.internal_authn]]` of type `token`. */
export interface TokenOptions {
  readonly token: string;
}

/** Makes the method. An empty token lets nobody in. */
export function tokenMethod(options: TokenOptions, hasher: Hasher): InternalMethod {
  const { token } = options;
  const isHash = isBcrypt(token);
  return {
    name: "token",
    needsNonce: false,
    authenticate(credentials) {
      const given = credentials.nats?.authToken;
      if (given === undefined) return { kind: "absent", reason: "token_required" };
      if (token === "") return REFUSED;
      if (!isHash) return equalText(given, token) ? ACCEPTED : REFUSED;
      const ok = hasher.verify(
        { name: "bcrypt", salt_rounds: 10 },
        new TextEncoder().encode(given),
        { hash: token, salt: "" },
      );
      const judge = (right: boolean | "busy"): Decided =>
        right === "busy" ? BUSY : right ? ACCEPTED : REFUSED;
      return ok instanceof Promise ? ok.then(judge) : judge(ok);
    },
  };
}

const ACCEPTED: Decided = {
  kind: "allow",
  // A user name that the client made up counts for nothing.
  principal: { username: "token", method: "token", superuser: false },
};
const REFUSED: Decided = { kind: "deny", reason: "invalid_token" };
const BUSY: Decided = { kind: "deny", reason: "server_unavailable", reasonCode: 0x88 };
