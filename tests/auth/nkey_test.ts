import assert from "node:assert/strict";
import fc from "fast-check";
import { createUser, fromPublic, fromSeed } from "@nats-io/nkeys";
import {
  crc16,
  decodeSignature,
  encodeBase32,
  formatPublicNkey,
  generateNkey,
  parsePublicNkey,
  parseSeed,
  type PublicNkey,
  publicNkeyOfSeed,
  signWithSeed,
  verifyNkey,
} from "../../gateway/auth/nkey.ts";
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
  assert.equal(crc16(encoder.encode("123456789")), 0x31c3);
});

Deno.test("CH-15 CH-16 CH-17 CH-18 keys are read in any case, by kind, and written back", () => {
  const key = user(PUBLIC_TEXT.user.toLowerCase()) as PublicNkey;
  assert.equal(key.text, PUBLIC_TEXT.user);
  assert.equal(key.bytes.length, 32);
  const kinds = ["user", "account", "operator"] as const;
  for (const kind of kinds) {
    const any = parsePublicNkey(PUBLIC_TEXT[kind], kinds) as PublicNkey;
    assert.equal(any.kind, kind);
    assert.equal(formatPublicNkey(kind, any.bytes), PUBLIC_TEXT[kind]);
  }
});

Deno.test("CH-19..CH-25 every way a key can be wrong has its name", () => {
  const good = PUBLIC_TEXT.user;
  assert.equal(user(`A${good.slice(1)}`), "invalid_nkey_prefix");
  assert.equal(user(""), "invalid_nkey_prefix");
  assert.equal(user("U0"), "invalid_base32_char");
  assert.equal(user(good.slice(0, -2)), "invalid_nkey_size");
  assert.equal(user(`${good}A`), "invalid_nkey_size");
  const last = good.endsWith("B") ? "C" : "B";
  assert.equal(user(good.slice(0, -1) + last), "invalid_nkey_crc");
  const raw = new Uint8Array(33).fill(7);
  raw[0] = 0xa1;
  const crc = crc16(raw);
  const odd = encodeBase32(Uint8Array.from([...raw, crc & 255, crc >> 8]));
  assert.ok(odd.startsWith("U"));
  assert.equal(user(odd), "invalid_nkey_prefix");
});

Deno.test("CH-26 a last group of fewer than five bits is filled with zeros", () => {
  assert.equal(encodeBase32(Uint8Array.from([0])), "AA");
  assert.equal(encodeBase32(Uint8Array.from([0xff])), "74");
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

Deno.test("no text makes the key reader throw", () => {
  fc.assert(fc.property(fc.string({ maxLength: 80 }), (text) => {
    parsePublicNkey(text, ["user", "account", "operator"]);
    parseSeed(text);
    decodeSignature(text);
  }));
  for (const text of ["", "S", "SU", SEED_TEXT.user.slice(0, -1), `${SEED_TEXT.user}A`]) {
    assert.equal(parseSeed(text), undefined);
  }
});
