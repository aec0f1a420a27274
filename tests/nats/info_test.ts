import assert from "node:assert/strict";
import { infoFor, NATS_VERSION } from "../../gateway/nats/info.ts";
import { NATS_DEFAULTS } from "../kit/defaults.ts";
import { NOBODY } from "../kit/nats_world.ts";
import { FakeLink } from "../kit/fake_link.ts";

const OPEN = { required: false, available: false, verify: false, handshakeFirst: false };

function info(
  tls: Partial<typeof OPEN> = {},
  required = false,
  nonce?: string,
  lameDuck = false,
): Record<string, unknown> {
  const listener = {
    mountpoint: undefined,
    authenticator: {
      required,
      needsNonce: false,
      authenticate: () => ({ kind: "allow", principal: NOBODY }) as const,
    },
    tls: { ...OPEN, ...tls },
  };
  const { peer } = new FakeLink({ id: 17, address: "192.0.2.9" });
  return infoFor(NATS_DEFAULTS, listener, peer, nonce, lameDuck) as Record<string, unknown>;
}

Deno.test("INFO tells what client libraries look at", () => {
  const fields = info();
  assert.match(NATS_VERSION, /^2\.10\.\d+$/, "2.11 and later make clients expect more");
  assert.equal(fields["version"], NATS_VERSION);
  assert.deepEqual(
    [fields["proto"], fields["headers"], fields["max_payload"], fields["client_id"]],
    [1, true, 1_048_576, 17],
  );
  assert.equal(fields["client_ip"], "192.0.2.9");
  assert.equal(fields["auth_required"], false);
});

Deno.test("flags that nats-server leaves out are left out", () => {
  for (const name of ["tls_required", "tls_available", "tls_verify", "nonce", "ldm"]) {
    assert.equal(name in info(), false, name);
  }
  const full = info(
    { required: true, available: true, verify: true, handshakeFirst: true },
    true,
    "n",
    true,
  );
  for (const name of ["tls_required", "tls_available", "tls_verify", "auth_required", "ldm"]) {
    assert.equal(full[name], true, name);
  }
  assert.equal(full["nonce"], "n");
});
