import assert from "node:assert/strict";
import { once } from "node:events";
import { deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { WebSocket as Client } from "ws";
import { realClock } from "../../gateway/clock.ts";
import { type WebSocketRules, WebSocketStream } from "../../gateway/transport/websocket.ts";
import {
  type DeflateOptions,
  negotiateDeflate,
} from "../../gateway/transport/websocket_deflate.ts";
import {
  upgradeWebSocket,
  type WebSocketOptions,
} from "../../gateway/transport/websocket_upgrade.ts";
import { DEFLATE_OPTIONS } from "../kit/deflate.ts";
import { fakeStream } from "../kit/fake_stream.ts";
import { clientFrame } from "../kit/websocket_frame.ts";
import { until } from "../kit/wait.ts";

const RULES: WebSocketRules = {
  maskRequired: true,
  textAllowed: true,
  messageBytesMax: Infinity,
  deflate: undefined,
  idleTimeoutMs: Infinity,
};
const utf8 = (text: string) => new TextEncoder().encode(text);
const bytes = (...lists: ArrayLike<number>[]) =>
  Uint8Array.from(lists.flatMap((list) => Array.from(list)));

/** Reads to the end; tells what came and what the stream threw, if it did. */
async function readAll(stream: WebSocketStream, size = 100) {
  const seen: number[] = [];
  const into = new Uint8Array(size);
  try {
    for (let n; (n = await stream.read(into)) !== null;) seen.push(...into.subarray(0, n));
  } catch (error) {
    return { seen, error: error instanceof Error ? error.message : String(error) };
  }
  return { seen, error: undefined };
}

/** The close code in the last frame that was sent. */
function closeCode(output: Uint8Array): number | undefined {
  const at = output.lastIndexOf(0x88);
  return at < 0 || output[at + 1]! < 2 ? undefined : output[at + 2]! * 256 + output[at + 3]!;
}

Deno.test("websocket: messages are one stream; their borders and kinds mean nothing", async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 10 }),
    fc.integer({ min: 1, max: 200 }),
    fc.integer({ min: 20, max: 400 }),
    async (payloads, chunk, buffer) => {
      const stream = bytes(...payloads.map((payload) => clientFrame(2, payload)));
      const socket = new WebSocketStream(fakeStream(stream, chunk), RULES, realClock());
      const { seen, error } = await readAll(socket, buffer);
      assert.equal(error, undefined);
      assert.deepEqual(seen, [...bytes(...payloads)]);
    },
  ));
});

Deno.test("websocket: a write with headroom is one write, without it two; neither copies", async () => {
  const inner = fakeStream([], 1, "stays open");
  const socket = new WebSocketStream(inner, RULES, realClock());
  const slab = new Uint8Array(400).fill(9);
  assert.equal(await socket.write(slab.subarray(16, 316), 16), 300);
  assert.equal(inner.written.length, 1);
  assert.deepEqual([...inner.output.subarray(0, 5)], [0x82, 126, 1, 44, 9]);
  assert.deepEqual([...slab.subarray(10, 17)], [9, 9, 0x82, 126, 1, 44, 9]);
  assert.equal(await socket.write(slab.subarray(0, 2)), 2);
  assert.deepEqual(inner.written.slice(1).map((part) => [...part]), [[0x82, 2], [9, 9]]);
  socket.close();
});

Deno.test("websocket: pings are answered in between, pongs ignored", async () => {
  const inner = fakeStream(bytes(
    clientFrame(2, [1], { fin: false }),
    clientFrame(9, [7, 8]),
    clientFrame(10, [5]),
    clientFrame(0, [2]),
  ));
  const { seen } = await readAll(new WebSocketStream(inner, RULES, realClock()));
  assert.deepEqual(seen, [1, 2]);
  assert.deepEqual([...inner.output], [0x8a, 2, 7, 8]);
});

Deno.test("websocket: a close frame ends the stream and is answered with its own code", async () => {
  const cases: [number[], number | undefined][] = [
    [[], undefined],
    [[3, 232], 1000],
    [[3, 233, ...utf8("bye")], 1001],
    [[15, 160], 4000],
    [[3], 1002],
    [[3, 237], 1002],
    [[3, 231], 1002],
    [[0x13, 0x88], 1002],
    [[3, 232, 0xff], 1007],
  ];
  for (const [payload, code] of cases) {
    const inner = fakeStream(bytes(clientFrame(2, [1]), clientFrame(8, payload)));
    const { seen } = await readAll(new WebSocketStream(inner, RULES, realClock()));
    assert.deepEqual(seen, [1]);
    assert.equal(closeCode(inner.output), code, `close with ${payload}`);
    assert.equal(inner.output[0], 0x88);
  }
});

