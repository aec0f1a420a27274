import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { issueCertificate } from "../../gateway/transport/issue_certificate.ts";

const DATES = {
  notBefore: new Date("2024-01-02T03:04:05Z"),
  notAfter: new Date("2061-01-02T03:04:05Z"),
};
const hasOpenssl = await new Deno.Command("openssl", { args: ["version"], stdout: "null" }).output()
  .then((result) => result.success, () => false);

Deno.test("issue_certificate: a self-signed certificate says what was asked for", () => {
  const hosts = ["localhost", "*.example.com", "127.0.0.1", "::1", "2001:db8::1:0:0:5"];
  const issued = issueCertificate({ commonName: "gäteway", hosts, ...DATES });
  const certificate = new X509Certificate(issued.certificate);
  assert.equal(certificate.subject, "CN=gäteway");
  assert.match(certificate.subjectAltName!, /DNS:localhost, DNS:\*\.example\.com, /);
  assert.match(certificate.subjectAltName!, /IP Address:127\.0\.0\.1/);
  assert.equal(new Date(certificate.validFrom).toISOString(), DATES.notBefore.toISOString());
  assert.equal(new Date(certificate.validTo).toISOString(), DATES.notAfter.toISOString());
  assert.equal(certificate.ca, false);
  assert(certificate.verify(certificate.publicKey));
  assert(certificate.checkPrivateKey(createPrivateKey(issued.key)));
});

Deno.test("issue_certificate: two certificates never share a serial number or a key", () => {
  const [one, two] = [1, 2].map(() => issueCertificate({ commonName: "x", ...DATES }));
  const serial = (pem: string) => new X509Certificate(pem).serialNumber;
  assert.notEqual(serial(one!.certificate), serial(two!.certificate));
  assert.notEqual(one!.key, two!.key);
});

Deno.test({
  name: "issue_certificate: openssl takes a chain for what it says, and for nothing else" +
    (hasOpenssl ? "" : " (skipped: no openssl)"),
  ignore: !hasOpenssl,
  async fn() {
    const ca = issueCertificate({ commonName: "test CA", ca: true, ...DATES });
    const server = issueCertificate({
      commonName: "server",
      hosts: ["localhost", "::1"],
      usage: "server",
      ...DATES,
    }, ca);
    const stranger = issueCertificate({ commonName: "test CA", ca: true, ...DATES });
    const directory = await Deno.makeTempDir();
    try {
      const file = async (name: string, text: string) => {
        await Deno.writeTextFile(`${directory}/${name}`, text);
        return `${directory}/${name}`;
      };
      const leaf = await file("leaf.pem", server.certificate);
      const verify = async (root: string, ...more: string[]) => {
        const args = ["verify", "-x509_strict", ...more, "-CAfile", root, leaf];
        return (await new Deno.Command("openssl", { args, stdout: "null", stderr: "null" })
          .output())
          .success;
      };
      const root = await file("ca.pem", ca.certificate);
      assert.equal(
        await verify(root, "-purpose", "sslserver", "-verify_hostname", "localhost"),
        true,
      );
      assert.equal(await verify(root, "-verify_ip", "::1"), true);
      assert.equal(await verify(root, "-purpose", "sslclient"), false);
      assert.equal(await verify(await file("other.pem", stranger.certificate)), false);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});
