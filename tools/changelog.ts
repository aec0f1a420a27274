/**
 * Folds the files of `changes/` into CHANGELOG.md: `deno task changelog VERSION DATE`.
 */

/** Kinds of change, as file names begin, with the heading that each gets; in reading order. */
const HEADINGS = {
  safety: "Safety",
  feature: "Features",
  fix: "Fixes",
  internal: "Internal",
} as const;

type Kind = keyof typeof HEADINGS;

/** One change, from one file. */
export interface Fragment {
  readonly kind: Kind;
  readonly text: string;
}

/** Longest text of a change: it is one or two sentences. */
const TEXT_LENGTH_MAX = 500;

const ROOT = new URL("../", import.meta.url);

if (import.meta.main) {
  const [version, date] = Deno.args;
  if (version === undefined || !/^\d{4}-\d\d-\d\d$/.test(date ?? "")) {
    throw new Error("usage: deno task changelog VERSION YYYY-MM-DD");
  }
  const changelog = new URL("CHANGELOG.md", ROOT);
  const files = readFragments();
  const fragments = files.map(({ name, text }) => parseFragment(name, text));
  const folded = fold(Deno.readTextFileSync(changelog), fragments, version, date!);
  Deno.writeTextFileSync(changelog, folded);
  for (const { name } of files) Deno.removeSync(new URL(`changes/${name}`, ROOT));
}

/** The files of `changes/`, by name. */
export function readFragments(): { readonly name: string; readonly text: string }[] {
  return [...Deno.readDirSync(new URL("changes/", ROOT))]
    .map(({ name }) => name)
    .filter((name) => name !== "README.md")
    .sort()
    .map((name) => ({ name, text: Deno.readTextFileSync(new URL(`changes/${name}`, ROOT)) }));
}

/** Reads a file of `changes/`. Throws an `Error` that says what is wrong with it. */
export function parseFragment(name: string, text: string): Fragment {
  const [, kind] = /^([a-z]+)(?:-[a-z0-9]+)+\.md$/.exec(name) ?? [];
  if (kind === undefined || !(kind in HEADINGS)) {
    throw new Error(
      `changes/${name}: the name must be KIND-words.md, KIND one of ` +
        Object.keys(HEADINGS).join(", "),
    );
  }
  const line = text.trim();
  if (line === "" || line.includes("\n") || line.length > TEXT_LENGTH_MAX || !/[.`]$/.test(line)) {
    throw new Error(
      `changes/${name}: it must hold one line of whole sentences, ` +
        `at most ${TEXT_LENGTH_MAX} characters`,
    );
  }
  return { kind: kind as Kind, text: line };
}

/** The changelog with the changes under the release's heading, which is made or completed. */
export function fold(
  changelog: string,
  fragments: readonly Fragment[],
  version: string,
  date: string,
): string {
  const at = changelog.search(/^## /m);
  const head = at < 0 ? `${changelog.trimEnd()}\n\n` : changelog.slice(0, at);
  let older = at < 0 ? "" : changelog.slice(at);
  const lines = new Map<string, string[]>();
  const planned = `## ${version} (not released)\n`;
  if (older.startsWith(planned)) {
    const next = older.indexOf("\n## ");
    const section = older.slice(planned.length, next < 0 ? undefined : next + 1);
    older = next < 0 ? "" : older.slice(next + 1);
    for (const [, heading, body] of section.matchAll(/^### (.+)\n([^#]*)/gm)) {
      lines.set(heading!, body!.split("\n").filter((line) => line !== ""));
    }
  }
  for (const { kind, text } of fragments) {
    const heading = HEADINGS[kind];
    lines.set(heading, [...lines.get(heading) ?? [], `- ${text}`]);
  }
  const sections = Object.values(HEADINGS)
    .filter((heading) => lines.has(heading))
    .map((heading) => `### ${heading}\n\n${lines.get(heading)!.join("\n")}\n`);
  return `${head}## ${version} (${date})\n\n${sections.join("\n")}${older && `\n${older}`}`;
}
