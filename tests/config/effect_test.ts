import assert from "node:assert/strict";
import { loadConfig } from "../../gateway/config/load.ts";

/** What is said about effect, as `severity path: message`. */
function effect(text: string): string[] {
  return loadConfig({ text }).issues
    .filter(({ message }) => /in effect yet|has no effect/.test(message))
    .filter(({ path }) => !/listeners\.ws\.default$/.test(path))
    .map(({ severity, path, message }) => `${severity} ${path}: ${message}`);
}

Deno.test("settings that mean nothing here are named when they are changed", () => {
  assert.deepEqual(effect("[listeners.tcp.default]\nacceptors = 4"), [
    "warning listeners.tcp.default.acceptors: " +
    "has no effect here: one loop accepts all connections",
  ]);
  assert.deepEqual(effect("[listeners.tcp.default]\nacceptors = 16"), []);
});

Deno.test("checks that the runtime cannot make are refused", () => {
  const found = effect(
    "[listeners.ssl.a]\nenable = false\nbind = 1\nssl_options = { enable_crl_check = true, depth = 1 }",
  );
  assert.deepEqual(found, [
    "error listeners.ssl.a.ssl_options.enable_crl_check: " +
    "has no effect here: the runtime does not consult revocation lists",
    "error listeners.ssl.a.ssl_options.depth: " +
    "has no effect here: the runtime has no limit for the length of chains",
  ]);
});

Deno.test("a setting with its default, however it is spelled, is not worth a word", () => {
  const tls = (depth: number, hibernate: string) =>
    `[listeners.ssl.a]\nenable = false\nbind = 1\n[listeners.ssl.a.ssl_options]\n` +
    `depth = ${depth}\nhibernate_after = "${hibernate}"`;
  assert.deepEqual(effect(tls(10, "5000ms")), []);
  assert.deepEqual(effect(tls(10, "6s")), [
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
