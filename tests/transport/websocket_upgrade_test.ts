import assert from "node:assert/strict";
import { networksMatcher } from "../../gateway/address.ts";
import { realClock } from "../../gateway/clock.ts";
import { LeftSilently } from "../../gateway/transport/stream.ts";
import {
  answerUpgrade,
  cookieOf,
  forwardedPeer,
  parseRequest,
  REQUEST_BYTES_MAX,
  upgradeWebSocket,
  type WebSocketOptions,
} from "../../gateway/transport/websocket_upgrade.ts";
import { DEFLATE_OPTIONS } from "../kit/deflate.ts";
import { fakeStream } from "../kit/fake_stream.ts";
import { clientFrame } from "../kit/websocket_frame.ts";

const OPTIONS: WebSocketOptions = {
  path: "/mqtt",
  supportedSubprotocols: ["mqtt", "mqtt-v5"],
  failIfNoSubprotocol: false,
  checkOrigins: undefined,
  allowOriginAbsence: true,
  deflate: undefined,
  maxFrameSize: Infinity,
  idleTimeoutMs: Infinity,
  upgradeTimeoutMs: 5000,
  proxyAddressHeader: "x-forwarded-for",
  proxyPortHeader: "x-forwarded-port",
  jwtCookie: "",
  isTrustedProxy: () => false,
  textAllowed: false,
  noMaskingAllowed: false,
};

const GOOD = {
  "Host": "localhost",
  "Upgrade": "websocket",
  "Connection": "keep-alive, Upgrade",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Version": "13",
};

type Headers = Readonly<Record<string, string | undefined>>;

function requestText(headers: Headers = {}, first = "GET /mqtt HTTP/1.1"): string {
  const lines = Object.entries({ ...GOOD, ...headers }).filter(([, value]) => value !== undefined);
  return [first, ...lines.map(([name, value]) => `${name}: ${value}`)].join("\r\n") + "\r\n\r\n";
}

function answer(headers: Headers = {}, options: Partial<WebSocketOptions> = {}, first?: string) {
  const request = parseRequest(requestText(headers, first));
  assert(request !== undefined);
  return answerUpgrade(request, { ...OPTIONS, ...options });
}

function status(...given: Parameters<typeof answer>): number {
  return Number(answer(...given).response.split(" ", 2)[1]);
}

Deno.test("websocket_upgrade: the example of RFC 6455 gets its answer", () => {
  const { response } = answer({}, { path: "" }, "GET /chat HTTP/1.1");
  assert.match(response, /^HTTP\/1\.1 101 /);
  assert.match(response, /\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/);
  assert.match(response, /\r\n\r\n$/);
});

Deno.test("websocket_upgrade: requests that are no proper upgrade are told why", () => {
  assert.equal(status({}, {}, "POST /mqtt HTTP/1.1"), 405);
  assert.equal(status({}, {}, "GET /mqtt HTTP/1.0"), 400);
  assert.equal(status({ Upgrade: undefined }), 426);
  assert.equal(status({ Upgrade: "h2c" }), 426);
  assert.equal(status({ Connection: "keep-alive" }), 400);
  assert.equal(status({ "Sec-WebSocket-Key": undefined }), 400);
  assert.equal(status({ "Sec-WebSocket-Key": "c2hvcnQ=" }), 400);
  const old = answer({ "Sec-WebSocket-Version": "8" });
  assert.match(old.response, /^HTTP\/1\.1 426 .*\r\nSec-WebSocket-Version: 13\r\n/s);
});

Deno.test("websocket_upgrade: names and values match as HTTP says, whatever the case", () => {
  const odd = { Upgrade: undefined, Connection: undefined, uPGRADE: "WebSocket", cOnn: "x" };
  assert.equal(status({ ...odd, connection: "UPGRADE" }), 101);
});

