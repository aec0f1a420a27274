/**
 * Ordinary JWTs in the password or user name, by `jose`. (NATS's own JWTs are `nats_jwt.ts`.)
 */
import { fromCalendar } from "../clock.ts";
import { readAttachedRules, readAttributes } from "./attached_rules.ts";
import { NOT_AUTHORIZED, type Provider } from "./chain.ts";
import type { PartDeps } from "./deps.ts";
import { fact, factsOfLogin } from "./facts.ts";
import { asFlag, asObject, asText, type JsonObject, parseJson } from "./json.ts";
import type { JwtKey, JwtKeys } from "./jwt_keys.ts";
import { decodeBase64Url } from "./nkey.ts";
import { backendFailed, BAD_PASSWORD, overriddenClientId } from "./provider.ts";
import { RuleProblem } from "./rule_object.ts";
import { parseTemplate, render } from "./template.ts";
import type { AuthResult, Credentials } from "./types.ts";

/** What the token must say, and what it may. */
export interface JwtOptions {
  readonly from: "password" | "username";
  readonly verify_claims: readonly { readonly name: string; readonly value: string }[];
  readonly acl_claim_name: string;
  readonly disconnect_after_expire: boolean;
  readonly on_missing_jwt: "ignore" | "deny";
}

/** Longest token that is looked at, in characters. */
const TOKEN_LENGTH_MAX = 64 * 1024;

/** An authenticator. */
export function jwtProvider(options: JwtOptions, keys: JwtKeys, deps: PartDeps): Provider {
  return {
    id: "jwt",
    ...(keys.guard === undefined ? {} : { guard: keys.guard }),
    async authenticate(credentials) {
      const token = tokenOf(credentials, options.from);
      const header = token === undefined ? undefined : headerOf(token);
      if (token === undefined || header === undefined) {
        return options.on_missing_jwt === "deny" ? NOT_AUTHORIZED : { kind: "ignore" };
      }
      const found = await keys.find(asText(header.kid));
      if (found === "failed") return backendFailed(deps.failClosed);
      const claims = await verify(token, asText(header.alg), found);
      if (claims === undefined) {
        return options.on_missing_jwt === "deny" ? BAD_PASSWORD : { kind: "ignore" };
      }
      return judgeClaims(claims, options, credentials, deps);
    },
    close: () => Promise.resolve(keys.close()),
  };
}

function tokenOf(credentials: Credentials, from: "password" | "username"): string | undefined {
  const text = from === "username"
    ? credentials.username
    : credentials.password && new TextDecoder().decode(credentials.password);
  return text === undefined || text === "" || text.length > TOKEN_LENGTH_MAX ? undefined : text;
}

function headerOf(token: string): JsonObject | undefined {
  const parts = token.split(".");
  if (parts.length !== 3) return undefined;
  const bytes = decodeBase64Url(parts[0]!);
  return bytes && asObject(parseJson(new TextDecoder().decode(bytes)));
}

/** The claims, if one of the keys signed them. */
async function verify(
  token: string,
  algorithm: string | undefined,
  keys: readonly JwtKey[],
): Promise<JsonObject | undefined> {
  const { compactVerify } = await import("jose");
  for (const { key, algorithms } of keys) {
    if (algorithm === undefined || !algorithms.includes(algorithm)) continue;
    try {
      const { payload } = await compactVerify(token, key, { algorithms: [algorithm] });
      return asObject(parseJson(new TextDecoder().decode(payload)));
    } catch {
      // Not signed by this key; perhaps by the next.
    }
  }
  return undefined;
}

function judgeClaims(
  claims: JsonObject,
  options: JwtOptions,
  credentials: Credentials,
  deps: PartDeps,
): AuthResult {
  const now = deps.clock.calendar();
  const exp_s = timeOf(claims.exp), nbf_s = timeOf(claims.nbf);
  if (exp_s === "odd" || (exp_s !== undefined && now >= exp_s * 1000)) return BAD_PASSWORD;
  if (nbf_s === "odd" || (nbf_s !== undefined && now < nbf_s * 1000)) return BAD_PASSWORD;
  const facts = factsOfLogin(credentials);
  for (const { name, value } of options.verify_claims) {
    const wanted = render(parseTemplate(value), (placeholder) => fact(facts, placeholder));
    if (!holds(claims[name], wanted)) return BAD_PASSWORD;
  }
  const expiresAt = exp_s === undefined ? undefined : fromCalendar(deps.clock, exp_s * 1000);
  const acl = claims[options.acl_claim_name];
  try {
    const rules = acl === undefined || acl === null
      ? undefined
      : readAttachedRules(acl, expiresAt, deps.subjects, "jwt claim");
    const odd = (name: string) => deps.log.warn("a client attribute was left out", { name });
    return {
      kind: "allow",
      principal: {
        // A token is no name to show around; its subject is.
        username: options.from === "username" ? asText(claims.sub) : credentials.username,
        method: "jwt",
        superuser: asFlag(claims.is_superuser),
        attributes: readAttributes(claims.client_attrs, odd),
        ...overriddenClientId(credentials, asText(claims.clientid_override)),
        ...(rules === undefined ? {} : { rules }),
        ...(expiresAt === undefined || !options.disconnect_after_expire ? {} : { expiresAt }),
      },
    };
  } catch (error) {
    if (!(error instanceof RuleProblem)) throw error;
    deps.log.warn("the ACL of a JWT cannot be used", { reason: error.message });
    return BAD_PASSWORD;
  }
}

/** A time in seconds, as number or text; `odd` when it is there and cannot be read. */
function timeOf(value: unknown): number | undefined | "odd" {
  if (value === undefined) return undefined;
  const seconds = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof seconds === "number" && Number.isFinite(seconds) ? seconds : "odd";
}

/** True when the claim is the text, or a list that has it. */
function holds(claim: unknown, wanted: string): boolean {
  if (Array.isArray(claim)) return claim.some((item) => holds(item, wanted));
  return (typeof claim === "string" || typeof claim === "number" || typeof claim === "boolean") &&
    String(claim) === wanted;
}
