/** `natsgate completion fish`. */
import { isPath, optionsWithValue, type Place, places, spellings } from "./completion_places.ts";
import type { OptionSpec } from "./parse.ts";

/** The file, for a directory where fish looks for completions; it may be sourced as well. */
export function fish(): string {
  return `# fish completion for natsgate: put this into ~/.config/fish/completions/
# The words that were typed, without options and their values.
function __natsgate_typed
    set -l value no
    for word in (commandline -opc)[2..-1]
        if test $value = yes
            set value no
            continue
        end
        switch $word
            case ${optionsWithValue().flatMap(spellings).join(" ")}
                set value yes
            case '-*'
            case '*'
                echo $word
        end
    end
end

# True when these words begin what was typed.
function __natsgate_in
    set -l typed (__natsgate_typed)
    set -l count (count $argv)
    test $count = 0; or test "$typed[1..$count]" = "$argv"
end

# True when these words begin what was typed, and so many as the first argument says follow.
function __natsgate_at
    set -l typed (__natsgate_typed)
    test (math (count $typed) + 1) = (math $argv[1] + (count $argv)); and __natsgate_in $argv[2..-1]
end

complete -c natsgate -f
${places().map(placeLines).join("")}`;
}

function placeLines({ words, options, slots }: Place): string {
  const at = (i: number) => condition("__natsgate_at", `${i}`, ...words);
  const inside = words.length === 0 ? at(0) : condition("__natsgate_in", ...words);
  const lines = slots.flatMap(({ choices, path, many }, i) => {
    const when = many ? inside : at(i);
    if (path) return [`${when} -F`];
    return choices.map(({ word, summary }) =>
      `${when} -a ${word}${summary === "" ? "" : ` -d ${quoted(summary)}`}`
    );
  });
  lines.push(...options.map((option) => `${inside} ${optionWords(option)}`));
  return lines.map((line) => `complete -c natsgate ${line}\n`).join("");
}

function condition(...words: string[]): string {
  return `-n ${quoted(words.join(" "))}`;
}

/** Such as `-s q -l qos -x -a '0 1 2' -d 'delivery guarantee'`. */
function optionWords(option: OptionSpec): string {
  const short = option.short === undefined ? "" : `-s ${option.short} `;
  const value = option.choices !== undefined
    ? `-x -a ${quoted(option.choices.join(" "))} `
    : option.value === undefined
    ? ""
    : isPath(option)
    ? "-r -F "
    : "-x ";
  return `${short}-l ${option.name} ${value}-d ${quoted(option.help)}`;
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
