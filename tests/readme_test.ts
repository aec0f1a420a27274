/**
 * The README and the pages of `docs/` keep their word: commands run, settings load, links lead
 * somewhere, and what is called a setting is one.
 *
 * A block that begins with "```sh run" is run in a directory of its own beside a started gateway.
 * Its `natsgate sub` lines are left running and must print what its `natsgate pub` lines publish;
 * every other line must succeed. A "```text" block right behind it is what it prints.
 */
import assert from "node:assert/strict";
import { COMMANDS } from "../gateway/cli/commands.ts";
import { formatIssues, loadConfig } from "../gateway/config/load.ts";
import { configSchema } from "../gateway/config/schema/root.ts";
import { schemaPaths } from "../gateway/config/walk.ts";
import { startGateway } from "./kit/gateway.ts";
import { exists } from "./kit/shell.ts";
import { type Block, type Line, readPage, ROOT, runCommands } from "./kit/manual.ts";

const MANUAL = ["README.md", ...[...Deno.readDirSync(`${ROOT}docs`)].map((f) => `docs/${f.name}`)]
  .sort();
const PAGES = [
  ...MANUAL,
  "CHANGELOG.md",
  "changes/README.md",
  "gateway/ARCHITECTURE.md",
  "tests/bench/README.md",
];

const pages = new Map(PAGES.map((page) => [page, readPage(page)]));
const blocks = MANUAL.flatMap((page) => pages.get(page)!.blocks);

// -- Commands

for (const [i, block] of blocks.entries()) {
  if (block.kind !== "sh run") continue;
  const next = blocks[i + 1];
  const expected = next?.kind === "text" ? next.text : undefined;
  Deno.test(`${block.place}: the commands do what they say`, () => runBlock(block, expected));
}

async function runBlock(block: Block, expected: string | undefined): Promise<void> {
  await using gateway = await startGateway();
  const output = await runCommands(
    block.text
      .replaceAll("127.0.0.1:4222", `127.0.0.1:${gateway.nats}`)
      .replaceAll("127.0.0.1:1883", `127.0.0.1:${gateway.mqtt}`),
    gateway,
  );
  if (expected !== undefined) assert.equal(output.trimEnd(), expected);
}

Deno.test("every natsgate command on the pages is one, with options that it has", () => {
  const wrong: string[] = [];
  for (const { kind, text, place } of blocks) {
    if (!kind.startsWith("sh")) continue;
    for (const line of text.replaceAll("\\\n", "").split("\n")) {
      const words = /^natsgate (.*)$/.exec(line)?.[1]?.split(" ");
      if (words === undefined) continue;
      const command = COMMANDS.find(({ name }) => `${words.join(" ")} `.startsWith(`${name} `));
      const options = new Set(command?.options.map(({ name }) => `--${name}`));
      const strange = words.filter((word) => word.startsWith("--") && !options.has(word));
      if (command === undefined || strange.length > 0) wrong.push(`${place}: ${line}`);
    }
  }
  assert.deepEqual(wrong, []);
});

// -- Settings

for (const { kind, place, text } of blocks) {
  if (!kind.startsWith("toml")) continue;
  Deno.test(`${place}: the settings are right`, () => {
    const { issues } = loadConfig({ text, fileName: place });
    const errors = issues.filter(({ severity }) => severity === "error");
    assert.deepEqual(formatIssues(errors, place), []);
  });
}

/** Every setting and table by its path; "*" stands for a name or a place in a list. */
const SETTINGS = new Set<string>();
for (const path of schemaPaths(configSchema("legacy"))) {
  for (let length = 1; length <= path.length; length++) {
    SETTINGS.add(path.slice(0, length).join("."));
  }
}
const WORDS = new Set([...SETTINGS].flatMap((path) => path.split(".")));
const ROOTS = new Set([...SETTINGS].filter((path) => !path.includes(".")));

