/**
 * The compliance map: `compliance.txt` names every normative statement of both standards with the
 * test that shows it. Here it is checked that none is missing, that the tests are there, and that
 * nothing in the code cites a statement that the standards do not have.
 */
import assert from "node:assert/strict";

const ROOT = new URL("../../", import.meta.url);

/** How many statements each section has. They are numbered from 1; `2.2.1` of 5.0 from 2. */
const STATEMENTS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  "5.0": {
    "1.5.4": 3,
    "1.5.5": 1,
    "1.5.7": 1,
    "2.1.3": 1,
    "2.2.1": 6,
    "2.2.2": 1,
    "3.1.0": 2,
    "3.1.2": 30,
    "3.1.3": 12,
    "3.1.4": 6,
    "3.2.0": 2,
    "3.2.2": 22,
    "3.3.1": 13,
    "3.3.2": 20,
    "3.3.4": 10,
    "3.4.2": 3,
    "3.5.2": 3,
    "3.6.1": 1,
    "3.6.2": 3,
    "3.7.2": 3,
    "3.8.1": 1,
    "3.8.3": 5,
    "3.8.4": 8,
    "3.9.2": 2,
    "3.9.3": 2,
    "3.10.1": 1,
    "3.10.3": 2,
    "3.10.4": 6,
    "3.11.2": 2,
    "3.11.3": 2,
    "3.12.4": 1,
    "3.14.0": 1,
    "3.14.1": 1,
    "3.14.2": 4,
    "3.14.4": 3,
    "3.15.1": 1,
    "3.15.2": 3,
    "4.1.0": 2,
    "4.2.0": 1,
    "4.3.1": 1,
    "4.3.2": 5,
    "4.3.3": 13,
    "4.4.0": 2,
    "4.5.0": 2,
    "4.6.0": 6,
    "4.7.0": 1,
    "4.7.1": 2,
    "4.7.2": 1,
    "4.7.3": 4,
    "4.8.2": 6,
    "4.9.0": 3,
    "4.12.0": 7,
    "4.12.1": 2,
    "4.13.1": 1,
    "4.13.2": 1,
    "6.0.0": 4,
  },
  "3.1.1": {
    "1.5.3": 3,
    "2.2.2": 2,
    "2.3.1": 7,
    "3.1.0": 2,
    "3.1.2": 24,
    "3.1.3": 11,
    "3.1.4": 5,
    "3.2.0": 1,
    "3.2.2": 6,
    "3.3.1": 12,
    "3.3.2": 3,
    "3.3.4": 1,
    "3.3.5": 2,
    "3.6.1": 1,
    "3.8.1": 1,
    "3.8.3": 4,
    "3.8.4": 6,
    "3.9.3": 2,
    "3.10.1": 1,
    "3.10.3": 2,
    "3.10.4": 6,
    "3.12.4": 1,
    "3.14.1": 1,
    "3.14.4": 3,
    "4.1.0": 2,
    "4.3.1": 1,
    "4.3.2": 2,
    "4.3.3": 2,
    "4.4.0": 1,
    "4.5.0": 2,
    "4.6.0": 6,
    "4.7.1": 3,
    "4.7.2": 1,
    "4.7.3": 4,
    "4.8.0": 2,
    "6.0.0": 4,
    "7.0.0": 2,
    "7.1.1": 1,
    "7.1.2": 1,
  },
};

interface Line {
  readonly version: string;
  readonly id: string;
  /** The file and words from the name of a test; undefined when there is a reason instead. */
  readonly test: { readonly file: string; readonly words: string } | undefined;
}

const lines = readMap(await read("tests/mqtt/compliance.txt"));

Deno.test("compliance: every statement of both standards is there, once and in order", () => {
  for (const [version, sections] of Object.entries(STATEMENTS)) {
    const listed = lines.filter((line) => line.version === version).map(({ id }) => id);
    assert.deepEqual(listed, idsOf(version, sections));
  }
  assert.equal(lines.filter(({ version }) => version === "5.0").length, 251);
  assert.equal(lines.filter(({ version }) => version === "3.1.1").length, 141);
});

Deno.test("compliance: the tests that are named are there", async () => {
  const names = new Map<string, readonly string[]>();
  for (const { version, id, test } of lines) {
    if (test === undefined) continue;
    if (!names.has(test.file)) names.set(test.file, namesIn(test.file, await read(test.file)));
    const found = names.get(test.file)!.some((name) => name.includes(test.words));
    assert.ok(found, `${version} ${id}: no test "${test.words}" in ${test.file}`);
  }
});

Deno.test("compliance: tests and code cite statements that exist", async () => {
  const known = new Set(lines.map(({ id }) => id));
  let citations = 0;
  for (const path of [...sources("gateway/"), ...sources("tests/")]) {
    const text = await read(path);
    for (const [citation, section, from, to] of text.matchAll(CITATION)) {
      for (let number = Number(from); number <= Number(to ?? from); number++) {
        citations++;
        assert.ok(known.has(`MQTT-${section}-${number}`), `${path} cites ${citation}`);
      }
    }
  }
  assert.ok(citations > 200, `${citations} citations`);
});

/** `[MQTT-3.3.1-5]`, or `[MQTT-3.3.1-5..7]` for several. */
const CITATION = /\[MQTT-(\d+\.\d+\.\d+)-(\d+)(?:\.\.(\d+))?\]/g;

function readMap(text: string): Line[] {
  const result: Line[] = [];
  let version = "";
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const heading = /^\[(.+)\]$/.exec(line);
    if (heading !== null) {
      version = heading[1]!;
      continue;
    }
    const match = /^(MQTT-[\d.]+-\d+) (?:- \S.*|(\S+): (\S.*))$/.exec(line);
    assert.ok(match !== null, `cannot read "${line}"`);
    const [, id, file, words] = match;
    const test = file === undefined ? undefined : { file, words: words! };
    result.push({ version, id: id!, test });
  }
  return result;
}

function idsOf(version: string, sections: Readonly<Record<string, number>>): string[] {
  return Object.entries(sections).flatMap(([section, last]) => {
    const first = version === "5.0" && section === "2.2.1" ? 2 : 1;
    return Array.from({ length: last - first + 1 }, (_, i) => `MQTT-${section}-${first + i}`);
  });
}

/** The cases of a transcript, or everything that is a string in TypeScript: names are among it. */
function namesIn(file: string, text: string): string[] {
  if (file.endsWith(".mqtt")) return [...text.matchAll(/^== (.*)$/gm)].map(([, name]) => name!);
  return [...text.matchAll(/"((?:[^"\\\n]|\\.)*)"|`([^`]*)`/g)].map(([, one, two]) => one ?? two!);
}

function* sources(folder: string): Iterable<string> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(folder, ROOT))) {
    if (isDirectory) yield* sources(`${folder}${name}/`);
    else if (/\.(ts|mqtt)$/.test(name)) yield folder + name;
  }
}

function read(path: string): Promise<string> {
  return Deno.readTextFile(new URL(path, ROOT));
}
