/**
 * Whether a client whose TLS handshake is done may come in: what the runtime promises to look at
 * and does not is looked at here.
 */
import { X509Certificate } from "node:crypto";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import { revocation } from "./revocation_list.ts";
import type { TlsMaterial } from "./tls_material.ts";
import { SHOWN_MAX, trustPath } from "./trust_path.ts";

/** How a listener does TLS; keys are those of `ssl_options`. */
export interface TlsRules {
  /** `verify_peer`: a certificate that a client shows must be good. */
  readonly verify: "verify_none" | "verify_peer";
  /** With `verify_peer`: it must show one. */
  readonly fail_if_no_peer_cert: boolean;
  /** Intermediate certificates between the client's and the authority's at most. */
  readonly depth: number;
  readonly versions: readonly ("tlsv1.3" | "tlsv1.2")[];
  /** OpenSSL names of the cipher suites that may be used; empty: all that the runtime has. */
  readonly ciphers: readonly string[];
  /** Client certificates are looked up in the revocation lists. */
  readonly enable_crl_check: boolean;
  /** Milliseconds from the first byte of the handshake to its last. */
  readonly handshake_timeout: number;
}

/** The rules among other settings, alone: what a listener must be made anew for. */
export function tlsRules(settings: TlsRules): TlsRules {
  const { verify, fail_if_no_peer_cert, depth, versions, ciphers } = settings;
  const { enable_crl_check, handshake_timeout } = settings;
  return {
    verify,
    fail_if_no_peer_cert,
    depth,
    versions,
    ciphers,
    enable_crl_check,
    handshake_timeout,
  };
}

/**
 * The versions to offer: those of the rules that have a suite among the ciphers, or clients would
 * agree on one that is then refused.
 */
export function versionLimits({ versions, ciphers }: Pick<TlsRules, "versions" | "ciphers">) {
  const isTls13 = (name: string) => name.startsWith("TLS_");
  const none = ciphers.length === 0;
  const has13 = versions.includes("tlsv1.3") && (none || ciphers.some(isTls13));
  const has12 = versions.includes("tlsv1.2") && (none || !ciphers.every(isTls13));
  return {
    minVersion: has12 ? "TLSv1.2" as const : "TLSv1.3" as const,
    maxVersion: has13 ? "TLSv1.3" as const : "TLSv1.2" as const,
  };
}

/** Certificates remembered as verified, for session resumption; the oldest is forgotten first. */
const VERIFIED_MAX = 100_000;

/** Judges the clients of one listener. */
export class TlsJudge {
  readonly #rules: TlsRules;
  #material: TlsMaterial;
  readonly #ciphers: ReadonlySet<string>;
  #authorities: readonly X509Certificate[] = [];
  /** Milliseconds since the epoch, by the calendar: the dates of lists are. */
  readonly #now: () => number;
  /**
   * Fingerprints of certificates that were verified by this listener in a full handshake. The
   * runtime shares its ticket keys among all listeners, so a session of a listener that verifies
   * less could be resumed here; a resumed session counts only with a certificate in this set.
   */
  readonly #verified = new Set<string>();

  constructor(rules: TlsRules, material: TlsMaterial, now: () => number) {
    this.#rules = rules;
    this.#material = material;
    this.#ciphers = new Set(rules.ciphers);
    this.#now = now;
    this.#useAuthorities();
  }

  /** Takes on other authorities and revocation lists. */
  use(material: TlsMaterial): void {
    const sameTrust = String(material.ca) === String(this.#material.ca);
    this.#material = material;
    // Who was trusted by the old authorities has to show the certificate again.
    if (sameTrust) return;
    this.#verified.clear();
    this.#useAuthorities();
  }

  /** Why the client is not let in; undefined when it is. */
  refusal(socket: TLSSocket): string | undefined {
    if (this.#ciphers.size > 0) {
      // The runtime takes the first suite that the client names and that it has itself.
      const { name } = socket.getCipher();
      if (!this.#ciphers.has(name)) return `the client prefers ${name}, which is not in ciphers`;
    }
    return this.#rules.verify === "verify_peer" ? this.#certificateRefusal(socket) : undefined;
  }

  #certificateRefusal(socket: TLSSocket): string | undefined {
    // Without a certificate the runtime gives undefined or an empty object, despite the types.
    const shown: Partial<DetailedPeerCertificate> | undefined = socket.getPeerCertificate();
    const fingerprint = shown?.fingerprint256;
    if (fingerprint === undefined) {
      return this.#rules.fail_if_no_peer_cert ? "the client showed no certificate" : undefined;
    }
    if (!socket.authorized) return "the client's certificate is not trusted";
    if (socket.isSessionReused() && !this.#verified.has(fingerprint)) {
      return "the client resumed a TLS session that did not begin on this listener";
    }
    const refusal = this.#pathRefusal(socket);
    if (refusal !== undefined) return refusal;
    this.#verified.delete(fingerprint);
    this.#verified.add(fingerprint);
    if (this.#verified.size > VERIFIED_MAX) {
      this.#verified.delete(this.#verified.values().next().value!);
    }
    return undefined;
  }

  #pathRefusal(socket: TLSSocket): string | undefined {
    const { depth, enable_crl_check } = this.#rules;
    const shown = shownBy(socket);
    // A way cannot be longer than what it is made of.
    if (shown.length - 1 <= depth && !enable_crl_check) return undefined;
    const path = trustPath(shown.map((der) => new X509Certificate(der)), this.#authorities);
    if (path === undefined) return "the client's certificate leads to no authority in cacertfile";
    const between = Math.max(0, path.length - 2);
    if (between > depth) {
      return `there are ${between} intermediate certificates, more than the depth of ${depth}`;
    }
    if (!enable_crl_check) return undefined;
    return revocation(path, this.#material.revocationLists, this.#now());
  }

  #useAuthorities(): void {
    this.#authorities = (this.#material.ca ?? []).map((pem) => new X509Certificate(pem));
  }
}

/** The certificates that the client sent, its own first, as DER; none twice. */
function shownBy(socket: TLSSocket): Uint8Array<ArrayBuffer>[] {
  const list = new Map<string, Uint8Array<ArrayBuffer>>();
  let next: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  // The last one points to itself or to nothing.
  for (let count = 0; next?.raw !== undefined && count < SHOWN_MAX; count++) {
    list.set(next.fingerprint256, new Uint8Array(next.raw));
    next = next.issuerCertificate;
  }
  return [...list.values()];
}
