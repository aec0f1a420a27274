/**
 * Certificates, keys and trusted authorities of a TLS listener, read from files or from the
 * configuration itself, and checked before anything uses them: the runtime takes garbage and
 * fails only at the first handshake.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { DAY_MS } from "../clock.ts";
import { OperationalError } from "../errors.ts";
import { isSignedBy, parseRevocationLists, type RevocationList } from "./revocation_list.ts";

/** Where they are; keys are those of `ssl_options`. Each value is a path, or the PEM text itself. */
export interface TlsSources {
  readonly certfile?: string | undefined;
  readonly keyfile?: string | undefined;
  /** Passphrase of the key. */
  readonly password?: string | undefined;
  /** Authorities whose client certificates are accepted. */
  readonly cacertfile?: string | undefined;
  readonly verify: "verify_none" | "verify_peer";
  /** With `verify_peer` only: clients without a certificate are refused. */
  readonly fail_if_no_peer_cert: boolean;
  /** With `verify_peer`: client certificates are looked up in `crlfile`. */
  readonly enable_crl_check: boolean;
  /** Revocation lists, of each authority that a client's certificate may lead over. */
  readonly crlfile?: string | undefined;
  /** Further certificates by the name a client asks for. */
  readonly sni: readonly {
    /** Empty: the names in the certificate. */
    readonly hosts: readonly string[];
    readonly certfile: string;
    readonly keyfile: string;
    readonly password?: string | undefined;
  }[];
}

/** A certificate with its key, ready for use. */
export interface Identity {
  /** Names it serves, lower case; `*.` stands for one label. Empty for the default. */
  readonly hosts: readonly string[];
  /** The chain, leaf first, as PEM text. */
  readonly cert: string;
  /** The key as PEM text, decrypted. */
  readonly key: string;
  readonly info: CertificateInfo;
}

