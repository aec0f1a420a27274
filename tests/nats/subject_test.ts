import assert from "node:assert/strict";
import fc from "fast-check";
import { randomSeed } from "../kit/seed.ts";
import {
  createMapping,
  decodeSubject,
  hasWildcardToken,
  isValidLiteralSubject,
  isValidSubject,
} from "../../gateway/nats/subject.ts";
import { filterProblem, topicProblem } from "../../gateway/core/topic.ts";

const lossless = createMapping("lossless");
const plain = createMapping("plain");
const seed = randomSeed("tests/nats/subject_test.ts");

function forAll<T>(values: fc.Arbitrary<T>, check: (value: T) => void, runs = 5000): void {
  fc.assert(fc.property(values, check), { seed, numRuns: runs });
}

/** Pieces out of which confusing names are made. */
const piece = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(..."%|25|2525|2F|2B|23|2E|20|2A|3E|01|1F|7F|00|2f|0a".split("|")),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom(..."%25|%2F|%2E|%20|%2A|%3E|%252E|%252F|%25252A".split("|")),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom("a", "b", "$", "*", ">", "é", "中", "😀", "\u0085", "\ufeff"),
  },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", maxLength: 3 }) },
);
const text = fc.array(piece, { maxLength: 6 }).map((pieces) =>
  pieces.join("").replaceAll("\0", "")
);
const level = fc.oneof(
  text,
  text,
  fc.tuple(text, fc.constantFrom(".", " ", "\t", "\x01", "\x7f"), text).map((t) => t.join("")),
  fc.constantFrom("", "*", ">", "%", "%25", "%2A", "%252A", "%3E"),
).map((name) => name.replace(/[/+#]/g, "x"));
const token = fc.oneof(
  text,
  fc.tuple(text, fc.constantFrom("/", "+", "#", "//"), text).map((t) => t.join("")),
  fc.constantFrom("%", "%25", "%2A", "%252A", "%3E", "/", "+", "#"),
  // deno-lint-ignore no-control-regex
).map((name) => name.replace(/[\x00-\x20\x7f.]/g, "x"))
  .map((name) => name === "" || name === "*" || name === ">" ? "%2A" : name);
const levels = fc.array(level, { minLength: 1, maxLength: 4 });
const tokens = fc.array(token, { minLength: 1, maxLength: 4 });
const topic = levels.map((all) => all.join("/")).filter((name) => name !== "");
const subject = tokens.map((all) => all.join("."));

const SPELLINGS: readonly [topic: string, subject: string][] = [
  ["t/a", "t.a"],
  ["a", "a"],
  ["$SYS/x", "$SYS.x"],
  ["中/文", "中.文"],
  ["/a", "%.a"],
  ["a/", "a.%"],
  ["a//b", "a.%.b"],
  ["/", "%.%"],
  ["spBv1.0/g", "spBv1%2E0.g"],
  ["living room/t", "living%20room.t"],
  ["a\tb", "a%09b"],
  ["a\x7fb", "a%7Fb"],
  ["*", "%2A"],
  ["a/>", "a.%3E"],
  ["fo*/a>b", "fo*.a>b"],
  ["a%2Fb", "a/b"],
  ["%2B/%23", "+.#"],
  ["100%", "100%"],
  ["%", "%25"],
  ["%25", "%2525"],
  ["%2E", "%252E"],
  ["%252E", "%25252E"],
  ["%2e", "%2e"],
  ["%2A", "%252A"],
  ["a%2A", "a%2A"],
  ["%252F", "%2F"],
  ["%2F", "/"],
  ["%00", "%00"],
];

for (const [topicName, subjectName] of SPELLINGS) {
  Deno.test(`lossless: topic ${JSON.stringify(topicName)} is subject ${JSON.stringify(subjectName)}`, () => {
    assert.equal(lossless.toSubject(topicName), subjectName);
    assert.equal(lossless.toTopic(subjectName), topicName);
  });
}

Deno.test("lossless: every topic becomes a valid literal subject and comes back", () => {
  forAll(topic, (name) => {
    const spelled = lossless.toSubject(name);
    assert.ok(spelled !== undefined && isValidLiteralSubject(spelled), `${name} -> ${spelled}`);
    assert.equal(lossless.toTopic(spelled), name);
  });
});

Deno.test("lossless: every valid literal subject becomes a topic and comes back", () => {
  forAll(subject, (name) => {
    assert.ok(isValidLiteralSubject(name));
    const spelled = lossless.toTopic(name);
    assert.ok(spelled !== undefined);
    // One empty level is only a topic below a mountpoint.
    if (name !== "%") assert.equal(topicProblem(spelled), undefined, `${name} -> ${spelled}`);
    assert.equal(lossless.toSubject(spelled), name);
  });
});

Deno.test("lossless: different topics have different subjects and the other way round", () => {
  forAll(fc.tuple(topic, topic), ([a, b]) => {
    assert.equal(lossless.toSubject(a) === lossless.toSubject(b), a === b);
  });
  forAll(fc.tuple(subject, subject), ([a, b]) => {
    assert.equal(lossless.toTopic(a) === lossless.toTopic(b), a === b);
  });
});

Deno.test("lossless: short names, all of them, pair up one to one", () => {
  // All names of up to 6 letters of an alphabet that can spell every kind of escape.
  const seen = new Map<string, string>();
  const visit = (name: string) => {
    if (name !== "" && topicProblem(name) === undefined) {
      const spelled = lossless.toSubject(name)!;
      assert.ok(isValidLiteralSubject(spelled), `${name} -> ${spelled}`);
      assert.equal(lossless.toTopic(spelled), name);
      assert.equal(seen.get(spelled), undefined, `${seen.get(spelled)} and ${name}`);
      seen.set(spelled, name);
    }
    if (isValidLiteralSubject(name)) {
      assert.equal(lossless.toSubject(lossless.toTopic(name)!), name);
    }
    if (name.length < 6) { for (const letter of "%25EA*./") visit(name + letter); }
  };
  visit("");
});

/** A filter side by side in both languages: each element is a level, `*` or a final `>`. */
const filterSubject = fc.tuple(
  fc.array(fc.oneof(token, token, fc.constant("*")), { minLength: 0, maxLength: 3 }),
  fc.oneof(token, fc.constant("*"), fc.constant(">")),
).map(([front, last]) => [...front, last].join("."));

Deno.test("lossless: every subscription subject becomes a valid filter and comes back", () => {
  forAll(filterSubject, (name) => {
    const mapped = lossless.toFilter(name)!;
    if (name !== "%") assert.equal(filterProblem(mapped.filter), undefined, mapped.filter);
    assert.equal(mapped.oneOrMore, name === ">" || name.endsWith(".>"));
    assert.equal(lossless.filterToSubject(mapped.filter), name);
  });
});

Deno.test("lossless: a subject matches a pattern when its topic matches the filter", () => {
  // Patterns are made from the subject, so that about half of them match.
  const cases = tokens.chain((all) =>
    fc.tuple(
      fc.constant(all),
      fc.tuple(...all.map((t) => fc.constantFrom(t, t, t, "*", `${t}%25`))),
      fc.constantFrom("", ".>", ".*", ".%"),
      fc.nat(all.length),
    )
  );
  let matched = 0;
  forAll(cases, ([all, pattern, suffix, cut]) => {
    const name = all.join(".");
    const filterName = (pattern.slice(0, cut).join(".") + suffix).replace(/^\./, "") || ">";
    const { filter, oneOrMore } = lossless.toFilter(filterName)!;
    const expected = natsMatches(filterName, name);
    if (expected) matched++;
    assert.equal(
      mqttMatches(filter, lossless.toTopic(name)!, oneOrMore),
      expected,
      `${filterName} on ${name}: ${filter} on ${lossless.toTopic(name)}`,
    );
  });
  assert.ok(matched > 500, `only ${matched} patterns matched`);
});

Deno.test("lossless: wildcard tokens in a publish are text", () => {
  assert.equal(lossless.toTopic("foo.*"), "foo/*");
  assert.equal(lossless.toTopic("foo.>"), "foo/>");
  assert.equal(lossless.toTopic(">"), ">");
});

Deno.test("mapping: what is no subject has no topic and no filter", () => {
  for (const mapping of [lossless, plain]) {
    for (const bad of ["", ".", ".a", "a.", "a..b", "a b", "a\tb", "a\r", "a\x7f", "a.>.b", ">."]) {
      assert.equal(mapping.toTopic(bad), undefined, JSON.stringify(bad));
      assert.equal(mapping.toFilter(bad), undefined, JSON.stringify(bad));
    }
  }
});

Deno.test("plain: swaps separators and drops what the other side cannot spell", () => {
  assert.equal(plain.toTopic("a.b.c"), "a/b/c");
  assert.equal(plain.toTopic("a/b.c"), "a/b/c");
  assert.equal(plain.toTopic("foo.*"), "foo/*");
  assert.equal(plain.toTopic("a%2Eb"), "a%2Eb");
  assert.equal(plain.toTopic("foo.+"), undefined);
  assert.equal(plain.toTopic("c#"), undefined);
  assert.equal(plain.toSubject("a/b/c"), "a.b.c");
  assert.equal(plain.toSubject("a.b/c"), "a.b.c");
  for (const name of ["/a", "a/", "a//b", "/", "a b/c", "a\x01", "a/*", ">", ".a"]) {
    assert.equal(plain.toSubject(name), undefined, name);
  }
});

Deno.test("plain: subscriptions", () => {
  assert.deepEqual(plain.toFilter("*.b.>"), { filter: "+/b/#", oneOrMore: true });
  assert.deepEqual(plain.toFilter("a.b"), { filter: "a/b", oneOrMore: false });
  assert.equal(plain.toFilter("a.#"), undefined);
  assert.equal(plain.toFilter("a.+"), undefined);
  assert.equal(plain.filterToSubject("+/b/#"), "*.b.>");
  assert.equal(plain.filterToSubject("a/*"), undefined);
  assert.equal(plain.filterToSubject("a//#"), undefined);
});

// The conversions of the EMQX topic suite.
const TP_01_02: readonly [subject: string, filter: string][] = [
  ["foo.bar", "foo/bar"],
  ["foo.*.bar", "foo/+/bar"],
  ["*.bar.baz", "+/bar/baz"],
  ["foo.bar.*", "foo/bar/+"],
  ["foo.>", "foo/#"],
  [">", "#"],
  ["*.*.*", "+/+/+"],
  ["foo.*.bar.>", "foo/+/bar/#"],
  ["*.b.>", "+/b/#"],
];

Deno.test("TP-01: NATS subjects to MQTT filters, in both mappings", () => {
  for (const [name, filter] of TP_01_02) {
    assert.equal(lossless.toFilter(name)!.filter, filter);
    assert.equal(plain.toFilter(name)!.filter, filter);
  }
});

Deno.test("TP-02: MQTT filters to NATS subjects, in both mappings", () => {
  for (const [name, filter] of TP_01_02) {
    assert.equal(lossless.filterToSubject(filter), name);
    assert.equal(plain.filterToSubject(filter), name);
  }
});

Deno.test("TP-03: which subjects are valid", () => {
  for (const good of ["foo", "foo.bar.baz", "foo-bar", "foo_bar", "foo@bar", "中文.主题"]) {
    assert.ok(isValidLiteralSubject(good), good);
  }
  for (const wild of ["foo.*", "*.bar", "foo.*.baz", "foo.>", "*.>", "中文.*.>", ">", "*"]) {
    assert.ok(isValidSubject(wild) && hasWildcardToken(wild), wild);
    assert.ok(!isValidLiteralSubject(wild), wild);
  }
  for (const bad of ["", ".foo", "foo.", "foo..bar", "foo bar", "foo.>.bar", "a\0b"]) {
    assert.ok(!isValidSubject(bad), bad);
  }
  // Letters to nats-server, and so to us; EMQX refuses them.
  for (const letters of ["foo.>bar", "fo*", "a>b"]) assert.ok(isValidLiteralSubject(letters));
});

Deno.test("decodeSubject() reads UTF-8 and refuses NUL and what is not UTF-8", () => {
  const decode = (bytes: number[]) =>
    decodeSubject(new Uint8Array([1, ...bytes, 2]), 1, bytes.length + 1);
  const encoder = new TextEncoder();
  assert.equal(decode([]), "");
  assert.equal(decode([0x66, 0x2e, 0x6f]), "f.o");
  assert.equal(decode([0xff]), undefined);
  assert.equal(decode([0xed, 0xa0, 0x80]), undefined, "surrogate");
  assert.equal(decode([0xc0, 0x80]), undefined, "overlong");
  assert.equal(decode([0x61, 0]), undefined);
  assert.equal(decode([0xc3, 0xa9, 0]), undefined);
  assert.equal(decode([...encoder.encode("\ufeffa")]), "\ufeffa", "a byte order mark is text");
  const long = "a.é".repeat(200_000);
  const bytes = encoder.encode(long);
  assert.equal(decodeSubject(bytes, 0, bytes.length), long);
  const ascii = encoder.encode("abc.".repeat(100_000));
  assert.equal(decodeSubject(ascii, 0, ascii.length)!.length, 400_000);
});

/** NATS matching, token by token. */
function natsMatches(pattern: string, name: string): boolean {
  const wanted = pattern.split(".");
  const given = name.split(".");
  for (let i = 0; i < wanted.length; i++) {
    if (wanted[i] === ">" && i === wanted.length - 1) return given.length > i;
    if (i >= given.length || (wanted[i] !== "*" && wanted[i] !== given[i])) return false;
  }
  return wanted.length === given.length;
}

/** MQTT matching, level by level, without the rule for `$`. */
function mqttMatches(filter: string, name: string, oneOrMore: boolean): boolean {
  const wanted = filter.split("/");
  const given = name.split("/");
  for (let i = 0; i < wanted.length; i++) {
    if (wanted[i] === "#") return given.length >= (oneOrMore ? i + 1 : i);
    if (i >= given.length || (wanted[i] !== "+" && wanted[i] !== given[i])) return false;
  }
  return wanted.length === given.length;
}
