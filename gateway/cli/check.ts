/** `natsgate check`. */
import { accessIssues } from "../auth/check.ts";
import { realClock } from "../clock.ts";
import { EXIT } from "../errors.ts";
import { checkWaysIn } from "../gateway.ts";
import { createMapping } from "../nats/subject.ts";
import type { Io } from "./io.ts";
import type { Arguments } from "./parse.ts";
import { printIssues, readSettings } from "./settings.ts";

/** Says everything that is wrong with the configuration. Changes nothing. */
export async function run(args: Arguments, io: Io): Promise<number> {
  const settings = readSettings(args);
  const { config } = settings;
  const more = config === undefined ? [] : [
    ...await checkWaysIn(config, realClock()),
    ...accessIssues(config, createMapping),
  ];
  const read = { ...settings, issues: [...settings.issues, ...more] };
  const errors = read.issues.filter(({ severity }) => severity === "error").length;
  const warnings = read.issues.length - errors;
  const isGood = errors === 0 && (warnings === 0 || !args.flag("strict"));
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
