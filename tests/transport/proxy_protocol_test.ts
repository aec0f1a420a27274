import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { realClock } from "../../gateway/clock.ts";
import {
  parseProxyHeader,
  PROXY_HEADER_BYTES_MAX,
  readProxyHeader,
} from "../../gateway/transport/proxy_protocol.ts";
import { LeftSilently } from "../../gateway/transport/stream.ts";
import { fakeStream } from "../kit/fake_stream.ts";

const text = (line: string) => new TextEncoder().encode(line);

/** A version 2 header; `body` is what follows the 16 fixed bytes. */
function binary(command: number, family: number, body: readonly number[]): Uint8Array {
  return new Uint8Array([
    ...[13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10],
    0x20 | command,
    family,
    body.length >> 8,
    body.length & 255,
    ...body,
  ]);
}

const tlv = (type: number, value: readonly number[]) => [
  type,
  value.length >> 8,
  value.length & 255,
  ...value,
];
const IPV4 = [192, 0, 2, 1, 198, 51, 100, 2, 0xdc, 0x04, 0x10, 0x7e];

function headerOf(bytes: Uint8Array) {
  const result = parseProxyHeader(bytes);
  assert.equal(result.kind, "header");
  return result.kind === "header" ? result.header : assert.fail();
}

function reasonOf(bytes: Uint8Array): string {
  const result = parseProxyHeader(bytes);
  return result.kind === "invalid" ? result.reason : assert.fail(result.kind);
}

Deno.test("proxy_protocol: version 1 over IPv4 and IPv6", () => {
  const four = "PROXY TCP4 192.0.2.1 198.51.100.2 56324 4222\r\n";
  assert.deepEqual(headerOf(text(four + "CONNECT")), {
    length: four.length,
    source: { address: "192.0.2.1", port: 56324 },
    destination: { address: "198.51.100.2", port: 4222 },
  });
  const six = "PROXY TCP6 2001:db8::1 ::1 1 65535\r\n";
  assert.deepEqual(headerOf(text(six)).source, { address: "2001:db8::1", port: 1 });
});

Deno.test("proxy_protocol: version 1 UNKNOWN names nobody, whatever follows", () => {
  const line = "PROXY UNKNOWN ffff:: ffff:: 1 2\r\n";
  assert.deepEqual(headerOf(text(line)), { length: line.length });
  assert.deepEqual(headerOf(text("PROXY UNKNOWN\r\n")), { length: 15 });
});

Deno.test("proxy_protocol: bad lines are refused as soon as they can be", () => {
  const bad = [
    ["GET / HTTP/1.1\r\n", /does not begin/],
    ["P\r", /does not begin/],
    ["PROXY TCP4 192.0.2.1 198.51.100.2 1 2\n", /CRLF/],
    ["PROXY TCP4 2001:db8::1 ::1 1 2\r\n", /address/],
    ["PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n", /address/],
    ["PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n", /port/],
    ["PROXY TCP4 192.0.2.1 198.51.100.2 1 65536\r\n", /port/],
    ["PROXY TCP4 192.0.2.1 198.51.100.2 1 2 3\r\n", /address/],
    ["PROXY TCP4  192.0.2.1 198.51.100.2 1 2\r\n", /address/],
    ["PROXY UDP4 192.0.2.1 198.51.100.2 1 2\r\n", /neither/],
    ["PROXY " + "x".repeat(101), /without an end/],
  ] as const;
  for (const [line, reason] of bad) assert.match(reasonOf(text(line)), reason, line);
});

Deno.test("proxy_protocol: version 2 over IPv4, IPv6 and Unix sockets", () => {
  assert.deepEqual(headerOf(binary(1, 0x11, IPV4)), {
    length: 28,
    source: { address: "192.0.2.1", port: 56324 },
    destination: { address: "198.51.100.2", port: 4222 },
  });
  const six = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9];
  assert.deepEqual(
    headerOf(binary(1, 0x21, [...six, ...new Array(15).fill(0), 1, 0, 5, 0, 6])),
    {
      length: 52,
      source: { address: "2001:db8:0:1::9", port: 5 },
      destination: { address: "::1", port: 6 },
    },
  );
  const unix = headerOf(binary(1, 0x31, new Array(216).fill(0)));
  assert.deepEqual(unix.source, { address: "", port: 0 });
});

Deno.test("proxy_protocol: version 2 LOCAL and AF_UNSPEC name nobody", () => {
  assert.deepEqual(headerOf(binary(0, 0x00, [])), { length: 16 });
  assert.deepEqual(headerOf(binary(0, 0x11, IPV4)), { length: 28 });
  assert.deepEqual(headerOf(binary(1, 0x00, tlv(4, [0, 0]))), { length: 21 });
});

