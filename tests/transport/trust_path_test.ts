import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { trustPath } from "../../gateway/transport/trust_path.ts";
import { testAuthority } from "../kit/certs.ts";

const root = testAuthority("root");
const upper = root.intermediate("upper");
const lower = upper.intermediate("lower");
const client = lower.client("client").certificate;

/** Common names on the way. */
function way(shown: readonly string[], authorities: readonly string[]): string[] | undefined {
  const read = (list: readonly string[]) => list.map((pem) => new X509Certificate(pem));
  return trustPath(read(shown), read(authorities))?.map(({ subject }) => subject.slice(3));
}

Deno.test("trust_path: over intermediates, in whatever order they are shown", () => {
  const expected = ["client", "lower", "upper", "root"];
  assert.deepEqual(way([client, lower.ca, upper.ca], [root.ca]), expected);
  assert.deepEqual(way([client, root.ca, upper.ca, lower.ca], [root.ca]), expected);
});

Deno.test("trust_path: an intermediate that is trusted itself ends it", () => {
  assert.deepEqual(way([client, lower.ca, upper.ca], [root.ca, lower.ca]), ["client", "lower"]);
  assert.deepEqual(way([client], [lower.ca]), ["client", "lower"]);
  assert.deepEqual(way([client], [client]), ["client"]);
});

Deno.test("trust_path: names alone lead nowhere", () => {
  assert.equal(way([client, upper.ca], [root.ca]), undefined);
  const namesake = testAuthority("root").intermediate("upper").intermediate("lower");
  assert.equal(way([client, namesake.ca, upper.ca], [root.ca]), undefined);
  assert.equal(way([], [root.ca]), undefined);
});
