/**
 * NATS JWTs as text: three base64 parts, a header, claims, and a signature by a NKey. Version 1
 * signs the claims alone, version 2 header and claims.
 */
import { asNumber, asObject, asText, type JsonObject, parseJson } from "./json.ts";
import { decodeBase64Url, verifyNkey } from "./nkey.ts";
import { type NkeyKind, parsePublicNkey } from "../nkey_text.ts";

/** Why a token was refused: EMQX's names, and ours for what EMQX does not check. */
export type JwtProblem =
  | "invalid_jwt_format"
  | "invalid_jwt_base64"
  | "invalid_jwt_header"
  | "invalid_jwt_claims"
  | "jwt_trusted_operators_required"
  | "invalid_jwt_alg"
  | "invalid_jwt_issuer"
  | "jwt_account_not_found"
  | "invalid_jwt_account"
  | "jwt_untrusted_operator"
  | "invalid_jwt_signature"
  | "jwt_untrusted_signing_key"
  | "jwt_expired"
  | "jwt_not_before"
  | "jwt_account_expired"
  | "jwt_account_not_before"
  | "jwt_sig_required"
  | "nkey_nonce_unavailable"
  | "invalid_jwt_subject"
  | "invalid_jwt_type"
  | "jwt_nkey_mismatch"
  | "jwt_revoked"
  | "jwt_bearer_not_allowed"
  | "jwt_scoped_user_has_permissions"
  | "jwt_scope_template"
  | "jwt_source_not_allowed"
  | "jwt_time_not_allowed"
  | "jwt_connection_type_not_allowed";

/** The token, or the reason. `message` is a `JwtProblem` or a `NkeyProblem`. */
export class JwtRefusal extends Error {
  override readonly name = "JwtRefusal";
}

/** Ends the check. Caught by the one who began it. */
export function refuse(problem: JwtProblem): never {
  throw new JwtRefusal(problem);
}

/** A token that was taken apart, its signature not yet verified. */
export interface NatsToken {
  /** 1 or 2. Undefined: an algorithm that is not NATS's. */
  readonly version: 1 | 2 | undefined;
  readonly claims: JsonObject;
  /** The `nats` claim; empty when there is none. */
  readonly nats: JsonObject;
  /** `user`, `account`, `operator`...; version 1 has it at the top. */
  readonly type: string | undefined;
  /** Keys in upper case; undefined when absent. */
  readonly issuer: string | undefined;
  readonly subject: string | undefined;
  /** Account key when a signing key signed: under `nats`, or at the top as old tools have it. */
  readonly issuerAccount: string | undefined;
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

/** Takes a token apart. Refuses, in this order: shape, base64, header, claims. */
export function decodeToken(jwt: string): NatsToken {
  const parts = jwt.split(".");
  if (parts.length !== 3 || parts.some((part) => part === "")) refuse("invalid_jwt_format");
  const [head, body, tail] = parts as [string, string, string];
  const [header, payload, signature] = parts.map(decodeBase64Url);
  if (header === undefined || payload === undefined || signature === undefined) {
    refuse("invalid_jwt_base64");
  }
  const headerObject = jsonObject(header);
  if (headerObject === undefined) refuse("invalid_jwt_header");
  const claims = jsonObject(payload);
  if (claims === undefined || tail === "") refuse("invalid_jwt_claims");
  const nats = asObject(claims.nats) ?? {};
  const version = headerObject.alg === "ed25519-nkey"
    ? 2
    : headerObject.alg === "ed25519"
    ? 1
    : undefined;
  return {
    version,
    claims,
    nats,
    type: asText(nats.type) ?? asText(claims.type),
    issuer: key(claims.iss),
    subject: key(claims.sub),
    issuerAccount: key(nats.issuer_account) ?? key(claims.issuer_account),
    signed: new TextEncoder().encode(version === 1 ? body : `${head}.${body}`),
    signature,
  };
}

/** Refuses a token that its issuer, a key of one of the kinds, did not sign. */
export function requireSignature(token: NatsToken, kinds: readonly NkeyKind[]): void {
  const issuer = parsePublicNkey(token.issuer ?? "", kinds);
  if (typeof issuer === "string") refuse("invalid_jwt_issuer");
  if (!verifyNkey(issuer, token.signed, token.signature)) refuse("invalid_jwt_signature");
}

/**
 * A time claim in whole seconds. Undefined when absent. Refuses with `problem` what is no number:
 * a token whose time cannot be read is not one without a time.
 */
export function timeClaim(claims: JsonObject, name: "exp" | "nbf", problem: JwtProblem):
  | number
  | undefined {
  const value = claims[name];
  if (value === undefined) return undefined;
  return Math.trunc(asNumber(value) ?? refuse(problem));
}

function jsonObject(bytes: Uint8Array): JsonObject | undefined {
  try {
    return asObject(parseJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes)));
  } catch {
    return undefined;
  }
}

function key(value: unknown): string | undefined {
  return asText(value)?.toUpperCase();
}
