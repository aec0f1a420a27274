/**
 * TLS towards backends: the `ssl` table as options of node:tls.
 */
import { readFileSync } from "node:fs";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import { parseAddress } from "../address.ts";

/** `ssl` of a backend. */
export interface ClientTls {
  readonly enable?: boolean | undefined;
  readonly verify: "verify_none" | "verify_peer";
  /** Paths, or the PEM text itself. */
  readonly cacertfile?: string | undefined;
  readonly certfile?: string | undefined;
  readonly keyfile?: string | undefined;
  readonly password?: string | undefined;
  /** `disable`: ask for no name. */
  readonly server_name_indication?: string | undefined;
  readonly versions: readonly ("tlsv1.3" | "tlsv1.2")[];
}

/** What node:tls and the drivers take. */
export interface TlsOptions {
  readonly rejectUnauthorized: boolean;
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  readonly maxVersion: "TLSv1.2" | "TLSv1.3";
  readonly servername?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly passphrase?: string;
  readonly checkServerIdentity: (asked: string, shown: PeerCertificate) => Error | undefined;
}

/**
 * The options for a server; undefined: no TLS. `host` is undefined where there are several
 * servers: each must then show the name that its driver connects to. Reads files, and throws when
 * they cannot be read.
 */
export function tlsOptions(ssl: ClientTls, host: string | undefined): TlsOptions | undefined {
  if (ssl.enable !== true) return undefined;
  const verify = ssl.verify === "verify_peer";
  const sni = ssl.server_name_indication ?? host ?? "disable";
  const ca = pem(ssl.cacertfile), cert = pem(ssl.certfile), key = pem(ssl.keyfile);
  return {
    rejectUnauthorized: verify,
    minVersion: ssl.versions.includes("tlsv1.2") ? "TLSv1.2" : "TLSv1.3",
    maxVersion: ssl.versions.includes("tlsv1.3") ? "TLSv1.3" : "TLSv1.2",
    // An address is no name to ask for. [RFC 6066, section 3]
    ...(sni === "disable" || parseAddress(sni) !== undefined ? {} : { servername: sni }),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(ssl.password === undefined ? {} : { passphrase: ssl.password }),
    checkServerIdentity: verify
      // Drivers that upgrade a connection forget where it goes to, and ask for "localhost".
      ? (asked, shown) => checkServerIdentity(serverName(ssl, host) ?? asked, shown)
      : () => undefined,
  };
}

/** The name or address that the server's certificate must be for; undefined: see `tlsOptions`. */
export function serverName(ssl: ClientTls, host: string | undefined): string | undefined {
  const sni = ssl.server_name_indication;
  return sni === undefined || sni === "disable" ? host : sni;
}

function pem(value: string | undefined): string | undefined {
  if (value === undefined || value === "") return undefined;
  return value.includes("-----BEGIN") ? value : readFileSync(value, "utf8");
}
