/**
 * Turns words of a command line into a command and its arguments, by the table of commands.
 */
import { parseArgs } from "node:util";
import type { Io } from "./io.ts";
import { didYouMean, UsageError } from "./usage.ts";

/** An option of a command. */
export interface OptionSpec {
  /** Without the dashes. */
  readonly name: string;
  readonly short?: string;
  /** What to call the value in help, such as `FILE`. Absent for a flag. */
  readonly value?: string;
  /** The value must be a whole number of at least `min`. */
  readonly integer?: { readonly min: number; readonly max?: number };
  /** The value must be one of these. */
  readonly choices?: readonly string[];
  /** May be given more than once. */
  readonly many?: boolean;
  readonly standard?: string;
  readonly help: string;
}

/** A word of the command line that is not an option. */
export interface OperandSpec {
  /** As in help, such as `URL`. */
  readonly name: string;
  readonly optional?: boolean;
  /** Takes all words that are left. Only for the last operand. */
  readonly many?: boolean;
  readonly choices?: readonly string[];
  /** It names a file or directory of this machine. */
  readonly path?: boolean;
  readonly help: string;
}

/** One row of the table of commands. */
export interface Command {
  /** One word or two, such as `nkey gen`. */
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  readonly operands: readonly OperandSpec[];
  readonly options: readonly OptionSpec[];
  /** More for `--help`: paragraphs. */
  readonly text?: string;
  readonly examples: readonly string[];
  /** Loads the code, only when the command is used, so that the start of others stays quick. */
  readonly load: () => Promise<{ run: (args: Arguments, io: Io) => Promise<number> | number }>;
}

/** What every command takes besides its own options. */
export const HELP_OPTION: OptionSpec = {
  name: "help",
  short: "h",
  help: "show this help",
};

/** Option values and operands of one call, checked against the command's row. */
export class Arguments {
  readonly #values: ReadonlyMap<string, readonly string[]>;
  constructor(
    readonly command: Command,
    values: ReadonlyMap<string, readonly string[]>,
    /** Operands in the order they were written. */
    readonly operands: readonly string[],
  ) {
    this.#values = values;
  }

  /** True when the flag was given. */
  flag(name: string): boolean {
    return this.#values.has(name);
  }

  /** The value of an option: as given, else its standard value. */
  text(name: string): string | undefined {
    return this.#values.get(name)?.at(-1) ??
      this.command.options.find((option) => option.name === name)?.standard;
  }

