import assert from "node:assert/strict";
import fc from "fast-check";
import { createAccount, createCluster, createOperator, createUser } from "@nats-io/nkeys";
import {
  crc16,
  encodeBase32,
  formatPublicNkey,
  parsePublicNkey,
  parseSeed,
  type PublicNkey,
} from "../gateway/nkey_text.ts";
import { PUBLIC_TEXT, SEED_TEXT } from "./auth/vectors.ts";

const user = (text: string) => parsePublicNkey(text, ["user"]);

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

Deno.test("the check sum is CRC-16/XMODEM", () => {
  assert.equal(crc16(new TextEncoder().encode("123456789")), 0x31c3);
});

Deno.test("keys that NATS's own library makes are taken, of the right kind only", () => {
  const makers = { user: createUser, account: createAccount, operator: createOperator };
  const kinds = ["user", "account", "operator"] as const;
  for (const made of kinds) {
    const text = makers[made]().getPublicKey();
    for (const wanted of kinds) {
      const key = parsePublicNkey(text, [wanted]);
      if (made === wanted) assert.equal((key as PublicNkey).text, text);
      else assert.equal(key, "invalid_nkey_prefix");
    }
  }
  assert.equal(user(createCluster().getPublicKey()), "invalid_nkey_prefix");
});

Deno.test("every changed letter is found", () => {
  const key = createUser().getPublicKey();
  for (let i = 0; i < key.length; i++) {
    const other = key[i] === "A" ? "B" : "A";
    assert.equal(typeof user(key.slice(0, i) + other + key.slice(i + 1)), "string");
  }
});

Deno.test("no text makes the key reader throw", () => {
  fc.assert(fc.property(fc.string({ maxLength: 80 }), (text) => {
    parsePublicNkey(text, ["user", "account", "operator"]);
    parseSeed(text);
  }));
  for (const text of ["", "S", "SU", SEED_TEXT.user.slice(0, -1), `${SEED_TEXT.user}A`]) {
    assert.equal(parseSeed(text), undefined);
  }
});