Deno.test("websocket: abuse is answered with its close code after what came before it", async () => {
  const cases: [string, number, Uint8Array, Partial<WebSocketRules>?][] = [
    ["unmasked", 1002, clientFrame(2, [2], { mask: undefined })],
    ["reserved bit", 1002, clientFrame(2, [2], { reserved: 0x40 })],
    ["stray continuation", 1002, clientFrame(0, [2])],
    ["oversize", 1009, clientFrame(2, new Uint8Array(11)), { messageBytesMax: 10 }],
    ["text to MQTT", 1003, clientFrame(1, [65]), { textAllowed: false }],
    ["bad UTF-8", 1007, clientFrame(1, [0xc3, 0x28])],
    ["UTF-8 cut short", 1007, clientFrame(1, [0xc3])],
    ["surrogate", 1007, clientFrame(1, [0xed, 0xa0, 0x80])],
  ];
  for (const [name, code, frame, rules] of cases) {
    const inner = fakeStream(bytes(clientFrame(2, [1]), frame));
    const socket = new WebSocketStream(inner, { ...RULES, ...rules }, realClock());
    const { seen, error } = await readAll(socket);
    assert.equal(seen[0], 1, name);
    assert.match(error ?? "", /^WebSocket: /, name);
    assert.equal(closeCode(inner.output), code, name);
    await assert.rejects(socket.write(Uint8Array.of(1)), /closed/, name);
  }
});

Deno.test("websocket: text may be cut inside a character", async () => {
  const [first, ...rest] = utf8("é€😀");
  const stream = bytes(
    clientFrame(1, [first!], { fin: false }),
    clientFrame(0, rest.slice(0, 3), { fin: false }),
    clientFrame(0, rest.slice(3)),
  );
  for (const chunk of [1, 3, 100]) {
    const socket = new WebSocketStream(fakeStream(stream, chunk), RULES, realClock());
    assert.deepEqual(await readAll(socket), { seen: [...utf8("é€😀")], error: undefined });
  }
});

Deno.test("websocket: an idle peer is told and closed", async () => {
  const inner = fakeStream([], 1, "stays open");
  const socket = new WebSocketStream(inner, { ...RULES, idleTimeoutMs: 10 }, realClock());
  const reading = readAll(socket);
  await until(() => inner.written.length > 0, "the close frame");
  assert.equal(closeCode(inner.output), 1001);
  inner.push(clientFrame(8, [3, 233]));
  assert.match((await reading).error ?? "", /idle_timeout/);
  socket.close();
});

Deno.test("websocket: closing says why", async () => {
  const inner = fakeStream([], 1, "stays open");
  const socket = new WebSocketStream(inner, RULES, realClock());
  await socket.closeWrite(1008);
  assert.equal(closeCode(inner.output), 1008);
  assert.equal(inner.ended, true);
  socket.close();
});

Deno.test("websocket: a decompression bomb is refused after what came before it", async () => {
  const deflate = negotiateDeflate("permessage-deflate", DEFLATE_OPTIONS)!;
  const bomb = deflateRawSync(new Uint8Array(1_000_000));
  assert(bomb.length < 2000);
  const rules = { ...RULES, deflate, messageBytesMax: 10_000 };
  const marked = { reserved: 0x40 };
  const abuse = async (...frames: Uint8Array[]) => {
    const small = clientFrame(2, deflateRawSync(Uint8Array.of(1, 2, 3)), marked);
    const inner = fakeStream(bytes(small, clientFrame(2, [4]), ...frames));
    const socket = new WebSocketStream(inner, rules, realClock());
    const { seen, error } = await readAll(socket);
    socket.close();
    assert.deepEqual(seen, [1, 2, 3, 4]);
    return `${closeCode(inner.output)} ${error}`;
  };
  assert.match(await abuse(clientFrame(2, bomb, marked)), /^1009 .*more than 10000 bytes/);
  assert.match(await abuse(clientFrame(2, [255, 255, 255], marked)), /^1007 .*deflate/);
  const text = deflateRawSync(Uint8Array.of(0xc3, 0x28));
  assert.match(await abuse(clientFrame(1, text, marked)), /^1007 .*UTF-8/);
  const again = clientFrame(0, [1], marked);
  assert.match(await abuse(clientFrame(2, [0], { ...marked, fin: false }), again), /^1002 /);
  // A message that never ends is not gathered without end either.
  const unlimited = { ...rules, messageBytesMax: Infinity };
  const part = new Uint8Array(1024 * 1024);
  const endless = bytes(
    clientFrame(2, part, { ...marked, fin: false }),
    ...Array.from({ length: 17 }, () => clientFrame(0, part, { fin: false })),
  );
  const inner = fakeStream(endless);
  const socket = new WebSocketStream(inner, unlimited, realClock());
  assert.match((await readAll(socket)).error ?? "", /compressed message of more than/);
  socket.close();
});

