/**
 * What password authenticators have in common: a stored hash on one side, a password on the
 * other.
 */
import { type Decided, UNAVAILABLE } from "./chain.ts";
import type { Hasher } from "./hasher.ts";
import type { HashAlgorithm, StoredPassword } from "./password.ts";
import type { AuthResult, Credentials, Principal } from "./types.ts";

/** The client is who it says, but the password is not. [MQTT-3.2.2.2] */
export const BAD_PASSWORD: Decided = {
  kind: "deny",
  reason: "bad_username_or_password",
  reasonCode: 0x86,
};

/** Too many passwords wait to be checked. [MQTT-3.2.2.2] */
const BUSY: Decided = { kind: "deny", reason: "server_unavailable", reasonCode: 0x88 };

/** What an authenticator says whose backend gave no usable answer. */
export function backendFailed(failClosed: boolean): AuthResult {
  return failClosed ? UNAVAILABLE : { kind: "ignore", unavailable: true };
}

/** What a backend knows of a client. */
export interface Found extends StoredPassword {
  readonly superuser: boolean;
  /** `clientid_override`: MQTT clients get this id. */
  readonly clientId: string | undefined;
  /** Name of the backend. */
  readonly method: string;
}

/** Judges a password against what a backend found. */
export function judgeFound(
  hasher: Hasher,
  algorithm: HashAlgorithm,
  credentials: Credentials,
  found: Found,
): AuthResult | Promise<AuthResult> {
  return judgePassword(hasher, algorithm, credentials, found, {
    username: credentials.username,
    method: found.method,
    superuser: found.superuser,
    ...overriddenClientId(credentials, found.clientId),
  });
}

/** The client id that a backend gives; gateways keep their own. */
export function overriddenClientId(
  credentials: Credentials,
  clientId: string | undefined,
): { readonly clientId?: string } {
  return credentials.protocol === "mqtt" && clientId !== undefined ? { clientId } : {};
}

/** Judges a password that was found. No password is a wrong password. */
export function judgePassword(
  hasher: Hasher,
  algorithm: HashAlgorithm,
  credentials: Credentials,
  stored: StoredPassword,
  principal: Principal,
): AuthResult | Promise<AuthResult> {
  if (credentials.password === undefined) return BAD_PASSWORD;
  const allow: AuthResult = { kind: "allow", principal };
  const verified = hasher.verify(algorithm, credentials.password, stored);
  const judge = (right: boolean | "busy") => right === "busy" ? BUSY : right ? allow : BAD_PASSWORD;
  return verified instanceof Promise ? verified.then(judge) : judge(verified);
}
