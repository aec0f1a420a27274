/**
 * Completion as a user has it: real shells at a terminal, keys that are pressed, and what then
 * stands on the command line or is offered below it.
 */
import assert from "node:assert/strict";
import { main } from "../../gateway/cli/command.ts";
import { COMMANDS } from "../../gateway/cli/commands.ts";
import { HELP_OPTION } from "../../gateway/cli/parse.ts";
import { firstMissing } from "../kit/shell.ts";
import { Terminal } from "../kit/terminal.ts";
import { fakeIo } from "./fake_io.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

/** Shows the line as it was typed and completed, and empties it. */
const SHOW = "\x18\x10";

/** What makes each shell ready: where the completions are, and the key that shows the line. */
const START: Readonly<
  Record<Shell, { command: string; completions: string; tabs: string; rc: string }>
> = {
  bash: {
    // The first one completes as far as there is no choice.
    tabs: "\t\t",
    command: "bash --noprofile --rcfile rc -i",
    completions: "completions",
    rc: `source completions
PS1='$ '
show() { printf '\\n<%s>\\n' "$READLINE_LINE"; READLINE_LINE= READLINE_POINT=0; }
bind -x '"\\C-x\\C-p": show'
echo ready`,
  },
  zsh: {
    command: "zsh --no-global-rcs -i",
    completions: "functions/_natsgate",
    tabs: "\t",
    rc: `fpath=($PWD/functions $fpath)
autoload -U compinit && compinit -u -D
PS1='$ '
show() { zle -I; print -r -- "<$BUFFER>"; BUFFER= }
zle -N show && bindkey '^X^P' show
echo ready`,
  },
  fish: {
    command: "fish --private --init-command 'source rc' -i",
    completions: ".config/fish/completions/natsgate.fish",
    tabs: "\t",
    rc: `function fish_prompt; echo '$ '; end
function show; set -l line (commandline); echo; echo "<$line>"; commandline ''; end
bind \\cx\\cp show
bind \\t complete
echo ready`,
  },
};

/** What is typed, a tab behind it, and what stands there then; a space at the end may be missing. */
const COMPLETED: readonly (readonly [typed: string, line: string])[] = [
  ["che", "check"],
  ["nkey g", "nkey gen"],
  ["nkey gen op", "nkey gen operator"],
  ["acl test sub", "acl test subscribe"],
  ["completion f", "completion fish"],
  ["help exi", "help exit-codes"],
  ["pub --ret", "pub --retain"],
  ["pub nats://127.0.0.1:4222 --ret", "pub nats://127.0.0.1:4222 --retain"],
  ["pub -q 1 --protocol=mq", "pub -q 1 --protocol=mqtt"],
  ["pub --protocol mq", "pub --protocol mqtt"],
  ["clients --protocol mq", "clients --protocol mqtt"],
  ["check --config set", "check --config settings.toml"],
  ["check --config=set", "check --config=settings.toml"],
  ["check -c set", "check -c settings.toml"],
  ["-c set", "-c settings.toml"],
  ["check --json --config dir", "check --json --config directory/"],
  ["check --config with", "check --config with\\ space.toml"],
  ["config diff set", "config diff settings.toml"],
  ["config diff settings.toml dir", "config diff settings.toml directory/"],
  ["backup -c settings.toml dir", "backup -c settings.toml directory/"],
];

/** What is typed, tabs behind it, what is offered then, and what must not be. */
const OFFERED: readonly (readonly [typed: string, offered: string[], absent: string[]])[] = [
  ["service ", ["docker", "openrc", "systemd"], ["--user", "settings.toml", "run"]],
  ["nkey ", ["gen", "inspect", "show"], ["--json", "settings.toml"]],
  ["nkey gen ", ["account", "operator", "user"], ["inspect", "show"]],
  ["acl test ", ["publish", "subscribe"], ["--user", "settings.toml"]],
  ["pub --qos ", ["0", "1", "2"], ["settings.toml"]],
  ["pub --qos=", ["0", "1", "2"], ["settings.toml"]],
  ["pub -q ", ["0", "1", "2"], ["settings.toml"]],
  ["pub --", optionsOf("pub"), ["--group", "--watch", "--config"]],
  ["nkey gen --", optionsOf("nkey gen"), ["--config"]],
  ["--", [...optionsOf("run"), "--version"], ["--json", "--qos"]],
  ["", COMMANDS.map(({ name }) => name.split(" ")[0]!), ["--config", "settings.toml"]],
];

