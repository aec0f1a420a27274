import assert from "node:assert/strict";
import { loadConfig } from "../../gateway/config/load.ts";

const TEXT = '[node]\ndata_dir = "${env:BASE}/data"\n[api_key]\nbootstrap_file = "x"\n' +
  '[[api_key.keys]]\nkey = "file:///not/a/secret"\nsecret = "file:///run/a%20b"';

Deno.test("secrets come from their files, paths from the environment", () => {
  const read: string[] = [];
  const { config } = loadConfig({
    text: TEXT,
    env: { BASE: "/srv" },
    readFile: (path) => {
      read.push(path);
      return "hush\r\n";
    },
  });
  assert.equal(config?.node.data_dir, "/srv/data");
  assert.deepEqual({ ...config?.api_key.keys[0] }, {
    key: "file:///not/a/secret",
    secret: "hush",
    role: "administrator",
  });
  assert.deepEqual(read, ["/run/a b"]);
});

Deno.test("references that lead nowhere are errors in their place", () => {
  const problems = (readFile: (path: string) => string, text = TEXT) =>
    loadConfig({ text, readFile }).issues.filter(({ severity }) => severity === "error")
      .map(({ line, path, message }) => `${line} ${path}: ${message}`);
  const cannot = () => {
    throw new Error("no such file");
  };
  assert.deepEqual(problems(cannot), [
    "2 node.data_dir: the environment variable BASE is not set",
    "7 api_key.keys[1].secret: cannot read file:///run/a%20b: no such file",
  ]);
  assert.deepEqual(problems(() => "\n", TEXT.replace("${env:BASE}", "")), [
    "7 api_key.keys[1].secret: the file file:///run/a%20b is empty",
    "7 api_key.keys[1].secret: must not be empty",
  ]);
  assert.deepEqual(problems(() => "x", '[[api_key.keys]]\nkey = "a"\nsecret = "file://x"'), [
    '3 api_key.keys[1].secret: "file://x" must name an absolute path: file:///...',
  ]);
});

Deno.test("placeholders of the environment are nothing special elsewhere", () => {
  const { config } = loadConfig({ text: '[node]\nname = "${env:X}"', env: { X: "y" } });
  assert.equal(config?.node.name, "${env:X}");
});
