/**
 * The rows of the acceptance list on access and the connection (AU, CH, PR): each is cited in the
 * name of a test or transcript, or has a reason here why it cannot be.
 */
import assert from "node:assert/strict";

const ROOT = new URL("../", import.meta.url);

/** How many rows each part of the list has. */
const ROWS: Readonly<Record<string, number>> = { AU: 22, CH: 31, PR: 53 };

const EXCUSED: Readonly<Record<string, string>> = {
  "CH-1": "there are no connect hooks; who may connect is a question to authenticators: PR-23",
  "CH-2": "there are no subscribe hooks; a source decides, and answers the same way: PR-49",
  "CH-12": "a message to an Erlang process; nothing here takes messages of an unknown kind",
};

/** `PR-25`, `AU-05..AU-09` or `CH-19..25`. */
const CITATION = /\b(AU|CH|PR)-(\d+)(?:\.\.(?:\1-)?(\d+))?\b/g;

const cited = new Map<string, string[]>();
for (const path of files("")) {
  for (const name of namesIn(path, Deno.readTextFileSync(new URL(path, ROOT)))) {
    for (const [, part, first, last] of name.matchAll(CITATION)) {
      for (let row = Number(first); row <= Number(last ?? first); row++) {
        const id = `${part}-${row}`;
        cited.set(id, [...cited.get(id) ?? [], `${path}: ${name}`]);
      }
    }
  }
}

Deno.test("acceptance: every row on access is a test, or has a reason why not", () => {
  const ids = Object.entries(ROWS).flatMap(([part, count]) =>
    Array.from({ length: count }, (_, i) => `${part}-${i + 1}`)
  );
  assert.deepEqual(ids.filter((id) => !cited.has(id) && !(id in EXCUSED)), [], "without a test");
  assert.deepEqual(ids.filter((id) => cited.has(id) && id in EXCUSED), [], "no need of a reason");
  const unknown = [...cited.keys(), ...Object.keys(EXCUSED)].filter((id) => !ids.includes(id));
  assert.deepEqual(unknown, [], "no such row");
});

Deno.test("acceptance: the reasons name rows that are tests", () => {
  for (const [id, reason] of Object.entries(EXCUSED)) {
    for (const [, part, row] of reason.matchAll(CITATION)) {
      assert.ok(cited.has(`${part}-${Number(row)}`), `${id}: ${reason}`);
    }
  }
});

/** Names of tests, steps and cases: what stands in a comment shows nothing. */
function namesIn(path: string, text: string): string[] {
  if (!path.endsWith(".ts")) return [...text.matchAll(/^== (.*)$/gm)].map(([, name]) => name!);
  const named = /(?:Deno\.test|\.step)\(\s*(["`])(.*?)\1|^\s*name: (["`])(.*?)\3/gm;
  return [...text.matchAll(named)].map((match) => match[2] ?? match[4]!);
}

function* files(folder: string): Iterable<string> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(folder || ".", ROOT))) {
    const path = `${folder}${name}`;
    if (isDirectory) yield* files(`${path}/`);
    else if (/_test\.ts$|\.nats$/.test(name)) yield path;
  }
}
