/**
 * Reads source files as far as the tidy test needs to understand them.
 */

const ROOT = new URL("../", import.meta.url);

/** A source file as the rules see it. Paths are relative to the repository, with "/". */
export interface Source {
  readonly path: string;
  readonly lines: readonly string[];
  readonly imports: readonly Import[];
}

/** One import, re-export or `import()`. */
export interface Import {
  readonly line: number;
  /** Path in the repository, or the specifier of a package or `node:` module. */
  readonly target: string;
  readonly typeOnly: boolean;
  /** What is imported by name; undefined: the whole file. */
  readonly names: readonly string[] | undefined;
  /** `import(...)`: does not run before it is asked for. */
  readonly lazy: boolean;
}

/** Reads every source file of the program and its tests. */
export async function readSources(): Promise<Source[]> {
  const paths: string[] = ["main.ts"];
  for (const directory of ["gateway", "admin", "tests"]) await collect(directory, paths);
  return await Promise.all(paths.sort().map(readSource));
}

async function collect(directory: string, into: string[]): Promise<void> {
  try {
    for await (const entry of Deno.readDir(new URL(directory, ROOT))) {
      const path = `${directory}/${entry.name}`;
      if (entry.isDirectory) await collect(path, into);
      else if (/\.tsx?$/.test(entry.name)) into.push(path);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function readSource(path: string): Promise<Source> {
  return toSource(path, await Deno.readTextFile(new URL(path, ROOT)));
}

/** A source file from its text. */
export function toSource(path: string, text: string): Source {
  const imports: Import[] = [];
  const pattern =
    /^(?:import|export)\s+(type\s)?(?:([^"';]*?)\sfrom\s+)?"([^"]+)"|\b(import)\("([^"]+)"\)/gm;
  for (const match of text.matchAll(pattern)) {
    const specifier = match[3] ?? match[5] ?? "";
    imports.push({
      line: text.slice(0, match.index).split("\n").length,
      target: specifier.startsWith(".")
        ? new URL(specifier, new URL(path, ROOT)).href.slice(ROOT.href.length)
        : specifier,
      typeOnly: match[1] !== undefined,
      names: namesOf(match[2]),
      lazy: match[4] !== undefined,
    });
  }
  return { path, lines: text.replace(/\n$/, "").split("\n"), imports };
}

/** The names in the braces of an import; undefined when there are no braces. */
function namesOf(clause: string | undefined): string[] | undefined {
  const list = /\{([^}]*)\}/.exec(clause ?? "")?.[1];
  return list?.split(",").map((name) => name.trim().replace(/^type /, "").replace(/ as .*$/, ""));
}