  /** Every value of an option that may be repeated. */
  list(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** The value of an option with `integer`; the option has a standard value or was given. */
  integer(name: string): number {
    return Number(this.text(name));
  }

  /** The operand at a place of the row; "" when an optional one is left out. */
  operand(index: number): string {
    return this.operands[index] ?? "";
  }
}

/** What the words ask for: run a command, or show help on one (undefined: on the program). */
export type Parsed =
  | { readonly kind: "run"; readonly args: Arguments }
  | { readonly kind: "help"; readonly command: Command | undefined }
  | { readonly kind: "version" };

/** Reads the command line. Throws `UsageError` with a hint when it makes no sense. */
export function parse(words: readonly string[], commands: readonly Command[]): Parsed {
  // `deno task start -- --config FILE` passes the dashes on.
  if (words[0] === "--") words = words.slice(1);
  const first = words[0];
  if (first === "--help" || first === "-h") return { kind: "help", command: undefined };
  if (first === "--version" || first === "-V") return { kind: "version" };
  const { command, rest } = findCommand(words, commands);
  return parseFor(command, rest);
}

/** Finds the command that the words name; without a name it is the first of the table. */
function findCommand(words: readonly string[], commands: readonly Command[]) {
  const first = words[0];
  const standard = commands[0];
  if (standard === undefined) throw new Error("Bug in natsgate: no commands");
  if (first === undefined || first.startsWith("-")) return { command: standard, rest: words };
  const two = `${first} ${words[1] ?? ""}`;
  for (const command of commands) {
    if (command.name === two) return { command, rest: words.slice(2) };
    if (command.name === first) return { command, rest: words.slice(1) };
  }
  const family = commands.filter((command) => command.name.startsWith(`${first} `));
  if (family.length > 0) {
    throw new UsageError(
      `Say which: ${family.map((command) => `natsgate ${command.name}`).join(", ")}.`,
    );
  }
  throw new UsageError(
    `There is no command "${first}".${didYouMean(first, commands.map((c) => c.name))} ` +
      "See `natsgate help`.",
  );
}

function parseFor(command: Command, words: readonly string[]): Parsed {
  const specs = [...command.options, HELP_OPTION];
  const options: Record<string, { type: "string" | "boolean"; short?: string; multiple: true }> =
    {};
  for (const { name, short, value } of specs) {
    options[name] = {
      type: value === undefined ? "boolean" : "string",
      multiple: true,
      ...(short === undefined ? {} : { short }),
    };
  }
  const { tokens } = parseArgs({
    args: [...words],
    options,
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const values = new Map<string, string[]>();
  const operands: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") operands.push(token.value);
    if (token.kind !== "option") continue;
    const spec = specs.find((option) => option.name === token.name);
    if (spec === undefined) {
      const names = specs.map((option) => `--${option.name}`);
      throw new UsageError(
        `\`natsgate ${command.name}\` has no option ${token.rawName}.` +
          `${didYouMean(token.rawName, names)} See \`natsgate ${command.name} --help\`.`,
      );
    }
    const value = optionValue(spec, token.rawName, token.value, token.inlineValue === true);
    const known = values.get(spec.name);
    if (known === undefined) values.set(spec.name, [value]);
    else if (spec.many || spec.value === undefined) known.push(value);
    else throw new UsageError(`${token.rawName} was given twice.`);
  }
  if (values.has("help")) return { kind: "help", command };
  checkOperands(command, operands);
  return { kind: "run", args: new Arguments(command, values, operands) };
}

function optionValue(
  spec: OptionSpec,
  rawName: string,
  value: string | undefined,
  inline: boolean,
): string {
  if (spec.value === undefined) {
    if (value !== undefined) throw new UsageError(`${rawName} takes no value.`);
    return "";
  }
  if (value === undefined || (!inline && value.length > 1 && value.startsWith("-"))) {
    throw new UsageError(`${rawName} needs a value: ${rawName}=${spec.value}.`);
  }
  if (spec.choices !== undefined && !spec.choices.includes(value)) {
    throw new UsageError(
      `${rawName} is one of ${spec.choices.join(", ")}.${didYouMean(value, spec.choices)}`,
    );
  }
  if (spec.integer !== undefined) {
    const { min, max = Number.MAX_SAFE_INTEGER } = spec.integer;
    const number = /^[0-9]+$/.test(value) ? Number(value) : NaN;
    if (!(number >= min && number <= max)) {
      const upTo = spec.integer.max === undefined ? "" : ` and at most ${max}`;
      throw new UsageError(`${rawName} needs a whole number of at least ${min}${upTo}.`);
    }
  }
  return value;
}

function checkOperands(command: Command, operands: readonly string[]): void {
  const specs = command.operands;
  for (const [index, spec] of specs.entries()) {
    const given = spec.many ? operands.slice(index) : operands.slice(index, index + 1);
    if (given.length === 0 && !spec.optional) {
      throw new UsageError(
        `${spec.name} is missing: natsgate ${command.name} ${operandUsage(command)}. ` +
          `See \`natsgate ${command.name} --help\`.`,
      );
    }
    for (const word of given) {
      if (spec.choices !== undefined && !spec.choices.includes(word)) {
        throw new UsageError(
          `${spec.name} is one of ${spec.choices.join(", ")}.${didYouMean(word, spec.choices)}`,
        );
      }
    }
  }
  const extra = operands[specs.length];
  if (extra !== undefined && specs.at(-1)?.many !== true) {
    throw new UsageError(
      `"${extra}" is one word too many for \`natsgate ${command.name}\`. ` +
        `See \`natsgate ${command.name} --help\`.`,
    );
  }
}

/** The operands of a command as help shows them, such as `URL [TOPIC]...`. */
export function operandUsage(command: Command): string {
  return command.operands.map((operand) => {
    const name = operand.many ? `${operand.name}...` : operand.name;
    return operand.optional ? `[${name}]` : name;
  }).join(" ");
}
