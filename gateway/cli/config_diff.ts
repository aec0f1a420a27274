/** `natsgate config diff`. */
import { type Change, diffConfigs } from "../config/diff.ts";
import type { Config } from "../config/types.ts";
import { EXIT, OperationalError } from "../errors.ts";
import type { Io } from "./io.ts";
import type { Arguments } from "./parse.ts";
import { printIssues, readSettings } from "./settings.ts";

/** Says what a change from one file to another would do. Exit code 1 when they differ. */
export function run(args: Arguments, io: Io): number {
  const changes = diffConfigs(read(args, 0, io), read(args, 1, io));
  if (args.flag("json")) io.out(`${JSON.stringify(changes)}\n`);
  else for (const change of changes) io.out(changeText(change));
  return changes.length === 0 ? EXIT.ok : EXIT.failure;
}

function read(args: Arguments, operand: number, io: Io): Config {
  const path = args.operand(operand);
  const result = readSettings(args, path);
  if (result.config !== undefined) return result.config;
  printIssues(result, io);
  throw new OperationalError(`${path} is not valid.`, EXIT.config);
}

function changeText({ path, old, new: next, live, reason, listener }: Change): string {
  const value = (part: unknown) => part === undefined ? "(not there)" : JSON.stringify(part);
  const effect = live ? reason : `needs a restart: ${reason}`;
  const where = listener === undefined ? "" : ` [${listener}]`;
  return `${path}: ${value(old)} -> ${value(next)}\n    ${effect}${where}\n`;
}
