/** The program as a newcomer and as a script meet it: first start, exit codes. */
import assert from "node:assert/strict";
import { startGateway } from "../kit/gateway.ts";
import { freePort } from "../kit/conn.ts";
import { until, within } from "../kit/wait.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const BINARY = Deno.env.get("NATSGATE_BIN");
/** What runs natsgate, as words of a shell. */
const NATSGATE = BINARY ?? `${Deno.execPath()} run -A ${MAIN}`;
/** Free ports, without a configuration file. */
const LISTENERS = {
  NATSGATE_GATEWAY__NATS__LISTENERS__TCP__DEFAULT__BIND: "127.0.0.1:0",
  NATSGATE_GATEWAY__NATS__LISTENERS__WS__DEFAULT__BIND: "127.0.0.1:0",
  NATSGATE_LISTENERS__TCP__DEFAULT__BIND: "127.0.0.1:0",
  NATSGATE_LISTENERS__WS__DEFAULT__BIND: "127.0.0.1:0",
  NATSGATE_DASHBOARD__LISTENERS__HTTP__BIND: "127.0.0.1:0",
};

function shell(command: string, cwd: string): Deno.Command {
  return new Deno.Command("/bin/sh", { args: ["-c", command], cwd, env: LISTENERS });
}

/** Runs natsgate to its end. */
async function run(words: string, cwd = "/"): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await within(shell(`${NATSGATE} ${words}`, cwd).output(), words);
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

Deno.test("a first start in an empty directory says what to try, and that works", async () => {
  const dir = await Deno.makeTempDir({ prefix: "natsgate-first-" });
  for (const file of ["log", "sub"]) await Deno.writeTextFile(`${dir}/${file}`, "");
  const log = () => Deno.readTextFileSync(`${dir}/log`);
  const child = shell(`exec ${NATSGATE} 2>${dir}/log`, dir).spawn();
  try {
    await until(() => log().includes("natsgate ready"), "ready");
    const lines = log().split("\n").filter((line) => line.startsWith("  natsgate "))
      .map((line) => line.replace(/^ {2}natsgate /, ""));
    assert.equal(lines.length, 3, log());
    const [sub, pub, help] = lines;
    const subscriber = shell(`exec ${NATSGATE} ${sub} --count 1 >${dir}/got 2>${dir}/sub`, dir)
      .spawn();
    await until(() => Deno.readTextFileSync(`${dir}/sub`).includes("subscribed"), sub!);
    assert.deepEqual(await run(pub!, dir), { code: 0, out: "", err: "" });
    assert.equal((await within(subscriber.status, "the message")).code, 0);
    assert.match(Deno.readTextFileSync(`${dir}/got`), /It works/);
    const { code, out } = await run(help!, dir);
    assert.equal(code, 0);
    assert.match(out, /config\.toml/);
  } finally {
    child.kill("SIGTERM");
    assert.equal((await within(child.status, "the end")).code, 0);
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("exit codes are as `natsgate help exit-codes` says", async (t) => {
  await using gateway = await startGateway();
  const dir = await Deno.makeTempDir({ prefix: "natsgate-exit-" });
  await Deno.writeTextFile(`${dir}/wrong.toml`, "[mqtt]\nmax_qos_allowed = 3\n");
  const taken = `--set listeners.tcp.default.bind=127.0.0.1:${gateway.mqtt}`;
  const cases: [words: string, code: number, says: RegExp][] = [
    ["version", 0, /^natsgate /],
    ["check", 0, /: valid/],
    [`sub mqtt://127.0.0.1:${gateway.mqtt} none --count 1 --wait 1`, 1, /none/],
    ["translate 'a/#/b'", 1, /#/],
    ["frobnicate", 2, /natsgate help/],
    ["pub nats://127.0.0.1", 2, /--help/],
    [`--data-dir ${dir}/a ${taken}`, 69, /for mqtt:tcp:default/],
    [`--data-dir ${gateway.dir}/data`, 69, /data_dir/],
    [`pub nats://127.0.0.1:${freePort()} a b`, 69, /127\.0\.0\.1/],
    [`health --url http://127.0.0.1:${freePort()}`, 69, /127\.0\.0\.1/],
    ["check --config wrong.toml", 78, /wrong\.toml:2:1: error/],
    ["run --config wrong.toml", 78, /wrong\.toml:2:1: error/],
    ["run --config nowhere.toml", 78, /nowhere\.toml/],
  ];
  try {
    for (const [words, expected, says] of cases) {
      await t.step(`${expected}: natsgate ${words.split(" ")[0]}`, async () => {
        const { code, out, err } = await run(words, dir);
        assert.equal(code, expected, out + err);
        assert.match(out + err, says);
      });
    }
    const { out } = await run("help exit-codes", dir);
    for (const code of [0, 1, 2, 69, 70, 78]) assert.match(out, RegExp(`^\\s*${code}\\b`, "m"));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
