/**
 * The rules of the house that a program can check: which file may import which, what may touch
 * the machine, how long files and functions are, and that everything exported is explained.
 */
import assert from "node:assert/strict";
import {
  FILE_LINES_MAX,
  FUNCTION_LINES_MAX,
  LONG_FILES,
  LONG_FUNCTIONS,
  MAY_IMPORT,
  MAY_TOUCH_MACHINE,
  MAY_USE_PACKAGE,
  PURE_NODE_MODULES,
  TEST_LINES_MAX,
} from "./tidy_rules.ts";
import { readSources, type Source, toSource } from "./tidy_source.ts";

const SOURCES = await readSources();
/** The program without its tests. */
const PROGRAM = SOURCES.filter((source) => !source.path.startsWith("tests/"));

Deno.test("tidy: there is something to check", () => {
  assert(SOURCES.some((source) => source.path === "gateway/cli/command.ts"));
  const command = SOURCES.find((source) => source.path === "gateway/cli/command.ts");
  assert(command?.imports.some((each) => each.target === "gateway/cli/parse.ts"));
});

Deno.test("tidy: a breach of the rules is noticed", () => {
  const breaches: [path: string, text: string][] = [
    ["gateway/core/x.ts", 'import { a } from "../nats/decode.ts";'],
    ["gateway/core/x.ts", 'export type { A } from "../protocol/session.ts";'],
    ["gateway/nats/x.ts", 'const a = await import("../mqtt/decode.ts");'],
    ["gateway/nats/decode.ts", 'import "./session.ts";'],
    ["gateway/transport/x.ts", 'import {\n  a,\n} from "../core/router.ts";'],
    ["gateway/gateway.ts", 'import { a } from "./cli/run.ts";'],
    ["admin/app.ts", 'import { Router } from "../gateway/core/router.ts";'],
  ];
  for (const [path, text] of breaches) {
    assert.equal(wrongImports(toSource(path, text)).length, 1, text);
  }
  assert.deepEqual(wrongImports(toSource("gateway/nats/x.ts", 'import "../core/topic.ts";')), []);
  const circle = [
    toSource("gateway/core/a.ts", 'import "./b.ts";'),
    toSource("gateway/core/b.ts", 'import { a } from "./a.ts";'),
  ];
  assert.equal(findCycles(circle).length, 1);
  const unused = toSource("gateway/core/a.ts", "export const A = 1;\nexport type B = 1;\n");
  assert.equal(uselessExports([unused]).length, 2);
  const user = toSource("gateway/core/b.ts", 'import { A, type B } from "./a.ts";');
  assert.deepEqual(uselessExports([unused, user]), []);
  const long = `export function f() {\n${"  a();\n".repeat(FUNCTION_LINES_MAX)}}\n`;
  assert.equal(longFunctions(toSource("gateway/core/a.ts", long)).length, 1);
});

Deno.test("tidy: imports run one way", () => {
  report(PROGRAM.flatMap(wrongImports));
});

Deno.test("tidy: no file imports itself by way of others", () => {
  report(findCycles(PROGRAM));
});

Deno.test("tidy: only types of the gateway reach the admin part", () => {
  report(
    PROGRAM.filter((source) => source.path.startsWith("admin/")).flatMap((source) =>
      source.imports
        .filter((each) => each.target === "gateway/gateway.ts" && !each.typeOnly)
        .map((each) => `${source.path}:${each.line}: write \`import type\``)
    ),
  );
});

