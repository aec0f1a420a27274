/**
 * Hides secrets before a configuration is shown, and puts them back when what was shown is
 * written back.
 */
import { formatPath, type Path } from "./path.ts";
import { isSecret, isSecretPath } from "./secrets.ts";
import { isTable, mapTexts, put, type Table } from "./tree.ts";

/** What is shown in place of a secret. */
export const REDACTED = "******";

/** A copy with every secret replaced. `path`: where the value stands in the configuration. */
export function redact<T>(value: T, path: Path = []): T {
  return mapTexts(value, (text, at) => isSecret(text, at) ? REDACTED : text, path) as T;
}

/** What `unredact` gives. */
export interface Unredacted<T> {
  readonly value: T;
  /** Paths where a hidden secret was written and there is no old one to keep. */
  readonly missing: readonly string[];
}

/**
 * A copy of `next` in which each hidden secret has its old value from `previous`. Elements of
 * arrays belong together by position, as long as their `type`, `mechanism` and `backend` agree.
 */
export function unredact<T>(next: T, previous: unknown, path: Path = []): Unredacted<T> {
  const missing: string[] = [];
  return { value: restore(next, previous, path, missing) as T, missing };
}

function restore(next: unknown, previous: unknown, path: Path, missing: string[]): unknown {
  if (next === REDACTED) {
    if (typeof previous === "string" && previous !== REDACTED) return previous;
    // Elsewhere six stars are an ordinary text.
    if (isSecretPath(path) || /file$|^public_key$/.test(String(path.at(-1)))) {
      missing.push(formatPath(path));
    }
    return next;
  }
  if (Array.isArray(next)) {
    const old = Array.isArray(previous) ? previous : [];
    return next.map((part, i) =>
      restore(part, sameKind(part, old[i]) ? old[i] : undefined, [...path, i], missing)
    );
  }
  if (!isTable(next)) return next;
  const old = isTable(previous) && sameKind(next, previous) ? previous : {};
  const table: Table = {};
  for (const [key, part] of Object.entries(next)) {
    const oldPart = Object.hasOwn(old, key) ? old[key] : undefined;
    put(table, key, restore(part, oldPart, [...path, key], missing));
  }
  return table;
}

/** False when the two are different sorts of thing: the secret of one is no use to the other. */
function sameKind(next: unknown, previous: unknown): boolean {
  if (!isTable(next) || !isTable(previous)) return true;
  return ["type", "mechanism", "backend"].every((key) => next[key] === previous[key]);
}