/** Words with an underscore that are no settings. */
const OTHER_WORDS = new Set([
  // Kinds of source and names of servers: values.
  "built_in_database",
  "emqx_nats_gateway",
  "emq_nats_gateway",
  // Fields of users and of answers.
  "is_superuser",
  "expire_at",
  "client_attrs",
  // Programs.
  "mosquitto_pub",
  "mosquitto_sub",
]);

function isSetting(path: string): boolean {
  if (SETTINGS.has(path)) return true;
  const parts = path.split(".");
  const named = parts.map((part, i) => parts[i - 2] === "listeners" ? "*" : part);
  const listed = named.flatMap((part) =>
    ["internal_authn", "sources", "keys", "resolver_preload"].includes(part) ? [part, "*"] : part
  );
  if (listed[0] === "authentication") listed.splice(1, 0, "*");
  const whole = listed.join(".");
  return SETTINGS.has(whole) || SETTINGS.has(whole.replace(/\.\*$/, ""));
}

/** The names in a line that claim to be settings. */
function claimedSettings(line: string): string[] {
  return [...line.matchAll(/`([^`]+)`/g)].flatMap(([, code]) => {
    const name = code!.replace(/ = .*$/, "").replace(/^\[\[?|\]?\]$/g, "");
    if (/^\w+(\.[\w*]+)+$/.test(name)) return ROOTS.has(name.split(".")[0]!) ? [name] : [];
    return /^[a-z]+(_[a-z]+)+$/.test(name) || name !== code && /^\w+$/.test(name) ? [name] : [];
  });
}

function isKnown(name: string): boolean {
  return name.includes(".") ? isSetting(name) : WORDS.has(name) || OTHER_WORDS.has(name);
}

/** What another broker calls its settings: the first cell in tables of migration. */
function withoutForeignNames(page: string, lines: readonly Line[]): Line[] {
  if (page !== "docs/migration.md") return [...lines];
  let skips = true;
  return lines.flatMap(({ place, text }) => {
    if (!text.startsWith("|")) {
      skips = true;
      return text.startsWith("Not there") ? [] : [{ place, text }];
    }
    if (text.startsWith("| setting |")) skips = false;
    return [{ place, text: skips ? text.replace(/^\|[^|]*/, "") : text }];
  });
}

Deno.test("what the pages call a setting is one", () => {
  const wrong: string[] = [];
  let claimed = 0;
  for (const page of MANUAL) {
    for (const { place, text } of withoutForeignNames(page, pages.get(page)!.lines)) {
      for (const name of claimedSettings(text)) {
        claimed++;
        if (!isKnown(name)) wrong.push(`${place}: ${name}`);
      }
    }
  }
  assert(claimed > 100, `only ${claimed} names were found`);
  assert.deepEqual(wrong, []);
});

Deno.test("what the page on migration says is not there, is not there", () => {
  const line = pages.get("docs/migration.md")!.lines
    .find(({ text }) => text.startsWith("Not there"))!;
  const names = [...line.text.matchAll(/`([a-z_.]+)`/g)].map(([, name]) => name!)
    .filter((name) => name !== "check");
  assert(names.length > 5);
  assert.deepEqual(
    names.filter((name) => name.includes(".") ? isSetting(name) : WORDS.has(name)),
    [],
  );
});

// -- Links

/** The name by which a heading can be linked to. */
function anchor(heading: string): string {
  return heading.toLowerCase().replace(/[^\w\- ]/g, "").replaceAll(" ", "-");
}

Deno.test("every link to a file of the repository leads somewhere", () => {
  const wrong: string[] = [];
  for (const [page, { lines }] of pages) {
    const folder = new URL(page, `file://${ROOT}`);
    for (const { place, text } of lines) {
      for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^https?:/.test(target!)) continue;
        const { pathname, hash } = new URL(target!, folder);
        const file = pathname.slice(ROOT.length);
        const headings = file.endsWith(".md") && hash !== ""
          ? readPage(file).lines.flatMap(({ text }) => /^#+ (.*)$/.exec(text)?.[1] ?? [])
          : undefined;
        const found = headings === undefined
          ? exists(pathname)
          : headings.map(anchor).includes(hash.slice(1));
        if (!found) wrong.push(`${place}: ${target}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});
