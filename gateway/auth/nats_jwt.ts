/**
 * NATS decentralized login: a user token, signed by an account or one of its signing keys, whose
 * own token is signed by a trusted operator. Names of failures are EMQX's.
 */
import { type Clock, fromCalendar } from "../clock.ts";
import { asFlag, asNumber, asObject, type JsonObject } from "./json.ts";
import {
  decodeToken,
  JwtRefusal,
  type NatsToken,
  refuse,
  requireSignature,
  timeClaim,
} from "./nats_claims.ts";
import { limitsOf, requireConnectionType, requireSource, requireTime } from "./nats_limits.ts";
import {
  compilePermissions,
  isEmptyPermissions,
  type NatsPermissions,
  readPermissions,
  type SubjectReader,
} from "./nats_permissions.ts";
import { fillPermissions, findSigningKey, requireUnscopedUser } from "./nats_scope.ts";
import { decodeSignature, verifyNkey } from "./nkey.ts";
import { parsePublicNkey } from "../nkey_text.ts";
import type { Decided, InternalMethod } from "./chain.ts";
import type { Credentials } from "./types.ts";

/** `[[gateway.nats.internal_authn]]` of type `jwt`. */
export interface NatsJwtOptions {
  /** Operator keys (`O…`), or operator tokens, whose key and signing keys are then trusted. */
  readonly trusted_operators: readonly string[];
  readonly resolver: {
    readonly resolver_preload: readonly { readonly pubkey: string; readonly jwt: string }[];
  };
}

/** Makes the method `jwt`. */
export function natsJwtMethod(
  options: NatsJwtOptions,
  subjects: SubjectReader,
  clock: Clock,
): InternalMethod {
  const operators = trustedKeys(options.trusted_operators);
  const preload = new Map(
    options.resolver.resolver_preload.map(({ pubkey, jwt }) => [pubkey.toUpperCase(), jwt]),
  );
  // A token that was verified once stays verified: the key is its text, the list is short.
  const accounts = new Map<string, NatsToken>();
  const accountOf = (key: string): NatsToken => {
    let account = accounts.get(key);
    if (account === undefined) {
      account = verifyAccount(preload.get(key) ?? refuse("jwt_account_not_found"), key, operators);
      accounts.set(key, account);
    }
    return account;
  };
  return {
    name: "jwt",
    needsNonce: true,
    authenticate(credentials) {
      const jwt = credentials.nats?.jwt;
      if (jwt === undefined) return { kind: "absent", reason: "jwt_required" };
      try {
        return login(jwt, credentials, operators, accountOf, subjects, clock);
      } catch (error) {
        if (error instanceof JwtRefusal) return { kind: "deny", reason: error.message };
        throw error;
      }
    },
  };
}

function login(
  jwt: string,
  credentials: Credentials,
  operators: ReadonlySet<string>,
  accountOf: (key: string) => NatsToken,
  subjects: SubjectReader,
  clock: Clock,
): Decided {
  const now = clock.calendar();
  const user = decodeToken(jwt);
  if (operators.size === 0) refuse("jwt_trusted_operators_required");
  if (user.version === undefined) refuse("invalid_jwt_alg");
  const issuer = user.issuer ?? refuse("invalid_jwt_issuer");
  const account = accountOf(user.issuerAccount ?? issuer);
  const scope = issuer === account.subject ? true : findSigningKey(account, issuer);
  if (scope === undefined) refuse("jwt_untrusted_signing_key");
  requireSignature(user, ["account"]);
  const userEnd = requireNow(user, now, "jwt_expired", "jwt_not_before");
  const accountEnd = requireNow(account, now, "jwt_account_expired", "jwt_account_not_before");
  if (user.type !== undefined && user.type !== "user") refuse("invalid_jwt_type");
  if (scope !== true) requireUnscopedUser(user);
  // The template of a scoped key stands in for everything the user's token may say of itself.
  const rights = scope === true ? user.nats : scope;
  requirePossession(user, account, rights, credentials);
  requireNotRevoked(user, account);
  requireSource(rights, credentials.peer.address);
  requireConnectionType(rights, credentials.peer);
  const windowEnd = requireTime(rights, now);

  const permissions = permissionsOf(user, account, scope);
  const ends = [userEnd, accountEnd, windowEnd].filter((end) => end !== undefined);
  const limits = limitsOf(rights, asObject(account.nats.limits) ?? {});
  return {
    kind: "allow",
    principal: {
      username: user.subject,
      method: "jwt",
      superuser: false,
      account: account.subject!,
      ...(ends.length === 0 ? {} : { expiresAt: fromCalendar(clock, Math.min(...ends)) }),
      ...(Object.keys(limits).length === 0 ? {} : { limits }),
      ...(isEmptyPermissions(permissions)
        ? {}
        : { acl: compilePermissions(permissions, subjects, "nats jwt") }),
    },
  };
}

