/**
 * What no compiler looks at: shell scripts, the run blocks of workflows, the files that
 * `natsgate service` prints. Looked at by the programs that are made for it.
 */
import assert from "node:assert/strict";
import { main } from "../../gateway/cli/command.ts";
import { fakeIo } from "../cli/fake_io.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const SCRIPTS = [".ci/run", "tools/pack.sh", "tests/services/install.sh"];

/** A test that needs a program, skipped with its name where it is missing. */
async function withProgram(program: string, name: string, run: () => Promise<void>): Promise<void> {
  const { success } = await new Deno.Command("/bin/sh", {
    args: ["-c", `command -v ${program}`],
    stdout: "null",
  }).output();
  Deno.test({
    name: success ? name : `${name} (skipped: ${program} is not installed)`,
    ignore: !success,
    fn: run,
  });
}

/** Everything that a program says about a text in a file of that name; "" when it is content. */
async function verdict(words: string[], name: string, text: string): Promise<string> {
  const dir = await Deno.makeTempDir({ prefix: "natsgate-script-" });
  try {
    await Deno.writeTextFile(`${dir}/${name}`, text);
    const [program, ...args] = words;
    const { code, stdout, stderr } = await new Deno.Command(program!, {
      args: [...args, `${dir}/${name}`],
    }).output();
    const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    return code === 0 && said.trim() === "" ? "" : `${said}\nexit code ${code}`;
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function printed(...words: string[]): Promise<string> {
  const io = fakeIo();
  assert.equal(await main(words, io), 0);
  return io.output;
}

/** The `run` blocks of a workflow, by the line they stand on; expressions are words then. */
function runBlocks(workflow: string): [line: number, script: string][] {
  const lines = workflow.split("\n");
  return lines.flatMap((line, i) => {
    const [, indent, rest] = /^( *)(?:- )?run: (.*)$/.exec(line) ?? [];
    if (indent === undefined) return [];
    if (rest !== "|") return [[i + 1, plain(rest!)] as [number, string]];
    const block: string[] = [];
    for (const next of lines.slice(i + 1)) {
      if (next.trim() !== "" && next.search(/\S/) <= indent.length) break;
      block.push(next.slice(indent.length + 2));
    }
    return [[i + 1, plain(block.join("\n"))] as [number, string]];
  });
}

function plain(script: string): string {
  return script.replace(/\$\{\{.*?\}\}/g, "word");
}

await withProgram("shellcheck", "shellcheck has nothing to say about the scripts", async () => {
  for (const path of SCRIPTS) {
    const text = await Deno.readTextFile(ROOT + path);
    assert.equal(await verdict(["shellcheck"], "script", text), "", path);
  }
});

await withProgram("shellcheck", "nor about what the release runs", async () => {
  const workflow = await Deno.readTextFile(`${ROOT}.github/workflows/release.yml`);
  const blocks = runBlocks(workflow);
  assert.equal(blocks.length, [...workflow.matchAll(/^ *(- )?run: /gm)].length);
  assert(blocks.some(([, script]) => script.includes("gh release create")));
  for (const [line, script] of blocks) {
    const said = await verdict(["shellcheck", "--shell=bash"], "block", `set -e\n${script}\n`);
    assert.equal(said, "", `line ${line}`);
  }
});

await withProgram("shellcheck", "nor about the OpenRC script", async () => {
  const script = await printed("service", "openrc");
  // Variables that openrc-run reads, functions that it calls.
  const words = ["shellcheck", "--shell=sh", "--exclude=SC2034,SC2329"];
  assert.equal(await verdict(words, "natsgate", script), "");
});

await withProgram("systemd-analyze", "systemd takes the unit as it is", async () => {
  const unit = await printed("service", "systemd", "--binary", Deno.execPath());
  assert.equal(await verdict(["systemd-analyze", "verify"], "natsgate.service", unit), "");
});

await withProgram("systemd-analyze", "systemd finds the service well locked in", async () => {
  const unit = await printed("service", "systemd", "--binary", Deno.execPath());
  // 10 is exposed to everything, 0 to nothing; it fails above the threshold, in tenths.
  const words = ["systemd-analyze", "security", "--offline=true", "--threshold=25", "--no-pager"];
  assert.match(await verdict(words, "natsgate.service", unit), /exit code 0$/);
});
