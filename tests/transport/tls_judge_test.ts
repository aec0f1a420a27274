import assert from "node:assert/strict";
import { versionLimits } from "../../gateway/transport/tls_judge.ts";

// What is judged is shown with real handshakes: tls_server_test.ts, tls_rules_test.ts.

Deno.test("tls_judge: only versions that have a suite among the ciphers are offered", () => {
  const limits = (versions: ("tlsv1.3" | "tlsv1.2")[], ...ciphers: string[]) => {
    const { minVersion, maxVersion } = versionLimits({ versions, ciphers });
    return `${minVersion} ${maxVersion}`;
  };
  const [old, young] = ["ECDHE-RSA-AES128-GCM-SHA256", "TLS_AES_128_GCM_SHA256"] as const;
  const both = ["tlsv1.3", "tlsv1.2"] as const;
  assert.equal(limits([...both]), "TLSv1.2 TLSv1.3");
  assert.equal(limits([...both], old), "TLSv1.2 TLSv1.2");
  assert.equal(limits([...both], young), "TLSv1.3 TLSv1.3");
  assert.equal(limits([...both], young, old), "TLSv1.2 TLSv1.3");
  assert.equal(limits(["tlsv1.2"], young, old), "TLSv1.2 TLSv1.2");
  assert.equal(limits(["tlsv1.3"]), "TLSv1.3 TLSv1.3");
});
