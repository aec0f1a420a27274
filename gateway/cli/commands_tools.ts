/**
 * Rows of the table of commands: small tools that need no running gateway.
 */
import type { Command, OptionSpec } from "./parse.ts";

const JSON_OPTION: OptionSpec = { name: "json", help: "print JSON" };

/** Commands that answer by themselves. */
export const TOOL_COMMANDS: readonly Command[] = [
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
