/** The list of parts: everything that the program imports, nothing that only tests do. */
import assert from "node:assert/strict";
import { type Lock, sbom } from "../../tools/sbom.ts";

const LOCK: Lock = JSON.parse(
  Deno.readTextFileSync(new URL("../../deno.lock", import.meta.url)),
);

Deno.test("sbom: direct and indirect packages with their hashes, and the runtime", () => {
  const { components } = sbom(LOCK, "2.9.6");
  const names = components.map(({ name }) => name);
  for (const name of ["deno", "hono", "valibot", "mongodb", "bson"]) {
    assert(names.includes(name), name);
  }
  assert.equal(new Set(components.map((each) => JSON.stringify(each))).size, components.length);
  for (const component of components) {
    if ("hashes" in component) assert.match(component.hashes[0]!.content, /^[0-9a-f]{128}$/);
  }
});

Deno.test("sbom: whatever the program imports is listed, whatever only tests import is not", async () => {
  const imported = new Set<string>();
  for (const dir of ["gateway", "admin"]) {
    for await (const text of sources(new URL(`../../${dir}/`, import.meta.url))) {
      for (const [, , name] of text.matchAll(IMPORT)) imported.add(name!);
    }
  }
  const listed = new Set(sbom(LOCK, "2.9.6").components.map(({ name }) => name));
  for (const name of imported) assert(listed.has(name), `${name} is imported and not listed`);
  const { imports } = JSON.parse(
    Deno.readTextFileSync(new URL("../../deno.json", import.meta.url)),
  );
  const others = Object.keys(imports).filter((name) => !imported.has(name));
  assert(others.includes("fast-check"));
  for (const name of others) assert(!listed.has(name), `${name} is for tests only, and listed`);
});

/** The package in an import, with or without a path inside it. */
const IMPORT = /(from|import\() ?"((?:@[\w-]+\/)?[a-z][\w-]*)[/"]/g;

async function* sources(dir: URL): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(dir)) {
    if (isDirectory) yield* sources(new URL(`${name}/`, dir));
    else if (/\.tsx?$/.test(name)) yield await Deno.readTextFile(new URL(name, dir));
  }
}
