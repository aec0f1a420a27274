/**
 * Names that a client's certificate gives it: `peer_cert_as_username`, `peer_cert_as_clientid`.
 */
import { createHash } from "node:crypto";
import type { PeerCertificate } from "../protocol/session.ts";

/**
 * `cn`: its common name; `dn`: its distinguished name; `pem`: all of it as PEM; `crt`: all of it
 * (DER) in base64, since a name is text; `md5`: the MD5 of that DER in hex.
 */
export type CertificatePart = "disabled" | "cn" | "dn" | "crt" | "pem" | "md5";

/** What it says under that part; undefined: there is no certificate, or it does not say. */
export function certificateName(
  part: CertificatePart,
  certificate: PeerCertificate | undefined,
): string | undefined {
  if (certificate === undefined) return undefined;
  switch (part) {
    case "disabled":
      return undefined;
    case "cn":
      return certificate.commonName || undefined;
    case "dn":
      return certificate.subject || undefined;
    case "pem":
      return certificate.pem;
    case "crt":
      return certificate.pem && base64Of(certificate.pem);
    case "md5":
      return certificate.pem &&
        createHash("md5").update(base64Of(certificate.pem), "base64").digest("hex");
  }
}

/** The binary certificate (DER) as one line of base64. */
function base64Of(pem: string): string {
  return pem.replace(/-----[^-]+-----|\s/g, "");
}