Deno.test("websocket_upgrade: the path and all below it", () => {
  const at = (target: string, path: string) => status({}, { path }, `GET ${target} HTTP/1.1`);
  assert.equal(at("/mqtt", "/mqtt"), 101);
  assert.equal(at("/mqtt?token=1", "/mqtt"), 101);
  assert.equal(at("/mqtt/", "/mqtt"), 101);
  assert.equal(at("/mqtt/a/b", "/mqtt"), 101);
  assert.equal(at("/mqttx", "/mqtt"), 404);
  assert.equal(at("/", "/mqtt"), 404);
  assert.equal(at("/anything", ""), 101);
  assert.equal(at("/anything", "/"), 101);
});

Deno.test("websocket_upgrade: subprotocols go by the client's order and are never made up", () => {
  const offer = (value?: string, options = {}) =>
    answer({ "Sec-WebSocket-Protocol": value }, options);
  assert.match(offer("mqtt-v5, mqtt").response, /\r\nSec-WebSocket-Protocol: mqtt-v5\r\n/);
  assert.match(offer("xyz,mqtt").response, /\r\nSec-WebSocket-Protocol: mqtt\r\n/);
  assert.doesNotMatch(offer().response, /Sec-WebSocket-Protocol/);
  assert.match(offer("MQTT").response, /^HTTP\/1\.1 400 .*no_supported_subprotocol$/s);
  const must = { failIfNoSubprotocol: true };
  assert.match(offer(undefined, must).response, /^HTTP\/1\.1 400 .*no_subprotocol$/s);
  assert.match(offer("mqtt", must).response, /^HTTP\/1\.1 101 /);
});

Deno.test("websocket_upgrade: origins", () => {
  const check = (origin: string | undefined, options: Partial<WebSocketOptions>) =>
    status({ Origin: origin }, options);
  const checkOrigins = ["http://localhost:18083"];
  assert.equal(check("http://evil.example", {}), 101, "not checked unless told");
  assert.equal(check("http://evil.example", { checkOrigins }), 403);
  assert.equal(check("HTTP://LOCALHOST:18083", { checkOrigins }), 101);
  assert.equal(check(undefined, { checkOrigins }), 101);
  assert.equal(check(undefined, { checkOrigins, allowOriginAbsence: false }), 403);
});

Deno.test("websocket_upgrade: unmasked frames only where the listener and the client agree", () => {
  const ask = { "Nats-No-Masking": "true" };
  const agreed = answer(ask, { noMaskingAllowed: true });
  assert.equal(agreed.kind === "accept" && agreed.maskRequired, false);
  assert.match(agreed.response, /\r\nNats-No-Masking: true\r\n/);
  const alone = answer(ask);
  assert.equal(alone.kind === "accept" && alone.maskRequired, true);
  assert.doesNotMatch(alone.response, /Nats-No-Masking/);
  const unasked = answer({}, { noMaskingAllowed: true });
  assert.equal(unasked.kind === "accept" && unasked.maskRequired, true);
});

Deno.test("websocket_upgrade: compression is agreed on only when configured and acceptable", () => {
  const offer = (value: string, deflate: WebSocketOptions["deflate"] = DEFLATE_OPTIONS) =>
    answer({ "Sec-WebSocket-Extensions": value }, { deflate });
  const agreed = offer("permessage-deflate; server_max_window_bits=10");
  const line = /\r\nSec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10\r\n/;
  assert.match(agreed.response, line);
  assert.equal(agreed.kind === "accept" && agreed.deflate?.serverBits, 10);
  const off = answer({ "Sec-WebSocket-Extensions": "permessage-deflate" });
  for (const none of [off, offer("permessage-deflate; mystery")]) {
    assert.doesNotMatch(none.response, /Extensions/);
    assert.equal(none.kind === "accept" && none.deflate, undefined);
  }
});

