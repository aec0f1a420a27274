/**
 * The table of commands. Parsing, help, completions, the man page and typo hints come from it.
 */
import { ADMIN_COMMANDS } from "./commands_admin.ts";
import { CLIENT_COMMANDS } from "./commands_client.ts";
import { GATEWAY_COMMANDS } from "./commands_gateway.ts";
import { TOOL_COMMANDS } from "./commands_tools.ts";
import type { Command } from "./parse.ts";

/** All commands in the order of help. The first one runs when none is named. */
export const COMMANDS: readonly Command[] = [
  ...GATEWAY_COMMANDS,
  ...CLIENT_COMMANDS,
  ...ADMIN_COMMANDS,
  ...TOOL_COMMANDS,
];
