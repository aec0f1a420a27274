import assert from "node:assert/strict";
import { Router } from "../../gateway/core/router.ts";
import { NatsDialect } from "../../gateway/nats/dialect.ts";
import { ascii } from "../../gateway/nats/encode.ts";
import { createMapping } from "../../gateway/nats/subject.ts";
import { roomyRetained, topic } from "../core/kit.ts";

function dialect(mountpoint = "", routes_max = 100): NatsDialect {
  const router = new Router(roomyRetained(), { routes_max, targets_max: 100 });
  return new NatsDialect(0, createMapping("lossless"), mountpoint, router);
}

Deno.test("a subject has one route, which knows its mountpoint", () => {
  const names = dialect("nats/");
  const bytes = ascii("PUB a.b 1");
  const entry = names.route(bytes, 4, 7)!;
  assert.equal(entry.route.topic, "nats/a/b");
  assert.equal(names.route(ascii("a.b"), 0, 3), entry);
  assert.equal(names.router.route(topic("nats/a/b")), entry.route);
});

Deno.test("subjects that are none have no route", () => {
  const names = dialect();
  for (const bad of ["", "a..b", ".", "a b", "a\0", "x".repeat(70_000)]) {
    assert.equal(names.route(ascii(bad), 0, bad.length), undefined, bad.slice(0, 9));
  }
});

Deno.test("a route that the cache let go of is not handed out again", () => {
  const names = dialect("", 1);
  const first = names.route(ascii("a"), 0, 1)!;
  names.route(ascii("b"), 0, 1);
  assert.equal(first.route.attached, false);
  const again = names.route(ascii("a"), 0, 1)!;
  assert.notEqual(again.route, first.route);
  assert.equal(again.route.attached, true);
});

Deno.test("filters and subjects cross the mountpoint both ways", () => {
  const names = dialect("m/");
  assert.deepEqual(names.filter("*.>"), { filter: "m/+/#", oneOrMore: true });
  assert.deepEqual(names.filter("a.*"), { filter: "m/a/+", oneOrMore: false });
  assert.equal(names.filter("a..b"), undefined);
  assert.equal(names.subject(topic("m/a/b")), "a.b");
  assert.equal(names.subject(topic("other/a")), undefined);
  assert.equal(names.subject(topic("m/")), undefined, "nothing is left of it");
  assert.equal(names.topic("%"), "m/");
});