Deno.test("websocket_upgrade: only a trusted proxy is believed about its client", () => {
  const isTrustedProxy = networksMatcher(["10.0.0.0/8", "::1"])!;
  const options = { ...OPTIONS, isTrustedProxy };
  const from = (peer: string, value?: string, port?: string) => {
    const headers = new Map<string, string>();
    if (value !== undefined) headers.set("x-forwarded-for", value);
    if (port !== undefined) headers.set("x-forwarded-port", port);
    return forwardedPeer(headers, peer, options);
  };
  assert.deepEqual(from("10.0.0.1", "192.0.2.9", "5000"), { address: "192.0.2.9", port: 5000 });
  assert.equal(from("192.0.2.1", "192.0.2.9"), undefined, "a stranger is not");
  assert.equal(from("10.0.0.1"), undefined);
  assert.equal(from("10.0.0.1", "unknown"), undefined);
  assert.deepEqual(from("10.0.0.1", "1.1.1.1, 192.0.2.9, 10.0.0.2")?.address, "192.0.2.9");
  assert.deepEqual(from("10.0.0.1", "10.0.0.3, 10.0.0.2")?.address, "10.0.0.3");
  assert.deepEqual(from("::1", "[2001:db8::1]", "99999"), { address: "2001:db8::1", port: 0 });
});

Deno.test("websocket_upgrade: only the configured cookie is looked at", () => {
  const header = 'a=1; jwt="x.y=="; a=2; broken; =z; b=';
  assert.equal(cookieOf(header, "jwt"), "x.y==");
  assert.equal(cookieOf(header, "a"), "1");
  assert.equal(cookieOf(header, "b"), "");
  assert.equal(cookieOf(header, "broken"), undefined);
  assert.equal(cookieOf(header, ""), undefined);
  assert.equal(cookieOf(undefined, "jwt"), undefined);
});

Deno.test("websocket_upgrade: a request in pieces, with frames right behind it", async () => {
  const request = new TextEncoder().encode(requestText({ Cookie: "jwt=abc" }));
  const bytes = [...request, ...clientFrame(2, [1, 2, 3])];
  for (const size of [1, 7, 10_000]) {
    const stream = fakeStream(bytes, size);
    const upgraded = await upgradeWebSocket(
      stream,
      "192.0.2.1",
      { ...OPTIONS, jwtCookie: "jwt" },
      realClock(),
    );
    assert.equal(upgraded.jwt, "abc");
    const seen: number[] = [];
    const into = new Uint8Array(64);
    for (let n; (n = await upgraded.stream.read(into)) !== null;) seen.push(...into.subarray(0, n));
    assert.deepEqual(seen, [1, 2, 3]);
    upgraded.stream.close();
  }
});

Deno.test("websocket_upgrade: what is refused is answered and closed, with a reason", async () => {
  const attempt = (text: string | Uint8Array, size = 1000) => {
    const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
    const stream = fakeStream(bytes, size);
    const upgrading = upgradeWebSocket(stream, "", OPTIONS, realClock());
    return { stream, upgrading };
  };
  const get = attempt("GET /mqtt HTTP/1.1\r\nHost: x\r\n\r\n");
  await assert.rejects(get.upgrading, /no upgrade/);
  assert.match(new TextDecoder().decode(get.stream.output), /^HTTP\/1\.1 426 /);
  assert.equal(get.stream.closed, true);
  const smuggled = attempt("GET /mqtt HTTP/1.1\r\nHost : x\r\n\r\n");
  await assert.rejects(smuggled.upgrading, /not an HTTP/);
  assert.match(new TextDecoder().decode(smuggled.stream.output), /^HTTP\/1\.1 400 /);
  await assert.rejects(attempt(Uint8Array.of(0x16, 3, 1, 0)).upgrading, /TLS on a plain/);
  await assert.rejects(attempt("\x10\x0e\x00\x04MQTT").upgrading, /not an HTTP/);
  await assert.rejects(attempt("GET /mqtt HT").upgrading, /ended within/);
  await assert.rejects(attempt("").upgrading, LeftSilently);
  const long = attempt("GET /" + "x".repeat(REQUEST_BYTES_MAX), 100_000);
  await assert.rejects(long.upgrading, /of more than/);
});

Deno.test("websocket_upgrade: a request that does not come ends the wait", async () => {
  const stream = fakeStream([71], 1, "stays open");
  const options = { ...OPTIONS, upgradeTimeoutMs: 10 };
  await assert.rejects(upgradeWebSocket(stream, "", options, realClock()), /in time/);
  assert.equal(stream.closed, true);
});
