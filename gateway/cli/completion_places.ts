/**
 * What may be typed where on the command line, out of the table of commands; the files for the
 * three shells are made of it.
 */
import { COMMANDS } from "./commands.ts";
import { TOPICS } from "./help_topics.ts";
import { type Command, HELP_OPTION, type OperandSpec, type OptionSpec } from "./parse.ts";

/** A word that may be typed, with what it is for; "" where that is clear. */
export interface Choice {
  readonly word: string;
  readonly summary: string;
}

/** What stands next on the command line, beside options. */
export interface Slot {
  /** As in help, such as `URL`. */
  readonly name: string;
  /** Empty when anything may be typed. */
  readonly choices: readonly Choice[];
  /** It is a file or directory. */
  readonly path: boolean;
  /** It may come again and again. */
  readonly many: boolean;
}

/** A place on the command line: behind these words. */
export interface Place {
  /** None at the beginning, `nkey` before its second word, `nkey gen` and `run` in a command. */
  readonly words: readonly string[];
  readonly options: readonly OptionSpec[];
  readonly slots: readonly Slot[];
}

const VERSION_OPTION: OptionSpec = { name: "version", help: "print the version" };

/** All places, the beginning first. */
export function places(): Place[] {
  const groups = commandsBelow([]).filter(({ word }) => commandsBelow([word]).length > 0);
  const run = COMMANDS.find(({ name }) => name === "run")!;
  return [
    // Without a command, `run` is meant.
    { ...placeOf(run), words: [], options: [...run.options, HELP_OPTION, VERSION_OPTION] },
    ...groups.map(({ word }) => ({ words: [word], options: [HELP_OPTION], slots: [] })),
    ...COMMANDS.map(placeOf),
  ].map((place) => {
    const choices = commandsBelow(place.words);
    if (choices.length === 0) return place;
    return { ...place, slots: [{ name: "COMMAND", choices, path: false, many: false }] };
  });
}

/** Every option that has a value, each once: a name means the same in every command. */
export function optionsWithValue(): OptionSpec[] {
  const options = new Map<string, OptionSpec>();
  for (const option of COMMANDS.flatMap((command) => command.options)) {
    if (option.value === undefined) continue;
    // Not every command has the short spelling.
    options.set(option.name, { ...options.get(option.name), ...option });
  }
  return [...options.values()];
}

/** True when the value is a file or directory. */
export function isPath(option: OptionSpec): boolean {
  return option.value === "FILE" || option.value === "DIR";
}

/** `-q` and `--qos`, or only the latter. */
export function spellings(option: OptionSpec): string[] {
  return [...(option.short === undefined ? [] : [`-${option.short}`]), `--${option.name}`];
}

/** Words that make a command when they come next, each once, with what they are for. */
function commandsBelow(words: readonly string[]): Choice[] {
  const found = new Map<string, string[]>();
  for (const { name, summary } of COMMANDS) {
    const all = name.split(" ");
    const next = all[words.length];
    if (next === undefined || words.some((word, i) => word !== all[i])) continue;
    found.set(next, [...found.get(next) ?? [], summary]);
  }
  return [...found].map(([word, summaries]) => ({ word, summary: summaries.join("; ") }));
}

function placeOf(command: Command): Place {
  return {
    words: command.name.split(" "),
    options: [...command.options, HELP_OPTION],
    slots: command.operands.map((operand) => slotOf(command, operand)),
  };
}

function slotOf(command: Command, operand: OperandSpec): Slot {
  const choices = command.name === "help"
    ? [...commandsBelow([]), ...TOPICS.map(({ name, summary }) => ({ word: name, summary }))]
    : (operand.choices ?? []).map((word) => ({ word, summary: "" }));
  const { name, many = false, path = false } = operand;
  return { name, choices, path, many };
}