/** A server that echoes through `WebSocketStream`, and a real client connected to it. */
async function echo(options: Partial<WebSocketOptions>, clientOptions: object) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    const { stream, ...more } = await upgradeWebSocket(await listener.accept(), "127.0.0.1", {
      path: "",
      supportedSubprotocols: ["NATS"],
      failIfNoSubprotocol: false,
      checkOrigins: undefined,
      allowOriginAbsence: true,
      deflate: undefined,
      maxFrameSize: Infinity,
      idleTimeoutMs: Infinity,
      upgradeTimeoutMs: 5000,
      proxyAddressHeader: "",
      proxyPortHeader: "",
      jwtCookie: "",
      isTrustedProxy: () => false,
      textAllowed: true,
      noMaskingAllowed: false,
      ...options,
    }, realClock());
    const into = new Uint8Array(16 + 65536);
    for (let n; (n = await stream.read(into.subarray(16))) !== null;) {
      await stream.write(into.subarray(16, 16 + n), 16);
    }
    stream.close();
    return more;
  })();
  const client = new Client(`ws://127.0.0.1:${listener.addr.port}/x`, ["NATS"], clientOptions);
  const [[answer]] = await Promise.all([once(client, "upgrade"), once(client, "open")]);
  const extensions: string = answer.headers["sec-websocket-extensions"] ?? "";
  return { client, serving, listener, extensions };
}

/** Ways of a client and a server to agree, or not to. */
const AGREEMENTS: readonly (readonly [
  name: string,
  server: DeflateOptions | undefined,
  client: boolean | object,
  extensions: RegExp,
])[] = [
  ["neither compresses", undefined, false, /^$/],
  ["the server does not", undefined, true, /^$/],
  ["the client does not", DEFLATE_OPTIONS, false, /^$/],
  ["all is allowed", DEFLATE_OPTIONS, true, /^permessage-deflate$/],
  [
    "the server keeps nothing",
    {
      ...DEFLATE_OPTIONS,
      server_context_takeover: "no_takeover",
      client_context_takeover: "no_takeover",
    },
    true,
    /server_no_context_takeover; client_no_context_takeover/,
  ],
  [
    "the client keeps nothing and wants small windows",
    DEFLATE_OPTIONS,
    {
      serverNoContextTakeover: true,
      clientNoContextTakeover: true,
      serverMaxWindowBits: 10,
      clientMaxWindowBits: 9,
    },
    /server_no_.*client_no_.*server_max_window_bits=10; client_max_window_bits=9/,
  ],
  [
    "small windows, much effort",
    {
      ...DEFLATE_OPTIONS,
      level: "best_compression",
      mem_level: 9,
      strategy: "filtered",
      server_max_window_bits: 9,
      client_max_window_bits: 10,
    },
    true,
    /server_max_window_bits=9; client_max_window_bits=10/,
  ],
];

for (const [name, deflate, perMessageDeflate, extensions] of AGREEMENTS) {
  Deno.test(`websocket: a real client, ${name}`, async () => {
    const opened = await echo({ deflate }, { perMessageDeflate });
    const { client, serving, listener } = opened;
    assert.equal(client.protocol, "NATS");
    assert.match(opened.extensions, extensions);
    const sent = utf8("one two three ".repeat(20_000));
    const got: Uint8Array[] = [];
    let length = 0;
    const done = new Promise<void>((resolve) => {
      client.on("message", (data: Uint8Array) => {
        got.push(data);
        length += data.length;
        if (length >= sent.length) resolve();
      });
    });
    for (let at = 0; at < sent.length; at += 50_001) client.send(sent.subarray(at, at + 50_001));
    client.ping();
    await Promise.all([done, once(client, "pong")]);
    assert.deepEqual(bytes(...got), sent);
    client.close(4001, "done");
    const [code] = await once(client, "close");
    assert.equal(code, 4001);
    await serving;
    listener.close();
  });
}