for (const shell of SHELLS) {
  const missing = firstMissing("script", shell);
  Deno.test({
    name: `${shell} completes what is typed` +
      (missing === undefined ? "" : ` (skipped: no ${missing})`),
    ignore: missing !== undefined || Deno.build.os !== "linux",
    async fn(t) {
      const home = await makeHome(shell);
      try {
        await using terminal = Terminal.start(
          `stty cols 200 rows 60; cd ${home} && exec ${START[shell].command}`,
          { HOME: home, PATH: `${home}/bin:/usr/bin:/bin` },
        );
        await terminal.see(/^ready$/m);
        for (const [typed, line] of COMPLETED) {
          await t.step(`natsgate ${typed}`, async () => {
            await terminal.press(`natsgate ${typed}\t${SHOW}`);
            const [, shown] = await terminal.see(/^<(.*)>$/m);
            assert.equal(shown!.trimEnd(), `natsgate ${line}`);
          });
        }
        for (const row of OFFERED) {
          await t.step(`natsgate ${row[0]}...`, () => offers(terminal, START[shell].tabs, row));
        }
      } finally {
        await Deno.remove(home, { recursive: true });
      }
    },
  });
}

for (const shell of SHELLS) {
  Deno.test(`the completions for ${shell} name every command and option`, async () => {
    const io = fakeIo();
    assert.equal(await main(["completion", shell], io), 0);
    for (const { name, options } of COMMANDS) {
      for (const word of [...name.split(" "), ...options.map((option) => option.name)]) {
        assert(io.output.includes(word), word);
      }
    }
  });
}

Deno.test("completion: an option means the same in every command", () => {
  // The scripts know by its name alone whether an option has a value, and which.
  const meanings = new Map<string, string>();
  for (const { name, options } of COMMANDS) {
    for (const option of options) {
      const { value, choices } = option;
      const meaning = JSON.stringify([value === undefined, choices, isFile(value)]);
      assert.equal(meanings.get(option.name) ?? meaning, meaning, `--${option.name} of ${name}`);
      meanings.set(option.name, meaning);
    }
  }
});

/** Presses tab until everything is offered, and sees that nothing else is. */
async function offers(
  terminal: Terminal,
  tabs: string,
  [typed, offered, absent]: (typeof OFFERED)[number],
): Promise<void> {
  await terminal.press(`natsgate ${typed}${tabs}`);
  // Fish repeats the option of a value: --qos=1.
  for (const word of offered) await terminal.see(new RegExp(`(^|[\\s=])${word}(\\s|$)`, "m"));
  const list = terminal.screen.replaceAll(`natsgate ${typed.trim()}`, "");
  for (const word of absent) {
    assert(!list.split(/\s+/).includes(word), `${word} is offered:\n${list}`);
  }
  await terminal.press(SHOW);
  await terminal.see(/^<.*>$/m);
}

/** A home directory with the shell's files, and files to complete. */
async function makeHome(shell: Shell): Promise<string> {
  const home = await Deno.makeTempDir({ prefix: "natsgate-shell-" });
  const { completions, rc } = START[shell];
  const io = fakeIo();
  assert.equal(await main(["completion", shell], io), 0);
  const path = `${home}/${completions}`;
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  await Deno.writeTextFile(path, io.output);
  await Deno.writeTextFile(`${home}/${shell === "zsh" ? ".zshrc" : "rc"}`, rc);
  for (const file of ["settings.toml", "with space.toml"]) {
    await Deno.writeTextFile(`${home}/${file}`, "");
  }
  await Deno.mkdir(`${home}/directory`);
  // Fish reads completions of programs that are there only.
  await Deno.mkdir(`${home}/bin`);
  await Deno.writeTextFile(`${home}/bin/natsgate`, "#!/bin/sh\n", { mode: 0o755 });
  return home;
}

function optionsOf(name: string): string[] {
  const { options } = COMMANDS.find((command) => command.name === name)!;
  return [...options, HELP_OPTION].map((option) => `--${option.name}`);
}

function isFile(value: string | undefined): boolean {
  return value === "FILE" || value === "DIR";
}
