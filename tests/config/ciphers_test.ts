import assert from "node:assert/strict";
import { cipherNamed, CIPHERS, cipherVersion } from "../../gateway/config/ciphers.ts";
import { loadConfig } from "../../gateway/config/load.ts";

Deno.test("ciphers: both names of a suite, in any case, are OpenSSL's", () => {
  const name = "ECDHE-ECDSA-CHACHA20-POLY1305";
  assert.equal(cipherNamed(name), name);
  assert.equal(cipherNamed("tls_ecdhe_ecdsa_with_chacha20_poly1305_sha256"), name);
  assert.equal(cipherNamed("TLS_AES_128_GCM_SHA256"), "TLS_AES_128_GCM_SHA256");
  assert.equal(cipherNamed("AES128-SHA"), undefined);
  assert.deepEqual(CIPHERS.map(cipherNamed), CIPHERS);
  const old = CIPHERS.filter((each) => cipherVersion(each) === "tlsv1.2");
  assert.deepEqual([old.length, CIPHERS.length], [6, 9]);
});

Deno.test("ciphers: a list as text or array; what is not there is named with what is", () => {
  const listener = (ciphers: string) =>
    loadConfig({
      text: '[listeners.ssl.a]\nbind = "127.0.0.1:1"\n[listeners.ssl.a.ssl_options]\n' +
        `certfile = "c"\nkeyfile = "k"\nciphers = ${ciphers}`,
    });
  const read = (ciphers: string) =>
    listener(ciphers).config?.listeners.ssl["a"]?.ssl_options.ciphers;
  const two = ["ECDHE-RSA-AES256-GCM-SHA384", "TLS_AES_256_GCM_SHA384"];
  assert.deepEqual(read(JSON.stringify(two.join(":"))), two);
  assert.deepEqual(
    read('["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"]'),
    two,
  );
  const [issue] = listener('"RC4-SHA:TLS_AES_256_GCM_SHA384"').issues;
  assert.equal(issue?.severity, "error");
  assert.equal(
    issue?.message,
    "names suites that the runtime does not have: RC4-SHA. It has " + CIPHERS.join(", "),
  );
});
