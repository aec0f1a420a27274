/**
 * The table of commands. Parsing, help, completions, the man page and typo hints come from it.
 */
import type { Command, OptionSpec } from "./parse.ts";

const JSON_OPTION: OptionSpec = { name: "json", help: "print JSON" };

/** All commands in the order of help. The first one runs when none is named. */
export const COMMANDS: readonly Command[] = [
  {
    name: "version",
    summary: "print version, commit and runtime",
    operands: [],
    options: [JSON_OPTION],
    examples: ["natsgate version --json"],
    load: () => import("./version.ts"),
  },
  {
    name: "help",
    summary: "explain a command or a topic",
    operands: [{ name: "TOPIC", optional: true, many: true, help: "a command or a topic" }],
    options: [],
    examples: ["natsgate help sub", "natsgate help names"],
    load: () => import("./help.ts"),
  },
];