/** Proof that the one who connects holds the user's key, unless the token works for any bearer. */
function requirePossession(
  user: NatsToken,
  account: NatsToken,
  rights: JsonObject,
  credentials: Credentials,
): void {
  const { sig, nonce, nkey } = credentials.nats ?? {};
  const bearer = asFlag(rights.bearer_token);
  if (bearer) {
    const limits = asObject(account.nats.limits);
    if (asFlag(limits?.disallow_bearer) || asFlag(account.nats.disallow_bearer)) {
      refuse("jwt_bearer_not_allowed");
    }
  } else {
    if (sig === undefined) refuse("jwt_sig_required");
    if (nonce === undefined) refuse("nkey_nonce_unavailable");
  }
  if (user.subject === undefined) refuse("invalid_jwt_subject");
  const key = parsePublicNkey(user.subject, ["user"]);
  if (nkey !== undefined) {
    const given = parsePublicNkey(nkey, ["user"]);
    if (typeof given === "string") throw new JwtRefusal(given);
    if (given.text !== user.subject) refuse("jwt_nkey_mismatch");
  }
  if (typeof key === "string") throw new JwtRefusal(key);
  if (bearer) return;
  const signature = decodeSignature(sig!);
  if (signature === undefined) throw new JwtRefusal("invalid_nkey_sig_format");
  if (!verifyNkey(key, new TextEncoder().encode(nonce), signature)) {
    throw new JwtRefusal("invalid_nkey_sig");
  }
}

function permissionsOf(
  user: NatsToken,
  account: NatsToken,
  scope: JsonObject | true,
): NatsPermissions {
  if (scope !== true) return fillPermissions(readPermissions(scope, undefined), user, account);
  const own = readPermissions(user.nats, user.claims.permissions);
  if (!isEmptyPermissions(own)) return own;
  return readPermissions(asObject(account.nats.default_permissions) ?? {}, undefined);
}

/** Refuses a token outside of its times; answers its end in milliseconds since the epoch. */
function requireNow(
  token: NatsToken,
  now: number,
  expired: "jwt_expired" | "jwt_account_expired",
  early: "jwt_not_before" | "jwt_account_not_before",
): number | undefined {
  const exp = timeClaim(token.claims, "exp", expired);
  if (exp !== undefined && now >= exp * 1000) refuse(expired);
  const nbf = timeClaim(token.claims, "nbf", early);
  if (nbf !== undefined && nbf * 1000 > now) refuse(early);
  return exp === undefined ? undefined : exp * 1000;
}

/** The account's list: everything issued to a key (or to anybody, `*`) up to a time is void. */
function requireNotRevoked(user: NatsToken, account: NatsToken): void {
  const revocations = asObject(account.nats.revocations);
  if (revocations === undefined) return;
  const issued = asNumber(user.claims.iat) ?? 0;
  for (const [key, until] of Object.entries(revocations)) {
    if (key !== "*" && key.toUpperCase() !== user.subject) continue;
    if (issued <= (asNumber(until) ?? Infinity)) refuse("jwt_revoked");
  }
}

function verifyAccount(jwt: string, key: string, operators: ReadonlySet<string>): NatsToken {
  let account: NatsToken;
  try {
    account = decodeToken(jwt);
  } catch {
    return refuse("invalid_jwt_account");
  }
  const { version, subject, issuer, type } = account;
  if (version === undefined || subject !== key || issuer === undefined) {
    refuse("invalid_jwt_account");
  }
  if (type !== undefined && type !== "account") refuse("invalid_jwt_account");
  if (!operators.has(issuer)) refuse("jwt_untrusted_operator");
  requireSignature(account, ["operator"]);
  return account;
}

/** The keys of the operators; of an operator token, which must be sound, also its signing keys. */
function trustedKeys(operators: readonly string[]): Set<string> {
  const keys = new Set<string>();
  for (const text of operators) {
    if (!text.includes(".")) {
      keys.add(text.toUpperCase());
      continue;
    }
    try {
      for (const key of operatorTokenKeys(text)) keys.add(key);
    } catch (error) {
      // `natsgate check` says so; here it means that nobody is trusted through this token.
      if (!(error instanceof JwtRefusal)) throw error;
    }
  }
  return keys;
}

/** Keys that an operator token vouches for. Throws `JwtRefusal` when it is not sound. */
export function operatorTokenKeys(jwt: string): string[] {
  const token = decodeToken(jwt);
  if (token.type !== "operator" || token.subject === undefined) refuse("invalid_jwt_type");
  requireSignature(token, ["operator"]);
  const signing = Array.isArray(token.nats.signing_keys) ? token.nats.signing_keys : [];
  const keys = [token.subject, ...signing.filter((key) => typeof key === "string")]
    .map((key) => key.toUpperCase());
  // Self-signed, or by one of the keys it names: anybody else vouches for nothing.
  if (!keys.includes(token.issuer!)) refuse("jwt_untrusted_operator");
  return keys;
}
