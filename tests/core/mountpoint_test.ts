import assert from "node:assert/strict";
import { mount, renderMountpoint, unmount } from "../../gateway/core/mountpoint.ts";

Deno.test("renderMountpoint() fills in every placeholder of the reference", () => {
  const values = {
    username: "alice",
    clientid: "c1",
    account: "ACC",
    peerhost: "10.0.0.1",
    zone: "z",
    endpoint_name: "ep",
    client_attrs: { site: "north" },
  };
  assert.equal(
    renderMountpoint(
      "${username}/${clientid}/${account}/${peerhost}/${zone}/${endpoint_name}/${client_attrs.site}/",
      values,
    ),
    "alice/c1/ACC/10.0.0.1/z/ep/north/",
  );
});

Deno.test("renderMountpoint() renders once: a value is never a template", () => {
  assert.equal(
    renderMountpoint("${username}/", { username: "${clientid}", clientid: "secret" }),
    "${clientid}/",
  );
  assert.equal(renderMountpoint("${username}/", { username: "$&$1" }), "$&$1/");
});

Deno.test("renderMountpoint() leaves unknown and empty-handed placeholders as they are", () => {
  assert.equal(renderMountpoint("${username}/${nope}/", {}), "${username}/${nope}/");
  assert.equal(
    renderMountpoint("${client_attrs.constructor}/${constructor}/", { client_attrs: {} }),
    "${client_attrs.constructor}/${constructor}/",
  );
  assert.equal(renderMountpoint("${username}/", { username: "" }), "/");
});

Deno.test("renderMountpoint() refuses values that would reach into other names", () => {
  for (const username of ["+", "#", "a+b", "a\0b"]) {
    assert.equal(renderMountpoint("${username}/", { username }), undefined, username);
  }
});

Deno.test("mount() and unmount() are inverse; foreign names do not unmount", () => {
  assert.equal(mount("nats/", "sub/t"), "nats/sub/t");
  assert.equal(unmount("nats/", "nats/sub/t"), "sub/t");
  assert.equal(unmount("nats/", "other/t"), undefined);
  assert.equal(unmount("", "a"), "a");
});
