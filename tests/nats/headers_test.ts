import assert from "node:assert/strict";
import fc from "fast-check";
import { randomSeed } from "../kit/seed.ts";
import { MsgHdrsImpl } from "@nats-io/nats-core/internal";
import {
  decodeHeaders,
  encodeHeaders,
  type Header,
  NO_RESPONDERS_BLOCK,
  takeMqttHeaders,
} from "../../gateway/nats/headers.ts";

const seed = randomSeed("tests/nats/headers_test.ts");
const utf8 = new TextEncoder();

function decode(text: string) {
  const bytes = utf8.encode(`..${text}..`);
  return decodeHeaders(bytes, 2, bytes.length - 2);
}

function encode(headers: readonly Header[]): string {
  const block = encodeHeaders({ headers }, false, 0);
  return block === undefined ? "" : new TextDecoder().decode(block);
}

Deno.test("decodeHeaders() keeps order, repeats, case, and splits at the first colon only", () => {
  const block = decode(
    "NATS/1.0\r\nUnit: Celsius\r\nurl:http://x/y:1\r\nT: 12:30:45\r\nA: 1\r\nA:\t2 \r\na: 3\r\nE:\r\n\r\n",
  );
  assert.equal(block.problem, undefined);
  assert.equal(block.status, undefined);
  assert.deepEqual(block.headers, [
    ["Unit", "Celsius"],
    ["url", "http://x/y:1"],
    ["T", "12:30:45"],
    ["A", "1"],
    ["A", "2"],
    ["a", "3"],
    ["E", ""],
  ]);
});

Deno.test("decodeHeaders() reads the status line with and without text", () => {
  const cases: [string, number | undefined, string][] = [
    ["NATS/1.0\r\n\r\n", undefined, ""],
    ["NATS/1.0 503\r\n\r\n", 503, ""],
    ["NATS/1.0 503 No Responders\r\n\r\n", 503, "No Responders"],
    ["NATS/1.0   100  Idle Heartbeat \r\n\r\n", 100, "Idle Heartbeat"],
    ["NATS/1.0 \r\n\r\n", undefined, ""],
  ];
  for (const [text, status, statusText] of cases) {
    const block = decode(text);
    assert.deepEqual([block.problem, block.status, block.statusText], [
      undefined,
      status,
      statusText,
    ]);
  }
  const withHeader = decode("NATS/1.0 503\r\nNats-Subject: a.b\r\n\r\n");
  assert.deepEqual(withHeader.headers, [["Nats-Subject", "a.b"]]);
});

Deno.test("decodeHeaders() says what is wrong with a bad block", () => {
  const cases: [string, RegExp][] = [
    ["", /empty line/],
    ["abc", /empty line/],
    ["NATS/1.0", /empty line/],
    ["NATS/1.0\r\n", /empty line/],
    ["NATS/1.0\r\nA: 1\r\n", /empty line/],
    ["HTTP/1.0\r\n\r\n", /NATS\/1\.0/],
    ["NATS/1.05\r\n\r\n", /NATS\/1\.0/],
    ["NATS/1.0 abc\r\n\r\n", /NATS\/1\.0/],
    ["NATS/1.0\r\nHeader2\r\n\r\n", /colon/],
    ["NATS/1.0\r\n: x\r\n\r\n", /name/],
    ["NATS/1.0\r\nA: \0\r\n\r\n", /NUL/],
  ];
  for (const [text, problem] of cases) {
    const block = decode(text);
    assert.match(block.problem ?? "no problem", problem, JSON.stringify(text));
    assert.deepEqual(block.headers, []);
  }
  const bytes = new Uint8Array([
    ...utf8.encode("NATS/1.0\r\nA: "),
    0xff,
    ...utf8.encode("\r\n\r\n"),
  ]);
  assert.match(decodeHeaders(bytes, 0, bytes.length).problem!, /UTF-8/);
});

Deno.test("encodeHeaders() writes nothing when there is nothing to say", () => {
  assert.equal(encodeHeaders(undefined, false, 0), undefined);
  assert.equal(encodeHeaders({ headers: [] }, false, 0), undefined);
  assert.equal(encodeHeaders({ headers: [["bad name", "x"]] }, false, 0), undefined);
});