/** What logs, metrics and the admin API show of a certificate. */
export interface CertificateInfo {
  readonly subject: string;
  readonly issuer: string;
  readonly fingerprint256: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** All that a TLS listener needs; compare `version` to see whether anything changed. */
export interface TlsMaterial {
  readonly identities: readonly [Identity, ...Identity[]];
  /** PEM texts, one certificate each; undefined when peers are not verified. */
  readonly ca: readonly string[] | undefined;
  /** Empty when none are asked for. */
  readonly revocationLists: readonly RevocationList[];
  readonly version: string;
}

/** Days that are left of a certificate, rounded down; negative once it has expired. */
export function daysLeft(certificate: CertificateInfo, now: number): number {
  return Math.floor((certificate.notAfter - now) / DAY_MS);
}

/**
 * Reads and checks everything.
 * @param where Path of the settings, for messages, such as `listeners.ssl.default.ssl_options`.
 * @throws OperationalError (exit code 78); its first word is the setting, the rest what is wrong.
 */
export async function loadTlsMaterial(sources: TlsSources, where: string): Promise<TlsMaterial> {
  if (sources.certfile === undefined || sources.keyfile === undefined) {
    const missing = sources.certfile === undefined ? "certfile" : "keyfile";
    throw unusable(
      `${where}.${missing}`,
      "is not set; name a PEM file, or make one with: natsgate cert self-signed",
    );
  }
  if (sources.fail_if_no_peer_cert && sources.verify !== "verify_peer") {
    throw unusable(`${where}.fail_if_no_peer_cert`, 'needs verify = "verify_peer"');
  }
  const first = await loadIdentity(sources.certfile, sources.keyfile, sources.password, [], where);
  const others = [];
  for (const [index, each] of sources.sni.entries()) {
    const path = `${where}.sni[${index}]`;
    const identity = await loadIdentity(
      each.certfile,
      each.keyfile,
      each.password,
      each.hosts,
      path,
    );
    if (identity.hosts.length === 0) {
      throw unusable(`${path}.hosts`, "is empty and the certificate names no hosts either");
    }
    others.push(identity);
  }
  const ca = sources.verify === "verify_peer" ? await loadAuthorities(sources, where) : undefined;
  const revocationLists = sources.enable_crl_check
    ? await loadRevocationLists(sources, ca ?? [], where)
    : [];
  const identities = [first, ...others] as const;
  const signatures = revocationLists.map(({ signature }) => signature.toHex());
  const parts = [identities.map(({ hosts, cert, key }) => ({ hosts, cert, key })), ca, signatures];
  return { identities, ca, revocationLists, version: JSON.stringify(parts) };
}

async function loadAuthorities(sources: TlsSources, where: string): Promise<string[]> {
  if (sources.cacertfile === undefined) {
    throw unusable(
      `${where}.cacertfile`,
      "is not set, but verify_peer needs to know whom to trust",
    );
  }
  const ca = splitCertificates(await readPem(sources.cacertfile, `${where}.cacertfile`))
    .map((pem) => parseCertificate(pem, `${where}.cacertfile`) && pem);
  if (ca.length === 0) throw unusable(`${where}.cacertfile`, "holds no certificate");
  return ca;
}

async function loadRevocationLists(
  sources: TlsSources,
  ca: readonly string[],
  where: string,
): Promise<RevocationList[]> {
  const setting = `${where}.crlfile`;
  if (sources.crlfile === undefined) throw unusable(setting, "is not set");
  const file = await readFile(sources.crlfile, setting);
  let lists: RevocationList[];
  try {
    lists = parseRevocationLists(file);
  } catch (error) {
    throw unusable(setting, `holds a list that ${error instanceof Error ? error.message : error}`);
  }
  if (lists.length === 0) throw unusable(setting, "holds no revocation list");
  // Lists of intermediate authorities are checked when a client shows those.
  for (const pem of ca) {
    const authority = new X509Certificate(pem);
    if (lists.some((list) => isSignedBy(list, authority))) continue;
    const name = authority.subject.replaceAll("\n", ", ");
    throw unusable(setting, `holds no revocation list that ${name} has signed`);
  }
  return lists;
}

async function loadIdentity(
  certfile: string,
  keyfile: string,
  password: string | undefined,
  hosts: readonly string[],
  where: string,
): Promise<Identity> {
  const chain = splitCertificates(await readPem(certfile, `${where}.certfile`));
  if (chain[0] === undefined) throw unusable(`${where}.certfile`, "holds no certificate");
  const [leaf] = chain.map((pem) => parseCertificate(pem, `${where}.certfile`));
  const key = parseKey(await readPem(keyfile, `${where}.keyfile`), password, `${where}.keyfile`);
  if (!leaf!.checkPrivateKey(key)) {
    throw unusable(`${where}.keyfile`, "does not belong to the certificate in certfile");
  }
  return {
    hosts: (hosts.length > 0 ? hosts : hostsOf(leaf!)).map((host) => host.toLowerCase()),
    cert: chain.join(""),
    key: key.export({ type: "pkcs8", format: "pem" }).toString(),
    info: describe(leaf!),
  };
}

async function readPem(source: string, where: string): Promise<string> {
  return new TextDecoder().decode(await readFile(source, where));
}

/** The text itself when it is PEM, else what is in the file of that name. */
async function readFile(source: string, where: string): Promise<Uint8Array> {
  if (source.includes("-----BEGIN ")) return new TextEncoder().encode(source);
  try {
    return await Deno.readFile(source);
  } catch (error) {
    const missing = error instanceof Deno.errors.NotFound;
    const what = missing ? "there is no such file" : error instanceof Error ? error.message : "";
    throw unusable(where, `cannot read ${source}: ${what}`);
  }
}

function splitCertificates(pem: string): string[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => block + "\n");
}

function parseCertificate(pem: string, where: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw unusable(where, "holds something that is not a certificate");
  }
}

function parseKey(pem: string, password: string | undefined, where: string): KeyObject {
  try {
    return createPrivateKey({ key: pem, ...(password !== undefined && { passphrase: password }) });
  } catch {
    const hint = /ENCRYPTED/.test(pem) ? "; it is encrypted: is `password` right?" : "";
    throw unusable(where, `holds no private key that can be read${hint}`);
  }
}

function hostsOf(certificate: X509Certificate): string[] {
  const names = certificate.subjectAltName?.match(/DNS:[^,\s]+/g) ?? [];
  return names.map((name) => name.slice(4));
}

function describe(certificate: X509Certificate): CertificateInfo {
  return {
    subject: certificate.subject.replaceAll("\n", ", "),
    issuer: certificate.issuer.replaceAll("\n", ", "),
    fingerprint256: certificate.fingerprint256,
    notBefore: Date.parse(certificate.validFrom),
    notAfter: Date.parse(certificate.validTo),
  };
}

/** Exit code of a configuration that cannot be used. */
const EXIT_CONFIG = 78;

function unusable(where: string, what: string): OperationalError {
  return new OperationalError(`${where} ${what}`, EXIT_CONFIG);
}
