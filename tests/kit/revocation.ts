/**
 * Revocation lists for tests, made by `openssl ca` as authorities do.
 */
import { X509Certificate } from "node:crypto";
import type { Issued } from "../../gateway/transport/issue_certificate.ts";
import { run } from "./clients.ts";

/** What a list is to be like. */
export interface ListOptions {
  /** Seconds that it is good for; negative: it has expired. */
  readonly seconds?: number;
  /** Lines of its extensions section (x509v3_config). */
  readonly extensions?: readonly string[];
}

const TIME = "250101000000Z";

/** A list of an authority that revokes these certificates, as PEM text. */
export async function revocationList(
  issuer: Issued,
  revoked: readonly Issued[],
  { seconds = 3600, extensions = ["authorityKeyIdentifier = keyid"] }: ListOptions = {},
): Promise<string> {
  const dir = await Deno.makeTempDir({ prefix: "natsgate-test-" });
  const files = {
    "ca.pem": issuer.certificate,
    "ca.key": issuer.key,
    "index.txt": revoked.map(({ certificate }) => {
      const { serialNumber } = new X509Certificate(certificate);
      return `R\t491231235959Z\t${TIME}\t${serialNumber}\tunknown\t/CN=revoked\n`;
    }).join(""),
    "index.txt.attr": "unique_subject = no\n",
    "crlnumber": "01\n",
    "ca.cnf": `[ca]\ndefault_ca = it\n[it]\ndatabase = ${dir}/index.txt\n` +
      `crlnumber = ${dir}/crlnumber\ndefault_md = sha256\ncrl_extensions = more\n` +
      `[more]\n${extensions.join("\n")}\n`,
  };
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${dir}/${name}`, text);
  }
  const time = (seconds: number) =>
    new Date(Date.now() + seconds * 1000).toISOString().replace(/[-:T]|\.\d+/g, "");
  try {
    await run(
      "openssl",
      ...["ca", "-gencrl", "-config", `${dir}/ca.cnf`, "-cert", `${dir}/ca.pem`],
      ...["-keyfile", `${dir}/ca.key`, "-out", `${dir}/crl.pem`],
      ...["-crl_lastupdate", time(-86_400), "-crl_nextupdate", time(seconds)],
    );
    return await Deno.readTextFile(`${dir}/crl.pem`);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}
