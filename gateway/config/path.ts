/**
 * Paths of settings. In the program a path is an array of names and indexes (from 0); as text it
 * is dotted, with indexes in brackets and counted from 1: `authorization.sources[2].url`.
 */

/** Names of tables and keys, indexes into arrays. */
export type Path = readonly (string | number)[];

/** The path as text. Names with other characters than a bare TOML key has are quoted. */
export function formatPath(path: Path): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part + 1}]`;
    else text += (text === "" ? "" : ".") + formatKey(part);
  }
  return text;
}

/** A key as TOML spells it. */
function formatKey(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key);
}

/** Reads a path as `formatPath` writes it; `a.1.b` is taken for `a[1].b` later. Undefined: none. */
export function parsePath(text: string): Path | undefined {
  const path: (string | number)[] = [];
  const part = /(\.|^)(?:([A-Za-z0-9_-]+)|"((?:[^"\\]|\\.)*)"|'([^']*)')|\[(\d+)\]/y;
  while (part.lastIndex < text.length) {
    const match = part.exec(text);
    if (match === null) return undefined;
    const [, separator, bare, quoted, literal, index] = match;
    if (index !== undefined) {
      if (path.length === 0 || index === "0") return undefined;
      path.push(Number(index) - 1);
      continue;
    }
    if ((separator === ".") !== path.length > 0) return undefined;
    path.push(bare ?? literal ?? JSON.parse(`"${quoted}"`) as string);
  }
  return path.length === 0 ? undefined : path;
}

/** True when `path` is `ancestor` or below it. */
export function isWithin(path: Path, ancestor: Path): boolean {
  return path.length >= ancestor.length && ancestor.every((part, i) => path[i] === part);
}