Deno.test("encodeHeaders() puts on what MQTT says in its own fields", () => {
  const block = encodeHeaders(
    { headers: [["k", "v"]], contentType: "text/plain", expiresAt: 61_500 },
    true,
    1_000,
  );
  assert.equal(
    new TextDecoder().decode(block),
    "NATS/1.0\r\nk: v\r\nMqtt-Retain: 1\r\nMqtt-Content-Type: text/plain\r\n" +
      "Mqtt-Message-Expiry: 61\r\n\r\n",
  );
  const late = encodeHeaders({ expiresAt: 5 }, false, 1_000);
  assert.match(new TextDecoder().decode(late), /Mqtt-Message-Expiry: 0\r\n/);
});

Deno.test("encodeHeaders() leaves out names that cannot be header names", () => {
  const bad = ["", "a b", "a:b", "a\r\nb", "é", "a\tb", "\x7f", "Mqtt-Retain", "MQTT-QOS"];
  const headers = bad.map((name): Header => [name, "x"]);
  assert.equal(encode([...headers, ["ok", "1"]]), "NATS/1.0\r\nok: 1\r\n\r\n");
});

Deno.test("encodeHeaders() turns line ends in values into blanks", () => {
  assert.equal(encode([["a", "1\r\nb: 2\n3"]]), "NATS/1.0\r\na: 1  b: 2 3\r\n\r\n");
});

Deno.test("headers survive encoding and decoding, and read the same to nats.js", () => {
  const name = fc.string({ minLength: 1, maxLength: 8 }).map((s) => s.replace(/[^!-9;-~]/g, "x"));
  const value = fc.string({ unit: "grapheme", maxLength: 12 })
    .map((s) => s.replace(/[\r\n\0]/g, "").replace(/^\s+|\s+$/g, ""));
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { minLength: 1 }), (headers) => {
      const block = encodeHeaders({ headers }, false, 0)!;
      assert.deepEqual(decodeHeaders(block, 0, block.length).headers, headers);
      const theirs = MsgHdrsImpl.decode(block);
      for (const [key] of headers) {
        const mine = headers.filter(([other]) => other === key).map(([, v]) => v);
        assert.deepEqual(theirs.values(key), mine);
      }
    }),
    { seed, numRuns: 500 },
  );
});

Deno.test("decodeHeaders() never throws", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (junk, framed) => {
      const bytes = framed
        ? new Uint8Array([...utf8.encode("NATS/1.0\r\n"), ...junk, 13, 10, 13, 10])
        : junk;
      const block = decodeHeaders(bytes, 0, bytes.length);
      assert.ok(block.problem === undefined || block.headers.length === 0);
    }),
    { seed, numRuns: 2000 },
  );
});

Deno.test("takeMqttHeaders() takes off the four names in any case and keeps the rest", () => {
  const taken = takeMqttHeaders([
    ["a", "1"],
    ["Mqtt-Retain", "1"],
    ["mqtt-qos", "0"],
    ["Mqtt-Qos", "2"],
    ["MQTT-Message-Expiry", "60"],
    ["Mqtt-Content-Type", "text/plain"],
    ["Mqtt-Other", "x"],
    ["a", "2"],
  ]);
  assert.deepEqual(taken, {
    retain: true,
    qos: 2,
    messageExpiry: 60,
    contentType: "text/plain",
    headers: [["a", "1"], ["Mqtt-Other", "x"], ["a", "2"]],
    invalid: undefined,
  });
});

Deno.test("takeMqttHeaders() ignores values that mean nothing, and names the first", () => {
  const taken = takeMqttHeaders([
    ["Mqtt-QoS", "3"],
    ["Mqtt-Retain", "yes"],
    ["Mqtt-Message-Expiry", "4294967296"],
    ["Mqtt-Message-Expiry", "-1"],
  ]);
  assert.deepEqual(taken, {
    retain: false,
    qos: undefined,
    messageExpiry: undefined,
    contentType: undefined,
    headers: [],
    invalid: "Mqtt-QoS",
  });
  assert.equal(takeMqttHeaders([["Mqtt-Message-Expiry", "4294967295"]]).messageExpiry, 4294967295);
});

Deno.test("NO_RESPONDERS_BLOCK is the 16 bytes that clients look for", () => {
  assert.equal(NO_RESPONDERS_BLOCK.length, 16);
  assert.equal(decodeHeaders(NO_RESPONDERS_BLOCK, 0, 16).status, 503);
});
