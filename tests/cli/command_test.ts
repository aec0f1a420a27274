import assert from "node:assert/strict";
import { main } from "../../gateway/cli/command.ts";
import { COMMANDS } from "../../gateway/cli/commands.ts";
import { EXIT } from "../../gateway/errors.ts";
import { VERSION } from "../../gateway/version.ts";
import { fakeIo } from "./fake_io.ts";

Deno.test("main() prints the version, as text and as JSON", async () => {
  const text = fakeIo();
  assert.equal(await main(["--version"], text), 0);
  assert.equal(text.output.split(" ")[1], VERSION);
  const json = fakeIo();
  assert.equal(await main(["version", "--json"], json), 0);
  assert.equal(JSON.parse(json.output).version, VERSION);
});

Deno.test("every exit code is explained", async () => {
  const io = fakeIo();
  assert.equal(await main(["help", "exit-codes"], io), 0);
  for (const code of Object.values(EXIT)) assert.match(io.output, new RegExp(`^  ${code} `, "m"));
});

Deno.test("the version is the one of deno.json", async () => {
  const config = await Deno.readTextFile(new URL("../../deno.json", import.meta.url));
  assert.equal(JSON.parse(config).version, VERSION);
});

Deno.test("main() lists every command in its help", async () => {
  const io = fakeIo();
  assert.equal(await main(["help"], io), 0);
  for (const command of COMMANDS) assert(io.output.includes(`\n  ${command.name}`), command.name);
});

Deno.test("main() ends with 2 and a hint when the command line is wrong", async () => {
  const io = fakeIo();
  assert.equal(await main(["vresion"], io), 2);
  assert.match(io.errors, /Did you mean "version"\?/);
  assert.equal(await main(["help", "nonsense"], fakeIo()), 2);
});

Deno.test("main() ends with 70 and asks for a report when something breaks", async () => {
  const io = fakeIo();
  const broken = {
    ...io,
    out: () => {
      throw new TypeError("cannot be");
    },
  };
  assert.equal(await main(["version"], { ...broken, err: io.err }), 70);
  assert.match(io.errors, /this is a bug.*\nTypeError: cannot be/);
});

for (const command of COMMANDS) {
  Deno.test(`natsgate ${command.name} --help shows usage, options and an example`, async () => {
    const io = fakeIo();
    assert.equal(await main([...command.name.split(" "), "--help"], io), 0);
    assert(io.output.startsWith(`Usage: natsgate ${command.name}`));
    assert.match(io.output, /Examples?:\n {2}.*natsgate /);
    for (const option of command.options) assert(io.output.includes(`--${option.name}`));
    for (const line of io.output.split("\n")) assert(line.length <= 100, line);
  });

  Deno.test(`natsgate ${command.name} has code to run`, async () => {
    assert.equal(typeof (await command.load()).run, "function");
  });
}