Deno.test("tidy: only some parts touch the machine", () => {
  report(
    PROGRAM.filter((source) => !MAY_TOUCH_MACHINE.some((part) => part.test(source.path))).flatMap(
      (source) => [
        ...source.imports
          .filter((each) =>
            each.target.startsWith("node:") && !PURE_NODE_MODULES.includes(each.target)
          )
          .map((each) => `${source.path}:${each.line}: may not import ${each.target}`),
        ...codeLines(source)
          .filter(([text]) => /\bDeno\.\w|\bprocess\.\w|\bsetTimeout\(|\bsetInterval\(/.test(text))
          .map(([, line]) => `${source.path}:${line}: may not touch the machine or make timers`),
      ],
    ),
  );
});

Deno.test("tidy: packages are used where they belong", () => {
  report(PROGRAM.flatMap((source) =>
    source.imports
      .filter((each) => !isOurs(each.target) && !each.target.startsWith("node:"))
      .filter((each) =>
        !MAY_USE_PACKAGE.some(([packages, part]) =>
          packages.test(each.target) && part.test(source.path)
        )
      )
      .map((each) => `${source.path}:${each.line}: may not use ${each.target}`)
  ));
});

Deno.test("tidy: every package is used", () => {
  const { imports } = JSON.parse(Deno.readTextFileSync(new URL("../deno.json", import.meta.url)));
  const text = SOURCES.flatMap(({ lines }) => lines).join("\n");
  report(Object.keys(imports).filter((name) => !new RegExp(`"${name}["/]`).test(text)));
});

Deno.test("tidy: only main.ts and lifecycle.ts end the process", () => {
  report(
    PROGRAM.filter(({ path }) => path !== "main.ts" && path !== "gateway/lifecycle.ts").flatMap(
      (source) =>
        codeLines(source)
          .filter(([text]) => /\bDeno\.exit(Code)?\b/.test(text))
          .map(([, line]) => `${source.path}:${line}: return the exit code instead`),
    ),
  );
});

Deno.test("tidy: a start loads no pages, no API and no driver", () => {
  const loaded = new Set<string>();
  const visit = (path: string) => {
    if (loaded.has(path)) return;
    loaded.add(path);
    const source = PROGRAM.find((each) => each.path === path);
    for (const { target, typeOnly, lazy } of source?.imports ?? []) {
      if (!typeOnly && !lazy) visit(target);
    }
  };
  visit("main.ts");
  visit("gateway/cli/run.ts");
  assert(loaded.has("gateway/gateway.ts") && loaded.has("admin/port.ts"));
  const late = /^admin\/(app|pages|routes\/(?!health))/;
  const heavy = /^(hono|bcryptjs|ioredis|jose|ldapts|mongodb|mysql2|postgres)(\/|$)/;
  report([...loaded].filter((path) => late.test(path) || heavy.test(path)));
});

Deno.test("tidy: files are short", () => {
  report(SOURCES.flatMap((source) => {
    const max = source.path.startsWith("tests/") ? TEST_LINES_MAX : FILE_LINES_MAX;
    const long = source.lines.length > max;
    if (long === LONG_FILES.has(source.path)) return [];
    return [
      long
        ? `${source.path}: ${source.lines.length} lines; split it or say why in LONG_FILES`
        : `${source.path}: is short now; take it from LONG_FILES`,
    ];
  }));
});

Deno.test("tidy: functions are short", () => {
  report(
    PROGRAM.flatMap((source) =>
      longFunctions(source).filter((entry) => !LONG_FUNCTIONS.has(entry.name)).map((entry) =>
        `${source.path}:${entry.line}: ${entry.name} has ${entry.length} lines`
      )
    ),
  );
});

Deno.test("tidy: everything exported is explained", () => {
  const declaration =
    /^export (?:default )?(?:declare )?(?:abstract )?(?:async )?(?:function\*?|class|interface|type|const|let|enum) (\w+)/;
  report(PROGRAM.flatMap((source) => {
    let before = "";
    return source.lines.flatMap((text, index) => {
      const name = declaration.exec(text)?.[1];
      // The second and later signatures of an overloaded function share the first one's comment.
      if (name === undefined || name === before) return [];
      before = name;
      const above = source.lines[index - 1]?.trimEnd() ?? "";
      // So do the lines of a list of short declarations.
      const isListed = /^export .*;$/.test(text) && /^export .*;$/.test(above);
      return above.endsWith("*/") || isListed
        ? []
        : [`${source.path}:${index + 1}: ${name} has no doc comment`];
    });
  }));
});

Deno.test("tidy: what is exported is used elsewhere", () => {
  report(uselessExports(SOURCES));
});

Deno.test("tidy: ARCHITECTURE.md names files that are there", () => {
  const page = Deno.readTextFileSync(new URL("../gateway/ARCHITECTURE.md", import.meta.url));
  const named = [...page.matchAll(/`([\w./-]+\/[\w./-]*)`/g)].map(([, path]) => path!);
  assert.ok(named.length > 50);
  const places = ["", "gateway/", "tests/", "admin/"];
  report(named.filter((path) => !places.some((place) => isThere(place + path))));
  const parts = new Set(PROGRAM.map(({ path }) => /^gateway\/\w+\//.exec(path)?.[0]));
  parts.delete(undefined);
  report(
    [...parts].filter((part) =>
      !page.includes(`| \`${part!.slice("gateway/".length)}\` |`)
    ) as string[],
  );
});

Deno.test("tidy: nothing is left for later", () => {
  const later = new RegExp("\\b(TO" + "DO|FIX" + "ME|X" + "XX|HA" + "CK)\\b|@ts-(ignore|nocheck)");
  report(
    SOURCES.flatMap((source) =>
      source.lines.flatMap((text, index) =>
        later.test(text) ? [`${source.path}:${index + 1}: ${text.trim()}`] : []
      )
    ),
  );
});

function wrongImports(source: Source): string[] {
  const allowed = MAY_IMPORT.find(([part]) => part.test(source.path))?.[1];
  if (allowed === undefined) return [`${source.path}: belongs to no part; see MAY_IMPORT`];
  return source.imports
    .filter((each) => isOurs(each.target) && !mayImport(source.path, each.target, allowed))
    .map((each) => `${source.path}:${each.line}: may not import ${each.target}`);
}

function isThere(path: string): boolean {
  try {
    Deno.statSync(new URL(`../${path}`, import.meta.url));
    return true;
  } catch {
    return false;
  }
}

function report(problems: readonly string[]): void {
  assert.equal(problems.length, 0, `\n${problems.join("\n")}`);
}

function isOurs(target: string): boolean {
  return /^(gateway|admin|tests)\/|^main\.ts$/.test(target);
}

function mayImport(from: string, target: string, allowed: readonly string[]): boolean {
  const matches = (name: string) => name.endsWith("/") ? target.startsWith(name) : target === name;
  if (allowed.includes(target)) return true;
  if (allowed.some((name) => name.startsWith("!") && matches(name.slice(1)))) return false;
  if (allowed.some(matches)) return true;
  // A part may import itself.
  const part = /^(gateway\/\w+|admin|tests)\//.exec(from)?.[0];
  return part !== undefined && target.startsWith(part);
}

/** Circles of imports that run when the program starts; lazy and type-only ones do not. */
function findCycles(sources: readonly Source[]): string[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0) cycles.push([...trail.slice(at), path].join(" -> "));
    if (at >= 0 || done.has(path)) return;
    for (const each of byPath.get(path)?.imports ?? []) {
      if (!each.lazy && !each.typeOnly) visit(each.target, [...trail, path]);
    }
    done.add(path);
  };
  for (const { path } of sources) visit(path, []);
  return cycles;
}

/** Lines that are not comments, with their numbers. */
function codeLines(source: Source): (readonly [text: string, line: number])[] {
  return source.lines
    .map((text, index) => [text, index + 1] as const)
    .filter(([text]) => !/^\s*(\/\/|\/?\*)/.test(text));
}

/**
 * Exports that no other file imports. A type or class may also be there to name a part of what its
 * file exports.
 */
function uselessExports(sources: readonly Source[]): string[] {
  const used = new Set<string>();
  for (const { target, names } of sources.flatMap(({ imports }) => imports)) {
    for (const name of names ?? ["*"]) used.add(`${target} ${name}`);
  }
  const declaration =
    /^export (?:(?:abstract|async) )*(function\*?|class|const|let|type|interface) (\w+)/;
  return sources.filter(({ path }) => !used.has(`${path} *`)).flatMap(({ path, lines }) =>
    lines.flatMap((text, index) => {
      const [, kind = "", name = ""] = declaration.exec(text) ?? [];
      if (name === "" || used.has(`${path} ${name}`)) return [];
      const isType = /^(type|interface|class)$/.test(kind);
      const word = new RegExp(`\\b${name}\\b`);
      if (isType && lines.some((other, at) => at !== index && word.test(other))) return [];
      return [`${path}:${index + 1}: nobody imports ${name}`];
    })
  );
}

/** Functions and methods that are too long, found by how `deno fmt` indents them. */
function longFunctions(source: Source) {
  const found: { readonly name: string; readonly line: number; readonly length: number }[] = [];
  source.lines.forEach((text, index) => {
    const head =
      /^( *)(?:export )?(?:(?:public|private|static|override|async|get|set) )*(?:function\*? )?(#?\w+)(?:<.*>)?\(.*$/
        .exec(text);
    const [, indent = "", name = ""] = head ?? [];
    if (head === null || indent.length > 2 || /^(if|for|while|switch|return)$/.test(name)) return;
    const isFunction = /\bfunction\b/.test(text) || indent.length === 2;
    const end = source.lines.indexOf(`${indent}}`, index);
    if (!isFunction || end < 0 || !text.trimEnd().match(/[{(]$/)) return;
    const length = end - index + 1;
    if (length > FUNCTION_LINES_MAX) found.push({ name, line: index + 1, length });
  });
  return found;
}
