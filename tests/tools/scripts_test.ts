/**
 * What no compiler looks at: shell scripts, the run blocks of workflows, the files that
 * `natsgate service` prints. Looked at by the programs that are made for it.
 */
import assert from "node:assert/strict";
import { main } from "../../gateway/cli/command.ts";
import { fakeIo } from "../cli/fake_io.ts";
import { readWorkflow } from "./workflow.ts";

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

await withProgram("shellcheck", "shellcheck has nothing to say about the scripts", async () => {
  for (const path of SCRIPTS) {
    const text = await Deno.readTextFile(ROOT + path);
    assert.equal(await verdict(["shellcheck"], "script", text), "", path);
  }
});

await withProgram("shellcheck", "nor about what the workflows run", async () => {
  const dir = `${ROOT}.github/workflows`;
  for (const { name } of Deno.readDirSync(dir)) {
    const { jobs } = readWorkflow(await Deno.readTextFile(`${dir}/${name}`));
    const scripts = Object.values(jobs).flatMap(({ steps = [] }) => steps.map(({ run }) => run));
    for (const script of scripts.filter((each) => each !== undefined)) {
      // Expressions are words when the shell sees them.
      const text = `set -e\n${script.replace(/\$\{\{.*?\}\}/g, "word")}\n`;
      assert.equal(await verdict(["shellcheck", "--shell=bash"], "block", text), "", script);
    }
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
