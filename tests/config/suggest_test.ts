import assert from "node:assert/strict";
import { closest } from "../../gateway/config/suggest.ts";

Deno.test("closest finds slips and leaves strangers alone", () => {
  const names = ["server_name", "server_id", "mountpoint", "enable"];
  assert.equal(closest("server_nmae", names), "server_name");
  assert.equal(closest("Mountpoint", names), "mountpoint");
  assert.equal(closest("mount_point", names), "mountpoint");
  assert.equal(closest("enabled", names), "enable");
  assert.equal(closest("banana", names), undefined);
  assert.equal(closest("", names), undefined);
  assert.equal(closest("x", []), undefined);
});
