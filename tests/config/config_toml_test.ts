/**
 * The `config.toml` of the repository is the manual of all settings: it must be complete, say the
 * defaults, and its examples must be right.
 */
import assert from "node:assert/strict";
import { parse } from "smol-toml";
import * as v from "valibot";
import { loadConfig } from "../../gateway/config/load.ts";
import { configSchema } from "../../gateway/config/schema/root.ts";
import { schemaPaths } from "../../gateway/config/walk.ts";
import { leaves } from "../../gateway/config/tree.ts";
import type { Path } from "../../gateway/config/path.ts";

const text = await Deno.readTextFile(new URL("../../config.toml", import.meta.url));
/** The file with every example taken into use. Prose has a blank behind its "#". */
const withExamples = text.replace(/^#(?=\S)/gm, "");

Deno.test("config.toml says the defaults", () => {
  const { config, issues } = loadConfig({ text });
  assert.deepEqual(issues.filter(({ severity }) => severity === "error"), []);
  assert.deepEqual(config, loadConfig({}).config);
});

Deno.test("the examples in config.toml are what the schema takes", () => {
  const read = v.safeParse(configSchema("legacy"), parse(withExamples));
  assert.deepEqual(
    read.issues?.map((issue) => [v.getDotPath(issue), issue.message]),
    undefined,
  );
});

Deno.test("config.toml names every setting", () => {
  const named = new Set<string>();
  for (const [path] of leaves(parse(withExamples))) {
    // A table under free names, such as headers, counts as named by any of its keys.
    for (let length = 1; length <= path.length; length++) named.add(common(path.slice(0, length)));
  }
  const missing = new Set<string>();
  for (const path of schemaPaths(configSchema("legacy"))) {
    const name = common(path);
    if (!named.has(name)) missing.add(name);
  }
  assert.deepEqual([...missing], []);
});

/** The path without what stands in several places and is explained in one. */
function common(path: Path): string {
  return path.map((part) => typeof part === "number" ? "*" : part).join(".")
    .replace(/^gateway\.nats\.listeners\.\w+\.[^.]+/, "listener")
    .replace(/^listeners\.\w+\.[^.]+/, "listener")
    .replace(/^(gateway\.nats\.|listener\.)authentication(\.\*)?(?=\.|$)/, "authentication.*")
    .replace(/^dashboard\.listeners\.https\.ssl_options/, "listener.ssl_options")
    .replace(/^.*\.ssl(?=\.|$)/, "ssl")
    .replace(/^.*\.topology(?=\.|$)/, "topology")
    .replace(/^.*\.password_hash_algorithm(?=\.|$)/, "password_hash_algorithm");
}

Deno.test("no line of config.toml is wider than 100 columns", () => {
  assert.deepEqual(text.split("\n").filter((line) => line.length > 100), []);
});
