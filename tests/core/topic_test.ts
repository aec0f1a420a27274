import assert from "node:assert/strict";
import fc from "fast-check";
import {
  filterProblem,
  hasWildcard,
  toFilter,
  TOPIC_BYTES_MAX,
  topicProblem,
  toTopic,
} from "../../gateway/core/topic.ts";

Deno.test("topicProblem() says what is wrong with a topic [MQTT-4.7.1-1] [MQTT-4.7.3-1]", () => {
  for (const fine of ["a", "/", "a/b", "a//b", "/a/", "$SYS/x", "ä/€/😀", " "]) {
    assert.equal(topicProblem(fine), undefined, fine);
  }
  assert.equal(topicProblem(""), "empty");
  assert.equal(topicProblem("a\0"), "contains NUL");
  for (const wild of ["+", "a/+", "#", "a+b", "a#"]) {
    assert.equal(topicProblem(wild), "contains a wildcard", wild);
  }
});

Deno.test("filterProblem() takes wildcards as whole levels, # only last [MQTT-4.7.1-1..3]", () => {
  for (const fine of ["#", "+", "/#", "+/+", "a/+/b", "a/#", "+/#", "//", "$SYS/#"]) {
    assert.equal(filterProblem(fine), undefined, fine);
    assert.equal(toFilter(fine), fine);
  }
  for (const bad of ["a+", "+a", "a/b#", "#/a", "a/#/b", "##", "++", "+#", "a/+b/c", "#/"]) {
    assert.equal(filterProblem(bad), "misplaced wildcard", bad);
    assert.equal(toFilter(bad), undefined);
  }
  assert.equal(filterProblem(""), "empty");
  assert.equal(filterProblem("\0/#"), "contains NUL");
});

Deno.test("the longest name is 65535 bytes of UTF-8 [MQTT-4.7.3-3]", () => {
  for (const [letter, bytes] of [["a", 1], ["ß", 2], ["€", 3], ["😀", 4]] as const) {
    const count = Math.floor(TOPIC_BYTES_MAX / bytes);
    const longest = letter.repeat(count) + "x".repeat(TOPIC_BYTES_MAX - count * bytes);
    assert.equal(new TextEncoder().encode(longest).length, TOPIC_BYTES_MAX);
    assert.equal(topicProblem(longest), undefined, letter);
    assert.equal(topicProblem(longest + "x"), "too long", letter);
    assert.equal(filterProblem(longest.slice(2) + "/".repeat(2 * bytes + 1)), "too long", letter);
  }
});

Deno.test("levels_max counts levels, the empty ones too", () => {
  assert.equal(topicProblem("a/b/c", 3), undefined);
  assert.equal(topicProblem("a/b/c", 2), "too many levels");
  assert.equal(toTopic("//", 2), undefined);
  assert.equal(toFilter("+/#", 1), undefined);
});

Deno.test("a topic is a filter without wildcards", () => {
  const name = fc.string({ unit: fc.constantFrom("a", "/", "+", "#", "$", "\0"), maxLength: 6 });
  fc.assert(fc.property(name, (text) => {
    const plain = toFilter(text) !== undefined && !hasWildcard(text);
    assert.equal(toTopic(text) !== undefined, plain);
  }));
});
