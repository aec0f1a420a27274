import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { derChildren, derElement, objectIdText, subjectOf } from "../../gateway/transport/der.ts";
import { testAuthority } from "../kit/certs.ts";

Deno.test("der: elements in elements, long lengths included", () => {
  const long = new Uint8Array(300).fill(7);
  const bytes = Uint8Array.of(0x30, 0x82, 1, 0x33, 0x02, 1, 5, 0x04, 0x82, 1, 0x2c, ...long);
  const outer = derElement(bytes, 0);
  assert.deepEqual(outer, { tag: 0x30, start: 0, from: 4, end: 311 });
  const [number, text] = derChildren(bytes, outer);
  assert.deepEqual(number, { tag: 2, start: 4, from: 6, end: 7 });
  assert.deepEqual(text, { tag: 4, start: 7, from: 11, end: 311 });
});

Deno.test("der: what ends early or has no length is refused", () => {
  const cases = [[], [0x30], [0x30, 5, 1], [0x30, 0x80], [0x30, 0x81], [0x30, 0x85, 1, 0, 0, 0, 0]];
  for (const bytes of cases) {
    assert.throws(() => derElement(Uint8Array.from(bytes), 0), /DER/, String(bytes));
  }
  const beyond = Uint8Array.of(0x30, 3, 0x04, 2, 1, 9);
  assert.throws(() => derChildren(beyond, derElement(beyond, 0)), /ends early/);
});

Deno.test("der: object identifiers", () => {
  assert.equal(
    objectIdText(Uint8Array.of(0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2)),
    "1.2.840.10045.4.3.2",
  );
  assert.equal(objectIdText(Uint8Array.of(0x55, 0x1d, 0x1c)), "2.5.29.28");
  assert.equal(objectIdText(Uint8Array.of(0x88, 0x37)), "2.999");
});

Deno.test("der: a certificate's subject, which is its child's issuer", () => {
  const authority = testAuthority("the name");
  const subject = subjectOf(new X509Certificate(authority.ca).raw);
  assert.match(new TextDecoder().decode(subject), /the name$/);
  assert.notDeepEqual(
    subject,
    subjectOf(new X509Certificate(authority.client("x").certificate).raw),
  );
});
