import assert from "node:assert/strict";
import { EVERYTHING, toPattern } from "../../gateway/core/match.ts";
import { Sieve } from "../../gateway/core/sieve.ts";
import { except, filter } from "./kit.ts";

const step = (allow: boolean, text: string) => ({ allow, pattern: toPattern(filter(text)) });

Deno.test("sieve: the first step that matches decides, and what none matches gets through", () => {
  const sieve = new Sieve([[step(true, "a/b/open"), step(false, "a/b/#"), step(true, "a/#")]]);
  assert.equal(sieve.permits("a/b/open"), true);
  assert.equal(sieve.permits("a/b/c"), false);
  assert.equal(sieve.permits("a/b"), false);
  assert.equal(sieve.permits("z"), true);
  assert.equal(new Sieve([[{ allow: false, pattern: EVERYTHING }]]).permits("$SYS/x"), false);
});

Deno.test("sieve: and() lets through what both let through", () => {
  const both = except("a").and(except("b"));
  assert.deepEqual(["a", "b", "c"].map((name) => both.permits(name)), [false, false, true]);
  const one = except("a");
  assert.equal(one.and(undefined), one);
});

Deno.test("sieve: behind() a mountpoint the names are those without it", () => {
  const sieve = except("a/+").behind("dev-1/");
  assert.equal(sieve.permits("dev-1/a/x"), false);
  assert.equal(sieve.permits("dev-1/b/x"), true);
  const glued = except("+/x").behind("dev");
  assert.equal(glued.permits("devil/x"), false, "a mountpoint may end within a level");
});

Deno.test("sieve: comes back from its text, and from nothing else", () => {
  const sieve = except("a/#").and(new Sieve([[step(true, "b"), step(false, "+")]])).behind("m/");
  assert.deepEqual(Sieve.fromText(sieve.toText()), sieve);
  const bad = [
    "",
    "{",
    "null",
    "[]",
    '{"cut":0}',
    '{"cut":"0","layers":[]}',
    '{"cut":0,"layers":[[1]]}',
    '{"cut":0,"layers":[[{"allow":1,"pattern":{"levels":[],"moreMin":1,"dollar":"all"}}]]}',
    '{"cut":0,"layers":[[{"allow":true,"pattern":{"levels":[1],"moreMin":1,"dollar":"all"}}]]}',
    '{"cut":0,"layers":[[{"allow":true,"pattern":{"levels":[],"moreMin":1,"dollar":"x"}}]]}',
  ];
  for (const text of bad) assert.equal(Sieve.fromText(text), undefined, text);
});
