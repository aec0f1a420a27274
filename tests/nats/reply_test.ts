import assert from "node:assert/strict";
import fc from "fast-check";
import { randomSeed } from "../kit/seed.ts";
import { unwrapReply, wrapReply } from "../../gateway/nats/reply.ts";
import { isValidLiteralSubject } from "../../gateway/nats/subject.ts";

const seed = randomSeed("tests/nats/reply_test.ts");

Deno.test("wrapReply() and unwrapReply() are inverse for any correlation data", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (data) => {
      const subject = wrapReply(data, "resp.a%20b");
      assert.ok(isValidLiteralSubject(subject), subject);
      const reply = unwrapReply(subject);
      assert.equal(reply?.subject, "resp.a%20b");
      assert.deepEqual(reply?.correlationData, data);
    }),
    { seed, numRuns: 1000 },
  );
});

Deno.test("wrapReply() writes base64url without padding, and _ for empty data", () => {
  assert.equal(wrapReply(new Uint8Array([0xfb, 0xff]), "r"), "_R.-_8.r");
  assert.equal(wrapReply(new Uint8Array(0), "r.s"), "_R._.r.s");
});

Deno.test("unwrapReply() leaves other subjects alone", () => {
  const others = [
    "",
    "a",
    "_R",
    "_R.",
    "_R.QQ",
    "_R.QQ.",
    "_R..a",
    "_R.Q.a",
    "_R.QR.a",
    "_R.QQ==.a",
  ];
  for (const subject of [...others, "_R.a+/b.c", "_INBOX.QQ.a", "_r.QQ.a", "_R.**.a"]) {
    assert.equal(unwrapReply(subject), undefined, subject);
  }
});
