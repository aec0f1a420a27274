/**
 * What to say when the command line makes no sense.
 */
import { closest } from "../config/suggest.ts";

/** The command line cannot be carried out as written; caught in `main`, exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** ` Did you mean "x"?` when one of the names is close to the word, else "". */
export function didYouMean(word: string, names: readonly string[]): string {
  const name = closest(word, names) ??
    (word.length >= 3 ? names.find((each) => each.startsWith(word)) : undefined);
  return name === undefined ? "" : ` Did you mean "${name}"?`;
}
