/**
 * The options that say which configuration to use, and how to read it.
 */
import { formatIssues } from "../config/load.ts";
import { checkText, readConfig, type ReadResult, writeOverlay } from "../config/read.ts";
import type { SettingsSource } from "../gateway.ts";
import type { Arguments } from "./parse.ts";
import type { Io } from "./io.ts";

/** Reads the configuration that the arguments name. */
export function readSettings(args: Arguments, path = args.text("config")): ReadResult {
  return readConfig({ path, sets: setsOf(args) });
}

/** Where the running gateway reads its configuration again and keeps changes of it. */
export function settingsSource(args: Arguments, loaded: ReadResult): SettingsSource {
  const input = { path: args.text("config"), sets: setsOf(args) };
  return {
    loaded,
    load: (overlayText) => readConfig({ ...input, overlayText }),
    check: (text) => checkText(text, input),
    writeOverlay: (text) => writeOverlay(loaded.overlayPath, text),
  };
}

function setsOf(args: Arguments): string[] {
  const data_dir = args.text("data-dir");
  const sets = [...args.list("set")];
  if (data_dir !== undefined) sets.push(`node.data_dir=${JSON.stringify(data_dir)}`);
  return sets;
}

/** Writes every problem as a line to standard error. */
export function printIssues(read: ReadResult, io: Io): void {
  for (const line of formatIssues(read.issues, read.path ?? "built-in defaults")) {
    io.err(`${line}\n`);
  }
}
