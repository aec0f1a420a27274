import assert from "node:assert/strict";
import { effectFinding } from "../../gateway/config/effect.ts";
import { loadConfig } from "../../gateway/config/load.ts";
import { configSchema } from "../../gateway/config/schema/root.ts";
import { schemaPaths } from "../../gateway/config/walk.ts";

/** What is said about effect, as `severity path: message`. */
function effect(text: string): string[] {
  return loadConfig({ text }).issues
    .filter(({ message }) => /has no effect/.test(message))
    .map(({ severity, path, message }) => `${severity} ${path}: ${message}`);
}

Deno.test("settings that mean nothing here are named when they are changed", () => {
  assert.deepEqual(effect("[listeners.tcp.default]\nacceptors = 4"), [
    "warning listeners.tcp.default.acceptors: " +
    "has no effect here: one loop accepts all connections",
  ]);
  assert.deepEqual(effect("[listeners.tcp.default]\nacceptors = 16"), []);
});

Deno.test("what the system decides is named with the system's own setting", () => {
  const found = loadConfig({
    text: '[listeners.tcp.default.tcp_options]\nrecbuf = "1MB"\nsndbuf = "1MB"\n' +
      'keepalive = "30,5,3"',
  }).issues.map(({ severity, path, message }) =>
    `${severity} ${path.split(".").at(-1)} ${/sysctl \S+/.exec(message)}`
  );
  assert.deepEqual(found, [
    "warning recbuf sysctl net.ipv4.tcp_rmem",
    "warning sndbuf sysctl net.ipv4.tcp_wmem",
    "warning keepalive sysctl net.ipv4.tcp_keepalive_intvl",
  ]);
});

Deno.test("checks that the runtime cannot make are refused", () => {
  const found = effect(
    "[listeners.ssl.a]\nenable = false\nbind = 1\n" +
      'ssl_options = { verify_peer_ext_key_usage = "serverAuth" }',
  );
  assert.deepEqual(found, [
    "error listeners.ssl.a.ssl_options.verify_peer_ext_key_usage: " +
    "has no effect here: the runtime checks for client use only",
  ]);
});

Deno.test("a setting with its default, however it is spelled, is not worth a word", () => {
  const tls = (hibernate: string) =>
    `[listeners.ssl.a]\nenable = false\nbind = 1\n[listeners.ssl.a.ssl_options]\n` +
    `hibernate_after = "${hibernate}"`;
  assert.deepEqual(effect(tls("5000ms")), []);
  assert.deepEqual(effect(tls("6s")), [
    "warning listeners.ssl.a.ssl_options.hibernate_after: " +
    "has no effect here: connections have no process that could sleep",
  ]);
});

Deno.test("deprecated settings warn", () => {
  const found = effect(
    '[[authorization.sources]]\ntype = "mysql"\nenable = false\nserver = "x"\ndatabase = "d"\n' +
      'query = "${username}"\nauto_reconnect = true',
  );
  assert.deepEqual(found, [
    "warning authorization.sources[1].auto_reconnect: " +
    "has no effect here: connections always reconnect; the setting is deprecated",
  ]);
});

Deno.test("effectFinding says why a setting does nothing", () => {
  assert.match(effectFinding(["listeners", "tcp", "a", "acceptors"])?.message ?? "", /one loop/);
  assert.match(
    effectFinding(["api_key", "keys", "*", "w_mode"])?.message ?? "",
    /nothing is written/,
  );
  assert.equal(effectFinding(["node", "data_dir"]), undefined);
});

Deno.test("a setting that no code names is said to have no effect", async () => {
  const root = new URL("../../", import.meta.url).pathname;
  const words = new Set<string>();
  for (const { name } of Deno.readDirSync(root)) {
    if (name === "gateway" || name === "admin") await wordsOf(root + name, words);
  }
  const silent = new Set<string>();
  for (const path of schemaPaths(configSchema("legacy"))) {
    if (!words.has(path.at(-1)!) && effectFinding(path) === undefined) silent.add(path.join("."));
  }
  assert.deepEqual([...silent], []);
});

/** Every word of the code outside of gateway/config, comments left out. */
async function wordsOf(directory: string, words: Set<string>): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    const path = `${directory}/${name}`;
    if (isDirectory && !path.endsWith("gateway/config")) await wordsOf(path, words);
    if (!/\.tsx?$/.test(name)) continue;
    const code = (await Deno.readTextFile(path)).replace(/\/\*[^]*?\*\/|\/\/.*/g, "");
    for (const word of code.match(/[A-Za-z_]\w*/g) ?? []) words.add(word);
  }
}
