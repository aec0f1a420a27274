import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import {
  isSignedBy,
  parseRevocationLists,
  revocation,
} from "../../gateway/transport/revocation_list.ts";
import { testAuthority } from "../kit/certs.ts";
import { HAS_OPENSSL, OPENSSL_NOTE } from "../kit/openssl.ts";
import { revocationList } from "../kit/revocation.ts";

const root = testAuthority("root");
const middle = root.intermediate("middle");
const [good, bad] = [middle.client("good"), middle.client("bad")];
const text = (pem: string) => new TextEncoder().encode(pem);
const path = (...certificates: string[]) => certificates.map((pem) => new X509Certificate(pem));

function listTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `revocation_list: ${name}${OPENSSL_NOTE}`, ignore: !HAS_OPENSSL, fn });
}

listTest("certificates of the whole path are looked up", async () => {
  const ofRoot = await revocationList(root.issuer, []);
  const ofMiddle = await revocationList(middle.issuer, [bad]);
  const lists = parseRevocationLists(text(ofRoot + ofMiddle));
  assert.equal(lists.length, 2);
  assert.deepEqual(lists.map(({ issuer }) => issuer), ["root", "middle"]);
  const judge = (client: string, now = Date.now()) =>
    revocation(path(client, middle.ca, root.ca), lists, now);
  assert.equal(judge(good.certificate), undefined);
  assert.equal(judge(bad.certificate), "the certificate of CN=bad is revoked");
  const without = parseRevocationLists(text(await revocationList(root.issuer, [middle.issuer])));
  const both = [...without, ...parseRevocationLists(text(ofMiddle))];
  assert.equal(
    revocation(path(good.certificate, middle.ca, root.ca), both, Date.now()),
    "the certificate of CN=middle is revoked",
  );
});

listTest("a list that is missing, old or of somebody else lets nobody in", async () => {
  const way = path(good.certificate, middle.ca, root.ca);
  const ofRoot = parseRevocationLists(text(await revocationList(root.issuer, [])));
  assert.match(revocation(way, ofRoot, Date.now()) ?? "", /no revocation list of CN=middle/);
  const old = parseRevocationLists(text(await revocationList(middle.issuer, [], { seconds: -60 })));
  const why = revocation(way, [...ofRoot, ...old], Date.now());
  assert.equal(why, "the revocation list of CN=middle in crlfile has expired");
  // Of the same name, but another key.
  const namesake = testAuthority("root").intermediate("middle");
  const forged = parseRevocationLists(text(await revocationList(namesake.issuer, [])));
  assert.match(revocation(way, [...ofRoot, ...forged], Date.now()) ?? "", /no revocation list of/);
  assert.equal(isSignedBy(forged[0]!, new X509Certificate(middle.ca)), false);
  assert.equal(isSignedBy(forged[0]!, new X509Certificate(namesake.ca)), true);
});

listTest("DER is read like PEM; a changed byte spoils the signature", async () => {
  const pem = await revocationList(middle.issuer, [bad, good]);
  const der = Uint8Array.fromBase64(pem.replace(/-----[^-]+-----/g, ""));
  const [list] = parseRevocationLists(der);
  assert.deepEqual(list, parseRevocationLists(text(pem))[0]);
  assert.equal(list!.serials.size, 2);
  const issuer = new X509Certificate(middle.ca);
  assert.equal(isSignedBy(list!, issuer), true);
  const serial = [...list!.serials][0]!;
  const at = der.toHex().indexOf(serial) / 2;
  der[at + 8]! ^= 1;
  assert.equal(isSignedBy(parseRevocationLists(der)[0]!, issuer), false);
});

listTest("partial lists and what is no list are refused", async () => {
  const partial = ["issuingDistributionPoint = critical, @point\n[point]\nonlyuser = TRUE"];
  const pem = await revocationList(middle.issuer, [], { extensions: partial });
  assert.throws(() => parseRevocationLists(text(pem)), /partial .*2\.5\.29\.28/);
  const delta = { extensions: ["2.5.29.27 = critical,DER:020101"] };
  const changes = await revocationList(middle.issuer, [], delta);
  assert.throws(() => parseRevocationLists(text(changes)), /partial .*2\.5\.29\.27/);
  const certificate = new Uint8Array(new X509Certificate(middle.ca).raw);
  assert.throws(() => parseRevocationLists(certificate), /no revocation list|not known|DER/);
  // Cut anywhere, it is an error and nothing else.
  const whole = Uint8Array.fromBase64(
    (await revocationList(middle.issuer, [bad])).replace(/-----[^-]+-----/g, ""),
  );
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => parseRevocationLists(whole.subarray(0, length)), Error, `${length} bytes`);
  }
  assert.equal(parseRevocationLists(whole)[0]!.serials.size, 1);
});
