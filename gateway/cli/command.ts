/**
 * The command line: finds the command that the words ask for and runs it.
 */
import { EXIT, OperationalError } from "../errors.ts";
import { interruption } from "../lifecycle.ts";
import { COMMANDS } from "./commands.ts";
import { commandHelp, programHelp } from "./help.ts";
import { type Io, processIo } from "./io.ts";
import { parse } from "./parse.ts";
import { UsageError } from "./usage.ts";

/** Runs the program with the words after its name. Returns the exit code; never throws. */
export async function main(words: readonly string[], io: Io = processIo(interruption)) {
  try {
    const parsed = parse(words, COMMANDS);
    if (parsed.kind === "help") {
      io.out(parsed.command === undefined ? programHelp(COMMANDS) : commandHelp(parsed.command));
      return EXIT.ok;
    }
    if (parsed.kind === "version") return await main(["version"], io);
    const { run } = await parsed.args.command.load();
    return await run(parsed.args, io);
  } catch (error) {
    return exitCodeOf(error, io);
  }
}

/** Says on standard error what went wrong, and with which code that ends the program. */
function exitCodeOf(error: unknown, io: Io): number {
  // The reader of our output has left (`natsgate sub ... | head -1`): nothing more to do.
  if (error instanceof Deno.errors.BrokenPipe) return EXIT.ok;
  if (error instanceof UsageError) {
    io.err(`natsgate: ${error.message}\n`);
    return EXIT.usage;
  }
  if (error instanceof OperationalError) {
    io.err(`natsgate: ${error.message}\n`);
    return error.exitCode;
  }
  const text = error instanceof Error ? error.stack ?? error.message : String(error);
  io.err(`natsgate: this is a bug, please report it with this text:\n${text}\n`);
  return EXIT.internal;
}