Deno.test("proxy_protocol: version 2 extensions tell the name asked for and the certificate's", () => {
  const name = [...text("device-42")];
  const authority = tlv(0x02, [...text("broker.example")]);
  const ssl = (client: number, verify: number) =>
    tlv(0x20, [client, 0, 0, 0, verify, ...tlv(0x21, [...text("TLSv1.3")]), ...tlv(0x22, name)]);
  const with_ = (...tlvs: number[][]) => headerOf(binary(1, 0x11, [...IPV4, ...tlvs.flat()]));
  assert.equal(with_(authority).authority, "broker.example");
  assert.equal(with_(authority, ssl(0x07, 0)).commonName, "device-42");
  assert.equal(with_(ssl(0x05, 0)).commonName, "device-42");
  assert.equal(with_(ssl(0x07, 1)).commonName, undefined, "not verified");
  assert.equal(with_(ssl(0x01, 0)).commonName, undefined, "no certificate shown");
  assert.equal(with_(tlv(0xea, [1, 2, 3])).source?.address, "192.0.2.1", "unknown: skipped");
});

Deno.test("proxy_protocol: version 2 checksum is verified when there is one", () => {
  // CRC-32C of the header with a zero checksum; computed by the bit, most slowly and plainly.
  const zero = binary(1, 0x11, [...IPV4, ...tlv(0x03, [0, 0, 0, 0])]);
  let crc = 0xffffffff;
  for (const byte of zero) {
    for (let bit = 0; bit < 8; bit++) {
      const mix = (crc ^ (byte >> bit)) & 1;
      crc = (crc >>> 1) ^ (mix ? 0x82f63b78 : 0);
    }
  }
  new DataView(zero.buffer).setUint32(zero.length - 4, ~crc >>> 0);
  assert.equal(headerOf(zero).source?.port, 56324);
  zero[20]! ^= 1;
  assert.match(reasonOf(zero), /extensions/);
});

Deno.test("proxy_protocol: broken version 2 headers are refused", () => {
  assert.match(reasonOf(binary(1, 0x11, IPV4.slice(0, 8))), /too short/);
  assert.match(reasonOf(binary(2, 0x11, IPV4)), /version/);
  assert.match(reasonOf(binary(1, 0x41, IPV4)), /too short/);
  assert.match(reasonOf(binary(1, 0x11, [...IPV4, 1, 0, 9, 0])), /extensions/);
  assert.match(reasonOf(binary(1, 0x11, [...IPV4, 1])), /extensions/);
  assert.match(reasonOf(binary(1, 0x11, new Array(PROXY_HEADER_BYTES_MAX).fill(0))), /more than/);
  const old = binary(1, 0x11, IPV4);
  old[12] = 0x11;
  assert.match(reasonOf(old), /version/);
});

Deno.test("proxy_protocol: no prefix of a header is taken for more or for less", () => {
  for (
    const bytes of [
      text("PROXY TCP4 192.0.2.1 198.51.100.2 56324 4222\r\n"),
      binary(1, 0x11, [...IPV4, ...tlv(4, [0])]),
    ]
  ) {
    for (let length = 0; length < bytes.length; length++) {
      assert.equal(parseProxyHeader(bytes.subarray(0, length)).kind, "incomplete");
    }
  }
});

Deno.test("proxy_protocol: no bytes whatsoever make the parser throw", () => {
  const start = Buffer.from(binary(1, 0x11, []).subarray(0, 12));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (tail) => {
    parseProxyHeader(tail);
    parseProxyHeader(new Uint8Array([...start, ...tail]));
  }));
});

Deno.test("proxy_protocol: a header in pieces is read, and the stream goes on behind it", async () => {
  const bytes = [...binary(1, 0x11, IPV4), 1, 2, 3];
  for (const size of [1, 5, 1000]) {
    const stream = fakeStream(bytes, size);
    const { header, rest } = await readProxyHeader(stream, 3000, realClock());
    assert.equal(header.source?.address, "192.0.2.1");
    const seen = [...rest];
    const into = new Uint8Array(2);
    for (let n; (n = await stream.read(into)) !== null;) seen.push(...into.subarray(0, n));
    assert.deepEqual(seen, [1, 2, 3]);
  }
});

Deno.test("proxy_protocol: a missing, short or late header closes the connection", async () => {
  const wrong = fakeStream([...text("INFO")], 10);
  await assert.rejects(readProxyHeader(wrong, 3000, realClock()), /does not begin/);
  assert.equal(wrong.closed, true);
  const short = fakeStream([...text("PROXY TCP4 ")], 10);
  await assert.rejects(readProxyHeader(short, 3000, realClock()), /ended inside/);
  await assert.rejects(readProxyHeader(fakeStream(), 3000, realClock()), LeftSilently);
  const late = fakeStream([...text("PROXY ")], 10, "stays open");
  await assert.rejects(readProxyHeader(late, 20, realClock()), /no PROXY header within 20 ms/);
  assert.equal(late.closed, true);
});
