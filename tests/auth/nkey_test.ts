import assert from "node:assert/strict";
import fc from "fast-check";
import { createUser, fromPublic, fromSeed } from "@nats-io/nkeys";
import {
  decodeSignature,
  generateNkey,
  publicNkeyOfSeed,
  signWithSeed,
  verifyNkey,
} from "../../gateway/auth/nkey.ts";
import { parsePublicNkey, parseSeed, type PublicNkey } from "../../gateway/nkey_text.ts";
import { KEYS, NONCE } from "./kit.ts";
import { NONCE_SIGNATURE, PUBLIC_TEXT, SEED_TEXT } from "./vectors.ts";

const encoder = new TextEncoder();
const user = (text: string) => parsePublicNkey(text, ["user"]);

Deno.test("known seeds give the known public keys", () => {
  assert.deepEqual(KEYS, PUBLIC_TEXT);
  for (const name of ["operator", "account", "user"] as const) {
    const { kind, seed } = parseSeed(SEED_TEXT[name])!;
    assert.equal(kind, name);
    assert.equal(publicNkeyOfSeed(kind, seed), PUBLIC_TEXT[name]);
  }
});

Deno.test("CH-27..CH-31 signatures", () => {
  const key = user(PUBLIC_TEXT.user) as PublicNkey;
  const nonce = encoder.encode(NONCE);
  const signature = decodeSignature(NONCE_SIGNATURE)!;
  assert.equal(verifyNkey(key, nonce, signature), true);
  const flipped = signature.slice();
  flipped[0]! ^= 1;
  assert.equal(verifyNkey(key, nonce, flipped), false);
  assert.equal(decodeSignature("***"), undefined);
  assert.equal(verifyNkey(key, nonce, decodeSignature("////")!), false, "standard base64, short");
  assert.equal(user(PUBLIC_TEXT.account), "invalid_nkey_prefix");
  const standard = btoa(String.fromCharCode(...signature));
  assert.equal(verifyNkey(key, nonce, decodeSignature(standard)!), true, "padded, standard base64");
});

Deno.test("keys and signatures agree with @nats-io/nkeys both ways", () => {
  const theirs = createUser();
  const data = encoder.encode("data");
  const key = user(theirs.getPublicKey()) as PublicNkey;
  assert.equal(verifyNkey(key, data, theirs.sign(data)), true);
  for (const kind of ["user", "account", "operator"] as const) {
    const made = generateNkey(kind);
    const pair = fromSeed(encoder.encode(made.seed));
    assert.equal(pair.getPublicKey(), made.publicKey);
    const { seed } = parseSeed(made.seed)!;
    assert.equal(fromPublic(made.publicKey).verify(data, signWithSeed(seed, data)), true);
  }
});

Deno.test("no text makes the signature reader throw", () => {
  fc.assert(fc.property(fc.string({ maxLength: 80 }), (text) => {
    decodeSignature(text);
  }));
});
