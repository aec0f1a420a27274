/**
 * Who calls, and what that allows.
 */
import { Problem } from "../problem.ts";

/** `viewer`: reads only. `publisher`: publishes only. */
export const ROLES = ["administrator", "viewer", "publisher"] as const;
/** One of the roles. */
export type Role = (typeof ROLES)[number];

/** Parts of the API that a key may be confined to. */
export const SCOPES = [
  "connections",
  "publish",
  "access_control",
  "gateways",
  "monitoring",
  "system",
  "audit",
] as const;
/** One of the parts. */
export type Scope = (typeof SCOPES)[number];

/** Somebody who has proven who they are. */
export interface Caller {
  /** By key, by a token in the header, or by the cookie of a login. */
  readonly by: "key" | "token" | "cookie";
  /** Name of the key or of the user: for the audit trail. */
  readonly name: string;
  readonly role: Role;
  /** Undefined: every part. */
  readonly scopes: readonly string[] | undefined;
  /** What a change through the cookie must carry. */
  readonly csrf: string | undefined;
}

/** What an operation asks of its caller. */
export interface Needs {
  readonly method: string;
  readonly scope: Scope;
  /** Only for people who logged in: keys do not make keys. */
  readonly loginOnly: boolean;
  /** What publishers and viewers may do beyond the rule for their role. */
  readonly also?: "publisher" | "viewer" | undefined;
}

/** @throws {Problem} 401 or 403 when the caller may not. */
export function allow(caller: Caller, needs: Needs): void {
  if (needs.loginOnly && caller.by === "key") {
    throw new Problem(
      401,
      "API_KEY_NOT_ALLOW",
      "API keys cannot be used here; log in with a user name and a password",
    );
  }
  const reads = needs.method === "GET" || needs.method === "HEAD";
  const byRole = caller.role === "administrator" ||
    (caller.role === "viewer" && (reads || needs.also === "viewer")) ||
    (caller.role === "publisher" && needs.also === "publisher");
  if (!byRole) {
    const message = `the role ${caller.role} does not allow this; use an administrator's key`;
    throw new Problem(403, "UNAUTHORIZED_ROLE", message);
  }
  if (caller.scopes !== undefined && !caller.scopes.includes(needs.scope)) {
    const message = `the key has no scope ${needs.scope}; add it, or use another key`;
    throw new Problem(403, "UNAUTHORIZED_ROLE", message);
  }
}
