/**
 * The options that say which configuration to use, and how to read it.
 */
import { formatIssues } from "../config/load.ts";
import { readConfig, type ReadResult } from "../config/read.ts";
import type { Arguments } from "./parse.ts";
import type { Io } from "./io.ts";

/** Reads the configuration that the arguments name. */
export function readSettings(args: Arguments, path = args.text("config")): ReadResult {
  const data_dir = args.text("data-dir");
  const sets = [...args.list("set")];
  if (data_dir !== undefined) sets.push(`node.data_dir=${JSON.stringify(data_dir)}`);
  return readConfig({ path, sets });
}

/** Writes every problem as a line to standard error. */
export function printIssues(read: ReadResult, io: Io): void {
  for (const line of formatIssues(read.issues, read.path ?? "built-in defaults")) {
    io.err(`${line}\n`);
  }
}
