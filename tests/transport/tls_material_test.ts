import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { OperationalError } from "../../gateway/errors.ts";
import {
  daysLeft,
  loadTlsMaterial,
  type TlsSources,
} from "../../gateway/transport/tls_material.ts";
import { testAuthority } from "../kit/certs.ts";

const authority = testAuthority();
const server = authority.server();
const GOOD: TlsSources = {
  certfile: server.certificate,
  keyfile: server.key,
  verify: "verify_none",
  fail_if_no_peer_cert: false,
  enable_crl_check: false,
  sni: [],
};

/** The message of a refusal. */
async function refusal(changes: Partial<TlsSources>): Promise<string> {
  try {
    await loadTlsMaterial({ ...GOOD, ...changes }, "x");
  } catch (error) {
    assert(error instanceof OperationalError);
    assert.equal(error.exitCode, 78);
    return error.message;
  }
  assert.fail("was accepted");
}

Deno.test("tls_material: files and PEM text in the configuration are the same", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${directory}/cert.pem`, "some words\n" + server.certificate);
    await Deno.writeTextFile(`${directory}/key.pem`, server.key);
    const files = { certfile: `${directory}/cert.pem`, keyfile: `${directory}/key.pem` };
    const fromFiles = await loadTlsMaterial({ ...GOOD, ...files }, "x");
    const inline = await loadTlsMaterial(GOOD, "x");
    assert.equal(fromFiles.version, inline.version);
    assert.equal(inline.ca, undefined);
    assert.equal(inline.identities[0].info.subject, "CN=localhost");
    assert.equal(inline.identities[0].info.issuer, "CN=test authority");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("tls_material: a renewed certificate or authority is another version", async () => {
  const first = await loadTlsMaterial(GOOD, "x");
  const renewed = authority.server();
  const changed = { certfile: renewed.certificate, keyfile: renewed.key };
  assert.notEqual((await loadTlsMaterial({ ...GOOD, ...changed }, "x")).version, first.version);
  const strict = { ...GOOD, verify: "verify_peer", cacertfile: authority.ca } as const;
  const other = { ...strict, cacertfile: authority.ca + testAuthority().ca };
  const [one, two] = await Promise.all([strict, other].map((each) => loadTlsMaterial(each, "x")));
  assert.deepEqual([one?.ca?.length, two?.ca?.length], [1, 2]);
  assert.notEqual(one?.version, two?.version);
});

Deno.test("tls_material: an encrypted key needs its passphrase", async () => {
  const keyfile = createPrivateKey(server.key).export({
    type: "pkcs8",
    format: "pem",
    cipher: "aes-256-cbc",
    passphrase: "open sesame",
  }).toString();
  const opened = await loadTlsMaterial({ ...GOOD, keyfile, password: "open sesame" }, "x");
  assert.equal(opened.version, (await loadTlsMaterial(GOOD, "x")).version);
  assert.match(await refusal({ keyfile, password: "wrong" }), /x\.keyfile .*is `password` right/);
  assert.match(await refusal({ keyfile }), /is `password` right/);
});

Deno.test("tls_material: what cannot work is refused with the setting's name", async () => {
  const other = testAuthority().server();
  const strict = { verify: "verify_peer" } as const;
  const garbage = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
  assert.match(await refusal({ certfile: undefined }), /^x\.certfile is not set.*self-signed/);
  assert.match(await refusal({ keyfile: undefined }), /^x\.keyfile is not set/);
  assert.match(await refusal({ certfile: "/nowhere/c.pem" }), /^x\.certfile .*no such file/);
  assert.match(await refusal({ certfile: garbage }), /^x\.certfile .*not a certificate/);
  assert.match(await refusal({ certfile: server.key }), /^x\.certfile holds no certificate/);
  assert.match(await refusal({ keyfile: server.certificate }), /^x\.keyfile holds no private key/);
  assert.match(await refusal({ keyfile: other.key }), /^x\.keyfile does not belong/);
  assert.match(await refusal(strict), /^x\.cacertfile is not set/);
  assert.match(await refusal({ ...strict, cacertfile: server.key }), /^x\.cacertfile holds no/);
  const sni = [{ hosts: [], certfile: server.certificate, keyfile: other.key }];
  assert.match(await refusal({ sni }), /^x\.sni\[0\]\.keyfile/);
  const nameless = authority.client("nobody");
  const unnamed = [{ hosts: [], certfile: nameless.certificate, keyfile: nameless.key }];
  assert.match(await refusal({ sni: unnamed }), /^x\.sni\[0\]\.hosts/);
});

Deno.test("tls_material: days left are whole days", () => {
  const at = (notAfter: number) =>
    daysLeft({ subject: "", issuer: "", fingerprint256: "", notBefore: 0, notAfter }, 0);
  assert.equal(at(86_400_000 * 3 - 1), 2);
  assert.equal(at(86_400_000 * 3), 3);
  assert.equal(at(-1), -1);
});
