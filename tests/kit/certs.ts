/**
 * Certificates for tests, made when they run.
 */
import { issueCertificate, type Issued } from "../../gateway/transport/issue_certificate.ts";

const DAY_MS = 86_400_000;
const VALID = {
  notBefore: new Date(Date.now() - DAY_MS),
  notAfter: new Date(Date.now() + 30 * DAY_MS),
};

/** An authority, and what it has signed. */
export interface TestAuthority {
  /** Its own certificate, as PEM text. */
  readonly ca: string;
  /** The same with its key, for what only an authority signs. */
  readonly issuer: Issued;
  /** An authority below this one. */
  intermediate(commonName: string): TestAuthority;
  /** A certificate for localhost, 127.0.0.1, ::1 and the names given. */
  server(commonName?: string, ...hosts: string[]): Issued;
  client(commonName: string): Issued;
  /** A client's certificate that was valid once. */
  expired(commonName: string): Issued;
  /** A certificate that only servers may show. */
  serverOnly(commonName: string): Issued;
}

/** Makes an authority; each call makes another, even with the same name. */
export function testAuthority(name = "test authority"): TestAuthority {
  return authorityOf(issueCertificate({ commonName: name, ca: true, ...VALID }));
}

function authorityOf(ca: Issued): TestAuthority {
  return {
    ca: ca.certificate,
    issuer: ca,
    intermediate: (commonName) =>
      authorityOf(issueCertificate({ commonName, ca: true, ...VALID }, ca)),
    server: (commonName = "localhost", ...hosts) =>
      issueCertificate({
        commonName,
        hosts: ["localhost", "127.0.0.1", "::1", ...hosts],
        usage: "server",
        ...VALID,
      }, ca),
    client: (commonName) => issueCertificate({ commonName, usage: "client", ...VALID }, ca),
    expired: (commonName) => {
      const notAfter = new Date(Date.now() - DAY_MS);
      const notBefore = new Date(Date.now() - 9 * DAY_MS);
      return issueCertificate({ commonName, usage: "client", notBefore, notAfter }, ca);
    },
    serverOnly: (commonName) => issueCertificate({ commonName, usage: "server", ...VALID }, ca),
  };
}
