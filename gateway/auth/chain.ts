/**
 * Who is asked, in which order, and what the answers mean together. NATS clients pass the
 * internal methods and then the gateway's authentication; MQTT clients pass a chain.
 */
import type { Guard } from "./guard.ts";
import type { AuthResult, Credentials } from "./types.ts";

/** A NATS method of `[[gateway.nats.internal_authn]]`. */
export interface InternalMethod {
  readonly name: "token" | "nkey" | "jwt";
  readonly needsNonce: boolean;
  /** `absent`: the client did not present this kind of credential. */
  authenticate(credentials: Credentials): Verdict | Promise<Verdict>;
}

/** A decision: in or out. */
export type Decided = Exclude<AuthResult, { kind: "ignore" }>;

/** Out. */
export type Denied = Extract<AuthResult, { kind: "deny" }>;

/** What a method says. */
export type Verdict =
  | Decided
  | { readonly kind: "absent"; readonly reason: string };

/** One authenticator of `[[authentication]]` or `[gateway.nats.authentication]`. */
export interface Provider {
  /** `password_based:mysql`, `jwt`... */
  readonly id: string;
  /** Never rejects: a backend that is down is an answer. */
  authenticate(credentials: Credentials): AuthResult | Promise<AuthResult>;
  close?(): Promise<void>;
  /** State of its backend; absent for those that have none. */
  readonly guard?: Guard;
}

/** Everything that decides about the clients of one listener. */
export interface ChainOptions {
  /** NATS only; empty for MQTT. */
  readonly methods: readonly InternalMethod[];
  /** Undefined: none configured. Empty: configured, but every one disabled, which lets in nobody. */
  readonly providers: readonly Provider[] | undefined;
  /** `security_profile = "hardened"`: no login, no entry. */
  readonly hardened: boolean;
  /** `enable_authn` of the listener. */
  readonly enabled: boolean;
}

/** True when clients of the listener must log in. */
export function loginRequired(options: ChainOptions): boolean {
  return options.enabled &&
    (options.methods.length > 0 || options.providers !== undefined || options.hardened);
}

/**
 * Judges credentials by the five rules: an absent credential passes to the next method; a present
 * one decides, right or wrong; after the methods the configured authentication decides; where
 * nothing is configured everybody may come in, unless the profile is hardened; and a listener
 * with `enable_authn = false` lets in everybody.
 */
export function judge(
  options: ChainOptions,
  credentials: Credentials,
): AuthResult | Promise<AuthResult> {
  if (!options.enabled) return anonymous(credentials);
  return askMethods(options, credentials, 0);
}

/** What is logged and answered when nobody spoke for the client. */
export const NOT_AUTHORIZED: Denied = {
  kind: "deny",
  reason: "not_authorized",
  reasonCode: 0x87,
};

/** The same, when a backend that might have known the client does not answer. */
export const UNAVAILABLE: Denied = {
  kind: "deny",
  reason: "not_authorized: an authentication backend does not answer",
  reasonCode: 0x87,
};

function anonymous(credentials: Credentials): Decided {
  const { username } = credentials;
  return { kind: "allow", principal: { username, method: "none", superuser: false } };
}

function askMethods(
  options: ChainOptions,
  credentials: Credentials,
  from: number,
  lastAbsent?: string,
): AuthResult | Promise<AuthResult> {
  const { methods, providers, hardened } = options;
  let absent = lastAbsent;
  for (let i = from; i < methods.length; i++) {
    const method = methods[i]!;
    if (yieldsToJwt(method, options, credentials)) continue;
    const verdict = method.authenticate(credentials);
    if (verdict instanceof Promise) {
      return verdict.then((late) =>
        late.kind === "absent" ? askMethods(options, credentials, i + 1, late.reason) : late
      );
    }
    if (verdict.kind !== "absent") return verdict;
    absent = verdict.reason;
  }
  if (providers !== undefined) return askProviders(providers, credentials, 0);
  if (absent !== undefined) return { kind: "deny", reason: absent };
  return hardened ? NOT_AUTHORIZED : anonymous(credentials);
}

/**
 * Clients with a creds file send `nkey` beside `jwt`, and one signature that belongs to both. The
 * key is then part of the JWT login, wherever the methods stand in the list.
 */
function yieldsToJwt(
  method: InternalMethod,
  options: ChainOptions,
  credentials: Credentials,
): boolean {
  return method.name === "nkey" && credentials.nats?.jwt !== undefined &&
    options.methods.some((other) => other.name === "jwt");
}

function askProviders(
  providers: readonly Provider[],
  credentials: Credentials,
  from: number,
  failed = false,
): AuthResult | Promise<AuthResult> {
  let unavailable = failed;
  for (let i = from; i < providers.length; i++) {
    const result = providers[i]!.authenticate(credentials);
    if (result instanceof Promise) {
      return result.then((late) =>
        late.kind === "ignore"
          ? askProviders(providers, credentials, i + 1, unavailable || late.unavailable)
          : late
      );
    }
    if (result.kind !== "ignore") return result;
    unavailable ||= result.unavailable ?? false;
  }
  return unavailable ? UNAVAILABLE : NOT_AUTHORIZED;
}
