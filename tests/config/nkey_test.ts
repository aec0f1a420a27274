import assert from "node:assert/strict";
import { createAccount, createCluster, createOperator, createUser } from "@nats-io/nkeys";
import { type KeyKind, keyProblem } from "../../gateway/config/nkey.ts";

const MAKERS = { user: createUser, account: createAccount, operator: createOperator };

Deno.test("keyProblem takes the keys that NATS's own library makes, of the right kind only", () => {
  for (const [made, maker] of Object.entries(MAKERS)) {
    const key = maker().getPublicKey();
    for (const wanted of Object.keys(MAKERS)) {
      const problem = keyProblem(key, wanted as KeyKind);
      if (made === wanted) assert.equal(problem, undefined, key);
      else assert.match(problem ?? "", /does not begin with/);
    }
    assert.equal(keyProblem(key.toLowerCase(), made as KeyKind), undefined);
  }
  assert.match(keyProblem(createCluster().getPublicKey(), "user") ?? "", /begin with U/);
});

Deno.test("keyProblem finds every changed letter", () => {
  const key = createUser().getPublicKey();
  for (let i = 0; i < key.length; i++) {
    const other = key[i] === "A" ? "B" : "A";
    assert.notEqual(keyProblem(key.slice(0, i) + other + key.slice(i + 1), "user"), undefined);
  }
  for (const bad of ["", "U", key + "A", key.slice(1), key.slice(0, -1) + "1"]) {
    assert.match(keyProblem(bad, "user") ?? "", /expected 56 characters/);
  }
});
