/** `natsgate completion bash`. */
import {
  isPath,
  optionsWithValue,
  type Place,
  places,
  type Slot,
  spellings,
} from "./completion_places.ts";

/** The script, to be sourced. */
export function bash(): string {
  const options = optionsWithValue();
  const groups = places().filter(({ words, slots }) => words.length === 1 && isGroup(slots));
  return `# bash completion for natsgate: source this, or put it into
# /usr/share/bash-completion/completions/natsgate
_natsgate() {
  local IFS=$' \\t\\n' line="\${COMP_LINE:0:COMP_POINT}"
  local cur="" option="" prefix="" offered="" options="" files="" depth=1 at word
  local -a words typed=()
  # Not COMP_WORDS: there, URLs and --option=value are in pieces.
  read -ra words <<< "$line"
  if [[ "$line" != *[[:space:]] ]]; then
    cur="\${words[\${#words[@]} - 1]}"
    unset "words[\${#words[@]} - 1]"
  fi
  for word in "\${words[@]:1}"; do
    if [[ -n "$option" ]]; then
      option=""
      continue
    fi
    case "$word" in
      ${options.flatMap(spellings).join(" | ")}) option="$word" ;;
      -*) ;;
      *) typed+=("$word") ;;
    esac
  done
  if [[ -z "$option" && "$cur" == --*=* ]]; then
    option="\${cur%%=*}" cur="\${cur#*=}"
    # What is behind the sign is a word of its own, unless somebody changed that.
    [[ "$COMP_WORDBREAKS" == *=* ]] || prefix="$option="
  fi
  case "$option" in
    "")
      case "\${typed[0]-}" in
        ${groups.map(({ words }) => words[0]).join(" | ")}) depth=2 ;;
      esac
      at=$((\${#typed[@]} > depth ? \${#typed[@]} - depth : 0))
      case "\${typed[*]:0:depth}" in
${places().map(placeCase).join("")}      esac
      if [[ "$cur" == -* ]]; then
        offered="$options" files=""
      elif [[ -z "$offered$files" ]]; then
        offered="$options"
      fi
      ;;
    ${options.filter(isPath).flatMap(spellings).join(" | ")}) files=yes ;;
${
    options.filter(({ choices }) => choices !== undefined).map((option) =>
      `    ${spellings(option).join(" | ")}) offered="${option.choices!.join(" ")}" ;;\n`
    ).join("")
  }  esac
  COMPREPLY=()
  if [[ -n "$files" ]]; then
    # Readline knows best how file names are quoted.
    compopt -o default
  else
    mapfile -t COMPREPLY < <(compgen -P "$prefix" -W "$offered" -- "$cur")
  fi
}
complete -F _natsgate natsgate
`;
}

/** A place before a word that makes a command. */
function isGroup(slots: readonly Slot[]): boolean {
  return slots[0]?.name === "COMMAND";
}

/** What is offered at a place: by `at`, the number of operands that were typed there. */
function placeCase({ words, options, slots }: Place): string {
  const offers = slots.flatMap(({ choices, path, many }, i) => {
    const offer = path
      ? "files=yes"
      : choices.length > 0
      ? `offered="${choices.map(({ word }) => word).join(" ")}"`
      : undefined;
    return offer === undefined ? [] : [`${many ? "*" : i}) ${offer} ;; `];
  });
  const names = options.map(({ name }) => `--${name}`);
  return `        "${words.join(" ")}")
          options="${names.join(" ")}"
${offers.length === 0 ? "" : `          case $at in ${offers.join("")}esac\n`}          ;;
`;
}
