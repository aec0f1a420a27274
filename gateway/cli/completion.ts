/** `natsgate completion`: what a shell needs to complete commands, options and their values. */
import { EXIT } from "../errors.ts";
import { COMMANDS } from "./commands.ts";
import { type Command, HELP_OPTION, type OptionSpec } from "./parse.ts";
import type { Arguments } from "./parse.ts";
import type { Io } from "./io.ts";

/** Prints the completions for a shell. */
export function run(args: Arguments, io: Io): number {
  const make = { bash, zsh, fish }[args.operand(0)];
  if (make === undefined) throw new Error("Bug in natsgate: a shell without completions");
  io.out(make());
  return EXIT.ok;
}

/** First words of the command line, each once. */
function firstWords(): string[] {
  return [...new Set(COMMANDS.map((command) => command.name.split(" ")[0]!))];
}

/** Second words behind a first one, such as `gen` and `show` behind `nkey`; none for most. */
function secondWords(first: string): string[] {
  return COMMANDS.flatMap((command) => {
    const [word, second] = command.name.split(" ");
    return word === first && second !== undefined ? [second] : [];
  });
}

/** The options of all commands that begin with this word, each once. */
function optionsOf(first: string): OptionSpec[] {
  const commands = COMMANDS.filter((command) => command.name.split(" ")[0] === first);
  const options = new Map<string, OptionSpec>();
  for (const command of commands) {
    for (const option of command.options) options.set(option.name, option);
  }
  return [...options.values(), HELP_OPTION];
}

/** What may stand behind the command: second words, else the choices of its first operand. */
function choicesOf(first: string): readonly string[] {
  const second = secondWords(first);
  if (second.length > 0) return second;
  if (first === "help") return COMMANDS.map((command) => command.name.split(" ")[0]!);
  return COMMANDS.find((command) => command.name === first)?.operands[0]?.choices ?? [];
}

function isPath(option: OptionSpec): boolean {
  return option.value === "FILE" || option.value === "DIR";
}

function names(option: OptionSpec): string[] {
  return [...(option.short === undefined ? [] : [`-${option.short}`]), `--${option.name}`];
}

function bash(): string {
  const cases = firstWords().map((first) => {
    const options = optionsOf(first);
    const values = options.filter((option) => option.value !== undefined).map((option) => {
      const action = option.choices !== undefined
        ? `words="${option.choices.join(" ")}"`
        : isPath(option)
        ? "files=yes"
        : "";
      return `        ${names(option).join("|")}) ${action} ;;\n`;
    });
    const words = [...choicesOf(first), ...options.map((option) => `--${option.name}`)];
    return `    ${first})\n      case "$prev" in\n${values.join("")}` +
      `        *) words="${words.join(" ")}" ;;\n      esac ;;\n`;
  });
  return `# bash completion for natsgate: source this, or put it into
# /usr/share/bash-completion/completions/natsgate
_natsgate() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" words="" files=""
  local command="\${COMP_WORDS[1]}"
  if [ "$COMP_CWORD" = 1 ]; then
    command="" words="${firstWords().join(" ")} --help --version --config"
  fi
  case "$command" in
    "") ;;
    -*) files=yes ;;
${cases.join("")}  esac
  if [ -n "$files" ]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
  else
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
  fi
}
complete -F _natsgate natsgate
`;
}

function zsh(): string {
  const quote = (text: string) => text.replace(/[[\]\\:']/g, (c) => c === "'" ? "'\\''" : `\\${c}`);
  const commands = firstWords().map((first) => `    '${first}:${quote(summaryOf(first))}'\n`);
  const cases = firstWords().map((first) => {
    const specs = optionsOf(first).map((option) => {
      const value = option.value === undefined
        ? ""
        : `:${option.value}:${
          option.choices !== undefined
            ? `(${option.choices.join(" ")})`
            : isPath(option)
            ? "_files"
            : ""
        }`;
      const sign = option.value === undefined ? "" : "=";
      return `        '--${option.name}${sign}[${quote(option.help)}]${value}' \\\n`;
    });
    const choices = choicesOf(first);
    const operand = choices.length > 0 ? `'1: :(${choices.join(" ")})'` : "'*: :_files'";
    return `    ${first})\n      _arguments \\\n${specs.join("")}        ${operand} ;;\n`;
  });
  return `#compdef natsgate
# zsh completion for natsgate: put this as _natsgate into a directory of $fpath
_natsgate() {
  local -a commands=(
${commands.join("")}  )
  local line state
  _arguments -C '1: :->command' '*:: :->rest'
  case $state in
    command) _describe command commands ;;
    rest) case $line[1] in
${cases.join("")}    esac ;;
  esac
}
_natsgate "$@"
`;
}

function fish(): string {
  const quote = (text: string) => `'${text.replace(/[\\']/g, "\\$&")}'`;
  let text = "# fish completion for natsgate: put this into ~/.config/fish/completions/\n";
  for (const first of firstWords()) {
    text += `complete -c natsgate -f -n __fish_use_subcommand -a ${first} ` +
      `-d ${quote(summaryOf(first))}\n`;
    const seen = `-n ${quote(`__fish_seen_subcommand_from ${first}`)}`;
    const choices = choicesOf(first);
    if (choices.length > 0) {
      text += `complete -c natsgate -f ${seen} -a ${quote(choices.join(" "))}\n`;
    }
    for (const option of optionsOf(first)) {
      const short = option.short === undefined ? "" : ` -s ${option.short}`;
      const value = option.choices !== undefined
        ? ` -x -a ${quote(option.choices.join(" "))}`
        : option.value === undefined
        ? ""
        : isPath(option)
        ? " -r -F"
        : " -x";
      text += `complete -c natsgate ${seen}${short} -l ${option.name}${value} ` +
        `-d ${quote(option.help)}\n`;
    }
  }
  return text;
}

function summaryOf(first: string): string {
  const commands = COMMANDS.filter((command: Command) => command.name.split(" ")[0] === first);
  return commands.map((command) => command.summary).join("; ");
}
