import assert from "node:assert/strict";
import fc from "fast-check";
import { type Command, parse } from "../../gateway/cli/parse.ts";
import { didYouMean, UsageError } from "../../gateway/cli/usage.ts";

const load = () => Promise.reject(new Error("not called"));
const COMMANDS: Command[] = [
  {
    name: "run",
    summary: "start",
    operands: [],
    options: [
      { name: "config", short: "c", value: "FILE", help: "file" },
      { name: "set", value: "NAME=VALUE", many: true, help: "setting" },
    ],
    examples: [],
    load,
  },
  {
    name: "pub",
    summary: "publish",
    operands: [
      { name: "URL", help: "where" },
      { name: "TOPIC", help: "name" },
      { name: "PAYLOAD", optional: true, help: "bytes" },
    ],
    options: [
      { name: "qos", short: "q", value: "N", choices: ["0", "1", "2"], standard: "0", help: "" },
      { name: "count", value: "N", integer: { min: 1, max: 10 }, standard: "1", help: "" },
      { name: "json", help: "print JSON" },
    ],
    examples: [],
    load,
  },
  { name: "nkey gen", summary: "make", operands: [], options: [], examples: [], load },
  { name: "nkey show", summary: "show", operands: [], options: [], examples: [], load },
];

function parsed(...words: string[]) {
  const result = parse(words, COMMANDS);
  assert.equal(result.kind, "run");
  assert(result.kind === "run");
  return result.args;
}

function complaint(...words: string[]): string {
  try {
    parse(words, COMMANDS);
  } catch (error) {
    assert(error instanceof UsageError);
    return error.message;
  }
  assert.fail("was accepted");
}

Deno.test("parse() takes the first command when none is named", () => {
  assert.equal(parsed().command.name, "run");
  assert.equal(parsed("--config", "a.toml").text("config"), "a.toml");
  assert.equal(parsed("-c", "a.toml").text("config"), "a.toml");
  assert.equal(parsed("--", "--config=a.toml").text("config"), "a.toml");
});

Deno.test("parse() knows commands of one and of two words", () => {
  assert.equal(parsed("run", "--set", "a=1", "--set=b=2").list("set").join(" "), "a=1 b=2");
  assert.equal(parsed("nkey", "gen").command.name, "nkey gen");
  assert.match(complaint("nkey"), /natsgate nkey gen, natsgate nkey show/);
});

Deno.test("parse() fills in standard values and keeps operands in order", () => {
  const args = parsed("pub", "nats://h", "-q1", "t/a", "--json", "--", "-5");
  assert.deepEqual(args.operands, ["nats://h", "t/a", "-5"]);
  assert.equal(args.text("qos"), "1");
  assert.equal(args.integer("count"), 1);
  assert.equal(args.flag("json"), true);
  assert.equal(parsed("pub", "u", "t").operand(2), "");
});

Deno.test("parse() says what is wrong and suggests what is close", () => {
  assert.match(complaint("pbu"), /no command "pbu"\. Did you mean "pub"\?/);
  assert.match(complaint("--confg", "x"), /no option --confg\. Did you mean "--config"\?/);
  assert.match(complaint("--config"), /--config needs a value: --config=FILE/);
  assert.match(complaint("--config", "--set"), /--config needs a value/);
  assert.match(complaint("-c", "a", "-c", "b"), /given twice/);
  assert.match(complaint("pub", "u", "t", "--json=1"), /takes no value/);
  assert.match(complaint("pub", "u", "t", "--qos", "3"), /one of 0, 1, 2/);
  assert.match(complaint("pub", "u", "t", "--count", "1.5"), /whole number of at least 1 and/);
  assert.match(complaint("pub", "u", "t", "--count", "11"), /at most 10/);
  assert.match(complaint("pub", "u"), /TOPIC is missing: natsgate pub URL TOPIC \[PAYLOAD\]/);
  assert.match(complaint("pub", "u", "t", "p", "q"), /"q" is one word too many/);
});

Deno.test("parse() answers help before it checks operands", () => {
  const result = parse(["pub", "--help"], COMMANDS);
  assert(result.kind === "help" && result.command?.name === "pub");
  assert.equal(parse(["--help"], COMMANDS).kind, "help");
  assert.equal(parse(["--version"], COMMANDS).kind, "version");
});

Deno.test("parse() throws nothing but UsageError, whatever the words", () => {
  fc.assert(fc.property(fc.array(fc.string(), { maxLength: 5 }), (words) => {
    try {
      parse(words, COMMANDS);
    } catch (error) {
      assert(error instanceof UsageError, String(error));
    }
  }));
});

Deno.test("didYouMean() stays silent when nothing is close", () => {
  assert.equal(didYouMean("frobnicate", ["pub", "sub"]), "");
  assert.equal(didYouMean("comp", ["completion", "sub"]), ' Did you mean "completion"?');
});
