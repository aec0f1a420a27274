/**
 * The gateway as a process: how it starts, tells where it is, and ends.
 */
import assert from "node:assert/strict";
import { main } from "../../gateway/cli/command.ts";
import { spawnGateway, startGateway } from "../kit/gateway.ts";
import { until, within } from "../kit/wait.ts";
import { fakeIo } from "./fake_io.ts";

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`a running gateway stops on ${signal} with 0`, async () => {
    await using gateway = await startGateway();
    assert(gateway.nats > 0 && gateway.mqtt > 0);
    assert.equal(await gateway.stop(signal), 0);
    assert.match(gateway.log(), /stopping reason=SIG(TERM|INT)\n.*stopped exit_code=0\n$/);
  });
}

Deno.test("a running gateway reloads on SIGHUP, and goes when it is a lame duck", async () => {
  await using gateway = await startGateway();
  gateway.child.kill("SIGHUP");
  await until(() => gateway.log().includes("reloaded"), "the reload");
  gateway.child.kill("SIGUSR2");
  assert.equal((await within(gateway.child.status, "the lame duck to end")).code, 0);
  assert.match(gateway.log(), /lame duck: no new connections/);
});

Deno.test("a NATS publisher and an MQTT subscriber meet in the gateway", async () => {
  await using gateway = await startGateway();
  const io = fakeIo();
  const mqtt = `mqtt://127.0.0.1:${gateway.mqtt}`;
  const subscriber = main(["sub", mqtt, "hello/#", "--count=1", "--raw"], io);
  await until(() => io.errors.startsWith("subscribed"), "the subscription");
  const nats = `nats://127.0.0.1:${gateway.nats}`;
  assert.equal(await main(["pub", nats, "hello.world", "It works"], fakeIo()), 0);
  assert.equal(await within(subscriber, "the message"), 0);
  assert.equal(io.output, "It works\n");
});

Deno.test("the log is JSON when asked, with the ready line in it", async () => {
  await using gateway = await startGateway({ config: '[log.console]\nformatter = "json"\n' });
  const lines = gateway.log().trimEnd().split("\n").map((line) => JSON.parse(line));
  assert(lines.some(({ message, level }) => message === "natsgate ready" && level === "INFO"));
});

Deno.test("the gateway ends with 69 when a port is taken, and says which setting", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  const bind = `gateway.nats.listeners.tcp.default.bind="127.0.0.1:${port}"`;
  await using gateway = spawnGateway({ set: [bind] });
  assert.equal((await within(gateway.child.status, "the end")).code, 69);
  assert.match(gateway.log(), new RegExp(`127\\.0\\.0\\.1:${port}`));
  assert.doesNotMatch(gateway.log(), /natsgate ready/);
});

Deno.test("the gateway ends with 78 and every problem when the configuration is wrong", async () => {
  const config = '[gateway.nats]\nserver_nam = "x"\nidle_timeout = "soon"\n';
  await using gateway = spawnGateway({ config });
  assert.equal((await within(gateway.child.status, "the end")).code, 78);
  assert.match(
    gateway.log(),
    /config\.toml:\d+:\d+: error: gateway\.nats\.server_nam: .*server_name/,
  );
  assert.match(gateway.log(), /config\.toml:\d+:\d+: error: gateway\.nats\.idle_timeout/);
});

Deno.test("the gateway ends with 78 when the named file is not there", async () => {
  const io = fakeIo();
  assert.equal(await main(["--config", "/nonexistent.toml"], io), 78);
  assert.match(io.errors, /nonexistent\.toml/);
});

/** Runs a command on files with these texts; `%0` and `%1` in the words are their paths. */
async function onFiles(texts: readonly string[], words: readonly string[]) {
  const dir = await Deno.makeTempDir({ prefix: "natsgate-test-" });
  try {
    const paths = texts.map((text, i) => {
      Deno.writeTextFileSync(`${dir}/${i}.toml`, text);
      return `${dir}/${i}.toml`;
    });
    const io = fakeIo();
    const filled = words.map((word) => word.replace(/%(\d)/, (_, i) => paths[Number(i)] ?? ""));
    return { code: await main(filled, io), output: io.output, errors: io.errors };
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("check accepts the shipped configuration", async () => {
  const io = fakeIo();
  const path = new URL("../../config.toml", import.meta.url).pathname;
  assert.equal(await main(["check", "--config", path], io), 0);
  assert.match(io.output, /config\.toml: valid, 0 errors/);
});

Deno.test("check prints all problems and ends with 78", async () => {
  const text = "nonsense = 1\n[gateway.nats]\nidle_timeout = true\n";
  const plain = await onFiles([text], ["check", "--config=%0"]);
  assert.equal(plain.code, 78);
  assert.match(plain.errors, /0\.toml:1:1: error: nonsense/);
  assert.match(plain.errors, /0\.toml:3:\d+: error: gateway\.nats\.idle_timeout/);
  assert.match(plain.output, /not valid, 2 errors/);
  const json = await onFiles([text], ["check", "--config=%0", "--json"]);
  assert.equal(json.code, 78);
  const report = JSON.parse(json.output);
  assert.equal(report.valid, false);
  const errors = report.issues.filter((issue: { severity: string }) => issue.severity === "error");
  assert.deepEqual(errors.map((issue: { line: number }) => issue.line), [1, 3]);
});

Deno.test("config diff says what changes, and ends with 1 when something does", async () => {
  const old = '[gateway.nats]\nserver_name = "a"\n';
  const next = '[gateway.nats]\nserver_name = "b"\n[store]\ntype = "memory"\n';
  const same = await onFiles([old, `# a comment\n${old}`], ["config", "diff", "%0", "%1"]);
  assert.deepEqual([same.code, same.output], [0, ""]);
  const changed = await onFiles([old, next], ["config", "diff", "%0", "%1"]);
  assert.equal(changed.code, 1);
  assert.match(changed.output, /gateway\.nats\.server_name: "a" -> "b"/);
  assert.match(changed.output, /store\.type: .*\n {4}needs a restart/);
  const wrong = await onFiles([old, "x = 1"], ["config", "diff", "%0", "%1"]);
  assert.equal(wrong.code, 78);
});
