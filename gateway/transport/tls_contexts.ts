/**
 * What the runtime is told of certificates: the default one, and others by the name that a client
 * asks for.
 */
import { createSecureContext, type SecureContext } from "node:tls";
import type { TlsMaterial } from "./tls_material.ts";
import { type TlsRules, versionLimits } from "./tls_judge.ts";

/** Contexts by the name that a client asks for (SNI). */
export class NamedContexts {
  /** By lower-case host name; those with `*.` stand for one label. */
  #contexts = new Map<string, SecureContext>();

  /** Takes on other certificates. */
  use(rules: TlsRules, material: TlsMaterial): void {
    this.#contexts = new Map();
    const [, ...named] = material.identities;
    for (const identity of named) {
      const context = createSecureContext(secureOptions(rules, material, identity));
      for (const host of identity.hosts) this.#contexts.set(host, context);
    }
  }

  /** How many names there are beside those of the default. */
  get size(): number {
    return this.#contexts.size;
  }

  /** Undefined: the default. */
  get(name: string): SecureContext | undefined {
    const host = name.toLowerCase();
    return this.#contexts.get(host) ?? this.#contexts.get(host.replace(/^[^.]+/, "*"));
  }
}

/** Options of a context with one of the certificates. */
export function secureOptions(
  rules: TlsRules,
  material: TlsMaterial,
  identity = material.identities[0],
) {
  const { cert, key } = identity;
  return {
    cert,
    key,
    ...(material.ca !== undefined && { ca: [...material.ca] }),
    ...versionLimits(rules),
  };
}

/**
 * Options of a server. Without `rejectUnauthorized` bad certificates are only marked as such.
 * @param contexts left out, clients are not asked for a name, now or later
 */
export function serverOptions(rules: TlsRules, material: TlsMaterial, contexts?: NamedContexts) {
  const verifies = rules.verify === "verify_peer";
  return {
    ...secureOptions(rules, material),
    requestCert: verifies,
    rejectUnauthorized: verifies && rules.fail_if_no_peer_cert,
    ...(contexts !== undefined && {
      SNICallback: (name: string, answer: (error: null, context?: SecureContext) => void) =>
        answer(null, contexts.get(name)),
    }),
  };
}
