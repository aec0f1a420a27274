/**
 * How a client's certificate leads to an authority. The runtime has found out that it does, but
 * does not tell by which way.
 */
import type { X509Certificate } from "node:crypto";

/** Certificates that are looked at of those a client showed. */
export const SHOWN_MAX = 32;

/**
 * The shortest way from `shown[0]` to one of the authorities, both included; undefined when there
 * is none. A certificate that is trusted itself is a way of one.
 * @param shown The client's own certificate first, then what it sent along, in any order.
 */
export function trustPath(
  shown: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
): X509Certificate[] | undefined {
  const [own, ...others] = shown.slice(0, SHOWN_MAX);
  if (own === undefined) return undefined;
  const trusted = new Set(authorities.map(({ fingerprint256 }) => fingerprint256));
  const seen = new Set([own.fingerprint256]);
  // All ways of one length before those that are longer.
  let ways = [[own]];
  while (ways.length > 0) {
    for (const way of ways) {
      const last = way.at(-1)!;
      if (trusted.has(last.fingerprint256)) return way;
      const authority = authorities.find((each) => isIssuedBy(last, each));
      if (authority !== undefined) return [...way, authority];
    }
    ways = ways.flatMap((way) =>
      others
        .filter((each) => !seen.has(each.fingerprint256) && isIssuedBy(way.at(-1)!, each))
        .map((each) => {
          seen.add(each.fingerprint256);
          return [...way, each];
        })
    );
  }
  return undefined;
}

/** The signature, too: anyone can write any name into a certificate of their own. */
function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  } catch {
    // A key of a kind that cannot be used here.
    return false;
  }
}
