/** `natsgate completion zsh`. */
import { isPath, type Place, places, type Slot } from "./completion_places.ts";
import type { OptionSpec } from "./parse.ts";

/** The file, for a directory of `$fpath`; it may be sourced as well. */
export function zsh(): string {
  return `#compdef natsgate
# zsh completion for natsgate: put this as _natsgate into a directory of $fpath
${places().map(placeFunction).join("")}
if [[ "\${funcstack[1]}" == _natsgate ]]; then
  _natsgate "$@"
else
  compdef _natsgate natsgate
fi
`;
}

/** A function for each place; that of a group calls the one of the command. */
function placeFunction({ words, options, slots }: Place): string {
  const name = ["_natsgate", ...words].join("_");
  const specs = options.map(optionSpec);
  if (slots[0]?.name !== "COMMAND") {
    const all = [...specs, ...slots.map(slotSpec)];
    return `${name}() {\n  _arguments \\\n    ${all.join(" \\\n    ")}\n}\n`;
  }
  const choices = slots[0].choices.map(({ word, summary }) => quoted(`${word}:${summary}`));
  return `${name}() {
  local curcontext="$curcontext" state line
  local -A opt_args
  local -a commands=(
    ${choices.join("\n    ")}
  )
  _arguments -C -A '-*' \\
    ${[...specs, "'1: :->command'", "'*:: :->rest'"].join(" \\\n    ")} && return
  case $state in
    command) _describe -t commands command commands ;;
    rest) (( $+functions[${name}_$line[1]] )) && ${name}_$line[1] ;;
  esac
}
`;
}

/** Such as `'(-q --qos)'{-q+,--qos=}'[delivery guarantee]:N:(0 1 2)'`. */
function optionSpec(option: OptionSpec): string {
  const { name, short, value, choices, many } = option;
  const action = choices !== undefined ? words(choices) : isPath(option) ? "_files" : " ";
  const rest = `[${escaped(option.help)}]${value === undefined ? "" : `:${value}:${action}`}`;
  const long = value === undefined ? `--${name}` : `--${name}=`;
  if (short === undefined) return quoted(`${many ? "*" : ""}${long}${rest}`);
  const both = `{-${short}${value === undefined ? "" : "+"},${long}}`;
  return `${quoted(many ? "*" : `(-${short} --${name})`)}${both}${quoted(rest)}`;
}

/** Such as `'1:SHELL:(bash zsh fish)'`. */
function slotSpec({ name, choices, path, many }: Slot, i: number): string {
  // An empty list, not the " " for "anything": that keeps options from being completed.
  const action = path ? "_files" : words(choices.map(({ word }) => word));
  return quoted(`${many ? "*" : i + 1}:${name}:${action}`);
}

function words(choices: readonly string[]): string {
  return `(${choices.join(" ")})`;
}

/** Signs that mean something to `_arguments`. */
function escaped(text: string): string {
  return text.replace(/[[\]\\:]/g, "\\$&");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
