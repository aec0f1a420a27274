import assert from "node:assert/strict";
import fc from "fast-check";
import { parse, stringify } from "smol-toml";
import { findPositions } from "../../gateway/config/positions.ts";
import { formatPath } from "../../gateway/config/path.ts";
import { leaves } from "../../gateway/config/tree.ts";

/** Asserts where each path stands, as `line:column`. */
function check(text: string, expected: Record<string, string>): void {
  parse(text);
  const positions = findPositions(text);
  for (const [path, place] of Object.entries(expected)) {
    const position = positions.get(path);
    assert.equal(position && `${position.line}:${position.column}`, place, path);
  }
}

Deno.test("findPositions finds keys, dotted and quoted keys, and tables", () => {
  check(
    [
      "# comment",
      "a = 1",
      "  b.c = 2 # [not.a.table]",
      '"d e"."f.g" = 3',
      "['h i'.j]",
      "k = 4",
      "[ l . m ]",
      "n = '''",
      "o = 1",
      "'''",
      "p = 5",
    ].join("\n"),
    {
      a: "2:1",
      b: "3:3",
      "b.c": "3:5",
      '"d e"."f.g"': "4:7",
      '"h i"': "5:2",
      '"h i".j.k': "6:1",
      "l.m": "7:7",
      "l.m.n": "8:1",
      "l.m.p": "11:1",
    },
  );
  assert.equal(findPositions("a = '''\nb = 1\n'''").has("b"), false);
});

Deno.test("findPositions counts the elements of arrays of tables", () => {
  check(
    [
      "[[a]]",
      "x = 1",
      "[a.b]",
      "y = 1",
      "[[a.c]]",
      "[[a.c]]",
      "z = 1",
      "[[a]]",
      "x = 2",
      "[[a.c]]",
      "z = 2",
    ].join("\n"),
    {
      a: "1:3",
      "a[1]": "1:3",
      "a[1].x": "2:1",
      "a[1].b.y": "4:1",
      "a[1].c[2]": "6:5",
      "a[1].c[2].z": "7:1",
      "a[2]": "8:3",
      "a[2].x": "9:1",
      "a[2].c[1].z": "11:1",
    },
  );
});

Deno.test("findPositions goes into inline tables and arrays", () => {
  check(
    'a = { b = 1, "c" = { d = [ 1, "x]", { e = 2 } ] } }\nf = [\n  "g", # ]\n  [1, 2],\n]\nh = 1',
    {
      "a.b": "1:7",
      "a.c": "1:14",
      "a.c.d": "1:22",
      "a.c.d[2]": "1:31",
      "a.c.d[3].e": "1:39",
      "f[1]": "3:3",
      "f[2]": "4:3",
      "f[2][2]": "4:7",
      h: "6:1",
    },
  );
});

Deno.test("findPositions is not led astray by strings, escapes and line ends", () => {
  check(
    [
      'a = "\\"[x]\\" # no"',
      'b = """',
      '[no] """"',
      "c = ''",
      'd = """\\"""x"""',
      'e = "\\\\"',
      '"\\u0066" = 1',
      "g = 1979-05-27 07:32:00",
      "h = 1",
    ].join("\r\n"),
    { a: "1:1", b: "2:1", c: "4:1", d: "5:1", e: "6:1", f: "7:1", g: "8:1", h: "9:1" },
  );
});

Deno.test("findPositions knows every leaf that the parser gives", () => {
  const key = fc.oneof(fc.stringMatching(/^[a-z0-9_-]{1,6}$/), fc.string({ minLength: 1 }));
  const { toml } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.array(tie("value"), { maxLength: 3 }),
      tie("toml"),
    ),
    toml: fc.dictionary(key, tie("value"), { maxKeys: 4, noNullPrototype: true }),
  }));
  fc.assert(fc.property(toml, (table) => {
    const text = stringify(table);
    const positions = findPositions(text);
    for (const [path] of leaves(parse(text))) {
      if (path.length > 0) assert.ok(positions.has(formatPath(path)), formatPath(path));
    }
  }));
});
