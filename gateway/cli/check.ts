/** `natsgate check`. */
import { EXIT, type Io } from "./io.ts";
import type { Arguments } from "./parse.ts";
import { printIssues, readSettings } from "./settings.ts";

/** Says everything that is wrong with the configuration. Changes nothing. */
export function run(args: Arguments, io: Io): number {
  const read = readSettings(args);
  const errors = read.issues.filter(({ severity }) => severity === "error").length;
  const warnings = read.issues.length - errors;
  const isGood = read.config !== undefined && (warnings === 0 || !args.flag("strict"));
  if (args.flag("json")) {
    io.out(`${JSON.stringify({ valid: isGood, file: read.path ?? null, issues: read.issues })}\n`);
  } else {
    printIssues(read, io);
    const count = (number: number, word: string) => `${number} ${word}${number === 1 ? "" : "s"}`;
    io.out(
      `${read.path ?? "built-in defaults"}: ${isGood ? "valid" : "not valid"}, ` +
        `${count(errors, "error")}, ${count(warnings, "warning")}\n`,
    );
  }
  return isGood ? EXIT.ok : EXIT.config;
}
