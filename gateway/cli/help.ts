/**
 * Help texts, made from the table of commands.
 */
import { EXIT } from "../errors.ts";
import { HELP_OPTION, operandUsage } from "./parse.ts";
import type { Arguments, Command, OptionSpec } from "./parse.ts";
import type { Io } from "./io.ts";
import { TOPICS } from "./help_topics.ts";
import { VERSION } from "../version.ts";
import { COMMANDS } from "./commands.ts";
import { didYouMean, UsageError } from "./usage.ts";

/** `natsgate help [TOPIC]`. */
export function run(args: Arguments, io: Io): number {
  const name = args.operands.join(" ");
  if (name === "") {
    io.out(programHelp(COMMANDS));
    return EXIT.ok;
  }
  const exact = COMMANDS.find((command) => command.name === name);
  if (exact !== undefined) {
    io.out(commandHelp(exact));
    return EXIT.ok;
  }
  const family = COMMANDS.filter((command) => command.name.startsWith(`${name} `));
  const topic = TOPICS.find((entry) => entry.name === name);
  if (family.length > 0) io.out(family.map(commandHelp).join("\n"));
  else if (topic !== undefined) io.out(topic.text);
  else {
    const names = [...COMMANDS.map((command) => command.name), ...TOPICS.map((t) => t.name)];
    throw new UsageError(`There is no help on "${name}".${didYouMean(name, names)}`);
  }
  return EXIT.ok;
}

/** The overview: what it is, the commands, the topics. */
export function programHelp(commands: readonly Command[]): string {
  const rows = commands.map((command) => {
    const usage = `${command.name} ${operandUsage(command)}`.trim();
    return [usage, command.summary] as const;
  });
  const topics = TOPICS.map((topic) => [topic.name, topic.summary] as const);
  return `natsgate ${VERSION}: NATS and MQTT clients on one broker

Usage: natsgate [COMMAND] [OPTIONS]     (without COMMAND: run)

Commands:
${table(rows)}
Topics of \`natsgate help TOPIC\`:
${table(topics)}
\`natsgate COMMAND --help\` shows options and an example.
`;
}

/** Everything about one command. */
export function commandHelp(command: Command): string {
  const usage = `natsgate ${command.name} ${operandUsage(command)}`.trim();
  const operands = command.operands.map((operand) => [operand.name, operand.help] as const);
  const options = [...command.options, HELP_OPTION]
    .map((option) => [optionUsage(option), optionHelp(option)] as const);
  const parts = [`Usage: ${usage} [OPTIONS]`, `${sentence(command.summary)}`];
  if (command.text !== undefined) parts.push(command.text);
  if (operands.length > 0) parts.push(table(operands).trimEnd());
  parts.push(`Options:\n${table(options).trimEnd()}`);
  const examples = command.examples.map((example) => `  ${example}`).join("\n");
  parts.push(`${command.examples.length > 1 ? "Examples" : "Example"}:\n${examples}`);
  return parts.join("\n\n") + "\n";
}

/** An option as it is written, such as `-c, --config=FILE`. */
export function optionUsage(option: OptionSpec): string {
  const short = option.short === undefined ? "    " : `-${option.short}, `;
  return `${short}--${option.name}${option.value === undefined ? "" : `=${option.value}`}`;
}

/** What an option does, with its choices and standard value. */
export function optionHelp(option: OptionSpec): string {
  let text = option.help;
  if (option.choices !== undefined) text += ` (${option.choices.join(", ")})`;
  if (option.standard !== undefined) text += ` [${option.standard}]`;
  if (option.many) text += "; may be repeated";
  return text;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

const LINE_COLUMNS_MAX = 100;

/** Two columns; the right one is wrapped at 100 columns. */
function table(rows: readonly (readonly [string, string])[]): string {
  const left_columns = Math.min(34, Math.max(...rows.map(([left]) => left.length)));
  let text = "";
  for (const [left, right] of rows) {
    const lines = wrap(right, LINE_COLUMNS_MAX - left_columns - 4);
    if (left.length > left_columns) text += `  ${left}\n`;
    else text += `  ${left.padEnd(left_columns)}  ${lines.shift()}\n`;
    for (const line of lines) text += `${" ".repeat(left_columns + 4)}${line}\n`;
  }
  return text;
}

function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines;
}
