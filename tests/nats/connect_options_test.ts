import assert from "node:assert/strict";
import fc from "fast-check";
import { ProtocolError } from "../../gateway/errors.ts";
import {
  type Connect,
  type ConnectOptions,
  DEFAULT_OPTIONS,
  parseConnect,
} from "../../gateway/nats/connect_options.ts";

function parse(json: string | Uint8Array, before: ConnectOptions = DEFAULT_OPTIONS): Connect {
  const bytes = typeof json === "string" ? new TextEncoder().encode(json) : json;
  return parseConnect(bytes, 0, bytes.length, before);
}

function refusal(json: string | Uint8Array): ProtocolError {
  try {
    parse(json);
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
  throw new Error(`accepted ${json}`);
}

Deno.test("an empty CONNECT is verbose, pedantic and hears its own messages", () => {
  const { options, credentials } = parse("{}");
  assert.deepEqual(options, DEFAULT_OPTIONS);
  assert.deepEqual([options.verbose, options.pedantic, options.echo], [true, true, true]);
  assert.deepEqual([options.headers, options.noResponders, options.protocol], [false, false, 0]);
  assert.ok(Object.values(credentials).every((value) => value === undefined));
});

Deno.test("every field is taken", () => {
  const { options, credentials, packet } = parse(JSON.stringify({
    verbose: false,
    pedantic: false,
    echo: false,
    headers: true,
    no_responders: true,
    protocol: 1,
    name: "n",
    lang: "l",
    version: "v",
    user: "u",
    pass: "p",
    auth_token: "t",
    jwt: "j",
    nkey: "k",
    sig: "s",
    more: [1],
  }));
  assert.deepEqual(options, {
    verbose: false,
    pedantic: false,
    echo: false,
    headers: true,
    noResponders: true,
    protocol: 1,
    name: "n",
    lang: "l",
    version: "v",
  });
  assert.deepEqual(credentials, {
    user: "u",
    pass: "p",
    authToken: "t",
    jwt: "j",
    nkey: "k",
    sig: "s",
  });
  assert.deepEqual(packet["more"], [1], "templates see fields that nobody knows");
});

Deno.test("names count without regard to case, null and empty text are absent", () => {
  const { options, credentials } = parse('{"Verbose":false,"ECHO":null,"User":"","PASS":"x"}');
  assert.deepEqual([options.verbose, options.echo], [false, true]);
  assert.deepEqual([credentials.user, credentials.pass], [undefined, "x"]);
});

Deno.test("a second CONNECT keeps what it does not name", () => {
  const before = parse('{"verbose":false,"echo":false,"headers":true,"name":"n"}').options;
  const { options } = parse('{"echo":true}', before);
  assert.deepEqual(options, { ...before, echo: true });
});

Deno.test("blanks around the JSON do not matter, the rest of the buffer does not either", () => {
  const bytes = new TextEncoder().encode('xx \t{"verbose":false} \r yy');
  const { options } = parseConnect(bytes, 2, bytes.length - 3, DEFAULT_OPTIONS);
  assert.equal(options.verbose, false);
});

Deno.test("what is no CONNECT says so", () => {
  for (const json of ["", "{", "x", "{}x", "'a'", "{'a':1}"]) {
    assert.match(refusal(json).natsText, /not JSON/, json);
  }
  for (const json of ["[]", "1", '"text"', "null", "true"]) {
    assert.match(refusal(json).natsText, /not a JSON object/, json);
  }
  assert.match(refusal(Uint8Array.of(0x22, 0xff, 0x22)).natsText, /not JSON/);
  for (
    const json of [
      '{"verbose":1}',
      '{"echo":"true"}',
      '{"user":5}',
      '{"pass":{}}',
      '{"protocol":"1"}',
      '{"headers":[]}',
      '{"jwt":false}',
    ]
  ) assert.match(refusal(json).natsText, /must be a/, json);
  for (const json of ['{"protocol":2}', '{"protocol":-1}', '{"protocol":0.5}']) {
    assert.equal(refusal(json).natsText, "invalid client protocol", json);
  }
});

Deno.test("names that JavaScript gives a meaning have none", () => {
  const { options, packet } = parse('{"__proto__":{"verbose":false},"constructor":1}');
  assert.equal(options.verbose, true);
  assert.equal(Object.getPrototypeOf(packet), Object.prototype);
});

Deno.test("any JSON either is a CONNECT or a ProtocolError", () => {
  fc.assert(fc.property(fc.oneof(fc.json(), fc.string()), (json) => {
    try {
      parse(json);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  }));
});
