/** `natsgate completion`: what a shell needs to complete commands, options and their values. */
import { EXIT } from "../errors.ts";
import { bash } from "./completion_bash.ts";
import { fish } from "./completion_fish.ts";
import { zsh } from "./completion_zsh.ts";
import type { Io } from "./io.ts";
import type { Arguments } from "./parse.ts";

/** Prints the completions for a shell. */
export function run(args: Arguments, io: Io): number {
  const make = { bash, zsh, fish }[args.operand(0)];
  if (make === undefined) throw new Error("Bug in natsgate: a shell without completions");
  io.out(make());
  return EXIT.ok;
}
